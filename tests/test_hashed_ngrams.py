"""Hashed n-grams of a text are what a dictionary of its n-grams gives, and their file is read back or refused."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import arrays_from, write_arrays
from model.errors import CheckpointError
from model.hashed_ngrams import HASHED_NGRAMS_FILE, HashedNgrams, hash_ngrams, hashed_ngrams_from, ngram_bounds
from training.classifier_graph import hashed_ngrams_bytes
from training.ngram_occurrences import known_ngrams, occurrences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TEXTS = ("abab", "Ab c", "c", "ba", "가나 가나", "나", "aaaaa")
TEXT = st.text("abC 가나\U0001f600", max_size=12)
WHOLE = 2**64


def written_hash(ngram: str) -> int:
    """The mixer of splitmix64 over the characters, one after another, by whole numbers."""
    running = 0
    for character in ngram:
        value = (((running + 0x9E3779B97F4A7C15) % WHOLE) ^ ord(character)) * 0x9E3779B97F4A7C15 % WHOLE
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % WHOLE
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % WHOLE
        running = value ^ (value >> 31)
    return running


def written_ngrams(text: str, least: int, most: int, *, across_spaces: bool = True) -> Counter[str]:
    marked = "\x02" + text.lower() + "\x03"
    found = windows(marked, least, most)
    if not across_spaces:
        return found
    with_space = {ngram: count for ngram, count in found.items() if any(map(str.isspace, ngram))}
    return windows("".join(marked.split()), least, most) + Counter(with_space)


def windows(text: str, least: int, most: int) -> Counter[str]:
    return Counter(
        text[start : start + length] for length in range(least, most + 1) for start in range(len(text) - length + 1)
    )


def written_values(
    text: str, texts: Sequence[str], least: int, most: int, fewest: int, *, across_spaces: bool
) -> dict[int, float]:
    """Term frequency times inverse document frequency, cosine normalised, by the n-grams' hashes."""
    with_it = Counter(
        ngram for each in texts for ngram in written_ngrams(each, least, most, across_spaces=across_spaces)
    )
    weighed = {
        ngram: (1 + math.log(repeats)) * (math.log((1 + len(texts)) / (1 + with_it[ngram])) + 1)
        for ngram, repeats in written_ngrams(text, least, most, across_spaces=across_spaces).items()
        if with_it[ngram] >= fewest
    }
    length = math.sqrt(sum(value**2 for value in weighed.values()))
    return {written_hash(ngram): value / length for ngram, value in weighed.items()}


def test_a_hash_is_what_is_written() -> None:
    hashes, owners = hash_ngrams(["aB", "", "가"], 2, 3, across_spaces=False)
    found = sorted(zip(hashes.tolist(), owners.tolist(), strict=True))
    expected = ["\x02a", "ab", "b\x03", "\x02ab", "ab\x03"], ["\x02\x03"], ["\x02가", "가\x03", "\x02가\x03"]
    assert found == sorted((written_hash(ngram), owner) for owner, each in enumerate(expected) for ngram in each)


def test_words_written_together_and_apart_share_ngrams_without_a_space() -> None:
    hashes, owners = hash_ngrams(["가 나", "가나", "\u3000가\t"], 2, 2, across_spaces=True)
    found = sorted(zip(owners.tolist(), hashes.tolist(), strict=True))
    expected = ["\x02가", "가나", "나\x03", "가 ", " 나"], ["\x02가", "가나", "나\x03"]
    ideographic = ["\x02가", "가\x03", "\x02\u3000", "\u3000가", "가\t", "\t\x03"]
    written = [(owner, written_hash(each)) for owner, some in enumerate((*expected, ideographic)) for each in some]
    assert found == sorted(written)


@pytest.mark.parametrize("across_spaces", [True, False])
@pytest.mark.parametrize(("least", "most", "fewest"), [(1, 5, 2), (2, 3, 1), (1, 1, 3), (4, 16, 2)])
@settings(max_examples=40, deadline=None)
@given(text=TEXT | st.sampled_from(TEXTS))
def test_the_ngrams_of_a_text_count_what_a_dictionary_says(
    least: int, most: int, fewest: int, across_spaces: bool, text: str
) -> None:
    ngrams = known_ngrams(TEXTS, least, most, fewest, 10_000, across_spaces=across_spaces)
    places, values = ngrams.of_text(text)
    assert values.dtype == np.float32
    assert (np.diff(places) > 0).all()  # each once
    found = dict(zip(ngrams.hashes[places].tolist(), values.tolist(), strict=True))
    assert found == pytest.approx(
        written_values(text, TEXTS, least, most, fewest, across_spaces=across_spaces), rel=1e-5
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6), st.integers(0, 99))
def test_a_text_alone_has_what_it_has_among_many(texts: list[str], seed: int) -> None:
    """The n-grams' scales included, which at export are those of the weights."""
    ngrams = known_ngrams(TEXTS, 1, 4, 1, 10_000, across_spaces=True)
    scales = np.random.default_rng(seed).uniform(0.1, 9, len(ngrams.hashes)).astype(np.float32)
    scaled = replace(ngrams, scales=scales)
    together = occurrences(texts, scaled)
    assert together.starts[-1] == len(together.places) == len(together.values)
    for text, begin, end in zip(texts, together.starts[:-1], together.starts[1:], strict=True):
        places, values = scaled.of_text(text)
        np.testing.assert_array_equal(together.places[begin:end], places)
        np.testing.assert_allclose(together.values[begin:end], values, rtol=1e-5)


def test_where_there_are_too_many_ngrams_the_most_widespread_are_kept() -> None:
    texts = ["ab", "ab", "ac", "ad", "ax"]
    kept = known_ngrams(texts, 1, 1, 1, 4, across_spaces=True)
    marks = {written_hash(each) for each in ("\x02", "\x03", "a", "b")}
    assert set(kept.hashes.tolist()) == marks
    twice = known_ngrams(texts, 1, 1, 2, 100, across_spaces=True)
    assert set(twice.hashes.tolist()) == marks
    assert len(known_ngrams(texts, 1, 1, 1, 100, across_spaces=True).hashes) == 7


def read(arrays: dict[str, NDArray[np.generic]], numbers: dict[str, float]) -> HashedNgrams:
    content = write_arrays(arrays, numbers)
    return hashed_ngrams_from(arrays_from(np.frombuffer(content, np.uint8), HASHED_NGRAMS_FILE))


@pytest.mark.parametrize("across_spaces", [True, False])
def test_what_was_written_is_read_back(across_spaces: bool) -> None:
    ngrams = known_ngrams(TEXTS, 2, 5, 1, 10_000, across_spaces=across_spaces)
    scales = np.arange(len(ngrams.hashes), dtype=np.float32)
    content = np.frombuffer(hashed_ngrams_bytes(ngrams, scales), np.uint8)
    found = hashed_ngrams_from(arrays_from(content, HASHED_NGRAMS_FILE))
    np.testing.assert_array_equal(found.hashes, ngrams.hashes)
    np.testing.assert_array_equal(found.rarities, ngrams.rarities)
    np.testing.assert_array_equal(found.scales, scales)
    assert (found.least, found.most, found.across_spaces) == (2, 5, across_spaces)
    assert ngrams.hashes.max() > 2**63  # the upper half is read as well


GOOD: dict[str, NDArray[np.generic]] = {
    "low": np.array([5, 1, 2], np.uint32),
    "high": np.array([0, 7, 7], np.uint32),
    "rarities": np.ones(3, np.float32),
    "scales": np.ones(3, np.float32),
}
NUMBERS = {"least": 1.0, "most": 5.0, "across_spaces": 1.0}


@pytest.mark.parametrize(
    ("arrays", "numbers", "message"),
    [
        *[({name: GOOD[name][:2]}, {}, "as many numbers of each kind") for name in GOOD],
        ({}, {"least": 6.0}, "as many numbers of each kind"),
        *[
            ({name: np.array([1, wrong, 1], np.float32)}, {}, f"{name} from 0 to 1,000,000")
            for name in ("rarities", "scales")
            for wrong in (np.nan, np.inf, -1, 2e6)
        ],
        ({"low": np.array([5, np.nan, 2], np.float32)}, {}, "its hashes as whole numbers"),
        ({"low": np.array([5, 2, 1], np.uint32)}, {}, "its hashes in ascending order"),
        ({"low": np.array([5, 1, 1], np.uint32)}, {}, "its hashes in ascending order"),
        ({"high": np.array([8, 7, 7], np.uint32)}, {}, "its hashes in ascending order"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    arrays: dict[str, NDArray[np.generic]], numbers: dict[str, float], message: str
) -> None:
    assert len(read(GOOD, NUMBERS).hashes) == 3
    with pytest.raises(CheckpointError, match=rf"{HASHED_NGRAMS_FILE} must hold {message}, got "):
        read(GOOD | arrays, NUMBERS | numbers)


@pytest.mark.parametrize("name", ["least", "most"])
@pytest.mark.parametrize("number", [0.0, 17.0, 1.9, -1.0, 1e300, float("inf"), float("-inf"), float("nan")])
def test_lengths_of_ngrams_are_whole_numbers_within_bounds(name: str, number: float) -> None:
    with pytest.raises(CheckpointError, match=f"{HASHED_NGRAMS_FILE}: {name} must be a whole number from 1 to 16, got"):
        read(GOOD, NUMBERS | {name: number})


@pytest.mark.parametrize("number", [2.0, 0.5, -1.0, float("inf"), float("nan")])
def test_ngrams_go_across_spaces_or_not(number: float) -> None:
    with pytest.raises(CheckpointError, match=f"{HASHED_NGRAMS_FILE}: across_spaces must be 0 or 1, got"):
        read(GOOD, NUMBERS | {"across_spaces": number})


def test_a_file_from_before_says_nothing_of_spaces() -> None:
    assert not read(GOOD, {name: number for name, number in NUMBERS.items() if name != "across_spaces"}).across_spaces


@pytest.mark.parametrize("missing", [*GOOD, "least", "most"])
def test_a_file_that_lacks_something_is_refused(missing: str) -> None:
    arrays = {name: each for name, each in GOOD.items() if name != missing}
    numbers = {name: each for name, each in NUMBERS.items() if name != missing}
    with pytest.raises(CheckpointError, match=f"must hold the n-grams known, got a file without '{missing}'"):
        read(arrays, numbers)


@given(st.text("abCΣ가 ", min_size=1, max_size=12), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_ngrams_stand_where_it_is_said(text: str, least: int, more: int, across_spaces: bool) -> None:
    hashes, _ = hash_ngrams([text], least, least + more, across_spaces=across_spaces)
    begins, ends, reached = ngram_bounds(text, least, least + more, across_spaces=across_spaces)
    joined = sum(windows("".join(text.split()).join("\x02\x03"), least, least + more).values()) if across_spaces else 0
    assert len(hashes) == len(begins)
    for place, (begin, end, reaches) in enumerate(zip(begins.tolist(), ends.tolist(), reached.tolist(), strict=True)):
        stands = text.lower()[begin:end]
        if place < joined:  # what of the text without spaces stands there begins and ends with a character
            assert stands == stands.strip() or not stands.strip() or reaches
            stands = "".join(stands.split())
        else:
            assert " " in stands or not across_spaces
        assert hashes[place] == written_hash("\x02" * (reaches % 2) + stands + "\x03" * (reaches // 2))


def test_a_letter_whose_lower_case_is_two_characters_is_one() -> None:
    begins, ends, _ = ngram_bounds("İa", 1, 2, across_spaces=True)
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == [
        *[(0, 0), (0, 1), (0, 1), (1, 2), (2, 2)],
        *[(0, 1), (0, 1), (0, 2), (1, 2)],
    ]
