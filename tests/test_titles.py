"""Titles that nobody chose for us, typed key by key: what stands in the box admits the title after every key.

The titles lie beside the project, in the folder that ``MACHIM_DATA`` names; ``make test-data`` sets it.
"""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_typed import walk

from model.alphabet import count_characters, train_alphabet
from model.hangul import Composer, keystrokes, to_hangul, to_latin
from model.keys import alphabet_keys
from model.typed import typed_query
from training.settings import TextSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from model.alphabet import Alphabet

# The nouns of open-korean-text that are titles of the Korean Wikipedia, one a line.
TITLES_FILE = "okt_ko_titles/wikipedia_title_nouns.txt"
TITLES = 158_509
EXAMPLES = 20  # of what is refused, to be shown

logger = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def titles() -> list[str]:
    """Read the list, and hold it to its whole length."""
    folder = os.environ.get("MACHIM_DATA")
    if not folder:
        pytest.skip("MACHIM_DATA must name the folder of the data, got none: run make test-data DATA=/path/to/data")
    path = Path(folder) / TITLES_FILE
    if not path.is_file():
        pytest.fail(f"MACHIM_DATA must name a folder that holds {TITLES_FILE}, got {folder}", pytrace=False)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == TITLES
    return lines


def alphabet_of(phrases: list[str]) -> Alphabet:
    """Train the alphabet that a model of these phrases has if nothing else is asked for."""
    totals = count_characters(phrases, np.ones(len(phrases)))
    return train_alphabet(totals, character_limit=TextSettings().characters)


def type_on_the_hangul_keyboard(phrase: str) -> list[str]:
    """Give what the input method shows after each key."""
    composer = Composer()
    shown = []
    for key in keystrokes(phrase):
        composer.press(key)
        shown.append(composer.text)
    return shown


def type_on_the_latin_keyboard(phrase: str) -> list[str]:
    """Give what stands in the box after each key when nobody has switched to Hangul."""
    letters = to_latin(phrase)
    return [letters[:end] for end in range(1, len(letters) + 1)]


def refusals(alphabet: Alphabet, phrases_by_typed: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Find what was typed for a phrase and does not admit it: the query of each text typed is made once."""
    keys, refused = alphabet_keys(alphabet), []
    for typed, phrases in phrases_by_typed.items():
        query = typed_query(typed, alphabet, keys)
        costs = [walk(query, alphabet.encode(phrase).tolist()) for phrase in phrases]
        refused += [(typed, phrase) for phrase, cost in zip(phrases, costs, strict=True) if cost == -math.inf]
    return refused


@pytest.mark.data
@pytest.mark.parametrize("type_title", [type_on_the_hangul_keyboard, type_on_the_latin_keyboard])
def test_every_title_is_admitted_after_every_key(titles: list[str], type_title: Callable[[str], list[str]]) -> None:
    """Also what the input method shows on the way and the title does not begin with: 각 before 가구."""
    keys_pressed = 0
    titles_by_typed: dict[str, list[str]] = {}
    for title in titles:
        shown = type_title(title)
        assert (len(shown), to_hangul(shown[-1])) == (len(keystrokes(title)), title)
        keys_pressed += len(shown)
        for typed in shown:
            titles_by_typed.setdefault(typed, []).append(title)
    assert all(titles_by_typed)  # of nothing typed anything is admitted
    refused = refusals(alphabet_of(titles), titles_by_typed)
    logger.info(
        "%d titles, %d keys, %d different texts typed, %d not admitted",
        *(len(titles), keys_pressed, len(titles_by_typed), len(refused)),
    )
    assert (len(refused), refused[:EXAMPLES]) == (0, [])


@pytest.mark.parametrize(
    ("phrase", "hangul", "latin"),
    [
        ("가구", ["ㄱ", "가", "각", "가구"], ["r", "rk", "rkr", "rkrn"]),
        ("과 1b", ["ㄱ", "고", "과", "과 ", "과 1", "과 1b"], ["r", "rh", "rhk", "rhk ", "rhk 1", "rhk 1b"]),
    ],
)
def test_a_phrase_is_typed_key_by_key_on_either_keyboard(phrase: str, hangul: list[str], latin: list[str]) -> None:
    assert (type_on_the_hangul_keyboard(phrase), type_on_the_latin_keyboard(phrase)) == (hangul, latin)
    typed = {text: [phrase] for text in hangul + latin}
    assert refusals(alphabet_of([phrase, "나 2c"]), typed) == []


def test_a_phrase_that_was_not_typed_is_found_to_be_refused() -> None:
    """After 각 a phrase may go on as 가구, but no longer after 각ㅅ; rkrns is one key more than types 가구."""
    phrases = ["가구", "각시", "고구"]
    typed = {"각": phrases, "각ㅅ": phrases, "rkrns": phrases, "rkrtl": phrases}
    refused = [
        ("각", "고구"),
        ("각ㅅ", "가구"),
        ("각ㅅ", "고구"),
        *(("rkrns", phrase) for phrase in phrases),
        ("rkrtl", "가구"),
        ("rkrtl", "고구"),
    ]
    assert refusals(alphabet_of(phrases), typed) == refused
