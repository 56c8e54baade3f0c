"""The frontier of a best-first search: beginnings of phrases, each with the most that it can come to.

The compiled core keeps it (native/frontier.c, native/search.c); here it meets the network and the query.

Legend: B nodes read together, V vocabulary size, S state width, K completions.
"""

from __future__ import annotations

from ctypes import addressof, byref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.finished import Found, SearchOptions
from model.native.library import Made, MixtureNumbers, SearchTables, Wanted, address, checked, core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.memory import Reader
    from model.query import Query
    from model.seen import BestSeen, SeenPhrase

TOGETHER = 8  # nodes read in one call: more waste nodes, fewer waste calls
TOGETHER_LATER = 16  # the same of a long search, once so many were read:
LATER = 24
NEAR = 6.0  # nats from the best child: those are candidates at once; the others if they come to be among the best


@dataclass(kw_only=True)
class Frontier:
    """What may still come first, and what it costs to know more.

    reader: of the network; query: what was typed; expansions: nodes that the network was asked about.
    ids: the characters of each node, by number; states: (S,) after each; rows: what the network said, which the core
    reads where it lies; others: phrases found elsewhere, of which the first has the number -1, the next -2.
    taken: (2, B) parents and symbols of candidates, and where they are written; ahead: ids that were typed.
    kept: what else the core looks at.
    """

    reader: Reader
    query: Query
    options: SearchOptions
    expansions: int = 0
    ids: list[tuple[int, ...]] = field(default_factory=list)
    states: list[NDArray[np.float32]] = field(default_factory=list)
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    others: list[tuple[int, ...]] = field(default_factory=list)
    made: Made = field(init=False)
    taken: NDArray[np.int64] = field(init=False)
    written: tuple[int, ...] = field(init=False)
    ahead: NDArray[np.int32] = field(init=False)
    kept: tuple[NDArray[np.generic] | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        options, mixture = self.options, self.options.mixture
        ahead = np.array(self.query.ahead, dtype=np.int32)
        boundary = None if options.boundary is None else options.boundary.view(np.uint8)
        self.ahead, self.kept = ahead, (boundary, options.folded)
        wanted = Wanted(
            folded=None if options.folded is None else address(options.folded),
            ahead=address(ahead),
            ahead_count=len(ahead),
            limit=options.limit,
            longest=len(ahead) + options.max_characters,
            may_be_typed=options.finished,
            only_if_seen=mixture is not None,
        )
        tables = SearchTables(
            phrases=None if mixture is None else addressof(mixture.index.tables),
            query=self.query.made.address,
            boundary=None if boundary is None else address(boundary),
            mixture=MixtureNumbers() if mixture is None else mixture.numbers,
            wanted=wanted,
            near=NEAR,
        )
        self.made = Made("search", byref(tables))
        self.taken = np.empty((2, max(TOGETHER, TOGETHER_LATER)), dtype=np.int64)
        self.written = tuple(map(address, self.taken))

    def know(self, found: Found) -> None:
        """Add a finished phrase that was found elsewhere."""
        self.others.append(found.ids)
        ids = np.array(found.ids, dtype=np.int32)
        scores = (found.score, found.model, found.seen)
        checked(core().machim_search_know(self.made.address, address(ids), len(ids), *scores, -len(self.others)))

    def expect(self, best: BestSeen) -> list[SeenPhrase]:
        """Bound the search by the phrases seen that are worth most; give those of them that it can reach."""
        lengths = np.array([len(each.ids) for each in best.phrases], dtype=np.int32)
        ids = np.array([i for each in best.phrases for i in each.ids], dtype=np.int32)
        counts, costs = np.array([each.seen for each in best.phrases]), np.array([each.cost for each in best.phrases])
        reached = np.empty(len(lengths), dtype=np.uint8)
        arrays = map(address, (lengths, counts, costs, ids))
        checked(core().machim_search_expect(self.made.address, len(lengths), *arrays, best.others, address(reached)))
        return [each for each, can in zip(best.phrases, reached.tolist(), strict=True) if can]

    def begin(self) -> None:
        """Read the start and what was typed in one call; queue what follows and what may have been meant instead."""
        ahead = self.ahead
        typed = checked(core().machim_query_admits(self.query.made.address, address(ahead), len(ahead)))
        context, ids = self.options.context, tuple(ahead[:typed].tolist())
        rows, states = self.reader.read(context + ids, len(context))
        self.expansions += 1
        self.ids = [ids[:end] for end in range(len(ids) + 1)]
        self.keep(rows, states)
        given = (address(ahead), address(self.rows[-1]), rows.shape[1])
        checked(core().machim_search_begin(self.made.address, typed, *given))

    def keep(self, rows: NDArray[np.float32], states: NDArray[np.float32]) -> None:
        """Keep what the network said: rows (B, V) and states (B, S)."""
        self.rows.append(np.ascontiguousarray(rows))
        self.states.extend(states)

    def more(self) -> bool:
        """Tell whether a candidate may still come before what is known to be finished."""
        return bool(checked(core().machim_search_more(self.made.address)))

    def expand(self) -> None:
        """Ask the network what follows the best candidates."""
        together = TOGETHER if self.expansions < LATER else TOGETHER_LATER
        allowed = min(together, self.options.max_expansions - self.expansions)
        taken = checked(core().machim_search_take(self.made.address, allowed, *self.written))
        before, symbols = self.taken[:, :taken].tolist()
        ids = [(*self.ids[parent], symbol) for parent, symbol in zip(before, symbols, strict=True)]
        context = self.options.context
        beginnings = [context + each for each in ids] if context else ids
        rows, states = self.reader.step(beginnings, np.array([self.states[parent] for parent in before]))
        self.expansions += taken
        self.ids += ids
        self.keep(rows, states)
        checked(core().machim_search_add(self.made.address, address(self.rows[-1])))

    @property
    def best_cut(self) -> float:
        """The most that a beginning could come to that was too long to follow, nats."""
        cut: float = core().machim_search_best_cut(self.made.address)
        return cut

    def found(self) -> list[Found]:
        """Give all finished phrases that are known, of each name the best, best first."""
        count = core().machim_search_count(self.made.address)
        references, scores = np.empty(count, dtype=np.int32), np.empty((3, count))
        core().machim_search_give(self.made.address, address(references), *map(address, scores))
        found = [
            Found(self.ids[reference] if reference >= 0 else self.others[-reference - 1], *each)
            for reference, each in zip(references.tolist(), scores.T.tolist(), strict=True)
        ]
        return sorted(found, key=lambda each: -each.score)
