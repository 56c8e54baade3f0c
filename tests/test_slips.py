"""Slips found in the index are those that comparing every beginning of every phrase finds."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import slips
from model.alphabet import Alphabet, count_characters, train_alphabet
from model.channel import DEFAULT_COSTS
from model.hangul import keystrokes, neighbours
from model.keys import alphabet_keys
from model.phrases import PhraseIndex, phrase_index_from
from model.slips import edits_for, find_slips
from training.phrase_index import build_phrase_index

LATIN = "asdk1"
HANGUL = "가각거하ㄱ다"
ALL = 10_000


def alphabet_of(characters: str) -> Alphabet:
    return train_alphabet(count_characters([characters], np.ones(1)), character_limit=50)


ALPHABETS = {LATIN: alphabet_of(LATIN), HANGUL: alphabet_of(HANGUL)}


def index_of(phrases: dict[str, float], alphabet: Alphabet) -> PhraseIndex:
    ids, offsets = alphabet.encode_many(list(phrases))
    return phrase_index_from(build_phrase_index(ids, offsets, np.array(list(phrases.values()), dtype=np.float64)))


def found(
    phrases: dict[str, float], typed: str, *, edits: int, most: int = ALL, known: str = "", **bounds: float
) -> dict[str, float]:
    alphabet = ALPHABETS.get(known) or alphabet_of("".join(phrases) + typed)
    index, keys = index_of(phrases, alphabet), alphabet_keys(alphabet)
    corrections = find_slips(index, keys, typed, edits=edits, costs=DEFAULT_COSTS, most=most, **bounds).corrections
    return {alphabet.decode(each.ids): each.cost for each in corrections}


def edit_costs(meant: str, typed: str, edits: int) -> list[float]:
    """The best cost of typing one string of keys for another with exactly 0, 1, ... edits, nats."""
    first = DEFAULT_COSTS.slip_at_start
    table: dict[tuple[int, int, int], float] = {}

    def cost(i: int, j: int, left: int) -> float:
        """Of all after the first i keys meant and the first j typed."""
        if left < 0:
            return -math.inf
        if (i, j, left) in table:
            return table[i, j, left]
        start = first if j == 0 else 0.0
        ways = [0.0] if i == len(meant) and j == len(typed) and left == 0 else []
        if i < len(meant) and j < len(typed):
            if meant[i] == typed[j]:
                ways.append(cost(i + 1, j + 1, left))
            else:
                changed = DEFAULT_COSTS.slip_neighbour if meant[i] in neighbours(typed[j]) else DEFAULT_COSTS.slip
                ways.append(changed + start + cost(i + 1, j + 1, left - 1))
            swapped = meant[i : i + 2][::-1] == typed[j : j + 2] and len(typed[j : j + 2]) == 2
            if swapped and meant[i] != meant[i + 1]:
                ways.append(DEFAULT_COSTS.transposition + start + cost(i + 2, j + 2, left - 1))
        if i < len(meant):
            ways.append(DEFAULT_COSTS.slip + start + cost(i + 1, j, left - 1))
        if j < len(typed):
            ways.append(DEFAULT_COSTS.slip + start + cost(i, j + 1, left - 1))
        table[i, j, left] = max(ways, default=-math.inf)
        return table[i, j, left]

    return [cost(0, 0, number) for number in range(edits + 1)]


def expected(phrases: dict[str, float], typed: str, edits: int) -> dict[str, float]:
    """Compare every beginning of every phrase, its last character whole or begun."""
    for allowed in range(1, edits + 1):
        best: dict[str, float] = {}
        first = keystrokes(typed)[0].lower()
        for phrase in phrases:
            if allowed > 1 and keystrokes(phrase)[0].lower() != first:
                continue
            for length in range(1, len(phrase) + 1):
                before, keys = keystrokes(phrase[: length - 1]), keystrokes(phrase[:length])
                costs = [
                    max(edit_costs(keys[:end], keystrokes(typed), allowed)[1:])
                    for end in range(len(before) + 1, len(keys) + 1)
                ]
                if max(costs) > -math.inf:
                    best[phrase[:length]] = max(costs)
        if best:
            return best
    return {}


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([LATIN, HANGUL]).flatmap(
        lambda known: st.tuples(
            st.just(known),
            st.dictionaries(st.text(known, min_size=1, max_size=4), st.integers(1, 9).map(float), max_size=5),
            st.text(known, min_size=1, max_size=4),
        )
    ),
    st.sampled_from([1, 2]),
)
def test_every_beginning_within_the_edits_is_found_at_its_cost(
    case: tuple[str, dict[str, float], str], edits: int
) -> None:
    known, phrases, typed = case
    assert found(phrases, typed, edits=edits, known=known) == pytest.approx(expected(phrases, typed, edits))


@pytest.mark.parametrize(
    ("typed", "meant", "cost"),
    [
        ("베익징", "베이징", DEFAULT_COSTS.slip),
        ("서을", "서울", DEFAULT_COSTS.slip),
        ("san x", "san j", DEFAULT_COSTS.slip),
        ("sam j", "san j", DEFAULT_COSTS.slip_neighbour),
        ("sna j", "san j", DEFAULT_COSTS.transposition),
        ("asn j", "san j", DEFAULT_COSTS.transposition + DEFAULT_COSTS.slip_at_start),
        ("xan j", "san j", DEFAULT_COSTS.slip_neighbour + DEFAULT_COSTS.slip_at_start),
        ("SNa j", "san j", DEFAULT_COSTS.transposition + 2 * DEFAULT_COSTS.case),
    ],
)
def test_each_edit_has_its_cost(typed: str, meant: str, cost: float) -> None:
    phrases = {"베이징": 5.0, "서울": 5.0, "san jose": 2.0}
    best = found(phrases, typed, edits=1)
    assert best[meant] == pytest.approx(cost if typed != "서을" else max(cost, best[meant]))


def test_keys_alike_are_not_exchanged() -> None:
    """Or what was typed exactly would be a slip."""
    assert "xaab" not in found({"xaab": 1.0}, "xaab", edits=1)


def test_two_keys_exchanged_are_hoped_for_before_the_second_is_seen() -> None:
    """Until then any other edit costs more than the least worth lets it."""
    least = (DEFAULT_COSTS.transposition + DEFAULT_COSTS.slip) / 2
    assert found({"anam": 1.0}, "anma", edits=1, least_worth=least) == {"anam": DEFAULT_COSTS.transposition}


def test_two_edits_are_tried_only_where_one_finds_nothing() -> None:
    assert found({"abcdefgh": 1.0}, "abxdexgh", edits=1) == {}
    assert "abcdefgh" in found({"abcdefgh": 1.0}, "abxdexgh", edits=2)
    assert "abxdefgh" not in found({"abcdefgh": 1.0, "abxdeegh": 1.0}, "abxdexgh", edits=2)


def test_two_edits_leave_the_first_key_as_it_was_typed() -> None:
    assert "abcdefghi" in found({"abcdefghi": 1.0}, "abxdexghi", edits=2)
    assert found({"xbcdefghi": 1.0}, "abcdexghi", edits=2) == {}
    assert "xbcdefghi" in found({"xbcdefghi": 1.0}, "abcdefghi", edits=2)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.text(LATIN, min_size=1, max_size=4), st.integers(1, 500).map(float), max_size=8),
    st.text(LATIN, min_size=1, max_size=4),
    st.floats(-20.0, 5.0),
)
def test_what_is_worth_too_little_is_passed_over_and_else_only_what_goes_on_from_a_beginning_as_good(
    phrases: dict[str, float], typed: str, least: float
) -> None:
    def worth(beginning: str, cost: float) -> float:
        return cost + math.log(max(count for phrase, count in phrases.items() if phrase.startswith(beginning)))

    every = found(phrases, typed, edits=1, known=LATIN)
    kept = found(phrases, typed, edits=1, known=LATIN, least_worth=least)
    assert kept.items() <= every.items()
    assert all(worth(each, cost) >= least - 1e-5 for each, cost in kept.items())
    for each in every.keys() - kept.keys():
        shorter = [each[:end] for end in range(1, len(each))]
        needless = typed in shorter or any(every.get(beginning, -math.inf) >= every[each] for beginning in shorter)
        assert needless or worth(each, every[each]) <= least + 1e-5


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text(LATIN, min_size=1, max_size=5), st.integers(1, 5000).map(float), max_size=12),
    st.text(LATIN, min_size=1, max_size=5),
    st.sampled_from([1, 2]),
    st.integers(1, 6),
)
def test_the_best_few_are_the_best_of_all_but_for_what_goes_on_from_a_beginning_as_good(
    phrases: dict[str, float], typed: str, edits: int, most: int
) -> None:
    every = found(phrases, typed, edits=edits, known=LATIN)
    kept = found(phrases, typed, edits=edits, known=LATIN, most=most)
    worths = {
        each: cost + math.log(max(count for phrase, count in phrases.items() if phrase.startswith(each)))
        for each, cost in every.items()
    }
    assert kept.items() <= every.items()
    assert [worths[each] for each in kept] == sorted((worths[each] for each in kept), reverse=True)
    for each in every.keys() - kept.keys():
        shorter = [each[:end] for end in range(1, len(each))]
        needless = typed in shorter or any(every.get(beginning, -math.inf) >= every[each] for beginning in shorter)
        assert needless or (len(kept) == most and worths[each] <= min(worths[beginning] for beginning in kept) + 1e-5)


def test_a_walk_that_is_cut_short_gives_what_it_came_to_first() -> None:
    """Two characters begin phrases, and below the one that more is hoped of is one each, of which the third ends it."""
    phrases = {"abcd1": 10.0, "abcd2": 10.0, "xzcd": 1.0}
    with patch.object(slips, "MOST_CHILDREN", 4):
        assert found(phrases, "azcd", edits=1) == {}
    with patch.object(slips, "MOST_CHILDREN", 5):
        assert found(phrases, "azcd", edits=1) == {"abcd": DEFAULT_COSTS.slip}
    assert found(phrases, "azcd", edits=1).keys() == {"abcd", "xzcd"}


def test_a_deadline_that_is_over_ends_the_walk_and_is_said() -> None:
    index = index_of({"abcde": 1.0}, alphabet := alphabet_of("abcde"))
    late = find_slips(index, alphabet_keys(alphabet), "abxde", edits=1, costs=DEFAULT_COSTS, most=1, deadline=0.0)
    assert late == slips.Slips(corrections=(), in_time=False)


def test_every_slip_costs_something_so_what_was_typed_exactly_comes_before_it() -> None:
    costs = found({"서울역": 5.0, "서울": 2.0}, "서울", edits=1)
    assert costs
    assert max(costs.values()) <= max(DEFAULT_COSTS.slip_neighbour, DEFAULT_COSTS.transposition)


def test_the_best_by_cost_and_count_are_given() -> None:
    phrases = {"abcd": 1.0, "abce": 1e6, "abcf": 10.0}
    assert list(found(phrases, "abcz", edits=1, most=2)) in (["abc", "abce"], ["abce", "abc"])


@pytest.mark.parametrize(
    ("typed", "edits"), [("", 0), ("abc", 0), ("abcd", 1), ("서울", 1), ("a" * 8, 1), ("a" * 9, 2)]
)
def test_more_keys_allow_for_more_edits(typed: str, edits: int) -> None:
    assert edits_for(typed) == edits
