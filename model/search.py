"""Best-first search: the most probable ways to finish what was typed, proven so.

A log-probability is never above 0, and of the phrases below a node of the index none has a count above the largest, so
a beginning bounds all that it can become; when no beginning comes above the K-th best of the finished phrases, nothing
unfinished can overtake them. The best beginnings are read several in a call.

Legend: K completions.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model.frontier import Frontier
from model.seen import best_seen, score_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.finished import Found, SearchOptions
    from model.memory import Reader
    from model.query import Query
    from model.seen import SeenPhrase


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The phrases found, best first; ``exact`` when none that was left out could stand among them."""

    found: tuple[Found, ...]
    exact: bool
    expansions: int


def search(reader: Reader, query: Query, options: SearchOptions, known: Sequence[Found] = ()) -> SearchResult:
    """Find the best completions of a query.

    Args:
        reader: of the network that gives log-probabilities of what comes next.
        query: what was typed.
        options: how far to look.
        known: phrases that another query of what was typed found.

    Returns:
        The top K of those known and of all phrases that the query admits; ``exact`` is False if a bound was met before
        that was proven.
    """
    mixture, fill = options.mixture, options.expansions_to_fill
    best_of_seen = None
    if mixture is not None:
        best_of_seen = best_seen(mixture, query, options.limit, deadline=options.deadline)
        if fill is not None and best_of_seen.others == -math.inf and len(best_of_seen.phrases) < options.limit:
            options = replace(options, max_expansions=min(options.max_expansions, fill))
    frontier = Frontier(reader=reader, query=query, options=options)
    for found in known:
        frontier.know(found)
    seen = [] if best_of_seen is None else frontier.expect(best_of_seen)
    proven = time.perf_counter() < options.deadline
    if proven:
        frontier.begin()
    while proven and frontier.more():
        proven = frontier.expansions < options.max_expansions and time.perf_counter() < options.deadline
        if proven:
            frontier.expand()
    if not proven:
        add_seen(frontier, seen)
    best = tuple(frontier.found()[: options.limit])
    worst = best[-1].score if len(best) == options.limit else -math.inf
    cut = frontier.best_cut
    uncut = cut == -math.inf or cut < worst
    return SearchResult(found=best, exact=proven and uncut, expansions=frontier.expansions)


def add_seen(frontier: Frontier, seen: Sequence[SeenPhrase]) -> None:
    """Add phrases seen that search did not reach yet."""
    mixture = frontier.options.mixture
    reached = {found.ids for found in frontier.found()}
    missed = [each for each in seen if each.ids not in reached]
    if mixture is not None:
        for found in score_seen(frontier.reader.network, mixture, missed, deadline=frontier.options.deadline):
            frontier.know(found)
