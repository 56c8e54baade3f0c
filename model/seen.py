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
from model.runtime import initial_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.phrases import Children
    from model.query import Arcs, Query
    from model.runtime import Network

MOST_STEPS = 4000  # positions of the index looked at, some microseconds each
LEAST_STEPS = 100  # of them, however late it is: what was seen most is found in fewer
TOGETHER = 16  # phrases scored in one call: what the network says of all their characters is held at once


class SeenPhrase(NamedTuple):
    """A phrase seen: its ids, how often it was seen, and what it costs to take what was typed for it, nats."""

    ids: tuple[int, ...]
    seen: float
    cost: float


class Way(NamedTuple):
    """A way through query and index: its characters, where it is in both, and what it costs, nats."""

    ids: tuple[int, ...]
    position: int
    place: int
    cost: float


class BestSeen(NamedTuple):
    """The phrases seen that are worth most by their counts and what they cost, and a bound on all others.

    phrases: at most K, best first; fewer where no more are admitted or a bound was met; others: the most that any other
    phrase seen comes to, nats.
    """

    phrases: list[SeenPhrase]
    others: float


class Ways(NamedTuple):
    """The ways (C,) that one way goes on to, best first: by the most that each can come to, nats."""

    ids: tuple[int, ...]
    bounds: NDArray[np.float64]
    symbols: NDArray[np.int64]
    positions: NDArray[np.int64]
    bests: NDArray[np.float32]
    places: NDArray[np.int64]
    costs: NDArray[np.float64]


def best_seen(
    mixture: Mixture, query: Query, limit: int, *, most_steps: int = MOST_STEPS, deadline: float = math.inf
) -> BestSeen:
    """Find the phrases seen that are worth most by their counts and what they cost.

    Args:
        mixture: says what counts are worth.
        query: what was typed.
        limit: K.
        most_steps: positions of the index to look at before giving those found.
        deadline: when to do so, by ``time.perf_counter``, seconds, but after ``LEAST_STEPS`` at the earliest.
    """
    walk = IndexWalk(mixture, query, limit)
    steps = 0
    while walk.heap and len(walk.found) < limit and steps < most_steps:
        if steps >= LEAST_STEPS and time.perf_counter() >= deadline:
            break
        walk.step()
        steps += 1
    return BestSeen(walk.found, -walk.heap[0][0] if walk.heap else -math.inf)


class Phrases(NamedTuple):
    """The phrases below a position, most often seen first: the next with its count, those after it, what each costs."""

    first: tuple[tuple[int, ...], float]
    others: Iterator[tuple[tuple[int, ...], float]]
    cost: float


class IndexWalk:
    """Best-first search over query and index: no phrase below a position is worth more than the largest count there.

    Its queue holds ways that go on to others and shows the best of those that were not taken yet; and where all that
    was typed is matched, the phrases below a position, of which it shows the next.
    """

    def __init__(self, mixture: Mixture, query: Query, limit: int) -> None:
        self.mixture, self.query, self.limit = mixture, query, limit
        self.found: list[SeenPhrase] = []
        self.heap: list[tuple[float, int, Ways | Phrases, int]] = []
        self.pushed = 0
        self.sorted_ids: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}  # of a place's arcs, and the order
        if mixture.log_share(mixture.index.best(mixture.index.root)) > -math.inf:
            self.follow(Way((), mixture.index.root, 0, 0.0))

    def push(self, bound: float, entry: Ways | Phrases, rank: int) -> None:
        """Queue what an entry shows at a rank, worth so much, nats."""
        if bound > -math.inf:
            self.pushed += 1
            heapq.heappush(self.heap, (-bound, self.pushed, entry, rank))

    def step(self) -> None:
        """Take the best of the queue, and queue what it goes on to."""
        _, _, entry, rank = heapq.heappop(self.heap)
        if isinstance(entry, Phrases):
            self.found.append(SeenPhrase(*entry.first, entry.cost))
            self.push_next(entry)
            return
        if rank + 1 < len(entry.bounds):
            self.push(entry.bounds.item(rank + 1), entry, rank + 1)
        symbol, cost = entry.symbols.item(rank), entry.costs.item(rank)
        if symbol == END_ID:
            self.found.append(SeenPhrase(entry.ids, entry.bests.item(rank), cost))
        else:
            self.follow(Way((*entry.ids, symbol), entry.positions.item(rank), entry.places.item(rank), cost))

    def follow(self, way: Way) -> None:
        """Queue what a way goes on to."""
        arcs = self.query.arcs(way.place)
        if arcs is None:
            phrases = self.mixture.index.ranked(way.position, way.ids, self.limit + 1)  # one more bounds the others
            self.push_next(Phrases(((), 0.0), phrases, way.cost))
            return
        children, arc = self.following(way, arcs)
        costs = way.cost + arcs.costs[arc].astype(np.float64)
        bounds = self.mixture.log_shares(children.bests) + costs
        kept = bounds > -math.inf
        if not way.ids:
            kept &= children.symbols != END_ID  # nothing at all is no phrase
        order = kept.nonzero()[0]
        order = order[np.argsort(-bounds[order], kind="stable")]
        if len(order):
            children, places = children.of(order), arcs.places[arc[order]]
            ways = Ways(
                way.ids,
                bounds[order],
                children.symbols,
                children.positions,
                children.bests,
                places,
                costs[order],
            )
            self.push(ways.bounds.item(0), ways, 0)

    def push_next(self, phrases: Phrases) -> None:
        """Queue the next of the phrases below a position."""
        for ids, count in phrases.others:
            if ids:
                bound = self.mixture.log_share(count) + phrases.cost
                self.push(bound, phrases._replace(first=(ids, count)), 0)
                return

    def following(self, way: Way, arcs: Arcs) -> tuple[Children, NDArray[np.int64]]:
        """Give what follows in the index and is admitted (C,), and the arc (C,) of each."""
        if way.place not in self.sorted_ids:
            order = np.argsort(arcs.ids)
            self.sorted_ids[way.place] = arcs.ids[order], order
        ids, order = self.sorted_ids[way.place]
        children = self.mixture.index.children(way.position)
        if not len(ids):
            return children.of(order), order
        ranks = np.minimum(np.searchsorted(ids, children.symbols), len(ids) - 1)
        both = (ids[ranks] == children.symbols).nonzero()[0]
        return children.of(both), order[ranks[both]]


def score_seen(
    network: Network, mixture: Mixture, phrases: Sequence[SeenPhrase], *, deadline: float = math.inf
) -> list[Found]:
    """Give phrases seen the scores that search would find, some in a call of the network.

    Args:
        network: gives log-probabilities of what comes next.
        mixture: says what counts are worth.
        phrases: the more wanted first.
        deadline: when to give those scored so far, by ``time.perf_counter``, seconds, but not before the first call.
    """
    found: list[Found] = []
    for first in range(0, len(phrases), TOGETHER):
        if first and time.perf_counter() >= deadline:
            break
        found += score_together(network, mixture, phrases[first : first + TOGETHER])
    return found


def score_together(network: Network, mixture: Mixture, phrases: Sequence[SeenPhrase]) -> list[Found]:
    """Score phrases seen in one call of the network; see ``score_seen``."""
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
