"""Either layout of the keyboard gives what was meant on the other, and knows which keys touch."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hangul import CONSONANT_KEYS, VOWEL_KEYS, neighbours, to_hangul, to_hangul_keys, to_latin

SMALL = "abcdefghijklmnopqrstuvwxyz"
KEYS = sorted(CONSONANT_KEYS | VOWEL_KEYS)


def test_every_syllable_comes_back_through_the_latin_keyboard() -> None:
    syllables = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
    assert [to_hangul(to_latin(syllable)) for syllable in syllables] == syllables


@pytest.mark.parametrize(
    ("latin", "text"),
    [
        ("gksrmf", "한글"),
        ("dkssudgktpdy", "안녕하세요"),
        ("Rkfro", "깔개"),
        ("RKFRO", "깔꺠"),
        ("qnpfr 10", "뷁 10"),
        ("gksr", "한ㄱ"),
        ("QWERTOP", "ㅃㅉㄸㄲ썌ㅖ"),
        ("YUIASDFGHJKLZXCVBNM", "ㅛㅕㅑㅁㄴㅇㄹ호ㅓㅏㅣㅋㅌㅊ퓨ㅜㅡ"),
        ("한글 é漢", "한글 é漢"),
    ],
)
def test_latin_typed_for_hangul_is_what_the_hangul_keyboard_shows(latin: str, text: str) -> None:
    assert to_hangul(latin) == text


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("ㅗ디ㅣㅐ", "hello"),
        ("햐소ㅕㅠ", "github"),
        ("한글 값", "gksrmf rkqt"),
        ("ㄳ ㅢ", "rt ml"),
        ("꺆 ㅖㅒㄸㅉㅃㅆ", "RiR POEWQT"),
        ("일 1 abc É 🙂 ㆍ", "dlf 1 abc É 🙂 ㆍ"),
    ],
)
def test_hangul_typed_for_latin_is_what_the_latin_keyboard_shows(text: str, latin: str) -> None:
    assert to_latin(text) == latin
    assert to_latin(unicodedata.normalize("NFD", text).replace("E\u0301", "É")) == latin


@given(st.text(st.sampled_from(SMALL + "QWERTOP 1.🙂")))
def test_latin_letters_come_back_through_the_hangul_keyboard(latin: str) -> None:
    assert to_latin(to_hangul(latin)) == latin
    assert to_latin(to_hangul_keys(latin)) == latin


def test_each_letter_of_the_alphabet_types_a_key_of_its_own() -> None:
    """In the order of the alphabet, so that one that is out of place on the rows of the keyboard is found."""
    assert to_hangul_keys(SMALL) == "ㅁㅠㅊㅇㄷㄹㅎㅗㅑㅓㅏㅣㅡㅜㅐㅔㅂㄱㄴㅅㅕㅍㅈㅌㅛㅋ"
    assert set(to_hangul_keys(SMALL + "QWERTOP")) == CONSONANT_KEYS | VOWEL_KEYS


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("s", "adewxz"),
        ("q", "12aw"),
        ("p", "0lo"),
        ("m", "jkn"),
        ("5", "46rtㄱㅅ"),
        ("S", "ADEWXZ"),
        ("ㄴ", "ㄷㄸㅁㅇㅈㅉㅋㅌ"),
        ("ㅂ", "12ㅁㅃㅈ"),
        ("ㅃ", "ㅁㅂㅉ"),
        ("ㄲ", "ㄱㄸㄹㅆㅇ"),
        ("ㅡ", "ㅏㅓㅜ"),
        ("ㅘ", ""),
        ("가", ""),
        (" ", ""),
    ],
)
def test_neighbours_are_the_keys_that_touch_it(key: str, expected: str) -> None:
    assert neighbours(key) == "".join(sorted(expected))


@pytest.mark.parametrize("key", [*SMALL, *SMALL.upper(), *KEYS, *"0123456789"])
def test_neighbours_are_mutual_and_of_one_kind(key: str) -> None:
    assert neighbours(key)
    for other in neighbours(key):
        assert key in neighbours(other)
        assert key != other
        assert key.isascii() == other.isascii() or key.isdigit() or other.isdigit()


@pytest.mark.parametrize("letter", SMALL)
def test_hangul_keys_have_the_neighbours_of_the_latin_letters_on_their_places(letter: str) -> None:
    """But for shift: with it, or to it where it was missed."""
    latin = {to_hangul_keys(other) for other in neighbours(letter)}
    assert {
        other for other in neighbours(to_hangul_keys(letter)) if to_latin(other) == to_latin(other).lower()
    } == latin
