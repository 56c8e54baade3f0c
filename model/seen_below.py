"""What phrases seen make of the children of nodes: the counts below each, mixed with what the model says.

Legend: B nodes, C children of all of them that phrases seen go on with, V vocabulary size, A characters admitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import END_ID
from model.tree import UNSEEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.mixture import Mixture


class Below(NamedTuple):
    """Children (C,) of nodes: which node and the character, the model's part and the most that each can come to, nats.

    positions: in the index of phrases seen, or ``UNSEEN``.
    """

    numbers: NDArray[np.int64]
    ids: NDArray[np.int64]
    models: NDArray[np.float64]
    scores: NDArray[np.float64]
    positions: NDArray[np.int64]

    def of(self, kept: NDArray[np.int64]) -> Below:
        """Give some of them, by rank."""
        return Below(self.numbers[kept], self.ids[kept], self.models[kept], self.scores[kept], self.positions[kept])


class SeenBelow(NamedTuple):
    """What phrases seen make of the children of B nodes.

    ends: (B,) what the count of the node as a whole phrase is worth, nats; tops: (B,) the best of the children's
    scores; children: those that phrases seen go on with.
    """

    ends: NDArray[np.float64]
    tops: NDArray[np.float64]
    children: Below


def join(one: Below, other: Below) -> Below:
    """Put children one after the other."""
    if not len(one.ids):
        return other
    return Below(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


def below(
    numbers: NDArray[np.int64],
    ids: NDArray[np.int64],
    rows: NDArray[np.float32],
    own: NDArray[np.float64],
    costs: NDArray[np.float64],
) -> Below:
    """Score children (C,) that no phrase seen goes on with; see ``seen_below``."""
    models: NDArray[np.float64] = own[numbers] + rows[numbers, ids]
    return Below(numbers, ids, models, models + costs[numbers], np.full(len(ids), UNSEEN))


def seen_below(
    mixture: Mixture | None,
    positions: NDArray[np.int64],
    rows: NDArray[np.float32],
    own: NDArray[np.float64],
    costs: NDArray[np.float64],
) -> SeenBelow:
    """Look up which phrases seen go on from nodes.

    Args:
        mixture: with the phrases seen; None for none.
        positions: (B,) of the nodes in the index.
        rows: (B, V) what the network says of what follows each, nats.
        own: (B,) the model's part of each node, nats.
        costs: (B,) of what was typed, nats.
    """
    known = (positions != UNSEEN).nonzero()[0]
    ends, tops = np.full(len(positions), -np.inf), np.full(len(positions), -np.inf)
    if mixture is None or not len(known):
        return SeenBelow(ends, tops, below(known[:0], known[:0], rows, own, costs))
    parents, children = mixture.index.children_of_all(positions[known])
    numbers, shares = known[parents], mixture.log_shares(children.bests)
    models = own[numbers] + rows[numbers, children.symbols]
    scores = np.logaddexp(models, shares) + costs[numbers]
    found = Below(numbers, children.symbols, models, scores, children.positions)
    whole = children.symbols == END_ID
    if whole.any():
        ends[numbers[whole]] = shares[whole]
        found = found.of((~whole).nonzero()[0])
    np.maximum.at(tops, found.numbers, found.scores)
    return SeenBelow(ends, tops, found)


class SeenAfter(NamedTuple):
    """What phrases seen make of some characters (A,): what the counts of those going on with each are worth, nats.

    shares: (A,) nats, -inf where none goes on; positions: (A,) in the index, or ``UNSEEN``.
    """

    shares: NDArray[np.float64]
    positions: NDArray[np.int64]


def seen_after(mixture: Mixture | None, position: int, ids: NDArray[np.int64]) -> SeenAfter:
    """Look up which of some characters (A,) phrases seen go on with after a position."""
    seen = SeenAfter(np.full(len(ids), -np.inf), np.full(len(ids), UNSEEN))
    if mixture is None or position == UNSEEN:
        return seen
    children = mixture.index.children(position)
    ranks = np.minimum(np.searchsorted(children.symbols, ids), len(children.symbols) - 1)
    known = (children.symbols[ranks] == ids).nonzero()[0]
    ranks = ranks[known]
    seen.shares[known] = mixture.log_shares(children.bests[ranks])
    seen.positions[known] = children.positions[ranks]
    return seen
