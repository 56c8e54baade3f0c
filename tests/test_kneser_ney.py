"""The n-gram as counted and as served says what the definition says.

Legend: N order, V vocabulary size.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS
from model.arrays import arrays_from
from model.errors import CheckpointError, InputError
from model.ngram import Ngram, NgramNetwork, context_bits, contexts_of, ngram_from, ngram_of, open_ngram
from model.runtime import initial_state
from training.kneser_ney import USUAL_DISCOUNTS, build_kneser_ney, discounts_of
from training.ngram_file import ngram_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

VOCABULARY = SYMBOLS + 3
Phrase = tuple[int, ...]
PHRASES = st.lists(st.lists(st.integers(SYMBOLS, VOCABULARY - 1), max_size=5).map(tuple), min_size=1, max_size=12)


def served(
    phrases: list[Phrase], order: int, singles_below: int | None = None, repeats: list[int] | None = None
) -> Ngram:
    ids = np.array([each for phrase in phrases for each in phrase], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, phrases)])
    counted = build_kneser_ney(
        ids,
        offsets,
        order=order,
        vocabulary_size=VOCABULARY,
        repeats=None if repeats is None else np.array(repeats),
    )
    return ngram_from(ngram_bytes(counted, singles_below=singles_below))


def by_definition(phrases: list[Phrase], order: int) -> dict[Phrase, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """P after every context seen, of fewer than N symbols, straight from counts of strings."""
    texts = [(BEGIN_ID, *phrase, END_ID) for phrase in phrases]
    raw = Counter(text[i : i + n] for text in texts for n in range(1, order + 1) for i in range(len(text) - n + 1))
    tables: dict[int, dict[Phrase, int]] = {}
    for n in range(1, order + 1):
        grams = [gram for gram in raw if len(gram) == n and gram[-1] != BEGIN_ID]
        before = Counter(gram[1:] for gram in raw if len(gram) == n + 1)
        full = {gram: raw[gram] if n == order or gram[0] == BEGIN_ID else before[gram] for gram in grams}
        tables[n] = full
    uniform = np.full(VOCABULARY, 1 / (VOCABULARY - 1))
    uniform[BEGIN_ID] = 0
    rows: dict[Phrase, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for n in range(1, order + 1):
        taken = discounts_of(np.array(list(tables[n].values())))
        for context in sorted({gram[:-1] for gram in tables[n]}):
            lower = uniform if not context else rows[context[1:]]
            counts = np.zeros(VOCABULARY)
            for gram, count in tables[n].items():
                if gram[:-1] == context:
                    counts[gram[-1]] = count
            off = taken[np.minimum(counts, 3).astype(int)]
            rows[context] = (counts - off + off.sum() * lower) / counts.sum()
    return rows


def contexts_after(ngram: Ngram, texts: Sequence[Phrase]) -> NDArray[np.int64]:
    """The context after each of some texts, each followed from where nothing was read."""
    nothing = np.zeros(1, dtype=np.int64)
    return np.array([ngram.follow(nothing, np.array(text)[:, None])[-1, 0] for text in texts])


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.integers(1, 4))
def test_what_is_served_is_the_definition_after_every_context(phrases: list[Phrase], order: int) -> None:
    ngram, rows = served(phrases, order), by_definition(phrases, order)
    for text in ((BEGIN_ID, *phrase) for phrase in phrases):
        for end in range(1, len(text) + 1):
            longest = next(text[at:end] for at in range(max(0, end - order + 1), end + 1) if text[at:end] in rows)
            row = np.exp(ngram.log_probabilities(contexts_after(ngram, [text[:end]]))[0].astype(np.float64))
            np.testing.assert_allclose(row, rows[longest], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.integers(1, 5), st.sampled_from([None, 1, 2, 3]), st.data())
def test_probabilities_sum_to_one_after_anything_pruned_or_not(
    phrases: list[Phrase], order: int, singles_below: int | None, data: st.DataObject
) -> None:
    repeats = data.draw(st.none() | st.lists(st.integers(1, 5), min_size=len(phrases), max_size=len(phrases)))
    ngram = served(phrases, order, singles_below, repeats)
    asked = data.draw(st.lists(st.integers(SYMBOLS, VOCABULARY - 1), max_size=5))
    contexts = contexts_after(ngram, [(BEGIN_ID, *asked[:end]) for end in range(len(asked) + 1)])
    rows = np.exp(ngram.log_probabilities(contexts).astype(np.float64))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert (rows[:, [each for each in range(VOCABULARY) if each != BEGIN_ID]] > 1e-9).all()


def test_leaving_singles_out_makes_the_file_smaller_and_keeps_what_was_seen_twice() -> None:
    phrases = [(3, 4, 5), (3, 4, 5), (3, 4, 4), (5, 5, 4, 3)]
    whole, pruned = served(phrases, 4), served(phrases, 4, 1)
    assert len(pruned.symbols) < len(whole.symbols)
    text = (BEGIN_ID, 3, 4)
    likeliest = [np.argmax(ngram.log_probabilities(contexts_after(ngram, [text]))) for ngram in (whole, pruned)]
    assert likeliest == [5, 5]


@settings(max_examples=30, deadline=None)
@given(PHRASES, st.integers(1, 4), st.lists(st.integers(SYMBOLS, VOCABULARY - 1), min_size=1, max_size=6))
def test_reading_at_once_is_stepping(phrases: list[Phrase], order: int, asked: list[int]) -> None:
    network = NgramNetwork(ngram=served(phrases, order))
    sequence = np.array([[BEGIN_ID, *asked], [BEGIN_ID, *reversed(asked)]]).T
    rows, states = network.read(sequence, initial_state(network, 2))
    state = initial_state(network, 2)
    for at, ids in enumerate(sequence):
        row, state = network.step(ids, state)
        np.testing.assert_array_equal(rows[at], row)
        np.testing.assert_array_equal(states[at], state)


def test_the_number_of_a_context_survives_in_a_state() -> None:
    numbers = np.array([0, 1, 2**16, 2**24 + 1, 0x7F800001, 2**31 - 1])  # among them what would be no number
    state = np.concatenate([np.ones((6, 3), np.float32), context_bits(numbers)], axis=1)
    np.testing.assert_array_equal(contexts_of(state[::2, 3:]), numbers[::2])


def test_discounts_come_from_how_many_counts_are_small() -> None:
    counts = np.repeat([1, 2, 3, 4], [40, 20, 10, 5])
    share = 40 / (40 + 2 * 20)
    expected = [0, 1 - 2 * share * 20 / 40, 2 - 3 * share * 10 / 20, 3 - 4 * share * 5 / 10]
    np.testing.assert_allclose(discounts_of(counts), expected)
    np.testing.assert_array_equal(discounts_of(np.array([1, 1, 5])), USUAL_DISCOUNTS)


def test_an_order_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="order must be at least 1, got 0"):
        served([(3,)], 0)


def test_a_file_is_mapped_and_a_damaged_one_refused(tmp_path: Path) -> None:
    ids, offsets = np.array([3, 4, 3], dtype=np.int32), np.array([0, 2, 3])
    content = ngram_bytes(build_kneser_ney(ids, offsets, order=3, vocabulary_size=VOCABULARY))
    path = tmp_path / "ngram.bin"
    path.write_bytes(content)
    begun = np.array([BEGIN_ID])
    np.testing.assert_array_equal(
        open_ngram(path).log_probabilities(begun), ngram_from(content).log_probabilities(begun)
    )
    for damaged in (b"", content[: len(content) // 2], content.replace(b'"rests"', b'"tests"')):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            open_ngram(path)


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("starts", 1, 10_000),  # beyond the last n-gram
        ("symbols", 0, VOCABULARY),  # a character that is not known
        ("shorter", 0, VOCABULARY),  # a context that comes down to itself
        ("shorter", -1, 10_000),  # one that is not there
    ],
)
def test_arrays_that_are_no_ngram_are_refused(name: str, at: int, value: int) -> None:
    """The compiled core would follow them out of memory, or for ever."""
    ids, offsets = np.array([3, 4, 3, 4, 5], dtype=np.int32), np.array([0, 3, 5])
    content = ngram_bytes(build_kneser_ney(ids, offsets, order=4, vocabulary_size=VOCABULARY))
    opened = arrays_from(np.frombuffer(content, dtype=np.uint8), "ngram.bin")
    assert ngram_of(opened).contexts > VOCABULARY + 1
    planted = opened.arrays[name].copy()
    planted[at] = value
    with pytest.raises(CheckpointError, match="must hold arrays of an n-gram that fit each other"):
        ngram_of(replace(opened, arrays={**opened.arrays, name: planted}))
