"""What phrases seen make of the children of branches: the counts below each, mixed with what the model says.

Legend: B branches, C children of all of them that phrases seen go on with, V vocabulary size, A characters admitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import END_ID
from model.branches import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.branches import Branch
    from model.mixture import Mixture


class SeenBelow(NamedTuple):
    """What phrases seen make of the children of B branches.

    ends: (B,) what the count of the branch as a whole phrase is worth, nats; tops: (B,) the best of the scores.
    numbers, ids, scores: (C,) which branch, the character, and the most that it can come to, nats, for every child that
    phrases seen go on with; ascending by branch, then by character.
    """

    ends: NDArray[np.float64]
    tops: NDArray[np.float64]
    numbers: NDArray[np.int64]
    ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    def put_over(
        self, numbers: NDArray[np.int64], ids: NDArray[np.int64], scores: NDArray[np.float64], vocabulary_size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Join them with children (C,) that the model alone was asked about, in place of those that are the same."""
        if not len(self.ids):
            return numbers, ids, scores
        mine, others = self.numbers * vocabulary_size + self.ids, numbers * vocabulary_size + ids
        ranks = np.minimum(np.searchsorted(mine, others), len(mine) - 1)
        alone = mine[ranks] != others
        return (
            np.concatenate([self.numbers, numbers[alone]]),
            np.concatenate([self.ids, ids[alone]]),
            np.concatenate([self.scores, scores[alone]]),
        )


def seen_below(
    mixture: Mixture | None,
    branches: Sequence[Branch],
    rows: NDArray[np.float32],
    own: NDArray[np.float64],
    costs: NDArray[np.float64],
) -> SeenBelow:
    """Look up which phrases seen go on from branches.

    Args:
        mixture: with the phrases seen; None for none.
        branches: B of them.
        rows: (B, V) what the network says of what follows each, nats.
        own: (B,) the model's part of each branch, nats.
        costs: (B,) of what was typed, nats.
    """
    known = [number for number, branch in enumerate(branches) if branch.position != UNSEEN]
    if mixture is None or not known:
        return none_below(len(branches))
    parents, children = mixture.index.children_of_all(np.array([branches[number].position for number in known]))
    numbers, ids = np.array(known)[parents], children.symbols
    shares = mixture.log_shares(children.bests)
    scores = np.logaddexp(own[numbers] + rows[numbers, ids], shares) + costs[numbers]
    ends, tops = np.full(len(branches), -np.inf), np.full(len(branches), -np.inf)
    whole = ids == END_ID
    ends[numbers[whole]] = shares[whole]
    numbers, ids, scores = numbers[~whole], ids[~whole], scores[~whole]
    np.maximum.at(tops, numbers, scores)
    return SeenBelow(ends=ends, tops=tops, numbers=numbers, ids=ids, scores=scores)


def none_below(branches: int) -> SeenBelow:
    """Say that no phrase seen goes on from any of so many branches."""
    nothing = np.full(branches, -np.inf)
    none = np.zeros(0, dtype=np.int64)
    return SeenBelow(ends=nothing, tops=nothing, numbers=none, ids=none, scores=np.zeros(0))


def seen_after(mixture: Mixture | None, position: int, ids: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Give the most that the counts of phrases going on with each of some characters (A,) come to, nats.

    Returns:
        (A,); None where no phrase seen begins so.
    """
    if mixture is None or position == UNSEEN:
        return None
    seen = np.full(len(ids), -np.inf)
    children = mixture.index.children(position)
    ranks = np.minimum(np.searchsorted(children.symbols, ids), len(children.symbols) - 1)
    known = np.flatnonzero(children.symbols[ranks] == ids)
    seen[known] = mixture.log_shares(children.bests[ranks[known]])
    return seen
