"""The phrases seen that a query admits, by their counts alone: no network is asked, so an answer is never far.

What counts give is less than what counts and model give together, so the K-th best of them is a floor for search; and
where search is cut short, they are what can be offered.

Legend: K phrases, V vocabulary size, C children of a position, T time steps.
"""

from __future__ import annotations

import heapq
import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import BEGIN_ID, END_ID
from model.finished import Found
from model.phrases import END_POSITION
from model.runtime import initial_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.query import Arcs, Query
    from model.runtime import Network

MOST_STEPS = 4000  # positions of the index looked at, some microseconds each
LEAST_STEPS = 100  # of them, however late it is: what was seen most is found in fewer


class SeenPhrase(NamedTuple):
    """A phrase seen: its ids, how often it was seen, and what it costs to take what was typed for it, nats."""

    ids: tuple[int, ...]
    seen: float
    cost: float


class Way(NamedTuple):
    """A way through query and index; at ``END_POSITION`` a whole phrase, with the count of it for its best."""

    ids: tuple[int, ...]
    position: int
    place: int
    cost: float
    best: float


def best_seen(
    mixture: Mixture, query: Query, limit: int, *, most_steps: int = MOST_STEPS, deadline: float = math.inf
) -> list[SeenPhrase]:
    """Find the phrases seen that are worth most by their counts and what they cost.

    Args:
        mixture: says what counts are worth.
        query: what was typed.
        limit: K.
        most_steps: positions of the index to look at before giving those found.
        deadline: when to do so, by ``time.perf_counter``, seconds, but after ``LEAST_STEPS`` at the earliest.

    Returns:
        At most K, best first; fewer where no more are admitted or a bound was met.
    """
    walk = IndexWalk(mixture, query, limit)
    steps = 0
    while walk.heap and len(walk.found) < limit and steps < most_steps:
        if steps >= LEAST_STEPS and time.perf_counter() >= deadline:
            break
        walk.step()
        steps += 1
    return walk.found


class IndexWalk:
    """Best-first search over query and index: no phrase below a position is worth more than the largest count there."""

    def __init__(self, mixture: Mixture, query: Query, limit: int) -> None:
        self.mixture, self.query, self.limit = mixture, query, limit
        self.found: list[SeenPhrase] = []
        self.heap: list[tuple[float, int, Way]] = []
        self.pushed = 0
        self.sorted_ids: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}  # of a place's arcs, and the order
        root = mixture.index.root
        self.push(Way((), root, 0, 0.0, mixture.index.best(root)))

    def push(self, way: Way) -> None:
        """Queue a way by the most that it can come to."""
        bound = self.mixture.log_share(way.best) + way.cost
        if bound > -math.inf:
            self.pushed += 1
            heapq.heappush(self.heap, (-bound, self.pushed, way))

    def step(self) -> None:
        """Take the best way, and queue what it goes on to."""
        way = heapq.heappop(self.heap)[2]
        if way.position == END_POSITION:
            self.found.append(SeenPhrase(way.ids, way.best, way.cost))
            return
        arcs = self.query.arcs(way.place)
        if arcs is None:
            for ids, count in self.mixture.index.top(way.position, way.ids, self.limit):
                if ids:
                    self.push(Way(ids, END_POSITION, way.place, way.cost, count))
            return
        for symbol, position, best, arc in self.following(way, arcs):
            cost, place = way.cost + float(arcs.costs[arc]), int(arcs.places[arc])
            if symbol != END_ID:
                self.push(Way((*way.ids, symbol), position, place, cost, best))
            elif way.ids:
                self.push(Way(way.ids, END_POSITION, place, cost, best))

    def following(self, way: Way, arcs: Arcs) -> Iterator[tuple[int, int, float, int]]:
        """Give symbol, position and best count of what follows in the index and is admitted, and the arc of each."""
        if way.place not in self.sorted_ids:
            order = np.argsort(arcs.ids)
            self.sorted_ids[way.place] = arcs.ids[order], order
        ids, order = self.sorted_ids[way.place]
        children = self.mixture.index.children(way.position)
        ranks = np.minimum(np.searchsorted(ids, children.symbols), len(ids) - 1)
        both = np.flatnonzero(ids[ranks] == children.symbols)
        return zip(
            children.symbols[both].tolist(),
            children.positions[both].tolist(),
            children.bests[both].tolist(),
            order[ranks[both]].tolist(),
            strict=True,
        )


def score_seen(network: Network, mixture: Mixture, phrases: Sequence[SeenPhrase]) -> list[Found]:
    """Give phrases seen the scores that search would find, in one call of the network."""
    if not phrases:
        return []
    longest = max(len(each.ids) for each in phrases)
    sequence: NDArray[np.int64] = np.full((longest + 1, len(phrases)), END_ID)
    for column, each in enumerate(phrases):
        sequence[: len(each.ids) + 1, column] = [BEGIN_ID, *each.ids]
    rows, _ = network.read(sequence, initial_state(network, len(phrases)))  # (T, K, V)
    found = []
    for column, each in enumerate(phrases):
        steps = np.arange(len(each.ids) + 1)
        own = float(rows[steps, column, [*each.ids, END_ID]].astype(np.float64).sum()) + mixture.log_model_share
        seen = mixture.log_share(each.seen)
        found.append(Found(each.ids, float(np.logaddexp(own, seen)) + each.cost, own, seen))
    return found
