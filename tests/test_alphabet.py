"""The alphabet gives back exactly what it was trained on, and one id for all that it was not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import (
    BEGIN_ID,
    CODE_POINTS,
    END_ID,
    PRIVATE,
    SYMBOLS,
    UNKNOWN_ID,
    Alphabet,
    alphabet_from_bytes,
    count_characters,
    train_alphabet,
)
from model.errors import CheckpointError, InputError

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(PRIVATE)), min_size=1)


def trained_on(*texts: str, character_limit: int = 10_000) -> Alphabet:
    return train_alphabet(count_characters(list(texts), np.ones(len(texts))), character_limit=character_limit)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_every_text_of_every_script_comes_back_exactly(texts: list[str]) -> None:
    alphabet = trained_on(*texts)
    for text in texts:
        assert alphabet.decode(alphabet.encode(text)) == text
        assert UNKNOWN_ID not in alphabet.encode(text)


@pytest.mark.parametrize(
    "text",
    ["ㅋㅋㅋ  아ㅋㅋ ", "\u2581 \u2585\n\r\t\0", "e\u0301", "👩‍👩‍👧", "\u2028\u0085\ufeff", "⁇ <s> </s>"],
)
def test_the_characters_that_sentencepiece_changes_by_default_come_back(text: str) -> None:
    alphabet = trained_on(text)
    assert alphabet.decode(alphabet.encode(text)) == text


def test_ids_are_those_of_sentencepiece_itself() -> None:
    alphabet = trained_on("서울 강남구", "San Francisco")
    processor = sentencepiece.SentencePieceProcessor(model_proto=alphabet.model)
    assert alphabet.encode("서울 San 남").tolist() == processor.Encode("서울 San 남")


def test_what_was_not_trained_on_is_unknown() -> None:
    alphabet = trained_on("ab")
    assert alphabet.encode("axb").tolist() == [alphabet.encode("a")[0], UNKNOWN_ID, alphabet.encode("b")[0]]
    assert alphabet.decode(alphabet.encode("axb")) == "a\ufffdb"
    assert alphabet.unknown_code_points == CODE_POINTS - 0x800 - 2


@pytest.mark.parametrize("private", sorted(PRIVATE))
def test_a_stand_in_is_always_unknown(private: str) -> None:
    assert trained_on("ab" + private).encode(private).tolist() == [UNKNOWN_ID]


def test_a_lone_surrogate_is_unknown_and_harms_nothing() -> None:
    assert trained_on("ab").encode("a\ud800").tolist()[1] == UNKNOWN_ID


def test_the_limit_keeps_the_characters_that_count_most() -> None:
    totals = count_characters(["aab", "c"], np.array([1.0, 24_000_000.0]))
    assert totals == {"a": 2.0, "b": 1.0, "c": 24_000_000.0}
    assert set(train_alphabet(totals, character_limit=2).characters) == {"c", "a"}


def test_many_texts_are_encoded_as_each_alone() -> None:
    texts = ["서울", "", "abc"]
    alphabet = trained_on(*texts)
    ids, offsets = alphabet.encode_many(texts)
    assert [alphabet.decode(ids[a:b]) for a, b in itertools.pairwise(offsets)] == texts


def test_the_model_read_back_is_the_same_alphabet() -> None:
    alphabet = trained_on("서울 \n▁")
    again = alphabet_from_bytes(alphabet.model)
    assert again.characters == alphabet.characters
    assert len(again) == len(alphabet) == SYMBOLS + 5
    assert alphabet.decode([BEGIN_ID, *alphabet.encode("서울"), END_ID]) == "서울"


@pytest.mark.parametrize("junk", [b"", b"junk", bytes(100)])
def test_bytes_that_are_no_alphabet_are_refused(junk: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"alphabet\.model"):
        alphabet_from_bytes(junk)


def test_nothing_to_know_is_refused() -> None:
    with pytest.raises(InputError, match="at least one character"):
        train_alphabet({}, character_limit=10)
    with pytest.raises(InputError, match="character_limit must be at least 1, got 0"):
        train_alphabet({"a": 1.0}, character_limit=0)
