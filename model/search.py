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

import numpy as np

from model.alphabet import BEGIN_ID
from model.frontier import Frontier
from model.seen import BestSeen, best_seen, score_seen
from model.seen_below import seen_after
from model.tree import BEGINNING, ROOT, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.finished import Found, SearchOptions
    from model.memory import Reader
    from model.query import Arcs, Query
    from model.seen import SeenPhrase


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The phrases found, best first; ``exact`` when none that was left out could stand among them."""

    found: tuple[Found, ...]
    exact: bool
    expansions: int


def begin(frontier: Frontier) -> None:
    """Read the start and what was typed in one call, and queue what follows and what may have been meant instead."""
    query, options = frontier.query, frontier.options
    steps: list[tuple[Arcs, int]] = []  # the arcs of each place on the way, and which of them leads on
    place = 0
    for character in query.ahead:
        arcs = query.arcs(place)
        ahead = [] if arcs is None else np.flatnonzero(arcs.ids == character).tolist()
        if arcs is None or not ahead:
            break
        steps.append((arcs, ahead[0]))
        place = int(arcs.places[ahead[0]])
    context = options.context
    ids = (*context, *(int(arcs.ids[index]) for arcs, index in steps))
    rows, states = frontier.reader.read(ids, len(context))
    frontier.expansions += 1
    beginnings = np.zeros(len(steps) + 1, dtype=BEGINNING)
    model = 0.0 if options.mixture is None else options.mixture.log_model_share
    position = UNSEEN if options.mixture is None else options.mixture.index.root
    beginnings[0] = (model, 0.0, position, ROOT, BEGIN_ID, 0)
    cost = 0.0
    for node, (arcs, index) in enumerate(steps):
        model += rows.item(node, int(arcs.ids[index]))
        cost += float(arcs.costs[index])
        position = int(seen_after(options.mixture, position, arcs.ids[index : index + 1]).positions[0])
        beginnings[node + 1] = (model, cost, position, node, arcs.ids[index], arcs.places[index])
    typed = ids[len(context) :]
    nodes = frontier.add(beginnings, [typed[:end] for end in range(len(typed) + 1)], rows, states)
    for node, (arcs, index) in enumerate(steps):
        if len(arcs.ids) > 1:
            frontier.spread_arcs(node, arcs, left_out=index)
    frontier.spread(nodes[-1:], rows[-1:])


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
    best_of_seen, mixture, fill = BestSeen([], math.inf), options.mixture, options.expansions_to_fill
    if mixture is not None:
        best_of_seen = best_seen(mixture, query, options.limit, deadline=options.deadline)
        if fill is not None and best_of_seen.others == -math.inf and len(best_of_seen.phrases) < options.limit:
            options = replace(options, max_expansions=min(options.max_expansions, fill))
    frontier = Frontier(reader=reader, query=query, options=options)
    finished = frontier.finished
    for found in known:
        finished.add(found)
    seen = [] if mixture is None else frontier.expect(mixture, best_of_seen)
    proven = time.perf_counter() < options.deadline
    if proven:
        begin(frontier)
    while proven and frontier.more():
        if seen and frontier.is_long:
            add_seen(frontier, seen)  # what they come to as a whole is the better bound
            seen = []
        proven = frontier.expansions < options.max_expansions and time.perf_counter() < options.deadline
        if proven:
            frontier.expand()
    if not proven:
        add_seen(frontier, seen)
    best = tuple(finished.best())
    worst = best[-1].score if len(best) == options.limit else -np.inf
    uncut = frontier.best_cut == -np.inf or frontier.best_cut < worst
    return SearchResult(found=best, exact=proven and uncut, expansions=frontier.expansions)


def add_seen(frontier: Frontier, seen: Sequence[SeenPhrase]) -> None:
    """Add phrases seen that search did not reach yet."""
    mixture, finished = frontier.options.mixture, frontier.finished
    reached = {found.ids for found in finished.found.values()}
    missed = [each for each in seen if each.ids not in reached]
    if mixture is not None:
        for found in score_seen(frontier.reader.network, mixture, missed, deadline=frontier.options.deadline):
            finished.add(found)
