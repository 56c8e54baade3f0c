"""The figures of a model: bits per character, and completions of phrases seen and unseen, beside plain baselines."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from model.ngram import NgramNetwork
from training.ensemble import Ensemble
from training.evaluation import (
    Loss,
    Prior,
    network_scorer,
    phrase_losses,
    stream_loss,
    torch_scorer,
    weighted_loss,
)
from training.export import Shares
from training.protocol import cut_phrases, draw_by_count, sample_test_phrases
from training.text import StreamText, encode_phrases, first_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from training.language_models import LanguageModel
    from training.text import PhraseText

COMPARED = 60_000  # characters of held-out text, for a student and its teacher


def bits_of_phrases(
    network: LanguageModel,
    model: LoadedModel,
    texts: list[str],
    counts: NDArray[np.float64],
) -> dict[str, JSON]:
    """Measure bits per character on phrases, each counted once and by count, for torch, int8, each part."""
    phrases = encode_phrases(model.alphabet, texts, np.ones(len(texts)))

    @cache  # all together are asked for twice
    def of_network(alone: LanguageModel) -> NDArray[np.float64]:
        return phrase_losses(torch_scorer(alone), phrases, model.alphabet)

    nats = {
        "torch": phrase_losses(torch_scorer(network, prior_of(model)), phrases, model.alphabet),
        "int8": phrase_losses(network_scorer(model.runtime), phrases, model.alphabet),
    }
    if model.ngram is not None:
        nats["network"] = of_network(network)
        nats["ngram"] = phrase_losses(network_scorer(NgramNetwork(ngram=model.ngram)), phrases, model.alphabet)

    return {
        "phrases": len(texts),
        "characters": int(phrases.lengths.sum()),
        **bits_of_members(network, lambda alone: weighted_loss(of_network(alone), phrases, phrases.weights)),
        "bits_per_character": {
            name: rounded(weighted_loss(each, phrases, phrases.weights)) for name, each in nats.items()
        },
        "bits_per_character_by_count": {
            name: rounded(weighted_loss(each, phrases, counts)) for name, each in nats.items()
        },
    }


def bits_of_stream(network: LanguageModel, model: LoadedModel, text: str) -> dict[str, JSON]:
    """Measure bits per character on running text, for torch, int8 and each part alone."""
    ids = model.alphabet.encode(text)

    @cache  # all together are asked for twice
    def of_network(alone: LanguageModel) -> Loss:
        return stream_loss(torch_scorer(alone), ids, model.alphabet)

    losses = {
        "torch": stream_loss(torch_scorer(network, prior_of(model)), ids, model.alphabet),
        "int8": stream_loss(network_scorer(model.runtime), ids, model.alphabet),
    }
    if model.ngram is not None:
        losses["network"] = of_network(network)
        losses["ngram"] = stream_loss(network_scorer(NgramNetwork(ngram=model.ngram)), ids, model.alphabet)
    bits: dict[str, JSON] = {name: rounded(each) for name, each in losses.items()}
    return {"characters": len(ids), "bits_per_character": bits, **bits_of_members(network, of_network)}


def bits_of_members(network: LanguageModel, score: Callable[[LanguageModel], Loss]) -> dict[str, JSON]:
    """Measure bits per character of each member of an ensemble and of all together, no n-gram beside them."""
    if not isinstance(network, Ensemble):
        return {}
    bits: dict[str, JSON] = {
        f"{number}, {member.settings.cell}": rounded(score(member))
        for number, member in enumerate(network.networks, start=1)
    }
    return {"members_bits_per_character": {**bits, "ensemble": rounded(score(network))}}


def beside_teacher(
    student: LanguageModel, teacher: LanguageModel, text: PhraseText | StreamText, alphabet: Alphabet
) -> dict[str, JSON]:
    """Measure bits per character of the networks of a student and of its teacher, alone, on the same held-out text."""

    def score(network: LanguageModel) -> float:
        if isinstance(text, StreamText):
            return rounded(stream_loss(torch_scorer(network), alphabet.encode(text.held_out[:COMPARED]), alphabet))
        texts = first_characters(text.held_out_texts, COMPARED)
        phrases = encode_phrases(alphabet, texts, np.ones(len(texts)))
        return rounded(weighted_loss(phrase_losses(torch_scorer(network), phrases, alphabet), phrases, phrases.weights))

    return {"bits_per_character": {"student": score(student), "teacher": score(teacher)}}


def prior_of(model: LoadedModel) -> Prior | None:
    """Give the n-gram of a model with the shares that its manifest keeps; None for a network alone."""
    if model.ngram is None:
        return None
    blend = model.checkpoint.manifest.blend
    shares = Shares(network=float(blend["network"]), ngram=float(blend["ngram"]))  # type: ignore[arg-type]
    return Prior(ngram=model.ngram, shares=shares)


def rounded(loss: Loss) -> float:
    """Give bits per character to four places."""
    return round(loss.bits_per_character, 4)


def seen_and_unseen(
    texts: Sequence[str], counts: NDArray[np.float64], held_out: Sequence[str], number: int, seed: int
) -> dict[str, Sequence[tuple[str, str]]]:
    """Draw test phrases with their prefixes: seen ones by count, unseen ones from what was held out, each once."""
    generator = np.random.default_rng(seed)
    return {
        "seen": cut_phrases(draw_by_count(texts, counts, number, generator) if cut_phrases(texts) else ()),
        "unseen": cut_phrases(sample_test_phrases(held_out, number)),
    }
