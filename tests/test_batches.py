"""Batches hold every phrase as often as its count asks, and every character with the one that follows it.

Legend: B batch, T time steps, N phrases.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS, UNKNOWN_ID
from training.batches import (
    IGNORED,
    Batch,
    PhraseSet,
    draw_phrases,
    hide_rare,
    pad_phrases,
    phrase_batches,
    stream_batches,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHARACTERS = st.integers(SYMBOLS, 9)
PHRASES = st.lists(st.lists(CHARACTERS, max_size=12).map(tuple), min_size=1, max_size=40, unique=True)
WEIGHTS = st.one_of(st.floats(1e-3, 100), st.integers(1, 24_000_000).map(float))


def phrase_set(phrases: Sequence[tuple[int, ...]], weights: Sequence[float] | None = None) -> PhraseSet:
    return PhraseSet(
        ids=np.array(list(itertools.chain(*phrases)), dtype=np.int32),
        offsets=np.cumsum([0, *map(len, phrases)]),
        weights=np.ones(len(phrases)) if weights is None else np.array(weights),
    )


def phrases_of(batch: Batch) -> list[tuple[int, ...]]:
    """Read the phrases back from the targets, and hold the inputs to them."""
    phrases = []
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        length = targets.index(END_ID)
        assert inputs[: length + 1] == [BEGIN_ID, *targets[:length]]
        assert set(targets[length + 1 :]) <= {IGNORED}
        phrases.append(tuple(targets[:length]))
    return phrases


def read_in(batches: list[Batch]) -> Counter[tuple[int, ...]]:
    """How often each phrase is read, rows counted by weight."""
    total: Counter[tuple[int, ...]] = Counter()
    for batch in batches:
        assert not batch.continues
        for phrase, weight in zip(phrases_of(batch), batch.weights.tolist(), strict=True):
            assert weight >= 1
            assert weight == int(weight)
            total[phrase] += int(weight)
    return total


def epoch_of(phrases: PhraseSet, *, seed: int = 0, epoch: int = 0, batch_characters: int = 30) -> list[Batch]:
    return list(phrase_batches(phrases, batch_characters=batch_characters, seed=seed, epoch=epoch))


def same(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a.inputs, b.inputs)
        and np.array_equal(a.targets, b.targets)
        and np.array_equal(a.weights, b.weights)
        and a.continues == b.continues
        for a, b in zip(first, second, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.data(), st.integers(0, 2**32), st.integers(1, 100))
def test_an_epoch_holds_each_phrase_whole_and_as_often_as_its_count_asks_within_one(
    phrases: list[tuple[int, ...]], data: st.DataObject, seed: int, batch_characters: int
) -> None:
    weights = data.draw(st.lists(WEIGHTS, min_size=len(phrases), max_size=len(phrases)))
    read = read_in(epoch_of(phrase_set(phrases, weights), seed=seed, batch_characters=batch_characters))
    assert read.total() == len(phrases)
    for phrase, weight in zip(phrases, weights, strict=True):
        share = weight / sum(weights) * len(phrases)
        assert np.floor(share - 1e-6) <= read[phrase] <= np.ceil(share + 1e-6)


@given(st.lists(WEIGHTS, min_size=1, max_size=60), st.integers(0, 2**32))
def test_drawing_gives_each_its_share_rounded_down_or_up(weights: list[float], seed: int) -> None:
    drawn = draw_phrases(np.array(weights), np.random.default_rng(seed))
    assert len(drawn) == len(weights)
    times = np.bincount(drawn, minlength=len(weights))
    shares = np.array(weights) / sum(weights) * len(weights)
    assert (times >= np.floor(shares - 1e-6)).all()
    assert (times <= np.ceil(shares + 1e-6)).all()


def test_over_many_epochs_a_phrase_is_read_as_often_as_its_share() -> None:
    """Each epoch's number has a standard deviation of at most 1/2: 0.1 off the mean of 400 is four of them (1e-4)."""
    weights = np.array([0.3, 1.0, 2.5, 0.2, 7.0])
    times = np.zeros(5)
    for seed in range(400):
        times += np.bincount(draw_phrases(weights, np.random.default_rng(seed)), minlength=5)
    np.testing.assert_allclose(times / 400, weights / weights.sum() * 5, atol=0.1)


def test_a_count_of_24_million_is_as_good_as_one_of_3() -> None:
    """The heavy phrase is one row of a great weight, never many rows."""
    phrases = [(3, 4, 5), (4, 4), (5, 3), (6,)]
    for heavy in (3.0, 24_000_000.0):
        batches = epoch_of(phrase_set(phrases, [heavy, 1, 1, 1]))
        assert read_in(batches).total() == 4
        assert sum(len(batch.weights) for batch in batches) <= 4
    (batch,) = batches
    assert phrases_of(batch) == [(3, 4, 5)]
    assert batch.weights.tolist() == [4.0]


def test_a_phrase_drawn_twice_into_a_batch_is_one_row_of_weight_2() -> None:
    (batch,) = epoch_of(phrase_set([(3,), (4,), (5,), (6,)], [2, 2, 1e-9, 1e-9]), batch_characters=100)
    assert phrases_of(batch) == [(3,), (4,)]
    assert batch.weights.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("batch_characters", [1, 7, 30, 10_000])
def test_batches_depend_on_seed_and_epoch_alone(batch_characters: int) -> None:
    generator = np.random.default_rng(1)
    lengths = generator.integers(0, 9, 300)
    phrases = phrase_set(
        [tuple(map(int, generator.integers(3, 9, length))) for length in lengths], (lengths + 0.5).tolist()
    )
    first = epoch_of(phrases, seed=5, epoch=2, batch_characters=batch_characters)
    np.random.seed(0)  # noqa: NPY002 - the global state must not matter
    assert same(first, epoch_of(phrases, seed=5, epoch=2, batch_characters=batch_characters))
    assert not same(first, epoch_of(phrases, seed=5, epoch=3, batch_characters=batch_characters))
    assert not same(first, epoch_of(phrases, seed=6, epoch=2, batch_characters=batch_characters))


def test_batches_hold_about_as_many_characters_as_asked_and_little_padding() -> None:
    generator = np.random.default_rng(2)
    lengths = generator.integers(1, 40, 5000)
    phrases = phrase_set([tuple(map(int, generator.integers(3, 9, length))) for length in lengths])
    batches = epoch_of(phrases, batch_characters=1000)
    sizes = np.array([batch.inputs.size for batch in batches])
    read = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
    assert read == int(phrases.lengths.sum())
    assert sizes.max() <= 1000
    assert np.median(sizes) > 900
    assert read / sizes.sum() > 0.95


def test_one_long_phrase_does_not_pad_the_short_ones_beside_it() -> None:
    phrases = phrase_set([*[(3,)] * 500, (4,) * 998, (5,) * 3000])
    shapes = [batch.inputs.shape for batch in epoch_of(phrases, batch_characters=1000)]
    assert sorted(rows * steps for rows, steps in shapes if steps > 2) == [999, 3001]


def test_phrases_of_every_length_come_at_every_time_of_an_epoch() -> None:
    generator = np.random.default_rng(3)
    lengths = generator.integers(1, 40, 5000)
    phrases = phrase_set([tuple(map(int, generator.integers(3, 9, length))) for length in lengths])
    widths = np.array([batch.inputs.shape[1] for batch in epoch_of(phrases, batch_characters=1000)])
    order = np.arange(len(widths))
    assert abs(float(np.corrcoef(order, widths)[0, 1])) < 0.5
    assert abs(widths[: len(widths) // 2].mean() - widths[len(widths) // 2 :].mean()) < 10


def test_padding_is_laid_after_the_end() -> None:
    batch = pad_phrases(phrase_set([(3, 4, 5), (), (6,)]), np.array([0, 1, 2]), np.array([1, 2, 3], np.float32))
    assert batch.inputs.tolist() == [
        [BEGIN_ID, 3, 4, 5],
        [BEGIN_ID, END_ID, END_ID, END_ID],
        [BEGIN_ID, 6, END_ID, END_ID],
    ]
    assert batch.targets.tolist() == [
        [3, 4, 5, END_ID],
        [END_ID, IGNORED, IGNORED, IGNORED],
        [6, END_ID, IGNORED, IGNORED],
    ]
    assert batch.weights.tolist() == [1, 2, 3]
    assert batch.inputs.dtype == batch.targets.dtype == np.int64


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(1, 12), st.integers(1, 20), st.integers(0, 2**32))
def test_running_text_is_read_as_it_stands_in_rows_that_go_on(length: int, rows: int, window: int, seed: int) -> None:
    text = np.arange(length, dtype=np.int32) + SYMBOLS  # every character once, so that its place is known
    batches = list(stream_batches(text, rows=rows, window=window, seed=seed, epoch=0))
    assert [batch.continues for batch in batches] == [False, *[True] * (len(batches) - 1)]
    inputs = np.concatenate([batch.inputs for batch in batches], axis=1)
    targets = np.concatenate([batch.targets for batch in batches], axis=1)
    assert all(batch.inputs.shape[1] == window for batch in batches[:-1])
    assert (inputs[:, 0] == BEGIN_ID).all()
    anew = inputs[:, 1:] == BEGIN_ID
    np.testing.assert_array_equal(np.where(anew, BEGIN_ID, targets[:, :-1]), inputs[:, 1:])
    assert set((np.flatnonzero(anew.any(axis=0)) + 1) % window) <= {0}, "only a window may begin anew"
    # each row is a stretch of the ring that the text is, and no two rows hold the same character
    np.testing.assert_array_equal((targets[:, :-1] - SYMBOLS + 1) % length, targets[:, 1:] - SYMBOLS)
    assert len(set(targets.ravel().tolist())) == targets.size
    used = len(targets)
    assert used == max(1, min(rows, length // window))
    assert length - targets.size < used
    assert all((batch.weights == 1).all() and len(batch.weights) == used for batch in batches)


def test_a_tenth_of_the_windows_of_running_text_begin_anew() -> None:
    """Of 10,000 windows, so by luck outside of these bounds less than once in 10^20."""
    batches = list(stream_batches(np.full(100_000, 7, np.int32), rows=10, window=10, seed=0, epoch=0))
    begun = np.stack([batch.inputs[:, 0] == BEGIN_ID for batch in batches])
    assert begun[0].all()
    assert 0.07 < begun[1:].mean() < 0.13


def test_running_text_begins_at_another_place_in_each_epoch() -> None:
    text = np.arange(1000, dtype=np.int32) + SYMBOLS

    def epoch(number: int, seed: int = 0) -> list[Batch]:
        return list(stream_batches(text, rows=4, window=50, seed=seed, epoch=number))

    assert same(epoch(0), epoch(0))
    starts = {int(epoch(number)[0].targets[0, 0]) for number in range(10)}
    assert len(starts) > 5
    assert not same(epoch(0), epoch(0, seed=1))


def hidden(batch: Batch, share: float, seed: int = 0) -> Batch:
    rare = np.zeros(10, dtype=np.bool_)
    rare[[4, 7]] = True
    return hide_rare(batch, rare, share, np.random.default_rng(seed))


def without_rare(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((ids == 4) | (ids == 7), UNKNOWN_ID, ids)


def test_all_of_the_rare_is_hidden_where_it_is_read_and_where_it_is_asked_for() -> None:
    phrases = [(3, 4, 5), (7, 7), (4,), (5, 5, 5, 5), ()]
    batch = pad_phrases(phrase_set(phrases), np.arange(5), np.arange(5, dtype=np.float32))
    shown = hidden(batch, 1.0)
    np.testing.assert_array_equal(shown.targets, without_rare(batch.targets))
    np.testing.assert_array_equal(shown.inputs, without_rare(batch.inputs))
    assert shown.weights is batch.weights
    assert 4 in batch.inputs  # what was given is left as it was


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.floats(0, 1), st.integers(0, 2**32))
def test_what_is_hidden_is_hidden_from_both_sides_and_nothing_else_changes(
    phrases: list[tuple[int, ...]], share: float, seed: int
) -> None:
    batch = pad_phrases(phrase_set(phrases), np.arange(len(phrases)), np.ones(len(phrases), np.float32))
    shown = hidden(batch, share, seed)
    changed = shown.targets != batch.targets
    assert (shown.targets[changed] == UNKNOWN_ID).all()
    assert set(batch.targets[changed].tolist()) <= {4, 7}
    np.testing.assert_array_equal((shown.inputs != batch.inputs)[:, 1:], changed[:, :-1])
    assert (shown.inputs[:, 0] == BEGIN_ID).all()
    phrases_of(shown)  # inputs and targets still belong together


def test_about_the_share_asked_is_hidden() -> None:
    """2,000 draws at 0.3: 0.05 off is five standard deviations, a chance below 1e-6; the seed is fixed besides."""
    batch = pad_phrases(phrase_set([(4,) * 20]), np.zeros(100, np.int64), np.ones(100, np.float32))
    assert float((hidden(batch, 0.3).targets == UNKNOWN_ID).sum()) / 2000 == pytest.approx(0.3, abs=0.05)
    assert not (hidden(batch, 0.0).targets == UNKNOWN_ID).any()


def test_a_stream_keeps_its_flags_when_the_rare_is_hidden() -> None:
    batches = list(stream_batches(np.array([3, 4, 5, 7] * 10, np.int32), rows=2, window=5, seed=0, epoch=0))
    assert [hidden(batch, 1.0).continues for batch in batches] == [False, True, True, True]
