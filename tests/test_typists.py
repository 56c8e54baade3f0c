"""How phrases are typed when they are not simply begun."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.channel import KINDS
from model.hangul import keystrokes
from training.protocol import cut_phrases
from training.tables import WAYS
from training.typists import (
    TYPISTS,
    type_half_a_syllable,
    type_in_other_case,
    type_initials,
    type_on_wrong_keyboard,
    type_with_a_slip,
)

SYLLABLES = st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=2, max_size=6)
MIXED = st.text(alphabet="서울특별시 강ㅋabZ1!", min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("phrase", "prefix", "typed"),
    [
        ("서울", "서", "서우"),
        ("바삼", "바", "바사"),
        ("가구", "가", "각"),  # the consonant goes onto the syllable before it
        ("서울 강남", "서울 ", "서울 가"),
        ("고과", "고", "고고"),  # a compound vowel is two keys
        ("값없다", "값", "값업"),
        ("서울", "", "ㅅ"),
        ("서울 a", "서울", None),
        ("서울", "서울", None),
    ],
)
def test_the_last_syllable_is_typed_but_for_its_last_key(phrase: str, prefix: str, typed: str | None) -> None:
    assert type_half_a_syllable(phrase, prefix) == typed


@given(phrase=SYLLABLES)
@settings(deadline=None)
def test_half_a_syllable_is_one_key_short_of_the_whole(phrase: str) -> None:
    typed = type_half_a_syllable(phrase, phrase[:1])
    assert typed is not None
    whole = keystrokes(phrase[:2])
    assert keystrokes(typed) == whole[:-1]


@pytest.mark.parametrize(
    ("prefix", "typed"),
    [
        ("New y", "nEW Y"),
        ("서울 A1", "서울 a1"),
        ("Ωm", "ωM"),
        ("서울 12", None),
        ("東京", None),
        ("Straß", None),  # ß is SS
        ("", None),
    ],
)
def test_the_other_case_changes_every_letter_that_has_one(prefix: str, typed: str | None) -> None:
    assert type_in_other_case(prefix + "...", prefix) == typed


@pytest.mark.parametrize(
    ("phrase", "typed"),
    [
        ("장바구니", "ㅈㅂㄱㄴ"),
        ("삼성 전자", "ㅅㅅㅈㅈ"),
        ("까치 집", "ㄲㅊㅈ"),
        ("서울역 2번 Exit", "ㅅㅇㅇ2ㅂExit"),
        ("서울", None),
        ("서울 ab", None),
    ],
)
def test_initials_stand_for_syllables_and_spaces_are_dropped(phrase: str, typed: str | None) -> None:
    assert type_initials(phrase, phrase[:1]) == typed


@pytest.mark.parametrize(
    ("prefix", "typed"),
    [
        ("한글", "gksrmf"),
        ("까 1", "Rk 1"),
        ("hello", "ㅗ디ㅣㅐ"),
        ("gksrmf", "한글"),
        ("한a", None),
        ("12 ", None),
        ("東京", None),
    ],
)
def test_the_wrong_keyboard_changes_one_script_into_the_other(prefix: str, typed: str | None) -> None:
    assert type_on_wrong_keyboard(prefix + "...", prefix) == typed


def edits(one: str, other: str) -> int:
    """Count the least substitutions, insertions, deletions and transpositions of neighbours (Damerau 1964)."""
    table = {(row, 0): row for row in range(len(one) + 1)} | {(0, column): column for column in range(len(other) + 1)}
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            table[row, column] = min(
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (one[row - 1] != other[column - 1]),
            )
            if row > 1 and column > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
                table[row, column] = min(table[row, column], table[row - 2, column - 2] + 1)
    return table[len(one), len(other)]


@given(phrase=st.one_of(SYLLABLES, MIXED))
@settings(deadline=None)
def test_a_slip_is_one_edit_of_the_keystrokes_and_always_the_same(phrase: str) -> None:
    typed = type_with_a_slip(phrase, phrase)
    keys = keystrokes(phrase)
    if typed is None:
        assert len(keys) < 4 or len(set(keys)) == 1
    else:
        assert edits(keys, keystrokes(typed)) == 1
        assert typed == type_with_a_slip(phrase, phrase)


def test_every_slip_is_as_likely_as_every_other() -> None:
    """Expected 500 of each of four; a deviation of 100 is five standard deviations: once in a million by luck."""
    met: Counter[str] = Counter()
    for number in range(2000):
        phrase = f"abcdefgh {number}"
        typed = type_with_a_slip(phrase, "abcdefgh") or ""
        same = Counter(typed) == Counter("abcdefgh")
        met["transposition" if same else str(len(typed))] += 1
    assert set(met) == {"transposition", "7", "8", "9"}
    assert all(abs(number - 500) < 100 for number in met.values())


def test_a_short_prefix_and_equal_keys_have_no_slip_to_make() -> None:
    assert type_with_a_slip("서울", "서") is None  # two keystrokes
    assert type_with_a_slip("값이", "값") is not None  # four
    typed = {type_with_a_slip(f"aaaa{number}", "aaaa") for number in range(40)}
    assert None in typed  # nothing to exchange
    assert "aaa" in typed


def test_there_is_a_typist_with_a_name_for_every_kind_of_match_that_is_not_exact() -> None:
    assert ["exact", *TYPISTS] == list(KINDS)
    assert list(WAYS) == list(TYPISTS)


@given(phrases=st.lists(st.one_of(SYLLABLES, MIXED), max_size=5))
@settings(deadline=None)
def test_every_typist_types_something_that_is_not_the_plain_prefix(phrases: list[str]) -> None:
    for phrase, prefix in cut_phrases(phrases):
        for typist in TYPISTS.values():
            typed = typist(phrase, prefix)
            assert typed is None or (typed and typed != prefix) or keystrokes(prefix) != keystrokes(typed)
