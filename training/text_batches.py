"""Batches of texts with labels, as a pure function of seed and epoch.

Legend: B batch, T characters, D texts, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import UNKNOWN_ID
from model.classifier import cut_text
from training.batches import batch_edges, plan_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet


@dataclass(frozen=True, kw_only=True)
class TextBatch:
    """Texts side by side, longer ones beside longer ones.

    ids: (B, T) int64, unknown beyond the lengths; lengths: (B,) int64, at least 1; places: (B,) of the texts.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TextSet:
    """Texts as ids: text i is ids[offsets[i] : offsets[i + 1]]."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each text, at least 1: (D,)."""
        return np.maximum(np.diff(self.offsets), 1)


def encode_texts(alphabet: Alphabet, texts: Sequence[str], longest: int) -> TextSet:
    """Turn texts into ids, cut as the runtime cuts them."""
    ids, offsets = alphabet.encode_many([cut_text(text, longest) for text in texts])
    return TextSet(ids=ids, offsets=offsets)


def shuffled_batches(texts: TextSet, *, batch_characters: int, seed: int, epoch: int) -> Iterator[TextBatch]:
    """Give one epoch of texts, each once.

    Args:
        texts: to learn from.
        batch_characters: the most characters a batch reads, padding included, unless one text alone has more.
        seed: of the run.
        epoch: from 0; the same seed and epoch give the same batches.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    plan = plan_batches(generator.permutation(len(texts)), texts.lengths, batch_characters)
    for position in generator.permutation(len(plan)):
        yield pad_texts(texts, plan[position])


def batches_in_order(texts: TextSet, *, batch_characters: int) -> Iterator[TextBatch]:
    """Give all texts, the shortest first."""
    lengths = texts.lengths
    order = np.argsort(lengths, kind="stable")
    for places in np.split(order, batch_edges(lengths[order], batch_characters)):
        yield pad_texts(texts, places)


def pad_texts(texts: TextSet, places: NDArray[np.int64]) -> TextBatch:
    """Lay texts side by side."""
    lengths = texts.lengths[places]
    ids = np.full((len(places), int(lengths.max())), UNKNOWN_ID, dtype=np.int64)
    for row, place in enumerate(places):
        read = texts.ids[texts.offsets[place] : texts.offsets[place + 1]]
        ids[row, : len(read)] = read
    return TextBatch(ids=ids, lengths=lengths, places=places)
