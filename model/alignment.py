"""Which characters of a phrase stand for what was typed; the compiled core finds it (native/alignment.c)."""

from __future__ import annotations

from ctypes import byref, c_double
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import code_points
from model.native.library import address, checked, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.native.library import Made

NO_MATCH = -1  # of native/alignment.c
NO_CODE_POINT = -1  # of native/readings.h


class Alignment(NamedTuple):
    """The best way to take a phrase for what was typed.

    cost: log P(typed | phrase), nats; kind: index in ``KINDS``; matched: (characters,) whether each stands for what was
    typed; unknown: (characters,) the code point of what was typed for an unknown one, else none.
    """

    cost: float
    kind: int
    matched: list[bool]
    unknown: list[int]

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Give where characters are matched, as spans as long as can be: the first, and past the last."""
        spans: list[tuple[int, int]] = []
        for at, matched in enumerate(self.matched):
            if matched:
                first = spans.pop()[0] if spans and spans[-1][1] == at else at
                spans.append((first, at + 1))
        return tuple(spans)


def align(made: Made, ids: Sequence[int], text: str | None) -> Alignment | None:
    """Find the best way for a phrase, as far as to where all that was typed is matched.

    Args:
        made: the query of what was typed.
        ids: (characters,) of the phrase.
        text: the phrase, to tell unknown characters from each other; None to take each for the one that was typed.

    Returns:
        None if the phrase does not match.
    """
    phrase, cost = np.array(ids, dtype=np.int32), c_double()
    matched, unknown = np.empty(len(ids), dtype=np.bool_), np.empty(len(ids), dtype=np.int32)
    points = None if text is None else code_points(text)
    given = (len(ids), address(phrase), None if points is None else address(points))
    kind = checked(core().machim_query_align(made.address, *given, byref(cost), address(matched), address(unknown)))
    return None if kind == NO_MATCH else Alignment(cost.value, kind, matched.tolist(), unknown.tolist())
