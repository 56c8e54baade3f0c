"""The beginnings of phrases that a search has read, and those that it may read next, in arrays.

Legend: N nodes read, B of them added together, C candidates, S state width, V vocabulary size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A beginning is its parent, a node's number, and one character more. model: log of the network's part of P(beginning),
# nats; cost: log P(typed | beginning), nats, as far as it is known; place: in the query; position: in the index of
# phrases seen, or ``UNSEEN``.
BEGINNING = np.dtype(
    [
        ("model", np.float64),
        ("cost", np.float64),
        ("position", np.int64),
        ("parent", np.int32),
        ("symbol", np.int32),
        ("place", np.int32),
    ]
)
UNSEEN = -2  # the position of what no phrase seen begins with
ROOT = -1  # the parent of the first node, which has no characters
REST = -1  # the symbol of a candidate that stands for the children of its parent that were not looked at one by one
NODES, CANDIDATES = 64, 2048  # room at first; it doubles when it is used up


class Tree:
    """The beginnings that were read, by number.

    nodes: (N,) of ``BEGINNING``; states: (N, S) after each; rows: (V,) each, what the network says of what comes next,
    nats; ids: all characters of each; free: all that was typed is matched, so that anything may follow; begun: for
    running text, something was added that can be seen, so that a word may end; deepest: characters of the longest.
    """

    def __init__(self, state_width: int) -> None:
        self.size = 0
        self.deepest = 0
        self.nodes = np.empty(NODES, dtype=BEGINNING)
        self.states = np.empty((NODES, state_width), dtype=np.float32)
        self.rows: list[NDArray[np.float32]] = []
        self.ids: list[tuple[int, ...]] = []
        self.free: list[bool] = []
        self.begun: list[bool] = []

    def add(
        self,
        beginnings: NDArray[np.void],
        rows: NDArray[np.float32],
        states: NDArray[np.float32],
    ) -> NDArray[np.int64]:
        """Add beginnings (B,) that were just read, but for ``ids``, ``free`` and ``begun``; give their numbers (B,)."""
        first, last = self.size, self.size + len(beginnings)
        if last > len(self.nodes):
            room = max(last, 2 * len(self.nodes))
            self.nodes = grown(self.nodes, room)
            self.states = grown(self.states, room)
        self.nodes[first:last] = beginnings
        self.states[first:last] = states
        self.rows.extend(rows)
        self.size = last
        return np.arange(first, last)

    def note(self, ids: tuple[int, ...], *, free: bool, begun: bool) -> None:
        """Say of the next node what is not in its arrays."""
        self.ids.append(ids)
        self.free.append(free)
        self.begun.append(begun)
        self.deepest = max(self.deepest, len(ids))


class Candidates:
    """The beginnings that may be read next, each with the most that it can come to."""

    def __init__(self) -> None:
        self.size = 0
        self.scores = np.empty(CANDIDATES)
        self.beginnings = np.empty(CANDIDATES, dtype=BEGINNING)

    def best(self) -> float:
        """Give the most that any can come to, nats; -inf if there is none."""
        return float(self.scores[: self.size].max(initial=-np.inf))

    def add(self, scores: NDArray[np.float64], floor: float) -> NDArray[np.void]:
        """Make room for candidates with these scores (C,), nats, and give it, to be filled in.

        Those taken and those that do not come above the floor make room.
        """
        if self.size + len(scores) > len(self.scores):
            self.keep((self.scores[: self.size] > floor).nonzero()[0])
        first, last = self.size, self.size + len(scores)
        if last > len(self.scores):
            room = max(last, 2 * len(self.scores))
            self.scores = grown(self.scores, room)
            self.beginnings = grown(self.beginnings, room)
        self.scores[first:last] = scores
        self.size = last
        return self.beginnings[first:last]

    def drop(self, dropped: NDArray[np.bool_]) -> None:
        """Drop of the candidates added last, as many as the mask (C,) has, those that it names."""
        self.scores[self.size - len(dropped) : self.size][dropped] = -np.inf

    def keep(self, kept: NDArray[np.int64]) -> None:
        """Keep those of these ranks only."""
        self.scores[: len(kept)] = self.scores[kept]
        self.beginnings[: len(kept)] = self.beginnings[kept]
        self.size = len(kept)

    def take(self, most: int, floor: float) -> NDArray[np.void]:
        """Take the best, as many as are wanted, best first, but none that does not come above the floor."""
        live = self.scores[: self.size]
        if self.size > most:
            best = np.argpartition(live, self.size - most)[self.size - most :]
            best = best[live[best] > floor]
        else:
            best = (live > floor).nonzero()[0]
        best = best[np.argsort(-live[best], kind="stable")]
        live[best] = -np.inf
        return self.beginnings[best]


def grown(values: NDArray[Any], room: int) -> NDArray[Any]:
    """Give an array more room along its first axis."""
    larger = np.empty((room, *values.shape[1:]), dtype=values.dtype)
    larger[: len(values)] = values
    return larger
