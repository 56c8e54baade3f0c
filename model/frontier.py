"""The queue of a best-first search: beginnings of phrases, each with the most that it can come to.

Legend: B nodes expanded together, V vocabulary size, S state width, K completions, A characters admitted.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.branches import LOWEST, UNSEEN, Branch, Children, Found, Read, folded_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.query import Arcs, Query
    from model.runtime import Network
    from model.seen import SeenPhrase

ROUNDING = 1e-6  # nats: more than sums in another order can differ by
TOGETHER = 8  # nodes expanded in one call: more waste expansions, fewer waste calls
NEAR = 6.0  # nats from the best child: those are sorted when a node is expanded; the others only if they are used up


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How far to look.

    limit: K, completions wanted; max_characters: the most that a phrase has more than were typed; max_expansions: nodes
    that the network is asked about; deadline: when to stop, by ``time.perf_counter``, seconds.
    boundary: (V,), the characters before which a completion of running text ends; None for phrases, which end by
    themselves; context: ids that come before what was typed.
    mixture: with the phrases seen; None for the network alone.
    folded: (V,), an id for each character, the same for those that are not told apart; of phrases alike but for these
    only the best is given, and white space at their ends (id -1) does not count. None tells all apart.
    """

    limit: int
    max_characters: int
    max_expansions: int
    deadline: float = np.inf
    boundary: NDArray[np.bool_] | None = None
    context: tuple[int, ...] = ()
    mixture: Mixture | None = None
    folded: NDArray[np.int64] | None = None


@dataclass(kw_only=True)
class Frontier:
    """The queue of what may still come first, and what it costs to know more."""

    network: Network
    query: Query
    options: SearchOptions
    heap: list[tuple[float, int, Children | Found, int]] = field(default_factory=list)
    pushed: int = 0
    expansions: int = 0
    floor: float = (
        -np.inf
    )  # what a branch must reach to matter: the K-th best score of all that is known to be finished
    finished: dict[tuple[int, ...], float] = field(default_factory=dict)  # scores at the floor or above, by ``name``
    best_cut: float = -np.inf  # score of the best branch that was too long to follow
    typed_name: tuple[int, ...] = ()  # what was typed, as ``name`` gives it
    longest: int = 0  # characters of a branch that is followed

    def __post_init__(self) -> None:
        self.typed_name = self.name(tuple(self.query.ahead))
        self.longest = len(self.query.ahead) + self.options.max_characters

    def name(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Give what a phrase shares with those that are not told apart from it."""
        return ids if self.options.folded is None else folded_name(self.options.folded, ids)

    def push(self, entry: Children | Found, rank: int = 0) -> None:
        """Queue a finished phrase, or the next child of a branch."""
        if isinstance(entry, Found):
            score = entry.score
        else:
            index = entry.best(rank, self.floor)
            if index is None:
                return
            score = float(entry.scores[index])
        if score >= self.floor and score > -np.inf:
            self.pushed += 1
            heapq.heappush(self.heap, (-score, self.pushed, entry, rank))

    def finish(self, found: Found) -> None:
        """Queue a finished phrase and remember its score.

        What was typed, as it stands, is no completion, unless somebody finished it so before.
        """
        if found.score < self.floor or found.score == -np.inf:
            return
        name = self.name(found.ids)
        if self.options.mixture is not None and found.seen == -np.inf and name == self.typed_name:
            return
        self.push(found)
        self.note(name, found.score)

    def expect(self, phrases: Iterable[SeenPhrase]) -> None:
        """Raise the floor to what phrases seen will come to at least."""
        if self.options.mixture is None:
            return
        for each in phrases:
            if len(each.ids) <= self.longest:
                self.note(self.name(each.ids), self.options.mixture.log_share(each.seen) + each.cost - ROUNDING)

    def note(self, name: tuple[int, ...], score: float) -> None:
        """Remember what a finished phrase comes to, or that it will come to as much."""
        if score > self.finished.get(name, -np.inf):
            self.finished[name] = score
            if len(self.finished) >= self.options.limit:
                self.floor = sorted(self.finished.values(), reverse=True)[self.options.limit - 1]
                self.finished = {name: score for name, score in self.finished.items() if score >= self.floor}

    def spread(self, branch: Branch, read: Read) -> None:
        """Queue what may follow a branch that was just read: its end, and the best of its children."""
        arcs = self.query.arcs(branch.place)
        if arcs is not None:
            self.spread_arcs(branch, read, arcs)
            return
        model = read.row.astype(np.float64)
        model += branch.model
        scores = model + branch.cost
        seen_end = -np.inf
        if self.options.mixture is not None and branch.position != UNSEEN:
            symbols, seen = self.options.mixture.after(branch.position)
            scores[symbols] = np.logaddexp(model[symbols], seen) + branch.cost
            if symbols[0] == END_ID:
                seen_end = float(seen[0])
        boundary = self.options.boundary
        if boundary is None:
            if branch.ids:  # nothing at all is no completion of nothing
                end = Found(ids=branch.ids, score=float(scores[END_ID]), model=float(model[END_ID]), seen=seen_end)
                self.finish(end)
        elif branch.begun:
            # Rounding must not lift a sum above its branch: the queue rests on scores that only fall.
            ends = min(float(np.logaddexp.reduce(model[boundary])), branch.model)
            self.finish(Found(ids=branch.ids, score=ends + branch.cost, model=ends))
            scores[boundary] = -np.inf
        scores[[UNKNOWN_ID, BEGIN_ID, END_ID]] = -np.inf
        self.push_children(branch, read, scores, None)

    def spread_arcs(self, branch: Branch, read: Read, arcs: Arcs, left_out: int | None = None) -> None:
        """Queue what the query admits after a branch, but for the one arc that is left out."""
        model = branch.model + read.row[arcs.ids].astype(np.float64)
        seen = self.seen_after(branch.position, arcs.ids)
        costs = branch.cost + arcs.costs.astype(np.float64)
        scores = costs + (model if seen is None else np.logaddexp(model, seen))
        kept = np.ones(len(arcs.ids), dtype=np.bool_)
        if left_out is not None:
            kept[left_out] = False
        for end in np.flatnonzero(arcs.ids == END_ID).tolist():
            kept[end] = False
            if self.options.boundary is None and branch.ids:
                seen_end = -np.inf if seen is None else float(seen[end])
                self.finish(Found(ids=branch.ids, score=float(scores[end]), model=float(model[end]), seen=seen_end))
        scores[~kept] = -np.inf
        self.push_children(branch, read, scores, arcs)

    def seen_after(self, position: int, ids: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Give the most that the counts of phrases going on with each character come to, nats (A,); None for none."""
        mixture = self.options.mixture
        if mixture is None or position == UNSEEN:
            return None
        seen = np.full(len(ids), -np.inf)
        children = mixture.index.children(position)
        ranks = np.minimum(np.searchsorted(children.symbols, ids), len(children.symbols) - 1)
        known = np.flatnonzero(children.symbols[ranks] == ids)
        seen[known] = mixture.log_shares(children.bests[ranks[known]])
        return seen

    def push_children(
        self,
        branch: Branch,
        read: Read,
        scores: NDArray[np.float64],
        arcs: Arcs | None,
    ) -> None:
        """Queue the best child; each that is taken queues the next."""
        if not len(scores):
            return
        near = float(scores.max()) - NEAR
        order = (scores >= max(self.floor, near, LOWEST)).nonzero()[0]
        if len(order) > 1:
            order = order[np.argsort(-scores[order], kind="stable")]
        whole = near <= max(self.floor, LOWEST)
        self.push(Children(branch=branch, read=read, scores=scores, arcs=arcs, order=order, whole=whole))

    def take(self) -> Branch | Found:
        """Take the best entry off the queue; a child is replaced by the next of its kind."""
        _, _, entry, rank = heapq.heappop(self.heap)
        if isinstance(entry, Found):
            return entry
        index = int(entry.order[rank])
        self.push(entry, rank + 1)
        return self.follow(entry.branch, entry.read, entry.arcs, index)

    def follow(self, branch: Branch, read: Read, arcs: Arcs | None, index: int) -> Branch:
        """Go on from a branch by one character: the arc of that index if the query still chooses, else the id."""
        character = index if arcs is None else int(arcs.ids[index])
        position = branch.position
        if position != UNSEEN and self.options.mixture is not None:
            after = self.options.mixture.index.child(position, character)
            position = UNSEEN if after is None else after
        boundary, ids = self.options.boundary, (*branch.ids, character)
        added = arcs is None or ids != tuple(self.query.ahead[: len(ids)])
        return Branch(
            ids=ids,
            model=branch.model + read.row.item(character),
            cost=branch.cost if arcs is None else branch.cost + float(arcs.costs[index]),
            place=branch.place if arcs is None else int(arcs.places[index]),
            position=position,
            state=read.state,
            begun=branch.begun or (added and boundary is not None and not boundary[character]),
        )

    def take_branches(self) -> list[Branch]:
        """Take the best branches to expand together, leaving what is finished."""
        branches: list[Branch] = []
        aside: list[Found] = []
        allowed = min(TOGETHER, self.options.max_expansions - self.expansions)
        while self.heap and len(branches) < allowed and -self.heap[0][0] >= self.floor:
            score = -self.heap[0][0]
            taken = self.take()
            if isinstance(taken, Found):
                aside.append(taken)
            elif len(taken.ids) > self.longest:
                self.best_cut = max(self.best_cut, score)
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
            self.spread(branch, Read(row, state))
