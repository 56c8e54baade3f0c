"""The queue of a best-first search: beginnings of phrases, each with the most that it can come to.

Legend: B nodes expanded together, V vocabulary size, S state width, K completions, A characters admitted.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID, SYMBOLS
from model.branches import LOWEST, UNSEEN, Branch, Children, Found, Read, folded_name
from model.seen_below import seen_after, seen_below

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.query import Arcs, Query
    from model.runtime import Network
    from model.seen import SeenPhrase

ROUNDING = 1e-6  # nats: more than sums in another order can differ by
TOGETHER = 8  # nodes expanded in one call: more waste expansions, fewer waste calls
TOGETHER_LATER = 16  # the same of a long search, once so many were expanded:
LATER = 24
SLACK = 1e-3  # nats: more than single precision can be off
LEAST_ROW = -1e30  # nats: single precision holds it
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
    finished: what was typed may be all that is meant, and is a completion, with a mixture only if it was seen.
    """

    limit: int
    max_characters: int
    max_expansions: int
    deadline: float = np.inf
    boundary: NDArray[np.bool_] | None = None
    context: tuple[int, ...] = ()
    mixture: Mixture | None = None
    folded: tuple[int, ...] | None = None
    finished: bool = True


@dataclass(kw_only=True)
class Frontier:
    """The queue of what may still come first, and what it costs to know more."""

    network: Network
    query: Query
    options: SearchOptions
    heap: list[tuple[float, int, Children | Found, int]] = field(default_factory=list)
    pushed: int = 0
    expansions: int = 0
    floor: float = -np.inf  # what a branch must reach: the K-th best of all that is known to be finished
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
            if rank == len(entry.scores) and not entry.whole:
                self.sort_rest(entry)
            if rank == len(entry.scores):
                return
            score = entry.scores.item(rank)
        if score >= self.floor and score > -np.inf:
            self.pushed += 1
            heapq.heappush(self.heap, (-score, self.pushed, entry, rank))

    def finish(self, found: Found) -> None:
        """Queue a finished phrase and remember its score, if it may be given."""
        if found.score >= self.floor and found.score > -np.inf and self.may_be_given(found.ids, found.seen):
            self.push(found)
            self.note(self.name(found.ids), found.score)

    def may_be_given(self, ids: tuple[int, ...], seen: float) -> bool:
        """Tell whether a phrase is a completion, given what its count is worth, nats; see ``SearchOptions``."""
        if self.name(ids) != self.typed_name:
            return True
        return self.options.finished and (self.options.mixture is None or seen > -np.inf)

    def expect(self, mixture: Mixture, phrases: Iterable[SeenPhrase]) -> list[SeenPhrase]:
        """Raise the floor to what phrases seen will come to at least; give those of them that search can reach."""
        worths = [(each, mixture.log_share(each.seen)) for each in phrases if len(each.ids) <= self.longest]
        reached = [(each, worth) for each, worth in worths if self.may_be_given(each.ids, worth)]
        for each, worth in reached:
            self.note(self.name(each.ids), worth + each.cost - ROUNDING)
        return [each for each, _ in reached]

    def note(self, name: tuple[int, ...], score: float) -> None:
        """Remember what a finished phrase comes to, or that it will come to as much."""
        if score > self.finished.get(name, -np.inf):
            self.finished[name] = score
            if len(self.finished) >= self.options.limit:
                self.floor = sorted(self.finished.values(), reverse=True)[self.options.limit - 1]
                self.finished = {name: score for name, score in self.finished.items() if score >= self.floor}

    def spread(self, branches: Sequence[Branch], rows: NDArray[np.float32], states: NDArray[np.float32]) -> None:
        """Queue what may follow branches that were just read: their ends, and the best of their children.

        Args:
            branches: B of them.
            rows: (B, V) what the network says of what follows each, nats.
            states: (B, S) after each.
        """
        free: list[int] = []
        for number, branch in enumerate(branches):
            arcs = self.query.arcs(branch.place)
            if arcs is None:
                free.append(number)
            else:
                self.spread_arcs(branch, Read(rows[number], states[number]), arcs)
        if len(free) == len(branches):
            self.spread_free(branches, rows, states)
        elif free:
            self.spread_free([branches[number] for number in free], rows[free], states[free])

    def spread_free(self, branches: Sequence[Branch], rows: NDArray[np.float32], states: NDArray[np.float32]) -> None:
        """Queue what may follow branches after which anything may, all in one run; see ``spread``."""
        own = np.array([branch.model for branch in branches])
        costs = np.array([branch.cost for branch in branches])
        seen = seen_below(self.options.mixture, branches, rows, own, costs)
        self.end(branches, rows, own, costs, seen.ends)
        least = max(self.floor, LOWEST)
        near = np.maximum(rows[:, SYMBOLS:].max(axis=1) + own + costs, seen.tops) - NEAR
        limits = np.maximum(near, least)
        # Sums in single precision may fall a little short; those kept are summed again.
        least_rows = np.maximum(limits - own - costs - SLACK, LEAST_ROW).astype(np.float32)
        within = rows[:, SYMBOLS:] >= least_rows[:, None]
        numbers, ids = np.divmod(np.flatnonzero(within), within.shape[1])
        ids += SYMBOLS
        if self.options.boundary is not None:
            begun = np.array([branch.begun for branch in branches])
            inside = ~(self.options.boundary[ids] & begun[numbers])
            numbers, ids = numbers[inside], ids[inside]
        scores = rows[numbers, ids] + own[numbers] + costs[numbers]
        numbers, ids, scores = seen.put_over(numbers, ids, scores, rows.shape[1])
        kept = np.flatnonzero(scores >= limits[numbers])
        kept = kept[np.lexsort((ids[kept], -scores[kept], numbers[kept]))]
        ids, scores, sizes = ids[kept], scores[kept], np.bincount(numbers[kept], minlength=len(branches))
        first = 0
        for number, size in enumerate(sizes.tolist()):
            self.push(
                Children(
                    branch=branches[number],
                    read=Read(rows[number], states[number]),
                    arcs=None,
                    indices=ids[first : first + size],
                    scores=scores[first : first + size],
                    whole=bool(near[number] <= least),
                )
            )
            first += size

    def end(
        self,
        branches: Sequence[Branch],
        rows: NDArray[np.float32],
        own: NDArray[np.float64],
        costs: NDArray[np.float64],
        seen: NDArray[np.float64],
    ) -> None:
        """Queue branches as finished phrases where they may end; ``seen`` (B,) is what their counts are worth, nats."""
        boundary = self.options.boundary
        if boundary is None:
            models = own + rows[:, END_ID]
            scores = np.logaddexp(models, seen) + costs
            for number in np.flatnonzero(scores >= self.floor).tolist():
                branch, score = branches[number], scores.item(number)
                if branch.ids:  # nothing at all is no completion of nothing
                    self.finish(Found(branch.ids, score, models.item(number), seen.item(number)))
            return
        for branch, row in zip(branches, rows, strict=True):
            if branch.begun:
                # Rounding must not lift a sum above its branch: the queue rests on scores that only fall.
                ends = branch.model + min(float(np.logaddexp.reduce(row[boundary].astype(np.float64))), 0.0)
                self.finish(Found(ids=branch.ids, score=ends + branch.cost, model=ends))

    def sort_rest(self, entry: Children) -> None:
        """Sort those children of a branch that were too far below the best of them, as far as they reach the floor."""
        branch, row = entry.branch, entry.read.row
        own, costs = np.array([branch.model]), np.array([branch.cost])
        ids = np.arange(SYMBOLS, len(row))
        if self.options.boundary is not None and branch.begun:
            ids = ids[~self.options.boundary[ids]]
        numbers = np.zeros(len(ids), dtype=np.int64)
        seen = seen_below(self.options.mixture, [branch], row[None], own, costs)
        _, ids, scores = seen.put_over(numbers, ids, row[ids] + own + costs, len(row))
        below = entry.scores[-1] if len(entry.scores) else np.inf  # equals are all sorted together
        kept = np.flatnonzero((scores >= max(self.floor, LOWEST)) & (scores < below))
        kept = kept[np.lexsort((ids[kept], -scores[kept]))]
        entry.indices = np.concatenate([entry.indices, ids[kept]])
        entry.scores = np.concatenate([entry.scores, scores[kept]])
        entry.whole = True

    def spread_arcs(self, branch: Branch, read: Read, arcs: Arcs, left_out: int | None = None) -> None:
        """Queue what the query admits after a branch, but for the one arc that is left out."""
        model = branch.model + read.row[arcs.ids].astype(np.float64)
        seen = seen_after(self.options.mixture, branch.position, arcs.ids)
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
        kept &= scores >= max(self.floor, LOWEST)
        order = np.flatnonzero(kept)
        order = order[np.argsort(-scores[order], kind="stable")]
        self.push(Children(branch=branch, read=read, arcs=arcs, indices=order, scores=scores[order], whole=True))

    def take(self) -> Branch | Found:
        """Take the best entry off the queue; a child is replaced by the next of its kind."""
        _, _, entry, rank = heapq.heappop(self.heap)
        if isinstance(entry, Found):
            return entry
        index = entry.indices.item(rank)
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
        together = TOGETHER if self.expansions < LATER else TOGETHER_LATER
        allowed = min(together, self.options.max_expansions - self.expansions)
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
        self.spread(branches, log_probabilities, states)
