"""The noisy channel between a phrase that is meant and what is typed: kinds of match, and what each costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from model.errors import InputError

KINDS = ("exact", "partial", "case", "initials", "keyboard", "slip")  # the earlier is preferred at the same cost
EXACT, PARTIAL, CASE, INITIALS, KEYBOARD, SLIP = range(len(KINDS))


@dataclass(frozen=True, kw_only=True)
class ChannelCosts:
    """What it costs to take what was typed for something else: log P(typed | phrase), nats, never above 0.

    partial: a syllable typed becomes another, once; lone_letter: each letter that stands alone in the phrase where a
    syllable was typed; case: each letter of the other case; initials: each syllable for its initial consonant;
    initials_inside: what that adds where a syllable is typed later, since ㅋㅋ before a word is laughter;
    initials_unseen: for a phrase never seen where initials come last: people know well what they type so;
    keyboard: the wrong keyboard, once; keyboard_key: not to have seen it, each key; unswitched: each letter then that
    the keyboard which was on does type; slip: a keystroke put in, left out or changed; slip_neighbour: changed for a
    key beside it or its shift; transposition: two keystrokes exchanged; slip_at_start: what a slip at the first adds.

    Raises:
        InputError: a cost is above 0 or not finite.
    """

    partial: float = -3.0
    lone_letter: float = -6.0
    case: float = -1.5
    initials: float = -1.5
    initials_inside: float = -6.0
    initials_unseen: float = -3.0
    keyboard: float = -5.0
    keyboard_key: float = -0.75
    unswitched: float = -3.0
    slip: float = -9.0
    slip_neighbour: float = -7.5
    transposition: float = -8.0
    slip_at_start: float = -3.0

    def __post_init__(self) -> None:
        for each in fields(self):
            if not -math.inf < getattr(self, each.name) <= 0:
                raise InputError(f"{each.name} must be finite and at most 0, got {getattr(self, each.name)}")


DEFAULT_COSTS = ChannelCosts()


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A beginning of phrases that may have been meant: its characters' ids, and log P(typed | beginning), nats.

    Raises:
        InputError: there is no character, or the cost is above 0.
    """

    ids: tuple[int, ...]
    cost: float

    def __post_init__(self) -> None:
        if not self.ids or not -math.inf < self.cost <= 0:
            raise InputError(f"a correction must have ids and a finite cost of at most 0, got {self.ids}, {self.cost}")


@dataclass(frozen=True, kw_only=True)
class Match:
    """How a phrase matches what was typed.

    kind: the name of it; cost: log P(typed | phrase), nats; highlight: where in the phrase stands what was typed, as
    spans of code points, first and past the last.
    """

    kind: str
    cost: float
    highlight: tuple[tuple[int, int], ...]
