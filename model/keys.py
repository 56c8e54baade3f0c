"""The keys that type every character that a model knows, and the characters found by them.

Legend: V vocabulary size (the three symbols and the characters), A characters found, L key letters.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import SYMBOLS
from model.hangul import initial, is_consonant, is_syllable, is_vowel, keystrokes, neighbours, to_hangul_keys, to_latin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from model.alphabet import Alphabet

LAST_CODE_POINT = "\U0010ffff"
SAME, OTHER_CASE, NEIGHBOUR, OTHER = range(4)  # how a key relates to another, as native/slips.c numbers it


@dataclass(frozen=True, kw_only=True)
class KeyTable:
    """The characters of an alphabet by the string of keys that types each.

    key_strings: (V,) by id, none for the three symbols; longest: keys in the longest of them.
    sorted_keys: (V - 3,) the key strings in order; sorted_ids: (V - 3,) int64, whose they are.
    ids_by_keys: the ids of each whole key string.
    letters: the number of each key letter, 1 to L; numbers: (V, longest) uint16 of the keys of each, 0 beyond the last.
    """

    key_strings: tuple[str, ...]
    longest: int
    sorted_keys: tuple[str, ...]
    sorted_ids: NDArray[np.int64]
    ids_by_keys: dict[str, tuple[int, ...]]
    letters: dict[str, int]
    numbers: NDArray[np.uint16]

    def going_on(self, keys: str) -> NDArray[np.int64]:
        """Find the characters whose key strings begin with these and are longer: (A,) ids, by their key strings."""
        first = bisect_right(self.sorted_keys, keys)
        return self.sorted_ids[first : bisect_right(self.sorted_keys, keys + LAST_CODE_POINT, lo=first)]


@dataclass(frozen=True, kw_only=True)
class AlphabetKeys:
    """An alphabet as keyboards write it.

    strokes: by ``keystrokes``; presses: by ``key_presses``, the same for both keyboards.
    relations: of the letters of ``strokes`` to each key that may be typed, "" for any other; see ``relations_of``.
    ids_by_folded: the letters that come large and small, by what ``fold`` makes of them; cased: all of them.
    ids_by_initial: (A,) int64 each, the syllables with that initial consonant.
    white_space: ids; letters: the ids of Hangul letters that stand alone; hangul: (V,) whether a character is Hangul;
    unshifted: (V,) whether it is a large letter which the Hangul keyboard does not tell from the small one.
    """

    strokes: KeyTable
    presses: KeyTable
    relations: dict[str, bytes]
    ids_by_folded: dict[str, tuple[int, ...]]
    cased: frozenset[int]
    ids_by_initial: dict[str, NDArray[np.int64]]
    white_space: tuple[int, ...]
    letters: frozenset[int]
    hangul: NDArray[np.bool_]
    unshifted: NDArray[np.bool_]


def alphabet_keys(alphabet: Alphabet) -> AlphabetKeys:
    """Find the keys of every character of an alphabet: once for each model loaded."""
    characters = list(enumerate(alphabet.characters, start=SYMBOLS))
    cased = [(fold(character), i) for i, character in characters if has_case(character)]
    by_initial = group((initial(character) or "", i) for i, character in characters if is_syllable(character))
    strokes = key_table(alphabet, keystrokes)
    return AlphabetKeys(
        strokes=strokes,
        presses=key_table(alphabet, key_presses),
        relations=relations_of(strokes.letters),
        ids_by_folded=group(cased),
        cased=frozenset(i for _, i in cased),
        ids_by_initial={consonant: np.array(ids, dtype=np.int64) for consonant, ids in by_initial.items()},
        white_space=tuple(i for i, character in characters if character.isspace()),
        letters=frozenset(i for i, character in characters if is_lone_letter(character)),
        hangul=mask(alphabet, is_hangul),
        unshifted=mask(alphabet, lambda character: character.isupper() and key_presses(character).islower()),
    )


def mask(alphabet: Alphabet, rule: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Tell of every id whether its character keeps to a rule: (V,), False for the three symbols."""
    return np.array([False] * SYMBOLS + [rule(character) for character in alphabet.characters])


def key_table(alphabet: Alphabet, write: Callable[[str], str]) -> KeyTable:
    """Write every character of an alphabet as keys, and order them."""
    key_strings = ("",) * SYMBOLS + tuple(write(character) for character in alphabet.characters)
    in_order = sorted(range(SYMBOLS, len(key_strings)), key=key_strings.__getitem__)
    longest = max(len(keys) for keys in key_strings)
    letters = {letter: number for number, letter in enumerate(sorted(set("".join(key_strings))), start=1)}
    numbers = np.zeros((len(key_strings), longest), dtype=np.uint16)
    for i, keys in enumerate(key_strings):
        numbers[i, : len(keys)] = [letters[key] for key in keys]
    return KeyTable(
        key_strings=key_strings,
        longest=longest,
        sorted_keys=tuple(key_strings[i] for i in in_order),
        sorted_ids=np.array(in_order, dtype=np.int64),
        ids_by_keys=group((key_strings[i], i) for i in range(SYMBOLS, len(key_strings))),
        letters=letters,
        numbers=numbers,
    )


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


def group(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Gather the ids of each name, in the order in which they come."""
    groups: dict[str, list[int]] = {}
    for name, i in pairs:
        groups.setdefault(name, []).append(i)
    return {name: tuple(ids) for name, ids in groups.items()}
