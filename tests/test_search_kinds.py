"""Search over network, counts and every kind of match finds what trying every string finds.

Legend: V vocabulary size, K completions.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_search import drawn_network

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS, Alphabet, count_characters, train_alphabet
from model.channel import DEFAULT_COSTS, KINDS
from model.errors import InputError
from model.finished import SearchOptions, folded_name
from model.keys import AlphabetKeys, alphabet_keys
from model.loaded import folded_ids
from model.memory import Reader
from model.mixture import Mixture
from model.phrases import phrase_index_from
from model.search import search
from model.slips import find_slips
from model.typed import TypedQuery, typed_query
from training.phrase_index import build_phrase_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.runtime import Network

CHARACTERS = "가각기나간ㄱrkA a"
LONGEST = 3  # characters of a string that is tried
FEW = 1e-4


@pytest.fixture(scope="module")
def alphabet() -> Alphabet:
    return train_alphabet(count_characters([CHARACTERS], np.ones(1)), character_limit=20)


@pytest.fixture(scope="module")
def keys(alphabet: Alphabet) -> AlphabetKeys:
    return alphabet_keys(alphabet)


def mixture_of(alphabet: Alphabet, phrases: Mapping[str, float], model_share: float) -> Mixture:
    ids, offsets = alphabet.encode_many(list(phrases))
    index = phrase_index_from(build_phrase_index(ids, offsets, np.array(list(phrases.values()), dtype=np.float64)))
    total = max(sum(phrases.values()), 1.0)
    return Mixture(index=index, model_share=model_share, discounts=(0.5, 0.8, 1.1), total=total, least_count=1.0)


def probabilities_of_all(network: Network, alphabet: Alphabet) -> dict[str, float]:
    """Log P of every string of known characters that is not too long, nats."""
    scores: dict[str, float] = {}
    level = {"": (0.0, network.step(np.array([BEGIN_ID]), np.zeros((1, network.state_width), np.float32)))}
    for _ in range(LONGEST + 1):
        following = {}
        for text, (score, (row, state)) in level.items():
            scores[text] = score + float(row[0, END_ID])
            for i, character in enumerate(alphabet.characters, start=SYMBOLS):
                if len(text) < LONGEST:
                    after = network.step(np.array([i]), state)
                    following[text + character] = (score + float(row[0, i]), after)
        level = following
    return scores


def expected(
    query: TypedQuery, mixture: Mixture, alone: Mapping[str, float], options: SearchOptions, alphabet: Alphabet
) -> list[float]:
    """Score every string as the definition says, keep the best of those alike, and give the best K."""
    folded = folded_ids(alphabet)
    best: dict[tuple[int, ...], float] = {}
    typed = folded_name(folded, query.ahead)
    for text, probability in alone.items():
        ids = tuple(alphabet.encode(text).tolist())
        seen = mixture.log_share(mixture.index.count(ids))
        name = folded_name(folded, ids)
        if not text or (name == typed and (seen == -np.inf or not options.finished)):
            continue
        try:
            match = query.explain(text)
        except InputError:
            continue
        score = float(np.logaddexp(mixture.log_model_share + probability, seen)) + match.cost
        best[name] = max(best.get(name, -np.inf), score)
    return sorted(best.values(), reverse=True)[: options.limit]


@settings(max_examples=120, deadline=None)
@given(
    st.text(CHARACTERS, max_size=3),
    st.sets(st.sampled_from(KINDS)).map(frozenset) | st.just(frozenset(KINDS)),
    st.dictionaries(st.text(CHARACTERS, min_size=1, max_size=LONGEST), st.integers(1, 5).map(float), max_size=12),
    st.sampled_from([0.05, 0.5, 1.0]),
    st.sampled_from([1, 2, 3, 4, 30]),
    st.booleans(),
    st.sampled_from([0, 24]),
    st.integers(0, 2**32),
)
def test_search_equals_trying_everything_for_every_kind_of_match(
    alphabet: Alphabet,
    keys: AlphabetKeys,
    typed: str,
    kinds: frozenset[str],
    phrases: dict[str, float],
    model_share: float,
    limit: int,
    finished: bool,
    later: int,
    seed: int,
) -> None:
    """``later``: nodes after which more are read together."""
    network = drawn_network(len(alphabet), seed, sharpness=1.0, end=3.0)
    mixture = mixture_of(alphabet, phrases, model_share)
    corrections = (
        find_slips(mixture.index, keys, typed, edits=1, costs=DEFAULT_COSTS, most=20).corrections if typed else ()
    )
    query = typed_query(typed, alphabet, keys, kinds, corrections=corrections)
    options = SearchOptions(
        limit=limit,
        max_characters=LONGEST - len(typed),  # more would not be among what is tried
        max_expansions=10**6,
        mixture=mixture,
        folded=folded_ids(alphabet),
        finished=finished,
    )
    with patch("model.frontier.LATER", later):
        result = search(Reader(network=network), query, options)
    wanted = expected(query, mixture, probabilities_of_all(network, alphabet), options, alphabet)
    np.testing.assert_allclose([found.score for found in result.found], wanted, atol=FEW)
    for found in result.found:
        event(query.explain(alphabet.decode(found.ids)).kind)
        assert found.score <= float(np.logaddexp(found.model, found.seen)) + FEW


@pytest.mark.parametrize("kind", KINDS)
def test_the_kinds_of_the_property_all_occur(alphabet: Alphabet, keys: AlphabetKeys, kind: str) -> None:
    """Or it would say nothing of them."""
    typed = {"exact": "가", "partial": "ㄱ", "case": "a", "initials": "ㄱㄱ", "keyboard": "rk", "slip": "각기"}[kind]
    mixture = mixture_of(alphabet, {"각나기": 3.0, "가기": 3.0}, 0.5)
    corrections = find_slips(mixture.index, keys, typed, edits=1, costs=DEFAULT_COSTS, most=20).corrections
    query = typed_query(typed, alphabet, keys, corrections=corrections)
    texts = map("".join, itertools.product(alphabet.characters, repeat=2))
    assert any(kind == query.explain(text).kind for text in texts if matches(query, text))


def matches(query: TypedQuery, text: str) -> bool:
    try:
        query.explain(text)
    except InputError:
        return False
    return True
