"""Characters found by the keys that type them, against a look at every character."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alphabet import SYMBOLS, Alphabet, train_alphabet
from model.hangul import initial, keystrokes
from model.keys import AlphabetKeys, KeyTable, alphabet_keys, fold, is_lone_letter, key_presses

CHARACTERS = "가각간갃게고과괴ㄱㄲㄳㅏㅗㅘ삼성사 \u3000abABkKrRéÉß漢🦄7"
KEYS = "ㄱㄲㅅㅏㅗㅔaArRkK "


@pytest.fixture(scope="module")
def alphabet() -> Alphabet:
    return train_alphabet(dict.fromkeys(CHARACTERS, 1.0), character_limit=1000)


@pytest.fixture(scope="module")
def keys(alphabet: Alphabet) -> AlphabetKeys:
    return alphabet_keys(alphabet)


def ids_where(table: KeyTable, rule: Callable[[str], bool]) -> set[int]:
    return {i for i, keys in enumerate(table.key_strings) if i >= SYMBOLS and rule(keys)}


@given(prefix=st.text(KEYS, min_size=1, max_size=4), presses=st.booleans())
def test_the_characters_typed_by_these_keys_or_by_more_are_all_found_and_no_others(
    keys: AlphabetKeys, prefix: str, presses: bool
) -> None:
    table = keys.presses if presses else keys.strokes
    found = table.going_on(prefix)
    assert found.dtype == np.int64
    assert len(found) == len(set(found.tolist()))
    assert set(found.tolist()) == ids_where(table, lambda each: each.startswith(prefix) and each != prefix)
    assert set(table.ids_by_keys.get(prefix, ())) == ids_where(table, lambda each: each == prefix)


def test_every_character_has_its_own_keys_and_the_symbols_have_none(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for table, write in ((keys.strokes, keystrokes), (keys.presses, key_presses)):
        assert table.key_strings[:SYMBOLS] == ("",) * SYMBOLS
        assert table.key_strings[SYMBOLS:] == tuple(write(character) for character in alphabet.characters)
        assert table.longest == max(map(len, table.key_strings))


def test_letters_of_both_cases_are_found_by_either(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for large, small in ("Aa", "Kk", "Éé"):
        assert set(keys.ids_by_folded[fold(large)]) == set(alphabet.encode(large + small).tolist())
    assert {alphabet.decode([i]) for i in keys.cased} == set("abABkKrRéÉß")


def test_syllables_are_found_by_their_initial_and_lone_letters_are_not(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for consonant, ids in keys.ids_by_initial.items():
        assert set(alphabet.decode(ids.astype(np.int32))) == {c for c in CHARACTERS if initial(c) == consonant}
    assert set(keys.ids_by_initial) == {"ㄱ", "ㅅ"}
    assert {alphabet.decode([i]) for i in keys.letters} == set("ㄱㄲㄳㅏㅗㅘ")
    assert {alphabet.decode([i]) for i in keys.white_space} == {" ", "\u3000"}


@pytest.mark.parametrize(
    ("text", "presses"),
    [("한글", "gksrmf"), ("gksrmf", "gksrmf"), ("GKS", "gks"), ("까R", "RkR"), ("ㅘ값", "hkrkqt"), ("é漢7 ", "é漢7 ")],
)
def test_presses_are_the_same_whichever_keyboard_was_on(text: str, presses: str) -> None:
    assert key_presses(text) == presses


@pytest.mark.parametrize(("character", "folded"), [("A", "a"), ("É", "é"), ("İ", "İ"), ("가", "가"), ("ß", "ß")])
def test_a_letter_is_folded_only_to_one_character(character: str, folded: str) -> None:
    assert fold(character) == folded


@pytest.mark.parametrize(("character", "lone"), [("ㄱ", True), ("ㄳ", True), ("ㅘ", True), ("가", False), ("a", False)])
def test_hangul_letters_by_themselves_are_told_from_syllables(character: str, lone: bool) -> None:
    assert is_lone_letter(character) == lone
