"""The figures of a model: bits per character, and completions of phrases seen and unseen, beside plain baselines."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.completion import CompletionRequest, complete
from training.evaluation import Loss, Scorer, network_scorer, phrase_losses, stream_loss, torch_scorer, weighted_loss
from training.ngram import build_witten_bell
from training.protocol import cut_phrases, draw_by_count, evaluate_completions, sample_test_phrases
from training.text import encode_phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from training.batches import PhraseSet
    from training.networks import RecurrentLanguageModel
    from training.popularity import PopularCompletions

NGRAM_ORDER = 5
NGRAM_CHARACTERS = 8_000_000  # of training text; beyond it the table would need more memory than training itself


def bits_of_phrases(
    network: RecurrentLanguageModel,
    model: LoadedModel,
    texts: list[str],
    counts: NDArray[np.float64],
    train_texts: Sequence[str],
) -> dict[str, JSON]:
    """Measure bits per character on phrases, each counted once and by count, for torch, int8 and the n-gram."""
    phrases = encode_phrases(model.alphabet, texts, np.ones(len(texts)))
    nats = {
        "torch": phrase_losses(torch_scorer(network), phrases, model.alphabet),
        "int8": phrase_losses(network_scorer(model.runtime), phrases, model.alphabet),
    }
    if train_texts and sum(map(len, train_texts)) <= NGRAM_CHARACTERS:
        nats["ngram"] = ngram_losses(model.alphabet, train_texts, phrases)
    return {
        "phrases": len(texts),
        "characters": int(phrases.lengths.sum()),
        "bits_per_character": {
            name: rounded(weighted_loss(each, phrases, phrases.weights)) for name, each in nats.items()
        },
        "bits_per_character_by_count": {
            name: rounded(weighted_loss(each, phrases, counts)) for name, each in nats.items()
        },
    }


def bits_of_stream(network: RecurrentLanguageModel, model: LoadedModel, text: str) -> dict[str, JSON]:
    """Measure bits per character on running text, for torch and int8."""
    ids = model.alphabet.encode(text)
    scorers: dict[str, Scorer] = {"torch": torch_scorer(network), "int8": network_scorer(model.runtime)}
    bits: dict[str, JSON] = {
        name: rounded(stream_loss(scorer, ids, model.alphabet)) for name, scorer in scorers.items()
    }
    return {"characters": len(ids), "bits_per_character": bits}


def ngram_losses(alphabet: Alphabet, train_texts: Sequence[str], phrases: PhraseSet) -> NDArray[np.float64]:
    """Give each phrase's loss, nats, under a Witten-Bell 5-gram of the training phrases, each of them once.

    By count it would be a baseline of straw: counts in the millions leave nothing for what was not seen.
    """
    ids, offsets = alphabet.encode_many(train_texts)
    ngram = build_witten_bell(
        ids, offsets, None, order=NGRAM_ORDER, vocabulary_size=len(alphabet), begin_id=BEGIN_ID, end_id=END_ID
    )
    flat = -ngram.log_probabilities_of(phrases.ids, phrases.offsets)
    starts = phrases.offsets[:-1] + np.arange(len(phrases))
    unknown = np.concatenate([[0], np.cumsum(phrases.ids == UNKNOWN_ID)])[phrases.offsets]
    each: NDArray[np.float64] = np.add.reduceat(flat, starts)
    dearer: NDArray[np.float64] = np.diff(unknown) * math.log(alphabet.unknown_code_points)
    return each + dearer


def rounded(loss: Loss) -> float:
    """Give bits per character to four places."""
    return round(loss.bits_per_character, 4)


def completion_figures(
    model: LoadedModel, tests: dict[str, Sequence[str]], popular: PopularCompletions | None
) -> dict[str, JSON]:
    """Measure completions of test phrases, by name of the set, for the model and for most popular completion.

    Args:
        model: is asked for ten completions of each prefix.
        tests: phrases by set: seen, unseen, all; a set without phrases long enough to cut is left out.
        popular: the counts alone; None where the training phrases are not at hand.
    """

    def asked(prefix: str) -> list[str]:
        return [each.text for each in complete(model, CompletionRequest(prefix=prefix)).completions]

    figures: dict[str, JSON] = {}
    for name, phrases in tests.items():
        test = cut_phrases(phrases)
        if not test:
            continue
        measured: dict[str, JSON] = {"model": in_places(asdict(evaluate_completions(test, asked)))}
        if popular is not None:
            counted = evaluate_completions(test, lambda prefix: [text for text, _ in popular.complete(prefix, 10)])
            measured["most_popular"] = in_places(asdict(counted))
        figures[name] = measured
    return figures


def in_places(figures: dict[str, float]) -> dict[str, JSON]:
    """Round shares to four places."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


def seen_and_unseen(
    texts: Sequence[str], counts: NDArray[np.float64], held_out: Sequence[str], number: int, seed: int
) -> dict[str, Sequence[str]]:
    """Draw test phrases: seen ones from training by count, unseen ones from what was held out, each once."""
    generator = np.random.default_rng(seed)
    return {
        "seen": draw_by_count(texts, counts, number, generator) if cut_phrases(texts) else (),
        "unseen": sample_test_phrases(held_out, number),
    }
