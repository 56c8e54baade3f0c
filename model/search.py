"""Best-first search: the most probable ways to finish what was typed, proven so.

A log-probability is never above 0, so when a finished phrase is the best entry of the queue, nothing that is still
unfinished can overtake it. Each expanded node keeps its children sorted and shows the queue only the best of those
not yet taken, so that nothing is left out and the queue stays short.

Legend: B nodes expanded together, V vocabulary size, S state width, K completions, A characters admitted.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.runtime import initial_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.query import Query
    from model.runtime import Network

TOGETHER = 8  # nodes expanded in one call: more waste expansions, fewer waste calls
SORTED_FIRST = 32  # children sorted when a node is expanded; the others only if these are used up


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How far to look.

    limit: K, completions wanted; max_characters: after the forced beginning; max_expansions: nodes that the network is
    asked about; boundary: (V,), the characters before which a completion of running text ends; None for phrases, which
    end by themselves.
    """

    limit: int
    max_characters: int
    max_expansions: int
    boundary: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finished phrase: its characters' ids, and log P(phrase) + log P(typed | phrase), nats."""

    ids: tuple[int, ...]
    score: float


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The phrases found, best first; ``exact`` when none that was left out could stand among them."""

    found: tuple[Found, ...]
    exact: bool
    expansions: int


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A phrase begun.

    state: (S,) after its last character, or before it as long as it is not expanded; begun: something other than
    white space was added, so that running text may end here; added: characters after the forced beginning.
    """

    ids: tuple[int, ...]
    score: float
    place: int
    state: NDArray[np.float32]
    begun: bool
    added: int


@dataclass(kw_only=True)
class Children:
    """What may follow a branch: A scores (nats) with the id of each and the place it leads to, best first as sorted."""

    branch: Branch
    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    places: NDArray[np.int64] | None
    order: NDArray[np.int64]

    def best(self, rank: int) -> int | None:
        """Give the index of the child of a rank, from 0; None when there are no more."""
        if rank == len(self.order) and rank < len(self.scores):
            # Equals may stand on both sides of the cut, so what was sorted stays as it is.
            rest = np.setdiff1d(np.arange(len(self.scores)), self.order)
            self.order = np.concatenate([self.order, rest[np.argsort(-self.scores[rest], kind="stable")]])
        return int(self.order[rank]) if rank < len(self.order) else None


@dataclass(kw_only=True)
class Frontier:
    """The queue of what may still come first, and what it costs to know more."""

    network: Network
    query: Query
    options: SearchOptions
    heap: list[tuple[float, int, Children | Found, int]] = field(default_factory=list)
    pushed: int = 0
    expansions: int = 0
    finished_scores: list[float] = field(default_factory=list)  # the K best seen, a heap
    best_cut: float = -np.inf  # score of the best branch that was too long to follow

    @property
    def floor(self) -> float:
        """What a branch must reach to matter: the K-th best score of all phrases known to be finished."""
        return self.finished_scores[0] if len(self.finished_scores) == self.options.limit else -np.inf

    def push(self, entry: Children | Found, rank: int = 0) -> None:
        """Queue a finished phrase, or the next child of a branch."""
        if isinstance(entry, Found):
            score = entry.score
        else:
            index = entry.best(rank)
            if index is None:
                return
            score = float(entry.scores[index])
        if score >= self.floor and score > -np.inf:
            self.pushed += 1
            heapq.heappush(self.heap, (-score, self.pushed, entry, rank))

    def finish(self, found: Found) -> None:
        """Queue a finished phrase and remember its score."""
        self.push(found)
        if len(self.finished_scores) < self.options.limit:
            heapq.heappush(self.finished_scores, found.score)
        else:
            heapq.heappushpop(self.finished_scores, found.score)

    def spread(self, branch: Branch, log_probabilities: NDArray[np.float32]) -> None:
        """Queue what may follow a branch that was just read: its end, and the best of its children."""
        arcs = self.query.arcs(branch.place)
        if arcs is not None:
            scores = branch.score + log_probabilities[arcs.ids].astype(np.float64) + arcs.costs
            self.push_children(branch, arcs.ids, scores, arcs.places)
            return
        scores = branch.score + log_probabilities.astype(np.float64)
        boundary = self.options.boundary
        if boundary is None:
            self.finish(Found(ids=branch.ids, score=float(scores[END_ID])))
        elif branch.begun:
            ends = float(np.logaddexp.reduce(scores[boundary]))
            # Rounding must not lift a sum above its branch: the queue rests on scores that only fall.
            self.finish(Found(ids=branch.ids, score=min(ends, branch.score)))
            scores[boundary] = -np.inf
        scores[[UNKNOWN_ID, BEGIN_ID, END_ID]] = -np.inf
        ids = np.flatnonzero(scores >= max(self.floor, np.finfo(np.float64).min))
        self.push_children(branch, ids, scores[ids], None)

    def push_children(
        self, branch: Branch, ids: NDArray[np.int64], scores: NDArray[np.float64], places: NDArray[np.int64] | None
    ) -> None:
        """Queue the best child; each that is taken queues the next."""
        if len(scores) > SORTED_FIRST:
            order = np.argpartition(-scores, SORTED_FIRST)[:SORTED_FIRST]
            order = order[np.argsort(-scores[order], kind="stable")]
        else:
            order = np.argsort(-scores, kind="stable")
        self.push(Children(branch=branch, ids=ids, scores=scores, places=places, order=order))

    def take(self) -> Branch | Found:
        """Take the best entry off the queue; a child is replaced by the next of its kind."""
        _, _, entry, rank = heapq.heappop(self.heap)
        if isinstance(entry, Found):
            return entry
        index = entry.order[rank]
        self.push(entry, rank + 1)
        branch, character = entry.branch, int(entry.ids[index])
        boundary = self.options.boundary
        matched = entry.places is None
        return Branch(
            ids=(*branch.ids, character),
            score=float(entry.scores[index]),
            place=branch.place if entry.places is None else int(entry.places[index]),
            state=branch.state,
            begun=branch.begun or (matched and (boundary is None or not boundary[character])),
            added=branch.added + 1,
        )

    def take_branches(self) -> list[Branch]:
        """Take the best branches to expand together, leaving what is finished."""
        branches: list[Branch] = []
        aside: list[Found] = []
        allowed = min(TOGETHER, self.options.max_expansions - self.expansions)
        while self.heap and len(branches) < allowed and -self.heap[0][0] >= self.floor:
            taken = self.take()
            if isinstance(taken, Found):
                aside.append(taken)
            elif taken.added > self.options.max_characters:
                self.best_cut = max(self.best_cut, taken.score)
            else:
                branches.append(taken)
        for found in aside:
            self.push(found)
        return branches

    def expand(self) -> None:
        """Ask the network what follows the best branches."""
        branches = self.take_branches()
        if not branches:
            return
        ids = np.array([branch.ids[-1] for branch in branches])
        log_probabilities, states = self.network.step(ids, np.stack([branch.state for branch in branches]))
        self.expansions += len(branches)
        for branch, row, state in zip(branches, log_probabilities, states, strict=True):
            self.spread(replace(branch, state=state), row)


def begin(frontier: Frontier) -> None:
    """Read the start and all that the query forces in one call, and queue what follows."""
    forced, cost, place = [BEGIN_ID], 0.0, 0
    while (arcs := frontier.query.arcs(place)) is not None and len(arcs.ids) == 1:
        forced.append(int(arcs.ids[0]))
        cost += float(arcs.costs[0])
        place = int(arcs.places[0])
    sequence = np.array(forced)
    log_probabilities, states = frontier.network.read(sequence[:, None], initial_state(frontier.network))
    read = log_probabilities[np.arange(len(forced) - 1), 0, sequence[1:]].astype(np.float64)
    root = Branch(
        ids=tuple(forced[1:]), score=float(read.sum()) + cost, place=place, state=states[-1, 0], begun=False, added=0
    )
    frontier.expansions += 1
    frontier.spread(root, log_probabilities[-1, 0])


def search(network: Network, query: Query, options: SearchOptions) -> SearchResult:
    """Find the best completions of a query.

    Args:
        network: gives log-probabilities of what comes next.
        query: what was typed.
        options: how far to look.

    Returns:
        The top K of all phrases that the query admits; ``exact`` is False when a bound was met before that was proven.
    """
    frontier = Frontier(network=network, query=query, options=options)
    begin(frontier)
    accepted: list[Found] = []
    proven = True
    while frontier.heap and len(accepted) < options.limit:
        entry = frontier.heap[0][2]
        if isinstance(entry, Found):
            heapq.heappop(frontier.heap)
            accepted.append(entry)
        elif frontier.expansions < options.max_expansions:
            frontier.expand()
        else:  # what is finished is the best that is known, and no more than that
            proven = False
            queued = (entry for _, _, entry, _ in sorted(frontier.heap, key=lambda item: item[:2]))
            finished = [entry for entry in queued if isinstance(entry, Found)]
            accepted.extend(finished[: options.limit - len(accepted)])
            break
    worst = accepted[-1].score if len(accepted) == options.limit else -np.inf
    uncut = frontier.best_cut == -np.inf or frontier.best_cut < worst
    return SearchResult(found=tuple(accepted), exact=proven and uncut, expansions=frontier.expansions)
