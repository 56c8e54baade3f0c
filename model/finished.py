"""Finished phrases: the best that a search knows, and what anything else must come above to be among them.

Legend: V vocabulary size, K completions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from model.mixture import Mixture
    from model.seen import SeenPhrase

ROUNDING = 1e-6  # nats: more than sums in another order can differ by


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
    folded: (V,), an id for each character, the same for those that are not told apart; of phrases alike but for these
    only the best is given, and white space at their ends (id -1) does not count. None tells all apart.
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
    folded: tuple[int, ...] | None = None
    finished: bool = True


@dataclass(kw_only=True)
class Finished:
    """The best phrases that are known to be finished.

    ahead: the ids that were typed.
    floor: the K-th best of all that is known, nats: what comes below it is not wanted; scores: that it is made of, by
    ``name``, be they those of phrases found or what phrases will come to at least; found: the best of each name;
    typed_name: what was typed; longest: characters of a phrase that is wanted.
    """

    options: SearchOptions
    ahead: tuple[int, ...]
    floor: float = -np.inf
    scores: dict[tuple[int, ...], float] = field(default_factory=dict)
    found: dict[tuple[int, ...], Found] = field(default_factory=dict)
    typed_name: tuple[int, ...] = field(init=False)
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        self.typed_name = self.name(self.ahead)
        self.longest = len(self.ahead) + self.options.max_characters

    def name(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Give what a phrase shares with those that are not told apart from it."""
        return ids if self.options.folded is None else folded_name(self.options.folded, ids)

    def add(self, found: Found) -> None:
        """Keep a finished phrase, if it may be given, is wanted, and is the best of its name."""
        if found.score < self.floor or found.score == -np.inf:
            return
        name = self.name(found.ids)
        if not self.may_be_given(found.ids, name, found.seen):
            return
        if name not in self.found or found.score > self.found[name].score:
            self.found[name] = found
            self.note(name, found.score)

    def expect(self, mixture: Mixture, phrases: Iterable[SeenPhrase]) -> list[SeenPhrase]:
        """Raise the floor to what phrases seen will come to at least; give those of them that search can reach."""
        reached: list[SeenPhrase] = []
        for each in phrases:
            name, worth = self.name(each.ids), mixture.log_share(each.seen)
            if len(each.ids) <= self.longest and self.may_be_given(each.ids, name, worth):
                reached.append(each)
                self.note(name, worth + each.cost - ROUNDING)
        return reached

    def may_be_given(self, ids: tuple[int, ...], name: tuple[int, ...], seen: float) -> bool:
        """Tell whether a phrase of a name is a completion; ``seen`` is what its count is worth, nats."""
        if not ids:
            return False  # nothing at all is no completion of nothing
        if name != self.typed_name:
            return True
        return self.options.finished and (self.options.mixture is None or seen > -np.inf)

    def note(self, name: tuple[int, ...], score: float) -> None:
        """Remember what a finished phrase comes to, or that it will come to as much."""
        if score > self.scores.get(name, -np.inf):
            self.scores[name] = score
            if len(self.scores) >= self.options.limit:
                self.floor = sorted(self.scores.values(), reverse=True)[self.options.limit - 1]
                self.scores = {name: score for name, score in self.scores.items() if score >= self.floor}

    def best(self) -> list[Found]:
        """Give the best of the phrases found, at most K, best first."""
        return sorted(self.found.values(), key=lambda each: -each.score)[: self.options.limit]


def folded_name(folded: Sequence[int], ids: Sequence[int]) -> tuple[int, ...]:
    """Give what phrases share that are not told apart: their folded ids (V,), but for white space at the end."""
    name = [folded[i] for i in ids]
    while name and name[-1] < 0:
        name.pop()
    return tuple(name)
