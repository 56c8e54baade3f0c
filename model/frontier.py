"""The frontier of a best-first search: beginnings of phrases, each with the most that it can come to.

Legend: B nodes read together, C children, V vocabulary size, S state width, A characters admitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID, SYMBOLS
from model.finished import Finished, Found
from model.seen_below import below, join, seen_after, seen_below
from model.tree import REST, ROOT, Candidates, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.finished import SearchOptions
    from model.memory import Reader
    from model.mixture import Mixture
    from model.query import Arcs, Query
    from model.seen import BestSeen, SeenPhrase
    from model.seen_below import Below

TOGETHER = 8  # nodes read in one call: more waste nodes, fewer waste calls
TOGETHER_LATER = 16  # the same of a long search, once so many were read:
LATER = 24
LONG = 128  # nodes read: a search so long is bounded better by what phrases seen come to as a whole
SLACK = 1e-3  # nats: more than single precision can be off
LEAST_ROW = -1e30  # nats: single precision holds it
NEAR = 6.0  # nats from the best child: those are candidates at once; the others if they come to be among the best


@dataclass(kw_only=True)
class Frontier:
    """What may still come first, and what it costs to know more.

    tree: what was read; candidates: what may be read next; rest: by node, the ids (C,) of the children that are
    candidates, where the others are not yet; finished: what is known to be finished; best_cut: the most that a
    beginning could come to that was too long to follow, nats.
    seen_worths: what the phrases seen that are worth most come to by their counts, nats, by what they begin with and
    the character after it; others_seen: the most that all other phrases seen come to, nats.
    """

    reader: Reader
    query: Query
    options: SearchOptions
    tree: Tree = field(init=False)
    candidates: Candidates = field(default_factory=Candidates)
    rest: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    finished: Finished = field(init=False)
    expansions: int = 0
    best_cut: float = -np.inf
    seen_worths: dict[tuple[int, ...], dict[int, float]] = field(default_factory=dict)
    others_seen: float = np.inf

    def __post_init__(self) -> None:
        self.tree = Tree(self.reader.network.state_width)
        self.finished = Finished(options=self.options, ahead=tuple(self.query.ahead))

    def expect(self, mixture: Mixture, best: BestSeen) -> list[SeenPhrase]:
        """Bound the search by the phrases seen that are worth most; give those of them that it can reach."""
        self.others_seen = best.others
        for ids, seen, cost in best.phrases:
            worth = mixture.log_share(seen) + cost
            for at, following in enumerate(ids):
                worths = self.seen_worths.setdefault(ids[:at], {})
                worths[following] = max(worth, worths.get(following, -np.inf))
        return self.finished.expect(mixture, best.phrases)

    @property
    def is_long(self) -> bool:
        """Whether so much was read that better bounds pay, though they cost a call of their own."""
        return self.expansions >= LONG

    def more(self) -> bool:
        """Tell whether a candidate may still come before what is known to be finished."""
        return self.candidates.best() > self.finished.floor

    def expand(self) -> None:
        """Ask the network what follows the best candidates."""
        together = TOGETHER if self.expansions < LATER else TOGETHER_LATER
        allowed = min(together, self.options.max_expansions - self.expansions)
        taken = self.candidates.take(allowed, self.finished.floor)
        if len(rest := (taken["symbol"] == REST).nonzero()[0]):
            for node in taken["parent"][rest].tolist():
                self.spread_rest(node)
            taken = np.delete(taken, rest)
        if len(taken):
            parents, context = taken["parent"], self.options.context
            ids = [
                (*self.tree.ids[parent], symbol)
                for parent, symbol in zip(parents.tolist(), taken["symbol"].tolist(), strict=True)
            ]
            beginnings = [context + each for each in ids] if context else ids
            rows, states = self.reader.step(beginnings, self.tree.states[parents])
            self.expansions += len(taken)
            self.spread(self.add(taken, ids, rows, states), rows)

    def add(
        self,
        beginnings: NDArray[np.void],
        ids: Sequence[tuple[int, ...]],
        rows: NDArray[np.float32],
        states: NDArray[np.float32],
    ) -> NDArray[np.int64]:
        """Add beginnings (B,) that were just read to the tree, and give their numbers (B,)."""
        tree, boundary, arcs = self.tree, self.options.boundary, self.query.arcs
        parents, places = beginnings["parent"].tolist(), beginnings["place"].tolist()
        for each, parent, place in zip(ids, parents, places, strict=True):
            free, begun = parent != ROOT and tree.free[parent], parent != ROOT and tree.begun[parent]
            if boundary is not None and each and not boundary[each[-1]]:
                begun = begun or free or each != self.finished.ahead[: len(each)]
            tree.note(each, free=free or arcs(place) is None, begun=begun)
        return tree.add(beginnings, rows, states)

    def spread(self, nodes: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Make candidates of what may follow nodes that were just read, and keep those that may end.

        Args:
            nodes: (B,) of the tree.
            rows: (B, V) what the network says of what follows each, nats.
        """
        free = np.array([self.tree.free[node] for node in nodes.tolist()])
        if free.all():
            self.spread_free(nodes, rows)
            return
        for number in (~free).nonzero()[0].tolist():
            node = int(nodes[number])
            arcs = self.query.arcs(int(self.tree.nodes["place"][node]))
            if arcs is not None:
                self.spread_arcs(node, arcs)
        if free.any():
            self.spread_free(nodes[free], rows[free])

    def spread_free(self, nodes: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Make candidates of what may follow nodes after which anything may, all in one run; see ``spread``."""
        beginnings = self.tree.nodes[nodes]
        own, costs = beginnings["model"], beginnings["cost"]
        behind = own + costs
        seen = seen_below(self.options.mixture, beginnings["position"], rows, own, costs)
        self.end(nodes, rows, own, costs, seen.ends)
        floor = self.finished.floor
        near = np.maximum(behind, seen.tops) - NEAR  # no child is more probable than what it is a child of
        if (near > floor).any():
            near = np.maximum(rows[:, SYMBOLS:].max(axis=1) + behind, seen.tops) - NEAR
        limits = np.maximum(near, floor)
        # Sums in single precision may fall a little short; those kept are summed again.
        within = rows >= np.maximum(limits - behind - SLACK, LEAST_ROW).astype(np.float32)[:, None]
        found = join(seen.children, below(*self.alone(nodes, within, seen.children), rows, own, costs))
        found = found.of(((found.scores >= limits[found.numbers]) & (found.scores > floor)).nonzero()[0])
        self.queue_children(nodes, found)
        if len(left := (near > floor).nonzero()[0]):
            for number in left.tolist():
                self.rest[int(nodes[number])] = found.ids[found.numbers == number]
            self.queue(near[left], parent=nodes[left], symbol=REST)

    def spread_rest(self, node: int) -> None:
        """Make candidates of those children of a node that were too far below the best of them."""
        nodes, rows = np.array([node]), self.tree.rows[node][None]
        beginnings = self.tree.nodes[nodes]
        own, costs = beginnings["model"], beginnings["cost"]
        children = seen_below(self.options.mixture, beginnings["position"], rows, own, costs).children
        within = np.ones(rows.shape, dtype=np.bool_)
        found = join(children, below(*self.alone(nodes, within, children), rows, own, costs))
        others = (found.scores > self.finished.floor) & ~np.isin(found.ids, self.rest.pop(node))
        found = found.of(others.nonzero()[0])
        self.queue_children(nodes, found)

    def queue_children(self, nodes: NDArray[np.int64], found: Below) -> None:
        """Make candidates of children of nodes (B,) after which anything may follow."""
        parents = nodes[found.numbers]
        beginnings = self.tree.nodes[parents]
        self.queue(
            found.scores,
            model=found.models,
            cost=beginnings["cost"],
            position=found.positions,
            parent=parents,
            symbol=found.ids,
            place=beginnings["place"],
        )

    def alone(
        self, nodes: NDArray[np.int64], within: NDArray[np.bool_], seen: Below
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give, of children that a mask (B, V) holds, those that can be and that no phrase seen goes on with.

        Returns:
            (C,) which of the nodes, and the character.
        """
        within[:, :SYMBOLS] = False
        within[seen.numbers, seen.ids] = False
        if self.options.boundary is not None:
            begun = [number for number, node in enumerate(nodes.tolist()) if self.tree.begun[node]]
            within[np.array(begun, dtype=np.int64)[:, None], np.flatnonzero(self.options.boundary)] = False
        return np.divmod(within.ravel().nonzero()[0], within.shape[1])

    def end(
        self,
        nodes: NDArray[np.int64],
        rows: NDArray[np.float32],
        own: NDArray[np.float64],
        costs: NDArray[np.float64],
        seen: NDArray[np.float64],
    ) -> None:
        """Keep nodes as finished phrases where they may end; ``seen`` (B,) is what their counts are worth, nats."""
        boundary, ids = self.options.boundary, self.tree.ids
        if boundary is None:
            models = own + rows[:, END_ID]
            scores = np.logaddexp(models, seen) + costs
            for number in (scores > self.finished.floor).nonzero()[0].tolist():
                found = (scores.item(number), models.item(number), seen.item(number))
                self.finished.add(Found(ids[nodes[number]], *found))
            return
        for number, node in enumerate(nodes.tolist()):
            if self.tree.begun[node]:
                # Rounding must not lift a sum above its node: the search rests on scores that only fall.
                ends = min(float(np.logaddexp.reduce(rows[number, boundary].astype(np.float64))), 0.0)
                model = own.item(number) + ends
                self.finished.add(Found(ids=ids[node], score=model + costs.item(number), model=model))

    def spread_arcs(self, node: int, arcs: Arcs, left_out: int | None = None) -> None:
        """Make candidates of what the query admits after a node, but for the one arc that is left out."""
        beginning, row = self.tree.nodes[node], self.tree.rows[node]
        models = beginning["model"] + row[arcs.ids].astype(np.float64)
        seen = seen_after(self.options.mixture, int(beginning["position"]), arcs.ids)
        costs = beginning["cost"] + arcs.costs.astype(np.float64)
        scores = np.logaddexp(models, seen.shares) + costs
        ids = self.tree.ids[node]
        if self.options.boundary is None:
            for end in (arcs.ids == END_ID).nonzero()[0].tolist():
                found = (scores.item(end), models.item(end), seen.shares.item(end))
                self.finished.add(Found(ids, *found))
        # Of the phrases seen below, few are admitted; those are known, or known to come to no more than the others.
        worths = np.minimum(seen.shares + costs, self.others_seen)
        for following, worth in self.seen_worths.get(ids, {}).items():
            worths[arcs.ids == following] = worth
        scores = np.logaddexp(models + costs, worths)
        kept = (scores > self.finished.floor) & (arcs.ids != END_ID)
        if left_out is not None:
            kept[left_out] = False
        kept = kept.nonzero()[0]
        self.queue(
            scores[kept],
            model=models[kept],
            cost=costs[kept],
            position=seen.positions[kept],
            parent=node,
            symbol=arcs.ids[kept],
            place=arcs.places[kept],
        )

    def queue(self, scores: NDArray[np.float64], **fields: NDArray[np.generic] | float) -> None:
        """Make candidates (C,) with these scores, nats, and these fields of ``BEGINNING``, if they are not too long."""
        if not len(scores):
            return
        room = self.candidates.add(scores, self.finished.floor)
        for name, values in fields.items():
            room[name] = values
        if self.tree.deepest >= self.finished.longest:
            deep = np.array([len(self.tree.ids[node]) >= self.finished.longest for node in room["parent"].tolist()])
            self.best_cut = max(self.best_cut, float(scores.max(initial=-np.inf, where=deep)))
            self.candidates.drop(deep)
