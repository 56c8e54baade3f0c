"""Searches small enough to work out by hand, at the edges that chance seldom finds.

Legend: B batch, T time steps, V vocabulary size.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS, UNKNOWN_ID, count_characters, train_alphabet
from model.errors import InputError
from model.finished import Found, SearchOptions
from model.frontier import TOGETHER
from model.memory import Reader
from model.query import Arcs, TableQuery, arcs_of, exact_query, query_of_ids
from model.search import search

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class LastCharacter:
    """A language model that remembers one character; its state is what it read last, and nothing reads that."""

    said: NDArray[np.float32]  # (V, V), log-probabilities after each character, nats
    state_width: int = 1

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert state.shape == (len(ids), 1)
        return self.said[ids], ids[:, None].astype(np.float32)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert state.shape == (sequence.shape[1], 1)
        return self.said[sequence], sequence[..., None].astype(np.float32)


def network_of(table: dict[int, dict[int, float]], vocabulary: int) -> LastCharacter:
    """After each character of the table, the probability of what may come next."""
    said = np.full((vocabulary, vocabulary), -np.inf, np.float32)
    for last, row in table.items():
        for character, probability in row.items():
            said[last, character] = np.log(probability)
    return LastCharacter(said=said)


def bounded(limit: int, max_characters: int = 64, max_expansions: int = 2000) -> SearchOptions:
    return SearchOptions(limit=limit, max_characters=max_characters, max_expansions=max_expansions)


def exact(*ids: int) -> TableQuery:
    return query_of_ids(np.array(ids, np.int32), np.zeros(len(ids), np.float32))


def probabilities(found: tuple[Found, ...]) -> dict[tuple[int, ...], float]:
    return {each.ids: float(np.exp(each.score)) for each in found}


# After 3 comes 4 with .6 or the end; after 4 comes 3 or the end.
THREE_AND_FOUR = network_of({BEGIN_ID: {3: 1.0}, 3: {4: 0.6, END_ID: 0.4}, 4: {3: 0.5, END_ID: 0.5}}, 5)


def test_a_worked_example() -> None:
    result = search(Reader(network=THREE_AND_FOUR), exact(3), bounded(3))
    assert [found.ids for found in result.found] == [(3,), (3, 4), (3, 4, 3)]
    assert probabilities(result.found) == pytest.approx({(3,): 0.4, (3, 4): 0.3, (3, 4, 3): 0.12})
    assert result.exact


def test_a_search_that_is_out_of_expansions_gives_what_is_finished() -> None:
    """The start is read and no more: 3 may end there, and 34 is likelier than that and unknown."""
    result = search(Reader(network=THREE_AND_FOUR), exact(3), bounded(3, max_expansions=1))
    assert probabilities(result.found) == pytest.approx({(3,): 0.4})
    assert not result.exact
    assert result.expansions == 1


@pytest.mark.parametrize("limit", [3, 4, 100])
def test_fewer_phrases_than_wanted_are_all_given_and_known_to_be_all(limit: int) -> None:
    """3, 4 or 5 begins, 5 follows both others, and ends: three phrases in all."""
    table = {BEGIN_ID: {3: 0.5, 4: 0.3, 5: 0.2}, 3: {5: 1.0}, 4: {5: 1.0}, 5: {END_ID: 1.0}}
    result = search(Reader(network=network_of(table, 6)), exact(), bounded(limit))
    assert [found.ids for found in result.found] == [(3, 5), (4, 5), (5,)]
    assert result.exact


def test_a_bound_on_length_that_nothing_good_lies_beyond_leaves_the_answer_exact() -> None:
    network = network_of({BEGIN_ID: {3: 1.0}, 3: {3: 0.01, END_ID: 0.99}}, 4)
    assert search(Reader(network=network), exact(), bounded(1, max_characters=1)).exact
    cut = search(Reader(network=network), exact(), bounded(2, max_characters=1))
    assert not cut.exact
    assert [found.ids for found in cut.found] == [(3,)]


def test_a_branch_that_was_cut_and_turns_out_too_unlikely_leaves_the_answer_exact() -> None:
    """Those of .09 are expanded first and go on with .036; what is too long then is cut before those of .07 end."""
    first, later = range(SYMBOLS, SYMBOLS + TOGETHER), range(SYMBOLS + TOGETHER, SYMBOLS + TOGETHER + 4)
    table = {BEGIN_ID: {**dict.fromkeys(first, 0.09), **dict.fromkeys(later, 0.07)}}
    table |= {each: {each: 0.4, END_ID: 0.6} for each in first} | {each: {END_ID: 1.0} for each in later}
    result = search(Reader(network=network_of(table, later.stop)), exact(), bounded(12, max_characters=1))
    expected = {**{(each,): 0.054 for each in first}, **{(each,): 0.07 for each in later}}
    assert probabilities(result.found) == pytest.approx(expected)
    assert result.exact


@pytest.mark.parametrize("seed", range(20))
def test_children_that_are_alike_are_each_found_once(seed: int) -> None:
    """At equal scores what is sorted first is anyone's choice, and none may be lost or come twice for it."""
    characters = np.random.default_rng(seed).permutation(np.arange(SYMBOLS, SYMBOLS + 90)).tolist()
    begin = {each: 0.02 if rank < 20 else 0.6 / 70 for rank, each in enumerate(characters)}
    network = network_of({BEGIN_ID: begin, **{each: {END_ID: 1.0} for each in characters}}, SYMBOLS + 90)
    result = search(Reader(network=network), exact(), bounded(100))
    assert probabilities(result.found) == pytest.approx({(each,): begin[each] for each in characters})
    assert len(result.found) == 90
    assert result.exact


def test_rounding_never_lifts_the_end_of_a_word_above_the_word() -> None:
    """In running text an end is a sum, and in float32 the parts of 1 may sum to more."""
    said = np.full((5, 5), -np.inf, np.float32)
    said[BEGIN_ID, 3] = 0.0
    said[3, [END_ID, 4]] = np.nextafter(np.float32(np.log(0.5)), np.float32(0))
    boundary = np.array([False, False, True, False, True])
    options = SearchOptions(limit=1, max_characters=3, max_expansions=10, boundary=boundary)
    (found,) = search(Reader(network=LastCharacter(said=said)), exact(), options).found
    assert found == Found(ids=(3,), score=0.0, model=0.0)


def test_an_unknown_character_costs_what_tells_it_from_all_the_unknown() -> None:
    alphabet = train_alphabet(count_characters(["abc"], np.ones(1)), character_limit=10)
    a, b = (int(each) for each in alphabet.encode("ab"))
    everywhere = dict.fromkeys((UNKNOWN_ID, END_ID, *range(SYMBOLS, len(alphabet))), 0.2)
    network = network_of(dict.fromkeys((BEGIN_ID, UNKNOWN_ID, *range(SYMBOLS, 6)), everywhere), len(alphabet))
    result = search(Reader(network=network), exact_query(alphabet, "aXb"), bounded(1000, max_characters=3))
    scores = {found.ids: found.score for found in result.found}
    assert scores[a, UNKNOWN_ID, b] == pytest.approx(4 * np.log(0.2) - np.log(alphabet.unknown_code_points))
    assert all(ids[:3] == (a, UNKNOWN_ID, b) and UNKNOWN_ID not in ids[3:] for ids in scores)
    assert len(scores) == 1 + 3 + 3**2 + 3**3


def test_a_query_that_nothing_matches_finds_nothing() -> None:
    no_arcs = Arcs(ids=np.zeros(0, np.int64), costs=np.zeros(0, np.float32), places=np.zeros(0, np.int64))
    nothing = TableQuery(places=(no_arcs,))
    result = search(Reader(network=THREE_AND_FOUR), nothing, bounded(5))
    assert (result.found, result.exact) == ((), True)


def test_an_automaton_is_known_to_the_core_as_it_was_written_down() -> None:
    """From nine arcs on, the core looks them up in a table."""
    arcs = [
        Arcs(ids=np.arange(3, 3 + count), costs=-np.arange(count, dtype=np.float32), places=np.full(count, 2))
        for count in (8, 9)
    ]
    query = TableQuery(places=(*arcs, None))
    for place, written in enumerate(arcs):
        known = arcs_of(query, place)
        assert known is not None
        assert all(map(np.array_equal, astuple(known), astuple(written)))
    assert arcs_of(query, 2) is None


@pytest.mark.parametrize("place", [-1, 1])
def test_an_arc_that_leads_to_no_place_is_refused(place: int) -> None:
    arcs = Arcs(ids=np.array([3]), costs=np.zeros(1, np.float32), places=np.array([place]))
    with pytest.raises(InputError, match="places must be in"):
        TableQuery(places=(arcs,))
