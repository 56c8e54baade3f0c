"""Best-first search: the most probable ways to finish what was typed, proven so.

A log-probability is never above 0, and of the phrases below a node of the index none has a count above the largest, so
when a finished phrase is the best entry of the queue, nothing that is still unfinished can overtake it. Each expanded
node keeps its children sorted and shows the queue only the best of those not yet taken, so that nothing is left out and
the queue stays short.

Legend: K completions.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID
from model.branches import UNSEEN, Branch, Found, Read
from model.frontier import Frontier, SearchOptions
from model.runtime import initial_state
from model.seen import best_seen, score_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.query import Arcs, Query
    from model.runtime import Network
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
    sequence = np.array([BEGIN_ID, *options.context, *(int(arcs.ids[index]) for arcs, index in steps)])
    rows, states = frontier.network.read(sequence[:, None], initial_state(frontier.network))
    frontier.expansions += 1
    known = len(options.context)
    share = 0.0 if options.mixture is None else options.mixture.log_model_share
    branch = Branch(
        ids=(),
        model=share + float(rows[np.arange(known), 0, sequence[1 : known + 1]].astype(np.float64).sum()),
        cost=0.0,
        place=0,
        position=UNSEEN if options.mixture is None else options.mixture.index.root,
        state=states[known, 0],
        begun=False,
    )
    for at, (arcs, index) in enumerate(steps, start=known):
        read = Read(rows[at, 0], states[at, 0])
        if len(arcs.ids) > 1:
            frontier.spread_arcs(branch, read, arcs, left_out=index)
        branch = frontier.follow(branch, read, arcs, index)
    frontier.spread([branch], rows[-1], states[-1])


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
    seen: list[SeenPhrase] = []
    if options.mixture is not None:
        most = best_seen(options.mixture, query, options.limit, deadline=options.deadline)
        seen = frontier.expect(options.mixture, most)
    proven = time.perf_counter() < options.deadline
    if proven:
        begin(frontier)
    accepted: dict[tuple[int, ...], Found] = {}  # by what they share with those that are not told apart
    while proven and frontier.heap and len(accepted) < options.limit:
        entry = frontier.heap[0][2]
        if isinstance(entry, Found):
            heapq.heappop(frontier.heap)
            accepted.setdefault(frontier.name(entry.ids), entry)
        elif -frontier.heap[0][0] < frontier.floor:
            heapq.heappop(frontier.heap)  # enough is known to be better
        elif frontier.expansions < options.max_expansions and time.perf_counter() < options.deadline:
            frontier.expand()
        else:
            proven = False
    if not proven:
        add_known(frontier, seen, accepted)
    found = tuple(accepted.values())
    worst = found[-1].score if len(found) == options.limit else -np.inf
    uncut = frontier.best_cut == -np.inf or frontier.best_cut < worst
    return SearchResult(found=found, exact=proven and uncut, expansions=frontier.expansions)


def add_known(frontier: Frontier, seen: Sequence[SeenPhrase], accepted: dict[tuple[int, ...], Found]) -> None:
    """Add the best that is known when search is cut short: what is finished, and phrases seen that it did not reach."""
    known = [queued for _, _, queued, _ in frontier.heap if isinstance(queued, Found)]
    reached = {each.ids for each in (*known, *accepted.values())}
    missed = [each for each in seen if each.ids not in reached]
    if frontier.options.mixture is not None:
        known += score_seen(frontier.network, frontier.options.mixture, missed)
    for found in sorted(known, key=lambda each: -each.score):
        if len(accepted) < frontier.options.limit:
            accepted.setdefault(frontier.name(found.ids), found)
