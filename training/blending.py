"""How much each part of a blend counts for: network and n-gram in a character, model and counts in a phrase.

Legend: V vocabulary size, M positions of held-out text, P phrases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from model.alphabet import UNKNOWN_ID
from model.ngram import NGRAM_FILE, ngram_from
from model.phrases import PHRASES_FILE
from training.batches import IGNORED
from training.evaluation import Prior, phrases_in_batches
from training.export import Shares
from training.kneser_ney import KINDS, build_kneser_ney, discounts_of
from training.ngram_file import ngram_bytes
from training.phrase_index import build_phrase_index
from training.text import encode_phrases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from model.ngram import Ngram
    from training.batches import PhraseSet
    from training.language_models import LanguageModel
    from training.settings import BlendSettings
    from training.text import PhraseText

LARGE_ALPHABET = 500  # characters: Hangul and Chinese, where each says as much as two or three letters
ORDERS = {True: 6, False: 8}  # of the n-gram, by whether the alphabet is large
# Contexts from which on n-grams seen once are left out: in large alphabets, and where there are too many n-grams.
SINGLES_BELOW = {True: 4, False: 6}
MOST_NGRAMS = 12_000_000
NUMBERS = 12_000_000  # logits held at once while shares are learned: 48 MB, and as many of the n-gram
STEPS = 40  # of L-BFGS; two numbers need fewer
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # where counts leave out the small ones
SINGLES_DISCOUNTS = (0.9, 1.8, 2.7)  # where each phrase was seen once: nothing tells how many will come again
LEAST_MODEL_SHARE = 0.01  # of all phrases to come: counts of populations or of sales leave nothing for what is new


@dataclass(frozen=True, kw_only=True)
class Blend:
    """What is mixed with a network: files of a checkpoint, what its manifest says, and the shares for the export."""

    files: dict[str, bytes] = field(default_factory=dict)
    manifest: dict[str, JSON] = field(default_factory=dict)
    shares: Shares | None = None


def blend_phrases(
    network: LanguageModel,
    text: PhraseText,
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    settings: BlendSettings,
) -> Blend:
    """Count what the network was trained on, and learn the shares on what was held out."""
    counted = count_phrases(text.texts, text.counts, alphabet, rare, settings)
    if NGRAM_FILE not in counted.files:
        return counted
    held_out = encode_phrases(alphabet, text.held_out_texts, np.ones(len(text.held_out_texts)))
    return with_shares(counted, learn_shares(network, ngram_from(counted.files[NGRAM_FILE]), held_out))


def count_all(
    blend: Blend, text: PhraseText, alphabet: Alphabet, rare: NDArray[np.bool_], settings: BlendSettings
) -> Blend:
    """Count the held-out phrases in once more is known from them, with the shares that were learned."""
    counts = np.concatenate([text.counts, text.held_out_counts])
    counted = count_phrases([*text.texts, *text.held_out_texts], counts, alphabet, rare, settings)
    return counted if blend.shares is None else with_shares(counted, blend.shares)


def with_shares(blend: Blend, shares: Shares) -> Blend:
    """Keep the shares in the manifest."""
    kept: dict[str, JSON] = {"network": shares.network, "ngram": shares.ngram}
    return Blend(files=blend.files, manifest={**blend.manifest, **kept}, shares=shares)


def is_large(alphabet: Alphabet) -> bool:
    """Tell whether each character of an alphabet says as much as two or three letters."""
    return len(alphabet) >= LARGE_ALPHABET


def count_phrases(
    texts: list[str],
    counts: NDArray[np.float64],
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    settings: BlendSettings,
) -> Blend:
    """Make the index of phrases by count, and the n-gram of the same phrases, each once."""
    ids, offsets = alphabet.encode_many(texts)
    known = np.add.reduceat(np.append(ids, 0) == UNKNOWN_ID, offsets[:-1]) == 0 if len(texts) else np.zeros(0, bool)
    known |= np.diff(offsets) == 0
    kept = np.repeat(known, np.diff(offsets))
    kept_offsets = np.concatenate([[0], np.cumsum(np.diff(offsets)[known])])
    files = {PHRASES_FILE: build_phrase_index(ids[kept], kept_offsets, counts[known])}
    large = is_large(alphabet)
    order = ORDERS[large] if settings.ngram_order is None else settings.ngram_order
    manifest = {
        **learn_phrase_shares(counts, settings.unseen_share),
        "least_count": settings.least_count,
        "ngram_order": order,
    }
    if order:
        # Every other rare character stands for the unknown, whose probability nothing else would tell.
        hidden = np.where(rare[ids] & (ids % 2 == 0), UNKNOWN_ID, ids)
        ngram = build_kneser_ney(hidden, offsets, order=order, vocabulary_size=len(alphabet))
        many = sum(len(level.keys) for level in ngram.levels) > MOST_NGRAMS
        files[NGRAM_FILE] = ngram_bytes(ngram, singles_below=SINGLES_BELOW[large] if large or many else None)
    return Blend(files=files, manifest=manifest)


def learn_shares(network: LanguageModel, ngram: Ngram, held_out: PhraseSet) -> Shares:
    """Find the shares of network and n-gram that make held-out phrases most likely; of many, the first are used.

    Source: log-linear interpolation, Klakow 1998. The loss is convex in the two shares.

    Args:
        network: trained on other phrases.
        ngram: of other phrases.
        held_out: each counts once.
    """
    vocabulary = network.vocabulary_size
    most = max(1, NUMBERS // vocabulary)
    prior = Prior(ngram=ngram, shares=Shares(network=1.0, ngram=1.0))
    logits, priors, wanted = [], [], []
    with torch.no_grad():
        for _, batch in phrases_in_batches(first_phrases(held_out, most), vocabulary):
            mask = torch.from_numpy(batch.targets != IGNORED)
            said, _ = network(torch.from_numpy(batch.inputs))
            logits.append(said.float()[mask])
            priors.append(torch.from_numpy(prior.rows(batch.inputs))[mask])
            wanted.append(torch.from_numpy(batch.targets)[mask])
    own, other, targets = torch.cat(logits).log_softmax(dim=-1), torch.cat(priors), torch.cat(wanted)
    shares = torch.tensor([0.5, 0.5], requires_grad=True)
    optimiser = torch.optim.LBFGS([shares], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        nats = functional.cross_entropy(shares[0] * own + shares[1] * other, targets)
        nats.backward()  # type: ignore[no-untyped-call]
        return nats

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    learned = shares.detach().clamp(min=0.0).tolist()
    return Shares(network=round(learned[0], 4), ngram=round(learned[1], 4))


def first_phrases(phrases: PhraseSet, characters: int) -> PhraseSet:
    """Give the first phrases that fill so many characters, ends counted; at least one."""
    number = max(1, int(np.searchsorted(np.cumsum(phrases.lengths), characters, side="right")))
    return type(phrases)(ids=phrases.ids, offsets=phrases.offsets[: number + 1], weights=phrases.weights[:number])


def learn_phrase_shares(counts: NDArray[np.float64], unseen_share: float | None = None) -> dict[str, JSON]:
    """Find what counts of phrases (P,) are worth, and what they leave to the model, from how many are 1, 2, 3 and 4.

    The discounts are those that make each phrase likely when it is left out of the counts once, to first order; what
    they take off is the share of what was not seen yet, unless that is given. Source: Chen and Goodman 1998,
    equation 26. Differs: where all counts are 1 it would leave nothing to them; see
    decisions/0009-what-was-seen-once.md.
    """
    whole = np.rint(counts).astype(np.int64)
    small = [int((whole == count).sum()) for count in range(1, KINDS + 2)]
    if min(small):
        taken = discounts_of(whole)[1:]
    else:
        taken = np.array(SINGLES_DISCOUNTS if small[0] == len(counts) else FALLBACK_DISCOUNTS)
    left = counts - np.interp(counts, range(KINDS + 1), (0.0, *taken))
    share = unseen_share or max(1 - float(left.sum() / counts.sum()), LEAST_MODEL_SHARE)
    return {
        "model_share": round(share, 6),
        "discounts": [round(float(each), 4) for each in taken],
        "total": float(left.sum()) / (1 - share),
    }
