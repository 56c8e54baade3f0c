"""The keys that type every character that a model knows, and the characters found by them.

Legend: V vocabulary size (the three symbols and the characters), A characters found, L key letters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import SYMBOLS
from model.hangul import initial, is_consonant, is_syllable, is_vowel, keystrokes, neighbours, to_hangul_keys, to_latin
from model.native.library import AlphabetTables, GroupTables, KeyTables, address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from model.alphabet import Alphabet

NO_LETTER = 0xFFFF  # the number of a key that types no character of an alphabet
NO_GROUP = -1  # of native/readings.h
SAME, OTHER_CASE, NEIGHBOUR, OTHER = range(4)  # how a key relates to another, as native/slips.c numbers it
LETTER, CASED, HANGUL, UNSHIFTED = 1, 2, 4, 8  # what a character is, as native/readings.h marks it


@dataclass(frozen=True, kw_only=True)
class KeyTable:
    """The characters of an alphabet by the string of keys that types each.

    letters: the number of each key letter, 1 to L, in their order; numbers: (V, longest) uint16 of the keys of each
    character, 0 beyond the last, and for the three symbols; in_order: (V - 3,) int32, the ids by their key strings.
    """

    letters: dict[str, int]
    numbers: NDArray[np.uint16]
    in_order: NDArray[np.int32]

    @property
    def longest(self) -> int:
        """The most keys that a character takes."""
        return int(self.numbers.shape[1])

    def tables(self) -> KeyTables:
        """Tell where the arrays lie in memory."""
        return KeyTables(address(self.numbers), address(self.in_order), self.longest, len(self.in_order))


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Characters by what they have in common.

    numbers: of each group, by its name; firsts: (groups + 1,) int32, the first of each in ids, and the end; ids: int32.
    """

    numbers: dict[str, int]
    firsts: NDArray[np.int32]
    ids: NDArray[np.int32]

    def tables(self) -> GroupTables:
        """Tell where the arrays lie in memory."""
        return GroupTables(address(self.firsts), address(self.ids))


@dataclass(frozen=True, kw_only=True)
class AlphabetKeys:
    """An alphabet as keyboards write it.

    strokes: by ``keystrokes``; presses: by ``key_presses``, the same for both keyboards.
    relations: of the letters of ``strokes`` to each key that may be typed, "" for any other; see ``relations_of``.
    folded: the letters that come large and small, by what ``fold`` makes of them; initials: the syllables by their
    initial consonant; white_space: (A,) int32 ids; marks: (V,) uint8, what each character is; see ``marks_of``.
    tables: where the arrays lie in memory.
    """

    strokes: KeyTable
    presses: KeyTable
    relations: dict[str, bytes]
    folded: Groups
    initials: Groups
    white_space: NDArray[np.int32]
    marks: NDArray[np.uint8]
    tables: AlphabetTables = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tables = AlphabetTables(
            strokes=self.strokes.tables(),
            presses=self.presses.tables(),
            folded=self.folded.tables(),
            initials=self.initials.tables(),
            white_space=address(self.white_space),
            marks=address(self.marks),
            white_spaces=len(self.white_space),
            vocabulary=len(self.marks),
        )
        object.__setattr__(self, "tables", tables)


def alphabet_keys(alphabet: Alphabet) -> AlphabetKeys:
    """Find the keys of every character of an alphabet: once for each model loaded."""
    characters = list(enumerate(alphabet.characters, start=SYMBOLS))
    strokes = key_table(alphabet, keystrokes)
    return AlphabetKeys(
        strokes=strokes,
        presses=key_table(alphabet, key_presses),
        relations=relations_of(strokes.letters),
        folded=group((fold(character), i) for i, character in characters if has_case(character)),
        initials=group((initial(character) or "", i) for i, character in characters if is_syllable(character)),
        white_space=np.array([i for i, character in characters if character.isspace()], dtype=np.int32),
        marks=np.array([0] * SYMBOLS + [marks_of(character) for character in alphabet.characters], dtype=np.uint8),
    )


def marks_of(character: str) -> int:
    """Mark what a character is.

    ``LETTER``: a Hangul letter by itself; ``CASED``: a letter that comes large and small; ``HANGUL``: a syllable or a
    letter; ``UNSHIFTED``: a large letter which the Hangul keyboard does not tell from the small one.
    """
    marks = LETTER * is_lone_letter(character) + CASED * has_case(character) + HANGUL * is_hangul(character)
    return marks + UNSHIFTED * (character.isupper() and key_presses(character).islower())


def key_table(alphabet: Alphabet, write: Callable[[str], str]) -> KeyTable:
    """Write every character of an alphabet as keys, and order them."""
    key_strings = [""] * SYMBOLS + [write(character) for character in alphabet.characters]
    letters = {letter: number for number, letter in enumerate(sorted(set("".join(key_strings))), start=1)}
    numbers = np.zeros((len(key_strings), max(map(len, key_strings))), dtype=np.uint16)
    for i, keys in enumerate(key_strings):
        numbers[i, : len(keys)] = [letters[key] for key in keys]
    in_order = sorted(range(SYMBOLS, len(key_strings)), key=key_strings.__getitem__)
    return KeyTable(letters=letters, numbers=numbers, in_order=np.array(in_order, dtype=np.int32))


def relations_of(letters: dict[str, int]) -> dict[str, bytes]:
    """Tell how numbered key letters relate to the keys that may be typed for them.

    Returns:
        (L + 1,) bytes by the key typed, one for each letter's number and the first for none: ``SAME``; ``OTHER_CASE``
        of the same letter; ``NEIGHBOUR`` by ``neighbours``; else ``OTHER``. "" stands for keys that are like no letter.
    """
    like = {other for letter in letters for other in (letter, letter.swapcase(), *neighbours(letter))}
    relations = {"": bytes([OTHER] * (len(letters) + 1))}
    for key in like:
        row = bytearray(relations[""])
        pairs = [(beside, NEIGHBOUR) for beside in neighbours(key)] + [(key.swapcase(), OTHER_CASE), (key, SAME)]
        for letter, relation in pairs:
            if letter in letters:
                row[letters[letter]] = relation
        relations[key] = bytes(row)
    return relations


def key_presses(text: str) -> str:
    """Name the keys that type a text, whichever keyboard is on, by Latin letters: 한, gks and GKS all are gks.

    As many as ``keystrokes`` gives. Capitals are told apart where the Hangul keyboard does so: R is ㄲ, r is ㄱ.
    """
    return to_latin(to_hangul_keys(text))


def fold(character: str) -> str:
    """Give the letter that stands for both cases: the small one, where that is one character."""
    small = character.lower()
    return small if len(small) == 1 else character


def has_case(character: str) -> bool:
    """Tell whether a character is a letter that comes large and small."""
    return character.lower() != character.upper()


def is_lone_letter(character: str) -> bool:
    """Tell whether a character is a Hangul letter by itself, be it a compound such as ㄳ or ㅘ."""
    first = keystrokes(character)[0]
    return not is_syllable(character) and (is_consonant(first) or is_vowel(first))


def is_hangul(character: str) -> bool:
    """Tell whether a character is a Hangul syllable or letter."""
    return is_syllable(character) or is_lone_letter(character)


def group(pairs: Iterable[tuple[str, int]]) -> Groups:
    """Gather the ids of each name, in the order in which they come."""
    groups: dict[str, list[int]] = {}
    for name, i in pairs:
        groups.setdefault(name, []).append(i)
    return Groups(
        numbers={name: number for number, name in enumerate(groups)},
        firsts=np.array(list(accumulate(map(len, groups.values()), initial=0)), dtype=np.int32),
        ids=np.array([i for ids in groups.values() for i in ids], dtype=np.int32),
    )
