"""Batches: which characters the network reads at each step, as a pure function of seed and position.

Legend: B batch, T time steps, N phrases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

IGNORED = -1  # a target that is padding
RESTARTED_SHARE = 0.1  # of the windows of running text, which begin anew in the midst of it
POOL = 64  # batches that are sorted by length together: enough that padding is small


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step of training reads.

    inputs, targets: (B, T) int64, targets IGNORED where a phrase has ended; weights: (B,) float32, how often each row
    counts; continues: the rows go on where those of the batch before stopped, but for those that begin with BEGIN.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    continues: bool = False


@dataclass(frozen=True, kw_only=True)
class PhraseSet:
    """Phrases as ids: phrase i is ids[offsets[i] : offsets[i + 1]], read ``weights[i]`` times as often as weight 1."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each phrase, its end counted: (N,)."""
        return np.diff(self.offsets) + 1


def draw_phrases(weights: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many phrases as there are, each as often as its weight asks, within one: systematic resampling.

    Source: Carpenter, Clifford and Fearnhead 1999. A count of any size costs what a count of one costs.
    """
    edges = np.cumsum(weights / weights.sum() * len(weights))
    points = np.arange(len(weights)) + generator.random()
    drawn = np.searchsorted(edges, points, side="right")
    return np.minimum(drawn, len(weights) - 1)


def phrase_batches(phrases: PhraseSet, *, batch_characters: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Give one epoch of phrases, each begun and ended; phrases of like length together.

    Args:
        phrases: what to learn.
        batch_characters: the most characters a batch reads, padding included, unless one phrase alone has more.
        seed: of the run.
        epoch: from 0; the same seed and epoch give the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    drawn = generator.permutation(draw_phrases(phrases.weights, generator))
    plan = plan_batches(drawn, phrases.lengths, batch_characters)
    for position in generator.permutation(len(plan)):
        chosen, repeats = np.unique(plan[position], return_counts=True)
        yield pad_phrases(phrases, chosen, repeats.astype(np.float32))


def plan_batches(
    drawn: NDArray[np.int64], lengths: NDArray[np.int64], batch_characters: int
) -> list[NDArray[np.int64]]:
    """Lay what was drawn out in batches, each of texts of like length among some that were drawn one after another.

    Args:
        drawn: numbers of texts, in the order of the draw.
        lengths: (N,) of all texts.
        batch_characters: the most characters a batch reads, padding included, unless one text alone has more.
    """
    rows = max(1, batch_characters // max(1, int(lengths[drawn].mean())))
    plan: list[NDArray[np.int64]] = []
    for start in range(0, len(drawn), rows * POOL):
        pool = drawn[start : start + rows * POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        plan.extend(np.split(pool, batch_edges(lengths[pool], batch_characters)))
    return plan


def batch_edges(lengths: NDArray[np.int64], batch_characters: int) -> list[int]:
    """Cut phrases, shortest first, where one more would pad its batch beyond ``batch_characters``.

    One long phrase never lies beside many short ones: a phrase that is longer than a batch is one by itself.
    """
    edges, start = [], 0
    while start < len(lengths):
        following = lengths[start : start + batch_characters]
        padded = following * np.arange(1, len(following) + 1)
        start += max(1, int(np.searchsorted(padded, batch_characters, side="right")))
        edges.append(start)
    return edges[:-1]


def pad_phrases(phrases: PhraseSet, chosen: NDArray[np.int64], weights: NDArray[np.float32]) -> Batch:
    """Lay the chosen phrases side by side, begun, ended and padded at the end."""
    lengths = phrases.lengths[chosen]
    inputs = np.full((len(chosen), int(lengths.max())), END_ID, dtype=np.int64)
    targets = np.full_like(inputs, IGNORED)
    rows = np.repeat(np.arange(len(chosen)), lengths - 1)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(lengths - 1) - (lengths - 1), lengths - 1)
    read = phrases.ids[np.repeat(phrases.offsets[chosen], lengths - 1) + columns]
    inputs[:, 0] = BEGIN_ID
    inputs[rows, columns + 1] = read
    targets[rows, columns] = read
    targets[np.arange(len(chosen)), lengths - 1] = END_ID
    return Batch(inputs=inputs, targets=targets, weights=weights)


def stream_batches(ids: NDArray[np.int32], *, rows: int, window: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Give one epoch of running text: ``rows`` places read on side by side, ``window`` characters a step.

    The text is a ring cut at a random place, so every epoch begins its rows elsewhere.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    ring = np.roll(ids, -int(generator.integers(len(ids)))).astype(np.int64)
    rows = max(1, min(rows, len(ring) // window))
    length = len(ring) // rows
    lanes = ring[: rows * length].reshape(rows, length)
    shifted = np.concatenate([np.full((rows, 1), BEGIN_ID), lanes[:, :-1]], axis=1)
    # Whoever asks for text begins from nothing, so beginnings must be learned, too, and not only once an epoch.
    restarts = generator.random((rows, len(range(0, length, window)))) < RESTARTED_SHARE
    shifted[:, ::window][restarts] = BEGIN_ID
    for start in range(0, length, window):
        part = slice(start, start + window)
        yield Batch(
            inputs=shifted[:, part], targets=lanes[:, part], weights=np.ones(rows, np.float32), continues=start > 0
        )


def hide_rare(batch: Batch, rare: NDArray[np.bool_], share: float, generator: np.random.Generator) -> Batch:
    """Show a share of the rare characters as unknown, so that the network learns what the unknown is like.

    Args:
        batch: what would be read.
        rare: (V,) which characters are rare.
        share: of their appearances to hide, in [0, 1].
        generator: of the run.
    """
    hidden = rare[np.maximum(batch.targets, 0)] & (batch.targets != IGNORED)
    if not hidden.any():
        return batch
    hidden &= generator.random(batch.targets.shape) < share
    targets = np.where(hidden, UNKNOWN_ID, batch.targets)
    inputs = batch.inputs.copy()
    inputs[:, 1:] = np.where(hidden[:, :-1], UNKNOWN_ID, batch.inputs[:, 1:])
    return Batch(inputs=inputs, targets=targets, weights=batch.weights, continues=batch.continues)
