"""The Witten-Bell n-gram against its equation, written out with dictionaries and fractions."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from model.errors import InputError
from training.ngram import WittenBell, build_witten_bell

UNKNOWN, BEGIN, END, A, B, C = range(6)
VOCABULARY_SIZE = 6

Phrase = tuple[int, ...]
phrases_of_three_letters = st.lists(st.lists(st.sampled_from([UNKNOWN, A, B, C]), max_size=6).map(tuple))
orders = st.integers(1, 5)


def join(phrases: Sequence[Phrase]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    ids = np.array([symbol for phrase in phrases for symbol in phrase], dtype=np.int32)
    offsets = np.cumsum([0, *(len(phrase) for phrase in phrases)], dtype=np.int64)
    return ids, offsets


def build(phrases: Sequence[Phrase], order: int, weights: Sequence[float] | None = None) -> WittenBell:
    ids, offsets = join(phrases)
    return build_witten_bell(
        ids,
        offsets,
        None if weights is None else np.array(weights, dtype=np.float64),
        order=order,
        vocabulary_size=VOCABULARY_SIZE,
        begin_id=BEGIN,
        end_id=END,
    )


class Reference:
    """The equation, one symbol at a time, without rounding."""

    def __init__(self, phrases: Sequence[Phrase], weights: Sequence[int], order: int) -> None:
        self.order = order
        self.counts: dict[Phrase, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for phrase, weight in zip(phrases, weights, strict=True):
            symbols = (BEGIN, *phrase, END)
            for place in range(1, len(symbols)):
                for length in range(min(order - 1, place) + 1):
                    self.counts[symbols[place - length : place]][symbols[place]] += weight

    def probability(self, symbol: int, history: Phrase) -> Fraction:
        value = Fraction(1, VOCABULARY_SIZE - 1)
        for length in range(min(self.order - 1, len(history)) + 1):
            followed = self.counts.get(history[len(history) - length :])
            if followed:
                types, total = len(followed), sum(followed.values())
                value = (followed.get(symbol, 0) + types * value) / (total + types)
        return value

    def log_probabilities_of(self, phrases: Sequence[Phrase]) -> list[float]:
        return [
            log(self.probability(symbols[place], symbols[:place]))
            for symbols in ((BEGIN, *phrase, END) for phrase in phrases)
            for place in range(1, len(symbols))
        ]


def test_a_bigram_of_two_phrases_is_the_one_worked_by_hand() -> None:
    """From "ab" and "a": a, b, END were seen 2, 1, 2 times, and each is one of V - 1 = 5 possible symbols.

    Unigrams: p(a) = (2 + 3/5) / 8 = 13/40, p(b) = (1 + 3/5) / 8 = 8/40, p(END) = 13/40.
    After BEGIN only a came, twice: p(a) = (2 + 13/40) / 3 = 93/120; p(b) = (8/40) / 3 = 8/120.
    After a came b and END, once each: p(b) = (1 + 2 * 8/40) / 4 = 14/40; p(END) = (1 + 2 * 13/40) / 4 = 33/80.
    After b came END: p(END) = (1 + 13/40) / 2 = 53/80.
    """
    model = build([(A, B), (A,)], order=2)
    scored = model.log_probabilities_of(*join([(A, B), (A,), (B,)]))
    by_hand = [93 / 120, 14 / 40, 53 / 80, 93 / 120, 33 / 80, 8 / 120, 53 / 80]
    assert_allclose(np.exp(scored), by_hand, rtol=0, atol=1e-12)


@given(
    seen=st.lists(
        st.tuples(st.lists(st.sampled_from([UNKNOWN, A, B, C]), max_size=6).map(tuple), st.integers(1, 10**7)),
        max_size=12,
    ),
    asked=phrases_of_three_letters,
    order=orders,
)
@settings(deadline=None)
def test_whole_arrays_and_the_equation_agree(seen: list[tuple[Phrase, int]], asked: list[Phrase], order: int) -> None:
    phrases, weights = [phrase for phrase, _ in seen], [weight for _, weight in seen]
    scored = build(phrases, order, weights).log_probabilities_of(*join(asked))
    expected = Reference(phrases, weights, order).log_probabilities_of(asked)
    assert_allclose(scored, expected, rtol=1e-12, atol=1e-12)


@given(seen=phrases_of_three_letters, asked=phrases_of_three_letters, order=orders)
@settings(deadline=None)
def test_the_symbols_after_every_context_sum_to_one_and_score_as_the_phrase_does(
    seen: list[Phrase], asked: list[Phrase], order: int
) -> None:
    model = build(seen, order)
    scored = iter(model.log_probabilities_of(*join(asked)).tolist())
    for phrase in asked:
        for place, symbol in enumerate((*phrase, END)):
            log_probabilities = model.next_log_probabilities(phrase[:place])
            assert log_probabilities[BEGIN] == -np.inf
            assert_allclose(np.exp(log_probabilities).sum(), 1.0, rtol=0, atol=1e-12)
            assert_allclose(log_probabilities[symbol], next(scored), rtol=1e-12, atol=1e-12)
    assert next(scored, None) is None


@given(phrases=phrases_of_three_letters, order=orders)
@settings(deadline=None)
def test_without_weights_each_phrase_counts_once(phrases: list[Phrase], order: int) -> None:
    scored = build(phrases, order).log_probabilities_of(*join(phrases))
    weighted = build(phrases, order, [1.0] * len(phrases)).log_probabilities_of(*join(phrases))
    assert np.array_equal(scored, weighted)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_without_phrases_every_symbol_costs_the_logarithm_of_v_minus_one(order: int) -> None:
    model = build([], order)
    scored = model.log_probabilities_of(*join([(A, B, C), ()]))
    assert_allclose(scored, [-log(VOCABULARY_SIZE - 1)] * 5, rtol=0, atol=1e-12)


def test_a_large_alphabet_and_a_high_order_do_not_overflow_the_keys() -> None:
    """V**7 would be far above 2**63."""
    vocabulary_size = 60_000
    phrase = np.arange(vocabulary_size - 20, vocabulary_size, dtype=np.int32)
    offsets = np.array([0, len(phrase)])
    model = build_witten_bell(
        phrase, offsets, None, order=7, vocabulary_size=vocabulary_size, begin_id=BEGIN, end_id=END
    )
    scored = model.log_probabilities_of(phrase, offsets)
    assert np.exp(scored[6:]).min() > 0.98  # seven halvings of what was missing
    assert_allclose(np.exp(model.next_log_probabilities(phrase[:9])).sum(), 1.0, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -2.0], [1.0, np.nan], [np.inf, 1.0]])
def test_weights_that_are_not_one_positive_number_a_phrase_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="weights must be one positive number for each of 2 phrases"):
        build([(A,), (B,)], 3, weights)


def test_an_order_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="order must be at least 1, got 0"):
        build([(A,)], 0)


@pytest.mark.parametrize("symbol", [BEGIN, END, -1, VOCABULARY_SIZE])
def test_an_id_that_is_no_character_is_refused_when_building_scoring_and_continuing(symbol: int) -> None:
    model = build([(A,)], 3)
    with pytest.raises(InputError, match="ids must be"):
        build([(A, symbol)], 3)
    with pytest.raises(InputError, match="ids must be"):
        model.log_probabilities_of(*join([(symbol,)]))
    with pytest.raises(InputError, match="ids must be"):
        model.next_log_probabilities([A, symbol])


@pytest.mark.parametrize("offsets", [[], [0], [0, 1], [1, 2], [0, 2, 1, 2]])
def test_offsets_that_do_not_divide_the_ids_are_refused(offsets: list[int]) -> None:
    ids = np.array([A, B], dtype=np.int32)
    with pytest.raises(InputError, match="offsets must ascend from 0 to the number of ids, 2"):
        build([(A,)], 2).log_probabilities_of(ids, np.array(offsets, dtype=np.int64))
