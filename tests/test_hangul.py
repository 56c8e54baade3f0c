"""Hangul becomes keys and keys become Hangul, as keyboards and input methods do it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from model.hangul import (
    COMPOUNDS,
    CONSONANT_KEYS,
    VOWEL_KEYS,
    Composer,
    compose,
    initial,
    initials,
    is_consonant,
    is_syllable,
    is_vowel,
    keystrokes,
    to_compatibility,
)

SYLLABLES = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
COMPATIBILITY = [chr(code) for code in range(ord("ㄱ"), ord("ㅣ") + 1)]
CONJOINING = [chr(code) for first, last in ("ᄀᄒ", "ᅡᅵ", "ᆨᇂ") for code in range(ord(first), ord(last) + 1)]
KEYS = sorted(CONSONANT_KEYS | VOWEL_KEYS)

hangul = st.text(st.sampled_from([*SYLLABLES[::37], "까", "과", "값", "각", "아", *COMPATIBILITY, *" a1🙂"]))
pressed = st.text(st.sampled_from([*KEYS, *"ㄱㅅㅂㄹㅗㅏㅣ" * 3, *" a🙂"]), max_size=20)


def code_name(character: str) -> str:
    """Name a jamo whatever its form: HANGUL LETTER A and HANGUL JUNGSEONG A are A."""
    return unicodedata.name(character).split()[-1]


def name_keys(syllable: str) -> list[str]:
    """Name the keys of a syllable by its canonical decomposition, each doubled consonant as the one key that it is."""
    keys: list[str] = []
    for jamo in unicodedata.normalize("NFD", syllable):
        letter = unicodedata.lookup("HANGUL LETTER " + code_name(jamo))
        keys.extend(COMPOUNDS.get(letter, letter))
    return keys


def test_every_syllable_is_the_keys_of_its_canonical_decomposition() -> None:
    assert len(SYLLABLES) == 11_172
    assert [list(keystrokes(syllable)) for syllable in SYLLABLES] == [name_keys(syllable) for syllable in SYLLABLES]


def test_every_syllable_comes_back_from_its_keys() -> None:
    assert [compose(keystrokes(syllable)) for syllable in SYLLABLES] == SYLLABLES
    assert len({keystrokes(syllable) for syllable in SYLLABLES}) == len(SYLLABLES)


def test_a_cluster_is_named_for_the_two_keys_that_type_it() -> None:
    for compound, keys in COMPOUNDS.items():
        if compound < "ㅏ":
            assert code_name(compound) == "-".join(map(code_name, keys))
    assert sorted(CONSONANT_KEYS | VOWEL_KEYS | set(COMPOUNDS)) == COMPATIBILITY


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("한", "ㅎㅏㄴ"),
        ("값", "ㄱㅏㅂㅅ"),
        ("과", "ㄱㅗㅏ"),
        ("깎", "ㄲㅏㄲ"),
        ("얘", "ㅇㅒ"),
        ("뷁", "ㅂㅜㅔㄹㄱ"),
        ("ㄱ", "ㄱ"),
        ("ㄳ", "ㄱㅅ"),
        ("ㅘ", "ㅗㅏ"),
        ("ㅋㅋㅋ", "ㅋㅋㅋ"),
        ("아ㅋㅋ", "ㅇㅏㅋㅋ"),
        ("BTS 콘서트 2024", "BTS ㅋㅗㄴㅅㅓㅌㅡ 2024"),
        ("👩‍👩‍👧가", "👩‍👩‍👧ㄱㅏ"),
        ("", ""),
        ("é e\u0301 漢字 かな", "é e\u0301 漢字 かな"),
        ("\u1100", "ㄱ"),
        ("\u11aa", "ㄱㅅ"),
        ("가\u11a8", "ㄱㅏㄱ"),
        ("\u1112\u119e\u11ab", "ㅎ\u119eㄴ"),
        ("\u3164ㆍㅿ\u115f\u1113\u11c3", "\u3164ㆍㅿ\u115f\u1113\u11c3"),
    ],
)
def test_texts_become_keystrokes(text: str, keys: str) -> None:
    assert keystrokes(text) == keys


@given(hangul)
def test_decomposed_text_has_the_keystrokes_and_initials_of_composed_text(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert keystrokes(decomposed) == keystrokes(text)
    assert keystrokes(to_compatibility(decomposed)) == keystrokes(text)
    assert initials(decomposed) == initials(text)


@given(st.text(), st.text())
def test_the_keystrokes_of_two_texts_are_those_of_each(one: str, other: str) -> None:
    assert keystrokes(one + other) == keystrokes(one) + keystrokes(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_not_hangul_stays(text: str) -> None:
    kept = "".join(character for character in text if "HANGUL" not in unicodedata.name(character, ""))
    assert keystrokes(kept) == kept


@given(st.text(st.sampled_from(SYLLABLES)))
def test_every_text_of_syllables_comes_back_from_its_keys(text: str) -> None:
    assert compose(keystrokes(text)) == text


@given(hangul)
def test_a_text_comes_back_as_what_types_the_same_keys(text: str) -> None:
    """Lone jamo may join what stands beside them: 아ㅋㅋ and 앜ㅋ are typed alike, and the input method shows one."""
    once = compose(keystrokes(text))
    assert keystrokes(once) == keystrokes(text)
    assert compose(keystrokes(once)) == once


# As libhangul 0.1.0 composes them (keyboard "2", lone consonants not combined), which agreed on 100,000 random
# sequences too; input methods differ on the last three.
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("ㄱㅏㄱㅏ", "가가"),
        ("ㄱㅏㄱㅇㅏ", "각아"),
        ("ㄱㅏㄱㅅㅏ", "각사"),
        ("ㄱㅏㅂㅅ", "값"),
        ("ㄱㅏㅂㅅㅗ", "갑소"),
        ("ㄱㅏㅂㅅㅅㅗ", "값소"),
        ("ㄱㅏㄲ", "갂"),
        ("ㄱㅏㄲㅏ", "가까"),
        ("ㄱㅗㅏ", "과"),
        ("ㄱㅗㅏㄴㅏ", "과나"),
        ("ㅗㅏ", "ㅘ"),
        ("ㅏㄱ", "ㅏㄱ"),
        ("ㅏㄱㅏ", "ㅏ가"),
        ("ㅏㅏ", "ㅏㅏ"),
        ("ㄱㅏㅏ", "가ㅏ"),
        ("ㄱㅏㄸ", "가ㄸ"),
        ("ㄱㅏㄸㅏ", "가따"),
        ("ㅋㅋㅋ", "ㅋㅋㅋ"),
        ("ㅇㅏㅋㅋ", "앜ㅋ"),
        ("ㄱㅏㄴ ㅏ", "간 ㅏ"),
        ("ㄱㅏㄴ1ㄷㅏ", "간1다"),
        ("ㄱㅅㅏ", "ㄱ사"),
        ("ㄱㅏㄱㄱ", "각ㄱ"),
        ("ㄱㅅ", "ㄱㅅ"),
        ("ㅗㅏㅣ", "ㅘㅣ"),
    ],
)
def test_keys_are_composed_as_an_input_method_does(keys: str, text: str) -> None:
    assert compose(keys) == text


@pytest.mark.parametrize(("keys", "text"), [("", ""), ("ㄱㅘ", "ㄱㅘ"), ("가ㄱ", "가ㄱ"), ("👩‍👩‍👧", "👩‍👩‍👧")])
def test_what_is_no_key_letter_stands_for_itself(keys: str, text: str) -> None:
    assert compose(keys) == text


@given(pressed)
def test_the_text_shown_is_typed_by_the_keys_pressed_at_every_key(keys: str) -> None:
    composer = Composer()
    for count, key in enumerate(keys, start=1):
        composer.press(key)
        assert composer.text == compose(keys[:count])
        assert keystrokes(composer.text) == keys[:count]


def test_a_phrase_grows_key_by_key() -> None:
    composer = Composer()
    shown = []
    for key in "ㄱㅗㅏㅇㅈㅜ ㄷㅏㄹㄱㅂㅏㄹ":
        composer.press(key)
        shown.append(composer.text)
    assert shown == [
        *("ㄱ", "고", "과", "광", "광ㅈ", "광주", "광주 "),
        *("광주 ㄷ", "광주 다", "광주 달", "광주 닭", "광주 닭ㅂ", "광주 닭바", "광주 닭발"),
    ]


def test_backspace_takes_a_key_of_the_syllable_composed_and_a_whole_character_before_it() -> None:
    composer = Composer()
    for key in "ㄷㅏㄹㄱㄱㅗㅏㅂㅅ":
        composer.press(key)
    shown = [composer.text]
    for _ in range(7):
        composer.backspace()
        shown.append(composer.text)
    assert shown == ["닭괎", "닭괍", "닭과", "닭고", "닭ㄱ", "닭", "", ""]


def test_a_final_that_moved_on_does_not_move_back() -> None:
    """As libhangul does: what was finished stays so, and the next consonant stands alone."""
    composer = Composer()
    for key in "ㄱㅏㄴㅏ":
        composer.press(key)
    composer.backspace()
    assert composer.text == "가ㄴ"
    composer.backspace()
    composer.press("ㄴ")
    assert composer.text == "가ㄴ"
    composer.press("ㅣ")
    assert composer.text == "가니"


@given(pressed)
def test_backspace_takes_back_the_last_key_wherever_a_syllable_is_composed(keys: str) -> None:
    composer = Composer()
    for key in keys:
        composer.press(key)
    was_composing = bool(composer.composing)
    composer.backspace()
    if was_composing:
        assert keystrokes(composer.text) == keys[:-1]
    else:
        assert composer.text == compose(keys)[:-1]


@pytest.mark.parametrize("key", ["", "ㄱㅏ"])
def test_what_is_not_one_key_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="key must be one character, got"):
        Composer().press(key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("삼성 전자", "ㅅㅅ ㅈㅈ"),
        ("장바구니", "ㅈㅂㄱㄴ"),
        ("아ㅋㅋ BTS🙂", "ㅇㅋㅋ BTS🙂"),
        ("까치 힣", "ㄲㅊ ㅎ"),
        ("", ""),
    ],
)
def test_initials_stand_for_syllables(text: str, expected: str) -> None:
    assert initials(text) == expected


def test_the_initial_of_every_syllable_is_its_first_key() -> None:
    assert [initial(syllable) for syllable in SYLLABLES] == [keystrokes(syllable)[0] for syllable in SYLLABLES]


@pytest.mark.parametrize("character", ["", "ㄱ", "a", "\u1100", chr(ord("가") - 1), chr(ord("힣") + 1), "가나"])
def test_what_is_no_syllable_has_no_initial(character: str) -> None:
    assert not is_syllable(character)
    assert initial(character) is None


def test_every_jamo_is_a_consonant_key_a_vowel_key_or_two_keys() -> None:
    assert "".join(filter(is_consonant, COMPATIBILITY)) == "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
    assert "".join(filter(is_vowel, COMPATIBILITY)) == "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ"
    assert not any(is_consonant(other) or is_vowel(other) for other in ["", "ㄱㄲ", "ㅏㅐ", "가", "a", "\u1100"])


def test_every_modern_conjoining_jamo_has_the_compatibility_jamo_of_its_name() -> None:
    assert len(CONJOINING) == 67
    assert [code_name(to_compatibility(jamo)) for jamo in CONJOINING] == [code_name(jamo) for jamo in CONJOINING]
    assert all("LETTER" in unicodedata.name(to_compatibility(jamo)) for jamo in CONJOINING)
    assert to_compatibility("가a\u1113") == "가a\u1113"
