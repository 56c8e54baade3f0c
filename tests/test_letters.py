"""The letters of every character of an alphabet, against its canonical decomposition."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from model.alphabet import SYMBOLS, train_alphabet
from training.letters import letters_of

INITIALS, VOWELS, FINALS = slice(0, 19), slice(19, 40), slice(40, 68)
FIRST_CONJOINING = ((0x1100, 0), (0x1161, 19), (0x11A7, 40))  # of each kind, and its column; U+11A7 stands for no final
SYLLABLES = "".join(chr(code) for code in range(ord("가"), ord("힣") + 1))


def columns(characters: str) -> list[list[int]]:
    """Give the columns that are 1 for each character, checked to be all that is not 0."""
    alphabet = train_alphabet(dict.fromkeys(characters, 1.0), character_limit=len(characters))
    letters = letters_of(alphabet)
    assert letters.shape == (SYMBOLS + len(characters), 68)
    assert letters.dtype == np.float32
    assert set(np.unique(letters).tolist()) <= {0, 1}
    assert not letters[:SYMBOLS].any()
    return [np.flatnonzero(row).tolist() for row in letters[alphabet.encode(characters)]]


def decomposed_columns(syllable: str) -> list[int]:
    jamo = unicodedata.normalize("NFD", syllable).ljust(3, "\u11a7")
    return [ord(letter) - first + column for letter, (first, column) in zip(jamo, FIRST_CONJOINING, strict=True)]


@pytest.mark.parametrize(
    ("syllable", "letters"),
    [
        ("가", [0, 19, 40]),
        ("각", [0, 19, 41]),
        ("개", [0, 20, 40]),
        ("까", [1, 19, 40]),
        ("한", [18, 19, 44]),
        ("글", [0, 37, 48]),
        ("값", [0, 19, 58]),
        ("뷁", [7, 34, 49]),
        ("힣", [18, 39, 67]),
    ],
)
def test_a_syllable_has_its_initial_its_vowel_and_its_final(syllable: str, letters: list[int]) -> None:
    assert columns(syllable) == [letters]


def test_every_syllable_has_the_letters_of_its_canonical_decomposition() -> None:
    assert columns(SYLLABLES) == [decomposed_columns(syllable) for syllable in SYLLABLES]


def test_every_final_consonant_and_none_has_a_column_of_its_own() -> None:
    finals = "가각갂갃간갅갆갇갈갉갊갋갌갍갎갏감갑값갓갔강갖갗갘같갚갛"
    assert columns(finals) == [[0, 19, 40 + place] for place in range(28)]


def test_every_letter_is_in_as_many_syllables_as_there_are_of_the_others() -> None:
    """A vowel or a final that is always taken for the first would be in all of them."""
    counts = np.bincount(np.concatenate(columns(SYLLABLES)), minlength=68)
    assert set(counts[INITIALS].tolist()) == {21 * 28}
    assert set(counts[VOWELS].tolist()) == {19 * 28}
    assert set(counts[FINALS].tolist()) == {19 * 21}


def test_what_is_no_syllable_has_no_letters() -> None:
    """Hangul letters by themselves neither: they are not parts of a syllable."""
    others = "aZ7 .é漢かㄱㅏㄳㅘ🙂\u1100\u1161\u11a8\uabff\ud7a4\uffa1"
    assert columns(others + "가") == [[]] * len(others) + [[0, 19, 40]]
