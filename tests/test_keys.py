"""Characters found by the keys that type them, against a look at every character."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alphabet import SYMBOLS, UNKNOWN_ID, Alphabet, train_alphabet
from model.hangul import compose, initial, keystrokes
from model.keys import (
    CASED,
    LETTER,
    AlphabetKeys,
    Groups,
    KeyTable,
    alphabet_keys,
    fold,
    is_lone_letter,
    key_presses,
)
from model.typed import typed_query

CHARACTERS = "가각간갃게고과괴ㄱㄲㄳㅏㅗㅘ삼성사 \u3000abABkKrRéÉß漢🦄7"
KEYS = "ㄱㄲㅅㅏㅗㅔaArRkK "


@pytest.fixture(scope="module")
def alphabet() -> Alphabet:
    return train_alphabet(dict.fromkeys(CHARACTERS, 1.0), character_limit=1000)


@pytest.fixture(scope="module")
def keys(alphabet: Alphabet) -> AlphabetKeys:
    return alphabet_keys(alphabet)


def key_strings(table: KeyTable) -> list[str]:
    """What a table says of each character, in the letters of its keys."""
    letters = dict(zip(table.letters.values(), table.letters, strict=True))
    return ["".join(letters[number] for number in row if number) for row in table.numbers.tolist()]


@given(prefix=st.text(KEYS, min_size=1, max_size=4))
def test_the_characters_typed_by_these_keys_or_by_more_are_all_found_and_no_others(
    alphabet: Alphabet, keys: AlphabetKeys, prefix: str
) -> None:
    """They are what all that was typed may be a beginning of; test_typed.py has the same for the other keyboard."""
    query = typed_query(compose(prefix), alphabet, keys, frozenset({"partial"}))
    arcs = query.arcs(0)
    assert arcs is not None
    found = {i for i, to in zip(arcs.ids.tolist(), arcs.places.tolist(), strict=True) if query.arcs(to) is None}
    found.discard(UNKNOWN_ID)  # admitted as it was typed
    assert found == {i for i, each in enumerate(key_strings(keys.strokes)) if i >= SYMBOLS and each.startswith(prefix)}


def test_every_character_has_its_own_keys_and_the_symbols_have_none(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for table, write in ((keys.strokes, keystrokes), (keys.presses, key_presses)):
        strings = [write(character) for character in alphabet.characters]
        assert key_strings(table) == [""] * SYMBOLS + strings
        assert table.longest == max(map(len, strings))
        assert list(table.letters) == sorted(table.letters)
        assert table.in_order.tolist() == sorted(range(SYMBOLS, len(alphabet)), key=lambda i: strings[i - SYMBOLS])


def ids_of(groups: Groups, name: str) -> list[int]:
    number = groups.numbers[name]
    return [int(i) for i in groups.ids[groups.firsts[number] : groups.firsts[number + 1]]]


def characters_marked(alphabet: Alphabet, keys: AlphabetKeys, mark: int) -> set[str]:
    return set(alphabet.decode(np.flatnonzero(keys.marks & mark).tolist()))


def test_letters_of_both_cases_are_found_by_either(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for large, small in ("Aa", "Kk", "Éé"):
        assert set(ids_of(keys.folded, fold(large))) == set(alphabet.encode(large + small).tolist())
    assert characters_marked(alphabet, keys, CASED) == set("abABkKrRéÉß")


def test_syllables_are_found_by_their_initial_and_lone_letters_are_not(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    for consonant in keys.initials.numbers:
        found = alphabet.decode(ids_of(keys.initials, consonant))
        assert set(found) == {c for c in CHARACTERS if initial(c) == consonant}
    assert set(keys.initials.numbers) == {"ㄱ", "ㅅ"}
    assert characters_marked(alphabet, keys, LETTER) == set("ㄱㄲㄳㅏㅗㅘ")
    assert set(alphabet.decode(keys.white_space)) == {" ", "\u3000"}


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
