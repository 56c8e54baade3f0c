"""The metrics on examples that can be worked out on paper."""

from math import log

import pytest

from model.errors import InputError
from training.metrics import (
    bits_per_character,
    is_hit,
    keystrokes_saved,
    mean_reciprocal_rank,
    partial_reciprocal_rank,
    reciprocal_rank,
    recoverable_length,
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


@pytest.mark.parametrize(
    ("offering", "length"),
    [
        ({"oslo", "osl", "os", "o", ""}, 4),  # all of it can be taken off
        ({"osl", "os"}, 2),
        ({"os", "o", ""}, 0),  # lost at the first step; what less would offer does not count
        ({"osl", "o"}, 1),
        ({"oslo"}, 0),  # the phrase typed whole is not asked for
    ],
)
def test_the_recoverable_length_is_counted_from_the_end_until_the_phrase_is_lost(
    offering: set[str], length: int
) -> None:
    assert recoverable_length("oslo", lambda prefix: ("os", "oslo") if prefix in offering else ("os",)) == length


def test_a_phrase_below_the_limit_is_lost() -> None:
    offered = [str(place) for place in range(1, 11)]
    assert recoverable_length("10", lambda _: offered) == 2
    assert recoverable_length("10", lambda _: ["0", *offered]) == 0
    assert recoverable_length("10", lambda _: offered, 9) == 0


@pytest.mark.parametrize(
    ("phrase", "offered_at", "saved"),
    [
        ("oslo", "", 1 - 1 / 4),  # before the first key: one key to choose it
        ("oslo", "os", 1 - 3 / 4),
        ("oslo", "osl", 0),  # three keys and the choice: as many as it has
        ("oslo", "oslo", 0),  # no less, for who has typed all need not choose
        ("서울", "서", 1 - 3 / 5),  # ㅅㅓ of ㅅㅓㅇㅜㄹ
        ("서울", "성", 1 - 4 / 5),  # an input method shows ㅅㅓㅇ as one syllable
        ("서울", "서우", 0),
        ("값 a", "가", 1 - 3 / 6),  # ㄱㅏ of ㄱㅏㅂㅅ, the space and a letter
        ("서울", "elsewhere", 0),
    ],
)
def test_the_keys_saved_are_those_counted_by_hand(phrase: str, offered_at: str, saved: float) -> None:
    assert keystrokes_saved(phrase, lambda typed: (phrase,) if typed == offered_at else ()) == pytest.approx(saved)


def test_the_first_time_that_a_phrase_is_offered_ends_the_typing() -> None:
    asked: list[str] = []

    def complete(typed: str) -> tuple[str, ...]:
        asked.append(typed)
        return ("서울역",) if len(typed) == 2 else ()

    assert keystrokes_saved("서울역", complete) == pytest.approx(1 - (4 + 1) / 8)
    assert asked == ["", "ㅅ", "서", "성", "서우"]


def test_an_eleventh_completion_saves_no_keys_and_nothing_has_none_to_save() -> None:
    assert keystrokes_saved("oslo", lambda _: (*"abcdefghij", "oslo")) == 0
    with pytest.raises(InputError, match="target must have at least one character"):
        keystrokes_saved("", lambda _: ())


def test_a_uniform_model_scores_the_logarithm_of_its_choices_in_bits() -> None:
    """Three characters and the END, each one of eight: 3 bits, whatever the length."""
    assert bits_per_character(4 * log(8), 4) == pytest.approx(3.0, abs=1e-12)


@pytest.mark.parametrize("characters", [0, -1, float("nan")])
def test_bits_per_character_of_no_characters_are_refused(characters: float) -> None:
    with pytest.raises(InputError, match="characters must be above 0"):
        bits_per_character(1.0, characters)
