"""The phrases seen that a query admits, against trying every phrase.

Legend: K phrases.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_search import drawn_network
from test_search_examples import network_of
from test_search_kinds import CHARACTERS, matches, mixture_of

from model.alphabet import BEGIN_ID, END_ID, Alphabet, count_characters, train_alphabet
from model.channel import DEFAULT_COSTS, KINDS
from model.finished import SearchOptions
from model.keys import AlphabetKeys, alphabet_keys
from model.memory import Reader
from model.search import search
from model.seen import TOGETHER, SeenPhrase, best_seen, score_seen
from model.slips import find_slips
from model.typed import TypedQuery, typed_query

PHRASES = {"가나": 5.0, "각": 3.0, "가 나": 2.0, "나가": 9.0, "rk": 1.0, "가": 4.0}


@pytest.fixture(scope="module")
def alphabet() -> Alphabet:
    return train_alphabet(count_characters([CHARACTERS], np.ones(1)), character_limit=20)


@pytest.fixture(scope="module")
def keys(alphabet: Alphabet) -> AlphabetKeys:
    return alphabet_keys(alphabet)


def query_of(alphabet: Alphabet, keys: AlphabetKeys, typed: str, phrases: dict[str, float]) -> TypedQuery:
    index = mixture_of(alphabet, phrases, 0.5).index
    slips = find_slips(index, keys, typed, edits=1, costs=DEFAULT_COSTS, most=20).corrections if typed else ()
    return typed_query(typed, alphabet, keys, frozenset(KINDS), corrections=slips)


@settings(max_examples=150, deadline=None)
@given(
    st.text(CHARACTERS, max_size=4),
    st.dictionaries(st.text(CHARACTERS, min_size=1, max_size=4), st.integers(1, 9).map(float), max_size=12),
    st.sampled_from([1, 3, 20]),
)
def test_the_best_of_what_was_seen_is_found(
    alphabet: Alphabet, keys: AlphabetKeys, typed: str, phrases: dict[str, float], limit: int
) -> None:
    mixture, query = mixture_of(alphabet, phrases, 0.5), query_of(alphabet, keys, typed, phrases)
    wanted = {
        text: mixture.log_share(count) + query.explain(text).cost
        for text, count in phrases.items()
        if matches(query, text)
    }
    found, others = best_seen(mixture, query, limit)
    worths = [mixture.log_share(each.seen) + each.cost for each in found]
    np.testing.assert_allclose(worths, sorted(wanted.values(), reverse=True)[:limit], atol=1e-5)
    left = sorted(wanted.values(), reverse=True)[limit:]
    assert others >= max(left, default=-math.inf) - 1e-5
    for each, worth in zip(found, worths, strict=True):
        assert wanted[alphabet.decode(each.ids)] == pytest.approx(worth, abs=1e-5)


def test_a_bound_leaves_what_was_found_until_then(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    mixture, query = mixture_of(alphabet, PHRASES, 0.5), query_of(alphabet, keys, "ㄱ", PHRASES)
    every = best_seen(mixture, query, 10).phrases
    assert len(every) >= 4
    some = [best_seen(mixture, query, 10, most_steps=steps).phrases for steps in range(30)]
    assert some[0] == []
    assert {len(each) for each in some} == set(range(len(every) + 1))
    assert all(each == every[: len(each)] for each in some)
    assert best_seen(mixture, query, 10, deadline=time.perf_counter()).phrases == every  # found in the fewest steps


def test_what_was_seen_too_seldom_is_left_out(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    mixture, query = mixture_of(alphabet, {"가": 0.5, "가나": 1.0}, 0.5), query_of(alphabet, keys, "가", {"가나": 1.0})
    assert [alphabet.decode(each.ids) for each in best_seen(mixture, query, 10).phrases] == ["가나"]


@pytest.mark.parametrize("typed", ["", "ㄱ", "가", "ㄱㄴ", "rk"])
def test_search_cut_short_still_gives_what_was_seen_with_the_scores_it_would_find(
    alphabet: Alphabet, keys: AlphabetKeys, typed: str
) -> None:
    mixture, query = mixture_of(alphabet, PHRASES, 0.5), query_of(alphabet, keys, typed, PHRASES)
    network = drawn_network(len(alphabet), 3, sharpness=1.0, end=1.0)
    cut = SearchOptions(limit=10, max_characters=8, max_expansions=1, mixture=mixture)
    whole = SearchOptions(limit=10**6, max_characters=8, max_expansions=300, mixture=mixture)
    result = search(Reader(network=network), query, cut)
    assert not result.exact
    known = {each.ids: each for each in search(Reader(network=network), query, whole).found}
    seen = best_seen(mixture, query, 10).phrases
    assert {each.ids for each in seen} <= {each.ids for each in result.found}
    for each in result.found:
        assert each.score == pytest.approx(known[each.ids].score, abs=1e-4)
        assert each.seen == pytest.approx(mixture.log_share(mixture.index.count(each.ids)))


def test_a_phrase_seen_less_that_the_model_likes_more_comes_first(alphabet: Alphabet, keys: AlphabetKeys) -> None:
    """One is wanted: 가나 is worth .3 by its count, 각나 .29, and .2 more by the model, which only search finds out."""
    ga, gak, na = alphabet.encode("가각나").tolist()
    network = network_of(
        {BEGIN_ID: {gak: 1.0}, gak: {na: 0.5, END_ID: 0.5}, ga: {na: 1.0}, na: {END_ID: 1.0}}, len(alphabet)
    )
    seen = mixture_of(alphabet, {"가나": 30.0, "각나": 29.0}, 0.4)
    mixture = replace(seen, discounts=(0.0, 0.0, 0.0), total=100.0)
    query = typed_query("ㄱㄴ", alphabet, keys)
    options = SearchOptions(limit=1, max_characters=3, max_expansions=100, mixture=mixture)
    (found,) = search(Reader(network=network), query, options).found
    assert alphabet.decode(found.ids) == "각나"
    assert math.exp(found.score - DEFAULT_COSTS.initials) == pytest.approx(0.49)


def test_phrases_are_scored_in_several_calls_and_the_wanted_ones_however_late_it_is(alphabet: Alphabet) -> None:
    network = drawn_network(len(alphabet), 3, sharpness=1.0, end=1.0)
    texts = ["".join(each) for each in itertools.product("가각나", repeat=4)]
    mixture = mixture_of(alphabet, dict.fromkeys(texts, 2.0), 0.5)
    phrases = [SeenPhrase(tuple(alphabet.encode(text).tolist()), 2.0, 0.0) for text in texts]
    alone = [score_seen(network, mixture, [phrase])[0] for phrase in phrases]
    found = score_seen(network, mixture, phrases)
    assert [each.ids for each in found] == [each.ids for each in phrases]
    np.testing.assert_allclose([each.score for each in found], [each.score for each in alone], atol=1e-5)
    assert score_seen(network, mixture, phrases, deadline=0.0) == found[:TOGETHER]


def test_no_phrases_ask_nothing_of_the_network(alphabet: Alphabet) -> None:
    network = drawn_network(len(alphabet), 3, sharpness=1.0, end=1.0)
    mixture = mixture_of(alphabet, PHRASES, 0.5)
    assert score_seen(network, mixture, []) == []
    (found,) = score_seen(network, mixture, [SeenPhrase(tuple(alphabet.encode("가").tolist()), 4.0, -2.0)])
    assert found.score == pytest.approx(float(np.logaddexp(found.model, found.seen)) - 2.0)
    assert math.isfinite(found.model)
