"""Hangul as it is typed: the keys of the two-set (dubeolsik) keyboard, one letter a key.

A key letter is a compatibility jamo that one key gives, with shift or without: 19 consonants and 14 vowels. Compound
vowels and final clusters are two keys (과 is ㄱㅗㅏ, 값 is ㄱㅏㅂㅅ), doubled consonants are one (깎 is ㄲㅏㄲ).
Source: the layout of KS X 5002; syllables by the arithmetic of The Unicode Standard, section 3.12.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

from model.errors import InputError

FIRST_SYLLABLE = 0xAC00
LAST_SYLLABLE = 0xD7A3
# The modern jamo in the order of the conjoining ones, which begin at these code points.
LEADING, FIRST_LEADING = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", 0x1100
VOWELS, FIRST_VOWEL = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ", 0x1161
TRAILING, FIRST_TRAILING = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ", 0x11A8
# Clusters and compound vowels by the two keys of each.
COMPOUNDS = {
    "ㄳ": "ㄱㅅ",
    "ㄵ": "ㄴㅈ",
    "ㄶ": "ㄴㅎ",
    "ㄺ": "ㄹㄱ",
    "ㄻ": "ㄹㅁ",
    "ㄼ": "ㄹㅂ",
    "ㄽ": "ㄹㅅ",
    "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ",
    "ㅀ": "ㄹㅎ",
    "ㅄ": "ㅂㅅ",
    "ㅘ": "ㅗㅏ",
    "ㅙ": "ㅗㅐ",
    "ㅚ": "ㅗㅣ",
    "ㅝ": "ㅜㅓ",
    "ㅞ": "ㅜㅔ",
    "ㅟ": "ㅜㅣ",
    "ㅢ": "ㅡㅣ",
}
CONSONANT_KEYS = frozenset(LEADING)
VOWEL_KEYS = frozenset(VOWELS) - frozenset(COMPOUNDS)

# The keyboard from above; each row stands a little to the right of the one before it, here in widths of a key.
ROW_SHIFTS = (-0.5, 0.0, 0.25, 0.75)
LATIN_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
HANGUL_ROWS = ("1234567890", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ")
WITH_SHIFT = {"ㅂ": "ㅃ", "ㅈ": "ㅉ", "ㄷ": "ㄸ", "ㄱ": "ㄲ", "ㅅ": "ㅆ", "ㅐ": "ㅒ", "ㅔ": "ㅖ"}


def is_syllable(character: str) -> bool:
    """Tell whether a character is one of the 11,172 composed syllables."""
    return len(character) == 1 and FIRST_SYLLABLE <= ord(character) <= LAST_SYLLABLE


def is_consonant(key: str) -> bool:
    """Tell whether a letter is a consonant key; a cluster such as ㄳ is two keys, so it is none."""
    return key in CONSONANT_KEYS


def is_vowel(key: str) -> bool:
    """Tell whether a letter is a vowel key; a compound such as ㅘ is two keys, so it is none."""
    return key in VOWEL_KEYS


def letter_numbers(character: str) -> tuple[int, int, int] | None:
    """Number the three letters of a syllable; None for whatever is no syllable.

    Source: The Unicode Standard, section 3.12: syllable = (leading * 21 + vowel) * 28 + trailing + U+AC00.

    Returns:
        the place in ``LEADING``, the one in ``VOWELS``, and the one in ``TRAILING`` from 1, 0 for no final consonant.
    """
    if not is_syllable(character):
        return None
    rest, trailing = divmod(ord(character) - FIRST_SYLLABLE, len(TRAILING) + 1)
    return *divmod(rest, len(VOWELS)), trailing


def initial(character: str) -> str | None:
    """Give the initial consonant of a syllable; None for whatever is no syllable."""
    numbers = letter_numbers(character)
    return None if numbers is None else LEADING[numbers[0]]


def initials(text: str) -> str:
    """Put the initial consonant in the place of each syllable (삼성 전자 is ㅅㅅ ㅈㅈ); the rest stays, as NFC."""
    return "".join(initial(character) or character for character in unicodedata.normalize("NFC", text))


def to_compatibility(text: str) -> str:
    """Put the compatibility jamo in the place of each modern conjoining jamo; the rest, syllables too, stays."""
    return text.translate(_compatibility_table())


def keystrokes(text: str) -> str:
    """Write a text as the keys that type it: 값 ㅘ is ㄱㅏㅂㅅ ㅗㅏ.

    Syllables, conjoining jamo and compatibility jamo become key letters; any other character, archaic jamo among them,
    is its own key. The keystrokes of two texts one after the other are those of the first and then of the second.
    """
    return text if text.isascii() else text.translate(_keystroke_table())


@dataclass(kw_only=True)
class Composer:
    """A two-set input method: what stands in the box after each key.

    A vowel takes the last final key with it (각, ㅏ is 가가); a consonant pressed twice is not doubled; consonants with
    no vowel stay side by side (ㄱㅅ, where some input methods show ㄳ); a compound vowel is made of two keys only
    (ㅗㅐ is ㅙ, ㅗㅏㅣ is ㅘㅣ). So ``keystrokes`` of the text shown are the key letters pressed, in any order.

    finished: the text that no key changes any more; composing: the keys of the syllable after it.
    """

    finished: str = ""
    composing: str = ""

    @property
    def text(self) -> str:
        """All text so far, as the input method shows it."""
        return self.finished + _shown_table()[self.composing]

    def press(self, key: str) -> None:
        """Take one key; a character that is no key letter ends the syllable and stands for itself.

        Raises:
            InputError: the key is not one character.
        """
        if len(key) != 1:
            raise InputError(f"key must be one character, got {key!r}")
        shown = _shown_table()
        if self.composing + key in shown:
            self.composing += key
        elif key in VOWEL_KEYS and self.composing[-1:] in CONSONANT_KEYS:
            self.finished += shown[self.composing[:-1]]
            self.composing = self.composing[-1] + key
        elif key in shown:
            self.finished += shown[self.composing]
            self.composing = key
        else:
            self.finished += shown[self.composing] + key
            self.composing = ""

    def backspace(self) -> None:
        """Take back the last key of the syllable being composed, or where there is none the last character."""
        if self.composing:
            self.composing = self.composing[:-1]
        else:
            self.finished = self.finished[:-1]


def compose(keys: str) -> str:
    """Give the text that a two-set input method shows after these keys, by the rules of ``Composer``.

    It undoes ``keystrokes`` but for lone jamo that the same keys join to what stands beside them (아ㅋㅋ to 앜ㅋ, ㄱㅏ
    to 가, ㅗㅏ to ㅘ), and lone clusters, which come apart (ㄳ to ㄱㅅ).
    """
    composer = Composer()
    for key in keys:
        composer.press(key)
    return composer.text


def to_hangul_keys(text: str) -> str:
    """Give the key letters that Latin letters type on a Hangul keyboard: gksRmx is ㅎㅏㄴㄲㅡㅌ; all else stays.

    Seven capitals are keys of their own (Q, W, E, R, T, O, P); the others give what their small letters give.
    """
    return text.translate(_hangul_keyboard())


def to_hangul(text: str) -> str:
    """Give the text that a two-set input method shows for Latin letters typed: gksrmf is 한글."""
    return compose(to_hangul_keys(text))


def to_latin(text: str) -> str:
    """Give the Latin letters on the keys that type a Hangul text: ㅗ디ㅣㅐ is hello; all else stays."""
    return keystrokes(text).translate(_latin_keyboard())


def neighbours(key: str) -> str:
    """Give the keys that a slip of one finger gives: those that touch it on the keyboard, and shift missed (ㄱ, ㄲ).

    Args:
        key: a key letter, a Latin letter or a digit.

    Returns:
        The others of its kind and the digits, sorted; shift held down holds for both keys. Nothing for any other key.
    """
    return _neighbour_table().get(key, "")


@cache
def _compatibility_table() -> dict[int, str]:
    """Give each modern conjoining jamo its compatibility jamo: 67 code points."""
    return {
        first + place: letter
        for first, letters in ((FIRST_LEADING, LEADING), (FIRST_VOWEL, VOWELS), (FIRST_TRAILING, TRAILING))
        for place, letter in enumerate(letters)
    }


@cache
def _keystroke_table() -> dict[int, str]:
    """Give the keys of every syllable, conjoining jamo and compound."""
    parts = product(LEADING, VOWELS, ("", *TRAILING))
    syllables = {
        FIRST_SYLLABLE + place: "".join(COMPOUNDS.get(letter, letter) for letter in letters)
        for place, letters in enumerate(parts)
    }
    jamo = {code: COMPOUNDS.get(letter, letter) for code, letter in _compatibility_table().items()}
    return syllables | jamo | str.maketrans(COMPOUNDS)


@cache
def _shown_table() -> dict[str, str]:
    """Give what is shown for the keys of every syllable begun; nothing for none."""
    syllables = ((keys, chr(code)) for code, keys in _keystroke_table().items() if is_syllable(chr(code)))
    lone_vowels = ((COMPOUNDS.get(vowel, vowel), vowel) for vowel in VOWELS)
    return {"": "", **dict(zip(LEADING, LEADING, strict=True)), **dict(lone_vowels), **dict(syllables)}


@cache
def _hangul_keyboard() -> dict[int, str]:
    small = dict(zip("".join(LATIN_ROWS), "".join(HANGUL_ROWS), strict=True))
    capital = {letter.upper(): WITH_SHIFT.get(key, key) for letter, key in small.items()}
    return str.maketrans(capital | small)


@cache
def _latin_keyboard() -> dict[int, str]:
    small = dict(zip("".join(HANGUL_ROWS), "".join(LATIN_ROWS), strict=True))
    return str.maketrans(small | {shifted: small[key].upper() for key, shifted in WITH_SHIFT.items()})


@cache
def _neighbour_table() -> dict[str, str]:
    touching = {frozenset(pair) for pair in WITH_SHIFT.items()}
    shifted_rows = ["".join(WITH_SHIFT.get(key, key) for key in row) for row in HANGUL_ROWS[1:]]
    capital_rows = [row.upper() for row in LATIN_ROWS[1:]]
    for rows in (LATIN_ROWS, HANGUL_ROWS, ("", *shifted_rows), ("", *capital_rows)):  # digits have no capitals
        places = [
            (letter, row, column + shift)
            for row, (letters, shift) in enumerate(zip(rows, ROW_SHIFTS, strict=True))
            for column, letter in enumerate(letters)
        ]
        touching |= {
            frozenset((one, other))
            for (one, row, across), (other, other_row, other_across) in combinations(places, 2)
            if (row == other_row and abs(across - other_across) == 1)
            or (abs(row - other_row) == 1 and abs(across - other_across) < 1)
        }
    letters = set().union(*touching)
    return {
        letter: "".join(sorted(other for pair in touching if letter in pair for other in pair if other != letter))
        for letter in letters
    }
