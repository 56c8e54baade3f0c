"""The phrases seen that a query admits, by their counts alone: no network is asked, so an answer is never far.

What counts give is less than what counts and model give together, so the K-th best of them is a floor for search; and
where search is cut short, they are what can be offered.

Legend: K phrases, V vocabulary size, T time steps.
"""

from __future__ import annotations

import ctypes
import math
import time
from ctypes import byref
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import BEGIN_ID, END_ID
from model.finished import Found
from model.native.library import Made, address, checked, core
from model.runtime import initial_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.query import Query
    from model.runtime import Network

MOST_STEPS = 20_000  # positions of the index looked at, a tenth of a microsecond each and as much for each child
LEAST_STEPS = 100  # of them, however late it is: what was seen most is found in fewer
STEPS_TOGETHER = 1000  # of them before it is looked how late it is
TOGETHER = 16  # phrases scored in one call: what the network says of all their characters is held at once


class SeenPhrase(NamedTuple):
    """A phrase seen: its ids, how often it was seen, and what it costs to take what was typed for it, nats."""

    ids: tuple[int, ...]
    seen: float
    cost: float


class BestSeen(NamedTuple):
    """The phrases seen that are worth most by their counts and what they cost, and a bound on all others.

    phrases: at most K, best first; fewer where no more are admitted or a bound was met; others: the most that any other
    phrase seen comes to, nats.
    """

    phrases: list[SeenPhrase]
    others: float


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
    numbers = mixture.numbers
    walk = Made("seen", byref(mixture.index.tables), byref(numbers), query.made.address, limit)
    until = min(LEAST_STEPS, most_steps)
    while checked(core().machim_seen_run(walk.address, until)):
        if until == most_steps or time.perf_counter() >= deadline:
            break
        until = min(until + STEPS_TOGETHER, most_steps)
    return BestSeen(found_of(walk), core().machim_seen_others(walk.address))


def found_of(walk: Made) -> list[SeenPhrase]:
    """Give the phrases that a walk found, best first."""
    characters = ctypes.c_int64()
    found = core().machim_seen_count(walk.address, byref(characters))
    lengths, ids = np.empty(found, dtype=np.int32), np.empty(characters.value, dtype=np.int32)
    counts, costs = np.empty(found), np.empty(found)
    core().machim_seen_give(walk.address, address(lengths), address(counts), address(costs), address(ids))
    phrases, first, flat = [], 0, ids.tolist()
    for length, count, cost in zip(lengths.tolist(), counts.tolist(), costs.tolist(), strict=True):
        phrases.append(SeenPhrase(tuple(flat[first : first + length]), count, cost))
        first += length
    return phrases


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
