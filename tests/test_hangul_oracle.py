"""Hangul against hangulpy, the work of others: every syllable, mixed text, and where the two disagree, by name.

hangulpy 1.5.2, written after es-hangul, takes text apart (``disassemble``, on a Latin keyboard ``koen``) and puts it
together (``join_jamos``, from a Latin keyboard ``convert_qwerty_to_hangul`` and ``enko``). Where it does otherwise than
we do, a test shows both answers, and its docstring says why ours stays.
"""

from __future__ import annotations

import unicodedata
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hangulpy import (
    combine_character,
    convert_qwerty_to_hangul,
    disassemble,
    enko,
    get_chosung,
    get_chosung_string,
    get_hangul_components,
    is_chosung,
    is_complete_hangul,
    is_jungsung,
    join_jamos,
    koen,
    remove_last_character,
    to_compat_jamo,
    typing_steps,
)

from model.hangul import (
    COMPOUNDS,
    CONSONANT_KEYS,
    LEADING,
    TRAILING,
    VOWEL_KEYS,
    VOWELS,
    Composer,
    compose,
    initial,
    initials,
    is_consonant,
    is_syllable,
    is_vowel,
    keystrokes,
    letter_numbers,
    to_compatibility,
    to_hangul,
    to_hangul_keys,
    to_latin,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

SYLLABLES = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
LETTERS = [chr(code) for code in range(ord("ㄱ"), ord("ㅣ") + 1)]
FINALS = ["", *TRAILING]
COMPOUND_VOWELS = {vowel: COMPOUNDS[vowel] for vowel in VOWELS if vowel in COMPOUNDS}
APART = str.maketrans(COMPOUND_VOWELS)


def sequences(pieces: Iterable[str], most: int) -> list[str]:
    """Join the pieces in every order, each as often as there is room: none of them, one, and so on to the most."""
    return ["".join(sequence) for length in range(most + 1) for sequence in product(pieces, repeat=length)]


PHRASES = ["아ㅋㅋ", "ㅋㅋㅋ", "ㅇㅋ BTS 콘서트 2024", "서울 café🙂", "닭갈비ㅠㅠ", "ㄱㅏㄴㅏ", "漢字와 かな, 힣!"]
MIXED = PHRASES + sequences(["아", "값", "과", "ㅋ", "ㅏ", "ㄳ", "ㅘ", "T", "b", " ", "漢", "👩‍👩‍👧"], 3)
SEVEN_KEYS = sequences("ㄱㄹㅅㄸㅏㅗ ", 5)  # enough for a cluster that comes apart: ㄱㅏㄹㄱㅏ
ALL_KEYS = sequences(sorted(CONSONANT_KEYS | VOWEL_KEYS), 3)
TWO_SYLLABLES = sequences(SYLLABLES[::389], 2)  # each of the 27 final consonants, and none, among them


def typed(keys: str) -> Composer:
    composer = Composer()
    for key in keys:
        composer.press(key)
    return composer


def steps(text: str) -> list[str]:
    """Give what an input method shows after each key of a text."""
    keys = keystrokes(text)
    return [compose(keys[:count]) for count in range(1, len(keys) + 1)]


def test_every_syllable_has_the_same_three_letters() -> None:
    letters = [
        (LEADING[leading], VOWELS[vowel], FINALS[trailing])
        for leading, vowel, trailing in filter(None, map(letter_numbers, SYLLABLES))
    ]
    assert letters == [get_hangul_components(syllable) for syllable in SYLLABLES]


def test_every_three_letters_make_the_same_syllable() -> None:
    for letters in product(LEADING, VOWELS, FINALS):
        assert compose(keystrokes("".join(letters))) == combine_character(*letters)


def test_the_same_characters_are_syllables_consonants_and_vowels() -> None:
    """But for compound vowels, which are two keys."""
    for character in [*SYLLABLES, *LETTERS, *"a 7🙂漢か\u1100\u1161\u11a8\u3130\u3164\uabff\ud7a4", ""]:
        assert is_syllable(character) == is_complete_hangul(character)
        assert is_consonant(character) == is_chosung(character)
        assert is_vowel(character) == (is_jungsung(character) and character not in COMPOUND_VOWELS)


def test_the_same_initials_are_found() -> None:
    """In whole texts where hangulpy joins no letters first, which it does in ㅋㅏ."""
    assert [initial(syllable) for syllable in SYLLABLES] == [get_chosung(syllable) for syllable in SYLLABLES]
    for text in MIXED:
        assert initials(text) == "".join(get_chosung(character) or character for character in text)
        if join_jamos(text) == text:
            assert initials(text) == get_chosung_string(text, keep_spaces=True)
            assert initials(unicodedata.normalize("NFD", text)) == get_chosung_string(text, keep_spaces=True)


def test_every_syllable_letter_and_mixed_text_is_typed_by_the_same_keys() -> None:
    for text in SYLLABLES + LETTERS + MIXED:
        assert keystrokes(text) == disassemble(text, "string")
        assert to_latin(text) == koen(text)


def test_decomposed_text_is_typed_by_the_same_keys_and_shown_by_the_same_letters() -> None:
    for text in SYLLABLES + MIXED:
        decomposed = unicodedata.normalize("NFD", text)
        assert to_compatibility(decomposed) == to_compat_jamo(text)
        assert unicodedata.normalize("NFC", keystrokes(decomposed)) == disassemble(decomposed, "string")
        assert unicodedata.normalize("NFC", to_latin(decomposed)) == koen(decomposed)


def test_keys_in_any_order_show_the_same_text() -> None:
    """But for compound vowels with no consonant before them, which hangulpy leaves apart."""
    for keys in SEVEN_KEYS + ALL_KEYS:
        assert compose(keys).translate(APART) == join_jamos(keys)


def test_latin_letters_and_mixed_text_type_the_same_text() -> None:
    """But for those vowels, and for ㄳ and ㅘ as they stand, which are no keys."""
    texts = [text for text in MIXED if COMPOUNDS.keys().isdisjoint(text)]
    for text in texts + sequences("rsTkhlA ", 4):
        assert to_hangul(text).translate(APART) == convert_qwerty_to_hangul(text)


def test_syllables_come_back_from_their_keys_on_both_keyboards() -> None:
    for text in SYLLABLES + TWO_SYLLABLES:
        latin = to_latin(text)
        assert compose(keystrokes(text)) == join_jamos(disassemble(text)) == text
        assert to_hangul(latin) == enko(latin) == convert_qwerty_to_hangul(latin) == text


def test_every_syllable_grows_by_the_same_steps() -> None:
    assert [steps(syllable) for syllable in SYLLABLES] == [typing_steps(syllable) for syllable in SYLLABLES]


def test_backspace_leaves_the_same_text_while_a_syllable_is_composed() -> None:
    for keys in SEVEN_KEYS:
        composer = typed(keys)
        shown = composer.text
        composer.backspace()
        assert composer.text == remove_last_character(shown)


@pytest.mark.parametrize(("vowel", "keys"), COMPOUND_VOWELS.items())
def test_disagreement_two_vowel_keys_with_no_consonant_are_one_vowel(vowel: str, keys: str) -> None:
    """An input method joins them wherever they are pressed, as libhangul does; ``join_jamos`` asks for a consonant."""
    for before in ("", " ", "ㅏ", "가"):
        assert compose(before + keys) == before + vowel
        assert join_jamos(before + keys) == before + keys


@pytest.mark.parametrize(("latin", "text", "theirs"), [("k", "ㅏ", "아"), ("dkk", "아ㅏ", "아아"), ("hk", "ㅘ", "와")])
def test_disagreement_no_consonant_is_typed_by_itself(latin: str, text: str, theirs: str) -> None:
    """``enko`` puts ㅇ before a vowel that has none; nobody pressed it, and its own ``koen`` gives other keys back."""
    assert to_hangul(latin) == text
    assert enko(latin) == theirs
    assert to_latin(text) == latin != koen(theirs)


def test_disagreement_capitals_that_are_no_keys_of_their_own_type_the_small_letters() -> None:
    """Shift gives seven keys of KS X 5002 another letter and changes no other key; ``enko`` leaves those capitals."""
    assert to_hangul("GKS") == convert_qwerty_to_hangul("GKS") == "한"
    assert enko("GKS") == "GKS"


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("가니", ["ㄱ", "가", "간", "가니"], ["ㄱ", "가", "가ㄴ", "가니"]),
        ("갑시", ["ㄱ", "가", "갑", "값", "갑시"], ["ㄱ", "가", "갑", "갑ㅅ", "갑시"]),
        ("아ㅋㅋ", ["ㅇ", "아", "앜", "앜ㅋ"], ["ㅇ", "아", "아ㅋ", "아ㅋㅋ"]),
    ],
)
def test_disagreement_a_consonant_closes_the_syllable_before_it(text: str, ours: list[str], theirs: list[str]) -> None:
    """``typing_steps`` composes each syllable alone; on the way to 가니 a box holds 간, and from it 가니 must be found.

    The keys of 아ㅋㅋ pressed in one go show 앜ㅋ, as ``join_jamos`` says too.
    """
    assert steps(text) == ours
    assert typing_steps(text) == theirs
    assert join_jamos(disassemble(text)) == ours[-1]


def test_letters_typed_apart_stay_apart() -> None:
    """The text 아ㅋㅋ is not 앜ㅋ: what is composed already takes no more letters, to hangulpy as to us."""
    assert compose("아ㅋㅋ") == join_jamos("아ㅋㅋ") == "아ㅋㅋ"
    assert initials("아ㅋㅋ") == get_chosung_string("아ㅋㅋ", keep_spaces=True) == "ㅇㅋㅋ"


def test_disagreement_letters_side_by_side_are_not_a_syllable() -> None:
    """``get_chosung_string`` composes before it looks: ㅋㅏ is 카 with the initial ㅋ. Two characters stay two."""
    assert initials("ㅋㅏ") == "ㅋㅏ"
    assert get_chosung_string("ㅋㅏ", keep_spaces=True) == "ㅋ"
    assert not is_syllable("ㅋㅏ")
    assert is_complete_hangul("ㅋㅏ")


def test_disagreement_compound_letters_are_no_keys() -> None:
    """No key gives ㅘ or ㄳ: they stand in a text, not in what was pressed. By their keys both compose the same."""
    assert compose("ㄱㅘㄳ") == "ㄱㅘㄳ"
    assert join_jamos("ㄱㅘㄳ") == compose(keystrokes("ㄱㅘㄳ")) == "곿"


@pytest.mark.parametrize(
    ("text", "keys", "latin"),
    [("\u1100", "ㄱ", "r"), ("\u11a8\u1161", "ㄱㅏ", "rk"), ("\u1112\u119e\u11ab", "ㅎ\u119eㄴ", "g\u119es")],
)
def test_disagreement_conjoining_letters_that_make_no_syllable_have_keys(text: str, keys: str, latin: str) -> None:
    """``disassemble`` leaves them, though ``koen`` knows the keys; what a letter is typed by hangs on no neighbour."""
    assert keystrokes(text) == keys
    assert disassemble(text, "string") == text
    assert to_latin(text) == koen(text) == latin


def test_disagreement_what_is_not_hangul_stays_as_it_is() -> None:
    """A text is normalized once, where it is read; hangulpy does it at every call, and makes capitals small."""
    assert keystrokes("e\u0301") == to_latin("e\u0301") == compose("e\u0301") == "e\u0301"
    assert disassemble("e\u0301", "string") == koen("e\u0301") == join_jamos("e\u0301") == "é"
    assert to_compatibility("é") == to_hangul_keys("é") == "é"
    assert to_compat_jamo("é") == "e\u0301"
    assert to_hangul("É") == "É"
    assert convert_qwerty_to_hangul("É") == "é"


def test_disagreement_halfwidth_letters_are_characters_of_their_own() -> None:
    """A choice: no key types them, and NFC, which is all that is done to text, leaves them as it does wide Latin."""
    assert keystrokes("\uffa1") == to_compatibility("\uffa1") == "\uffa1"
    assert disassemble("\uffa1", "string") == to_compat_jamo("\uffa1") == "ㄱ"
    assert to_latin("\uffa1") == koen("\uffa1") == "\uffa1"


def test_disagreement_backspace_takes_a_finished_syllable_whole() -> None:
    """As libhangul does: it has handed the syllable on, and the box it went to deletes characters."""
    composer, theirs = typed("ㄷㅏㄹㄱㅂㅏ"), "닭바"
    shown = []
    for _ in range(3):
        composer.backspace()
        theirs = remove_last_character(theirs)
        shown.append((composer.text, theirs))
    assert shown == [("닭ㅂ", "닭ㅂ"), ("닭", "닭"), ("", "달")]
