"""Finished phrases, and how far to look for them.

Legend: V vocabulary size, K completions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture


class Found(NamedTuple):
    """One finished phrase.

    ids: its characters; score: log P(phrase) + log P(typed | phrase), nats; model, seen: the log of the two parts that
    P(phrase) is the sum of, that of the network and that of the counts, nats.
    """

    ids: tuple[int, ...]
    score: float
    model: float
    seen: float = -np.inf


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How far to look.

    limit: K, completions wanted; max_characters: the most that a phrase has more than were typed; max_expansions: nodes
    that the network is asked about; expansions_to_fill: the same if every phrase seen that the query admits is known,
    and only made-up ones can fill the list; deadline: when to stop, by ``time.perf_counter``, seconds.
    boundary: (V,), the characters before which a completion of running text ends; None for phrases, which end by
    themselves; context: ids that come before what was typed.
    mixture: with the phrases seen; None for the network alone.
    folded: (V,) int32, an id for each character, the same for those that are not told apart; of phrases alike but for
    these only the best is given, and white space at their ends (id -1) does not count. None tells all apart.
    finished: what was typed may be all that is meant, and is a completion, with a mixture only if it was seen.
    """

    limit: int
    max_characters: int
    max_expansions: int
    expansions_to_fill: int | None = None
    deadline: float = np.inf
    boundary: NDArray[np.bool_] | None = None
    context: tuple[int, ...] = ()
    mixture: Mixture | None = None
    folded: NDArray[np.int32] | None = None
    finished: bool = True


def folded_name(folded: NDArray[np.int32], ids: Sequence[int]) -> tuple[int, ...]:
    """Give what phrases share that are not told apart: their folded ids (V,), but for white space at the end."""
    name = [folded.item(i) for i in ids]
    while name and name[-1] < 0:
        name.pop()
    return tuple(name)
