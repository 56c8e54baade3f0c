"""The shares of what is mixed, learned: of network and n-gram in a character, of counts and model in a phrase.

Legend: V vocabulary size, M positions of held-out text, B lanes of running text, T its characters, P phrases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from training.batches import IGNORED
from training.evaluation import LANES, Prior, lane_windows, phrases_in_batches
from training.export import Shares
from training.kneser_ney import KINDS, discounts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from model.manifest import JSON
    from model.ngram import Ngram
    from training.batches import PhraseSet
    from training.language_models import LanguageModel

# Logits (M, V) of the network, log P (M, V) of the n-gram, and the characters (M,) that came.
Said: TypeAlias = "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"

WHOLE = Shares(network=1.0, ngram=1.0)
NUMBERS = 12_000_000  # logits held at once while shares are learned: 48 MB, and as many of the n-gram
LANE = 512  # characters of a lane of running text at least, where there are as many
MOST_SHARE = 2.0
STEPS = 40  # of L-BFGS; two numbers need fewer
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # where counts leave out the small ones
SINGLES_DISCOUNTS = (0.9, 1.8, 2.7)  # where each phrase was seen once: nothing tells how many will come again
LEAST_MODEL_SHARE = 0.01  # of all phrases to come: counts of populations or of sales leave nothing for what is new


def learn_shares(network: LanguageModel, ngram: Ngram, held_out: PhraseSet) -> Shares:
    """Find the shares of network and n-gram that make held-out phrases most likely.

    Args:
        network: trained on other phrases.
        ngram: of other phrases.
        held_out: each counts once.
    """
    return likeliest_of(phrases_said(network, Prior(ngram=ngram, shares=WHOLE), held_out))


def learn_stream_shares(network: LanguageModel, ngram: Ngram, lanes: NDArray[np.int64]) -> Shares:
    """Find the shares of network and n-gram that make held-out running text, laid out in lanes (B, T), most likely."""
    return likeliest_of(stream_said(network, Prior(ngram=ngram, shares=WHOLE), lanes))


def phrases_said(network: LanguageModel, prior: Prior, held_out: PhraseSet) -> Iterator[Said]:
    """Give what network and n-gram say of each character of held-out phrases, a batch at a time."""
    for _, batch in phrases_in_batches(held_out, network.vocabulary_size):
        mask = torch.from_numpy(batch.targets != IGNORED)
        logits, _ = network(torch.from_numpy(batch.inputs))
        rows, _ = prior.rows(batch.inputs)
        yield logits.float()[mask], torch.from_numpy(rows)[mask], torch.from_numpy(batch.targets)[mask]


def stream_said(network: LanguageModel, prior: Prior, lanes: NDArray[np.int64]) -> Iterator[Said]:
    """Give what network and n-gram say of each character of running text in lanes (B, T), a window at a time."""
    state, contexts = None, None
    for inputs, targets in lane_windows(lanes):
        logits, state = network(torch.from_numpy(inputs), state)
        rows, contexts = prior.rows(inputs, contexts)
        yield logits.float().flatten(0, 1), torch.from_numpy(rows).flatten(0, 1), torch.from_numpy(targets).flatten()


def likeliest_of(said: Iterable[Said]) -> Shares:
    """Find the shares that make what was said of held-out text most likely."""
    with torch.no_grad():
        logits, other, targets = (torch.cat(each) for each in zip(*said, strict=True))
    return likeliest_shares(logits, other, targets)


def spread_lanes(ids: NDArray[np.int32], characters: int) -> NDArray[np.int64]:
    """Take so many characters of running text (T,) in parts spread evenly over it, a lane each: (B, T / B or less).

    Parts are long, so that what a lane lacks at its beginning is little.
    """
    taken = min(characters, len(ids))
    lanes = max(1, min(LANES, taken // LANE))
    length = taken // lanes
    starts = np.linspace(0, len(ids) - length, lanes).astype(np.int64)
    laid: NDArray[np.int64] = ids[starts[:, None] + np.arange(length)].astype(np.int64)
    return laid


def likeliest_shares(logits: torch.Tensor, other: torch.Tensor, targets: torch.Tensor) -> Shares:
    """Find the shares of network and n-gram that make characters most likely; the loss is convex in them.

    Neither is below 0, nor beyond what is still sane where text only repeats itself and more is always better.
    Source: log-linear interpolation, Klakow 1998.

    Args:
        logits: (M, V) of the network.
        other: (M, V) log P of the n-gram, nats.
        targets: (M,) the characters.
    """
    own = logits.log_softmax(dim=-1)
    free = torch.ones(2)
    while True:
        learned = descend_shares(own, other, targets, free)
        if (learned >= 0).all():
            network, ngram = learned.clamp(max=MOST_SHARE).tolist()
            return Shares(network=round(network, 4), ngram=round(ngram, 4))
        free = (learned > 0).float()  # one of the two: both below 0 would be worse than chance


def descend_shares(own: torch.Tensor, other: torch.Tensor, targets: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Find shares (2,) by L-BFGS, those that are not ``free`` (2,) held at 0."""
    shares = torch.tensor([0.5, 0.5], requires_grad=True)
    optimiser = torch.optim.LBFGS([shares], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        network, ngram = shares * free
        nats = functional.cross_entropy(network * own + ngram * other, targets)
        nats.backward()  # type: ignore[no-untyped-call]
        return nats

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return shares.detach() * free


def shown_characters(vocabulary_size: int) -> int:
    """Give how many characters of held-out text shares are learned on, at most: as many as fit in memory."""
    return max(1, NUMBERS // vocabulary_size)


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
