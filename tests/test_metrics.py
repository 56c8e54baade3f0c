"""The metrics on examples that can be worked out on paper."""

from math import log

import pytest

from model.errors import InputError
from training.metrics import (
    bits_per_character,
    is_hit,
    mean_reciprocal_rank,
    partial_reciprocal_rank,
    reciprocal_rank,
)

OFFERED = ("san jose", "san", "san fran", "san francisco", "santiago")


@pytest.mark.parametrize(
    ("target", "whole", "partial"),
    [
        ("san jose", 1 / 1, 1 / 1),
        ("san francisco", 1 / 4, 1 / 2),  # "san" is a word of it, "san fran" stops inside one
        ("santiago", 1 / 5, 1 / 5),  # "san" stops inside a word
        ("san jose del monte", 0, 1 / 1),
        ("oslo", 0, 0),
    ],
)
def test_reciprocal_ranks_are_those_counted_by_hand(target: str, whole: float, partial: float) -> None:
    assert reciprocal_rank(target, OFFERED) == whole
    assert partial_reciprocal_rank(target, OFFERED) == partial


def test_the_mean_reciprocal_rank_weighs_every_phrase_the_same() -> None:
    targets = ["san jose", "san francisco", "oslo", "san"]
    assert mean_reciprocal_rank(targets, [OFFERED] * 4) == (1 + 1 / 4 + 0 + 1 / 2) / 4


def test_what_stands_below_the_limit_is_not_found() -> None:
    assert reciprocal_rank("santiago", OFFERED, 4) == 0
    assert partial_reciprocal_rank("san francisco", OFFERED, 1) == 0
    assert mean_reciprocal_rank(["santiago", "san"], [OFFERED] * 2, 4) == 1 / 4
    assert [is_hit("san", OFFERED, limit) for limit in (1, 2, 10)] == [False, True, True]


def test_the_tenth_completion_is_found_and_the_eleventh_is_not() -> None:
    offered = [str(place) for place in range(1, 12)]
    assert reciprocal_rank("10", offered) == 1 / 10
    assert reciprocal_rank("11", offered) == 0


def test_nothing_offered_is_worth_nothing() -> None:
    assert reciprocal_rank("a b", ()) == partial_reciprocal_rank("a b", ()) == 0
    assert partial_reciprocal_rank(" a", ("",)) == 0


def test_a_mean_without_phrases_is_refused() -> None:
    with pytest.raises(InputError, match="got 0 lists for 0 phrases"):
        mean_reciprocal_rank([], [])


def test_a_uniform_model_scores_the_logarithm_of_its_choices_in_bits() -> None:
    """Three characters and the END, each one of eight: 3 bits, whatever the length."""
    assert bits_per_character(4 * log(8), 4) == pytest.approx(3.0, abs=1e-12)


@pytest.mark.parametrize("characters", [0, -1, float("nan")])
def test_bits_per_character_of_no_characters_are_refused(characters: float) -> None:
    with pytest.raises(InputError, match="characters must be above 0"):
        bits_per_character(1.0, characters)
