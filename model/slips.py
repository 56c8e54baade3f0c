"""Slips of the keys: beginnings of phrases seen that are one or two edits away from what was typed.

The trie of phrases and the table of an edit distance are walked together, a level of the trie at a time, all its nodes
at once. Source: Oflazer 1996, "Error-tolerant Finite-state Recognition", Computational Linguistics 22(1).

Legend: M nodes of a level, F of them followed.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import END_ID
from model.channel import Correction
from model.edits import advance, prepare, start
from model.hangul import keystrokes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.channel import ChannelCosts
    from model.edits import Edits, Table
    from model.keys import AlphabetKeys
    from model.phrases import PhraseIndex

FEWEST_KEYS = 4  # with fewer, every word is a slip away from every other
KEYS_FOR_TWO = 9
# Children looked at below a level, those of the best nodes by what they can still come to, for one edit and for two.
MOST_CHILDREN = {1: 3000, 2: 600}
MOST_LOG_COUNT = 80.0  # more than that of any count


def edits_for(typed: str) -> int:
    """Tell how many slips to allow for in what was typed: 0 below four keys, then 1, and 2 from nine keys on."""
    keys = len(keystrokes(typed))
    if keys < FEWEST_KEYS:
        return 0
    return 1 if keys < KEYS_FOR_TWO else 2


@dataclass(frozen=True, kw_only=True)
class Level:
    """The nodes of a level: (M,) the symbol of each and its parent's rank among those followed; (F,) those followed."""

    symbols: NDArray[np.int64]
    parents: NDArray[np.int64]
    followed: NDArray[np.int64]


class Slips(NamedTuple):
    """Beginnings that may have been meant, best first; ``in_time`` if the deadline did not end the walk for them."""

    corrections: tuple[Correction, ...]
    in_time: bool


def find_slips(
    index: PhraseIndex,
    keys: AlphabetKeys,
    typed: str,
    *,
    edits: int,
    costs: ChannelCosts,
    most: int,
    least_count: float = 0.0,
    least_worth: float = -math.inf,
    deadline: float = math.inf,
) -> Slips:
    """Find the beginnings of phrases seen that may have been meant.

    A beginning ends with the character in which the last key typed is matched, and may have keys beyond it. An edit is
    a key put in, left out or changed, or two neighbours exchanged. Those of two edits are given where there is none of
    one, and only if they begin with the key that was typed first. The walk leaves nothing out as long as no level has
    more than ``MOST_CHILDREN`` below it; then it follows those that can come to most. Letters may differ in case, at
    its cost.

    Args:
        index: of phrases seen.
        keys: of its alphabet.
        typed: what was typed, at least one character.
        edits: E, the most to allow for, at least 1.
        costs: of the channel.
        most: beginnings wanted: the best by cost and by the count of the most frequent phrase that begins so.
        least_count: phrases seen less often are passed over.
        least_worth: so are beginnings that come to less by their cost and the log of the largest count below, nats.
        deadline: when to give those found, by ``time.perf_counter``, seconds.
    """
    slips = Slips(corrections=(), in_time=True)
    cheapest = max(costs.slip, costs.slip_neighbour, costs.transposition)
    for allowed in range(1, edits + 1):
        if index.best(index.root) < least_count_of(least_worth, cheapest * allowed):
            break
        prepared = prepare(keystrokes(typed), keys.strokes.letters, costs, allowed)
        # Where one edit was not enough, there are two.
        bounds = Bounds(most, least_count, least_worth, cheapest * allowed, deadline)
        slips = walk(index, keys.strokes.numbers, start(allowed, prepared), prepared, bounds)
        if slips.corrections or not slips.in_time:
            break
    return slips


def least_count_of(least_worth: float, cost: float) -> float:
    """Give the least count that comes to so much at a cost, nats."""
    return math.exp(min(least_worth - cost, MOST_LOG_COUNT))


class Bounds(NamedTuple):
    """Of a walk; see ``find_slips``. cheapest: what the edits cost at least that are not made yet at the root, nats."""

    most: int
    least_count: float
    least_worth: float
    cheapest: float
    deadline: float


def walk(index: PhraseIndex, numbers: NDArray[np.int64], table: Table, prepared: Edits, bounds: Bounds) -> Slips:
    """Walk from the root, whose table is given; ``numbers`` (V, keys) are the keys of each character."""
    edits, most = table.now.shape[1] - 1, bounds.most
    ahead = np.arange(edits, -1, -1, dtype=np.float32) * np.float32(
        bounds.cheapest / edits
    )  # of edits still to be made
    least_count = max(bounds.least_count, least_count_of(bounds.least_worth, bounds.cheapest))
    positions, in_time = np.array([index.root]), True
    levels: list[Level] = []
    found: list[tuple[float, int, int, float]] = []  # worth, level, node and cost
    while len(positions):
        if time.perf_counter() >= bounds.deadline:
            in_time = False
            break
        parents, children = index.children_of_all(positions)
        seen = (children.bests >= least_count) & (children.symbols != END_ID)
        if edits > 1 and not levels:
            seen &= prepared.first_right[numbers[children.symbols, 0]]
        seen = seen.nonzero()[0]
        parents, children = parents[seen], children.of(seen)
        symbols = children.symbols
        table, rows, done = advance(table, parents, numbers[symbols], prepared)
        popular = np.log(np.maximum(children.bests, np.float32(1e-9)))
        cost = done.max(axis=1)
        worth = cost + popular
        matched = ((cost > -np.inf) & (worth >= bounds.least_worth)).nonzero()[0].tolist()
        found += [(float(worth[node]), len(levels), node, float(cost[node])) for node in matched]
        found = sorted(found, reverse=True)[:most]
        least = max(bounds.least_worth, found[-1][0] if len(found) == most else -np.inf)
        # What matched all keys already and goes on is the same beginning, but longer.
        hopes = (table.hopes(prepared.n) + ahead).max(axis=1)[rows] + popular
        followed = ((hopes > -np.inf) & (hopes >= least)).nonzero()[0]
        followed = followed[np.argsort(-hopes[followed], kind="stable")]
        below = np.cumsum(index.widths_of(children.positions[followed]))
        followed = followed[: max(1, int(np.searchsorted(below, MOST_CHILDREN[edits], side="right")))]
        levels.append(Level(symbols=symbols, parents=parents, followed=followed))
        table, positions = table.of(rows[followed]), children.positions[followed]
    corrections = tuple(Correction(ids=spell(levels, level, node), cost=cost) for _, level, node, cost in found)
    return Slips(corrections=corrections, in_time=in_time)


def spell(levels: list[Level], level: int, node: int) -> tuple[int, ...]:
    """Give the symbols that lead to a node."""
    symbols = [int(levels[level].symbols[node])]
    while level:
        parent = int(levels[level].parents[node])
        level -= 1
        node = int(levels[level].followed[parent])
        symbols.append(int(levels[level].symbols[node]))
    return tuple(reversed(symbols))
