"""Counts and model share what is probable, and nothing is shared out twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import CheckpointError
from model.mixture import Mixture, mixture_from
from model.phrases import PhraseIndex, phrase_index_from
from training.blend_shares import learn_phrase_shares
from training.phrase_index import build_phrase_index


@pytest.fixture(scope="module")
def index() -> PhraseIndex:
    return phrase_index_from(build_phrase_index(np.array([3], np.int32), np.array([0, 1]), np.ones(1)))


def mixture_of(index: PhraseIndex, counts: list[float], least_count: float = 0.0) -> Mixture:
    return mixture_from(index, {**learn_phrase_shares(np.array(counts)), "least_count": least_count})


COUNTS = st.one_of(
    st.lists(st.integers(1, 6).map(float), min_size=1, max_size=200),
    st.lists(st.floats(1e4, 3e7), min_size=1, max_size=30),
    st.just([1.0] * 50),
    st.just([float(count) for count in (1, 2, 3, 4) for _ in range(60 // count)]),
)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_what_counts_leave_is_the_models_and_all_of_it_sums_to_one(index: PhraseIndex, counts: list[float]) -> None:
    mixture = mixture_of(index, counts)
    shares = np.exp([mixture.log_share(count) for count in counts])
    assert shares.sum() + mixture.model_share == pytest.approx(1, abs=1e-4)
    assert 0 < mixture.model_share < 1
    assert (shares > 0).all()


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.floats(0, 100), st.floats(0, 100), st.sampled_from([0.0, 1.0, 3.0]))
def test_a_larger_count_is_never_worth_less(
    index: PhraseIndex, counts: list[float], one: float, other: float, least: float
) -> None:
    mixture = mixture_of(index, counts, least)
    few, many = sorted((one, other))
    assert mixture.log_share(few) <= mixture.log_share(many)


def test_below_the_least_count_a_phrase_is_worth_nothing(index: PhraseIndex) -> None:
    mixture = mixture_of(index, [1.0, 2.0, 3.0, 4.0], 2.0)
    assert mixture.log_share(1.9) == -np.inf
    assert mixture.log_share(2.0) > -np.inf


GOOD: dict[str, Any] = {"model_share": 0.5, "discounts": [0.5, 1.0, 1.5], "total": 10.0, "least_count": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"model_share": 0.0},
        {"model_share": 1.5},
        {"model_share": "much"},
        {"discounts": [0.5, 1.0]},
        {"discounts": [1.5, 1.0, 1.5]},
        {"discounts": None},
        {"total": 0.0},
        {"least_count": None},
    ],
)
def test_a_blend_that_breaks_a_rule_is_refused(index: PhraseIndex, change: dict[str, Any]) -> None:
    assert mixture_from(index, GOOD).model_share == 0.5
    with pytest.raises(CheckpointError, match="a blend must have"):
        mixture_from(index, {**GOOD, **change})
    missing = {key: value for key, value in GOOD.items() if key not in change}
    with pytest.raises(CheckpointError, match="a blend must have"):
        mixture_from(index, missing)
