"""The ways to take what was typed, key by key: as it stands, or whichever keyboard was on.

What each admits of a phrase, and at what cost, native/readings.c works out.

Legend: n keys typed.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, chain
from typing import TYPE_CHECKING, NamedTuple

from model.channel import KEYBOARD
from model.hangul import compose, is_consonant, is_syllable, keystrokes, to_hangul_keys
from model.keys import NO_GROUP, NO_LETTER, fold, has_case, is_lone_letter, key_presses, marks_of
from model.native.library import ReadingTables, address_of

if TYPE_CHECKING:
    from model.alphabet import Alphabet
    from model.channel import ChannelCosts
    from model.keys import AlphabetKeys


class Reading(NamedTuple):
    """One way to take what was typed.

    keys: a ``TypedKey`` of native/readings.h for each of n; by_initials: two lone consonants or more come last; tables:
    where the keys lie in memory.
    """

    keys: array[int]
    by_initials: bool
    tables: ReadingTables


def describe_characters(typed: str, alphabet: Alphabet) -> array[int]:
    """Give a ``TypedCharacter`` of native/readings.h for each character typed."""
    ends = accumulate(len(keystrokes(character)) for character in typed)
    marks = map(marks_of, typed)
    return array(
        "i", chain.from_iterable(zip(alphabet.encode(typed).tolist(), map(ord, typed), ends, marks, strict=True))
    )


def make_reading(typed: str, *, kind: int, costs: ChannelCosts, alphabet_keys: AlphabetKeys) -> Reading:
    """Make the reading of what was typed, at least one character: as it stands, or for ``KEYBOARD`` by its keys alone.

    The first character of a phrase that is not as typed costs nothing for keys alone, which show no syllable that could
    have been meant as it stood, and where a lone Hangul letter comes last, which has to go on.
    """
    by_keys = kind == KEYBOARD
    keys = key_presses(typed) if by_keys else keystrokes(typed)
    numbers = (alphabet_keys.presses if by_keys else alphabet_keys.strokes).letters
    folded, initials = alphabet_keys.folded.numbers, alphabet_keys.initials.numbers
    owners: list[int] = []
    letters: list[str] = []
    for owner, character in enumerate(typed):
        first, size = len(owners), len(keystrokes(character))
        owners += [owner] * size
        letters += [character] * size if has_case(character) else keys[first : first + size]
    in_syllable: list[bool] = []
    inside: list[bool] = []
    for character in compose(keystrokes(to_hangul_keys(typed))) if by_keys else typed:
        size = len(keystrokes(character))
        in_syllable += [is_syllable(character)] * size
        inside += [False, *[True] * (size - 1)]
    lone = [is_consonant(key) and not within for key, within in zip(keys, in_syllable, strict=True)]
    described = zip(
        [numbers.get(key, NO_LETTER) for key in keys],
        owners,
        in_syllable,
        inside,
        lone,
        [folded.get(fold(letter), NO_GROUP) for letter in letters],
        [initials.get(key, NO_GROUP) for key in keys],
        strict=True,
    )
    kept = array("i", chain.from_iterable(described))
    partial_cost = 0.0 if by_keys or is_lone_letter(typed[-1]) else costs.partial
    tables = ReadingTables(address_of(kept), kind, len(keys), partial_cost)
    return Reading(kept, len(lone) > 1 and all(lone[-2:]), tables)
