"""Slips of the keys: beginnings of phrases seen that are one or two edits away from what was typed.

The walk that finds them is compiled, ``native/slips.c``: what promises most comes first, so nothing is left out unless
a bound is met.

Legend: L key letters of an alphabet, n keys typed, K beginnings found.
"""

from __future__ import annotations

import math
import time
from ctypes import addressof, byref
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.channel import Correction
from model.hangul import keystrokes
from model.native.library import Made, SlipQuestion, address, checked, core

if TYPE_CHECKING:
    from model.channel import ChannelCosts
    from model.keys import AlphabetKeys
    from model.phrases import PhraseIndex

FEWEST_KEYS = 4  # with fewer, every word is a slip away from every other
KEYS_FOR_TWO = 9
# Children of nodes that a walk looks at, at most: some 0.2 ms for one edit, 0.6 for two. Of 6,000 walks through 38,000
# and 295,000 phrases none had more than 11,415; see decisions/0007.
MOST_CHILDREN = 12_000
SLICE = 2000  # children looked at between two looks at the clock
NO_SYMBOL = -1


def edits_for(typed: str) -> int:
    """Tell how many slips to allow for in what was typed: 0 below four keys, then 1, and 2 from nine keys on."""
    keys = len(keystrokes(typed))
    if keys < FEWEST_KEYS:
        return 0
    return 1 if keys < KEYS_FOR_TWO else 2


class Slips(NamedTuple):
    """Beginnings that may have been meant, best first; ``in_time`` if the deadline did not end the walk for them."""

    corrections: tuple[Correction, ...]
    in_time: bool


def find_slips(
    index: PhraseIndex,
    keys: AlphabetKeys,
    typed: str,
    *,
    edits: int,
    costs: ChannelCosts,
    most: int,
    least_count: float = 0.0,
    least_worth: float = -math.inf,
    deadline: float = math.inf,
) -> Slips:
    """Find the beginnings of phrases seen that may have been meant.

    A beginning ends with the character in which the last key typed is matched, and may have keys beyond it. An edit is
    a key put in, left out or changed, or two neighbours exchanged. Those of two edits are given where there is none of
    one, and only if they begin with the key that was typed first. A walk that has looked at ``MOST_CHILDREN`` ends with
    what it found; until then it leaves out nothing but what cannot be among the best, and, if most or least_worth bound
    it, what only goes on from a beginning that is worth as much. Letters may differ in case, at its cost.

    Args:
        index: of phrases seen.
        keys: of its alphabet.
        typed: what was typed, at least one character.
        edits: E, the most to allow for, 1 or 2.
        costs: of the channel.
        most: K, beginnings wanted, at least 1: the best by cost and by the count of the most frequent phrase that
            begins so.
        least_count: phrases seen less often are passed over.
        least_worth: so are beginnings that come to less by their cost and the log of the largest count below, nats.
        deadline: when to give those found, by ``time.perf_counter``, seconds.
    """
    slips = Slips(corrections=(), in_time=True)
    strokes = keystrokes(typed)
    unlike = keys.relations[""]
    question = SlipQuestion(
        phrases=addressof(index.tables),
        numbers=address(keys.strokes.numbers),
        relations=b"".join([keys.relations.get(key, unlike) for key in strokes]),
        longest=keys.strokes.longest,
        row=len(unlike),
        typed=len(strokes),
        most=most,
        budget=MOST_CHILDREN,
        other_case=costs.case,
        slip=costs.slip,
        neighbour=costs.slip_neighbour,
        transposition=costs.transposition,
        at_start=costs.slip_at_start,
        least_count=least_count,
        least_worth=least_worth,
    )
    for allowed in range(1, edits + 1):  # where one edit was not enough, there are two
        question.edits = allowed
        slips = walk(question, deadline)
        if slips.corrections or not slips.in_time:
            break
    return slips


def walk(question: SlipQuestion, deadline: float) -> Slips:
    """Find the beginnings with some edits, at most as many as the question allows.

    Raises:
        MemoryError: there is not enough.
    """
    made = Made("slips", byref(question))
    in_time = time.perf_counter() < deadline
    while in_time and checked(core().machim_slips_run(made.address, SLICE)):
        in_time = time.perf_counter() < deadline
    costs = np.empty(question.most, dtype=np.float32)
    symbols = np.full((question.most, question.typed + question.edits), NO_SYMBOL, dtype=np.int32)
    found = core().machim_slips_give(made.address, address(costs), address(symbols), symbols.shape[1])
    pairs = zip(symbols[:found].tolist(), costs[:found].tolist(), strict=True)
    corrections = tuple(Correction(ids=tuple(i for i in ids if i != NO_SYMBOL), cost=cost) for ids, cost in pairs)
    return Slips(corrections=corrections, in_time=in_time)
