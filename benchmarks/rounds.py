"""Contenders that take turns: each is asked all prefixes in every round, a few at a time.

Legend: R rounds, N prefixes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Reply = TypeVar("Reply")
TURN = (
    25  # prefixes: so long that one finds its own weights in the cache again, so short that all meet the same machine
)


@dataclass(kw_only=True)
class Contender(Generic[Reply]):
    """One of those that are compared.

    prepare: makes ready for a prefix, and gives the call that is timed; replies: of the first round, N in the order of
    the prefixes; times: R arrays (N,), ms.
    """

    name: str
    prepare: Callable[[str], Callable[[], Reply]]
    replies: list[Reply] = field(default_factory=list)
    times: list[NDArray[np.float64]] = field(default_factory=list)

    def ask(self, prefixes: Sequence[str]) -> list[float]:
        """Ask some prefixes, and give how long each took, ms; the first round's replies are kept."""
        elapsed = []
        for prefix in prefixes:
            call = self.prepare(prefix)
            began = time.perf_counter()
            reply = call()
            elapsed.append((time.perf_counter() - began) * 1000)
            if not self.times:
                self.replies.append(reply)
        return elapsed


def race(contenders: Sequence[Contender[Any]], prefixes: Sequence[str]) -> None:
    """Run one round: contenders take turns, and who comes first changes from turn to turn.

    Args:
        contenders: keep what they replied and how long they took.
        prefixes: N of them.
    """
    elapsed: list[list[float]] = [[] for _ in contenders]
    for turn, first in enumerate(range(0, len(prefixes), TURN)):
        for place in range(len(contenders)):
            chosen = (place + turn) % len(contenders)
            elapsed[chosen] += contenders[chosen].ask(prefixes[first : first + TURN])
    for contender, times in zip(contenders, elapsed, strict=True):
        contender.times.append(np.array(times))
