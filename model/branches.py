"""What a search holds: phrases begun and phrases finished, and what may follow those begun.

Legend: V vocabulary size, S state width, A characters admitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.query import Arcs

LOWEST = float(np.finfo(np.float64).min)
UNSEEN = -2  # the position of what no phrase seen begins with


class Found(NamedTuple):
    """One finished phrase.

    ids: its characters; score: log P(phrase) + log P(typed | phrase), nats; model, seen: the log of the two parts that
    P(phrase) is the sum of, that of the network and that of the counts, nats.
    """

    ids: tuple[int, ...]
    score: float
    model: float
    seen: float = -np.inf


class Read(NamedTuple):
    """What the network says after a branch: (V,) log-probabilities of what comes next, nats, and its state (S,)."""

    row: NDArray[np.float32]
    state: NDArray[np.float32]


class Branch(NamedTuple):
    """A phrase begun.

    model: log of the network's part of P(beginning), nats; cost: log P(typed | beginning), nats, as far as it is known;
    place: in the query; position: in the index of phrases seen, or ``UNSEEN``; state: (S,) before its last character;
    begun: something was added that can be seen, so that running text may end.
    """

    ids: tuple[int, ...]
    model: float
    cost: float
    place: int
    position: int
    state: NDArray[np.float32]
    begun: bool


@dataclass(kw_only=True)
class Children:
    """What may follow a branch, as far as it is sorted: the best first.

    read: what the network said after the branch; arcs: that the characters were admitted by, None where anything may
    follow; indices: (A,) of the arcs, or ids; scores: (A,) the most that each can come to, nats; whole: that they are
    all that can matter.
    """

    branch: Branch
    read: Read
    arcs: Arcs | None
    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    whole: bool


def folded_name(folded: Sequence[int], ids: Sequence[int]) -> tuple[int, ...]:
    """Give what phrases share that are not told apart: their folded ids (V,), but for white space at the end."""
    name = [folded[i] for i in ids]
    while name and name[-1] < 0:
        name.pop()
    return tuple(name)
