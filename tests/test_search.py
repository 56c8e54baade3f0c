"""Search finds what trying every string finds, and says when a bound kept it from knowing.

Legend: B batch, T time steps, V vocabulary size, S state width, K completions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS
from model.finished import SearchOptions
from model.memory import Reader
from model.query import Arcs, TableQuery, query_of_ids
from model.search import SearchResult, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 4
NO_END = 10**6


@dataclass(frozen=True, kw_only=True)
class DrawnNetwork:
    """A tanh RNN of drawn weights: what comes next depends on all that came before."""

    of_input: NDArray[np.float32]  # (V, S)
    of_state: NDArray[np.float32]  # (S, S)
    of_output: NDArray[np.float32]  # (S, V)
    of_last: NDArray[np.float32]  # (V, V), what the last character alone adds

    @property
    def state_width(self) -> int:
        return len(self.of_state)

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        after = np.tanh(self.of_input[ids] + state @ self.of_state)
        logits = after @ self.of_output + self.of_last[ids]
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return np.minimum(log_probabilities, 0).astype(np.float32), after.astype(np.float32)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        said, states = [], []
        for ids in sequence:
            log_probabilities, state = self.step(ids, state)
            said.append(log_probabilities)
            states.append(state)
        return np.stack(said), np.stack(states)


def drawn_network(vocabulary: int, seed: int, *, sharpness: float = 1.0, end: float = 0.0) -> DrawnNetwork:
    """``sharpness``: how sure it is; ``end``: how much it likes to end."""
    generator = np.random.default_rng(seed)
    of_last = generator.normal(size=(vocabulary, vocabulary))
    of_last[:, END_ID] += end
    return DrawnNetwork(
        of_input=generator.normal(size=(vocabulary, WIDTH)).astype(np.float32),
        of_state=generator.normal(size=(WIDTH, WIDTH)).astype(np.float32),
        of_output=(sharpness * generator.normal(size=(WIDTH, vocabulary))).astype(np.float32),
        of_last=of_last.astype(np.float32),
    )


def drawn_query(vocabulary: int, places: int, seed: int) -> TableQuery:
    """Several arcs a place, each of its own cost; they lead on, or for one character back to where they are."""
    generator = np.random.default_rng(seed)
    made: list[Arcs | None] = []
    for place in range(places):
        number = int(generator.integers(1, vocabulary - SYMBOLS + 1))
        ids = generator.permutation(np.arange(SYMBOLS, vocabulary))[:number]
        to = generator.integers(place + 1, places + 1, number)
        if number > 1 and generator.random() < 0.5:
            to[0] = place
        costs = -generator.exponential(size=number).astype(np.float32)
        made.append(Arcs(ids=ids.astype(np.int64), costs=costs, places=to.astype(np.int64)))
    return TableQuery(places=(*made, None))


def bounded(
    limit: int, max_characters: int = 64, max_expansions: int = NO_END, boundary: NDArray[np.bool_] | None = None
) -> SearchOptions:
    return SearchOptions(limit=limit, max_characters=max_characters, max_expansions=max_expansions, boundary=boundary)


def exact(*ids: int) -> TableQuery:
    return query_of_ids(np.array(ids, np.int32), np.zeros(len(ids), np.float32))


class Everything(NamedTuple):
    phrases: dict[tuple[int, ...], float]  # within the bound on length, with their scores
    best_beyond: float  # the best beginning of those beyond it
    running: bool  # whether words of running text are sought, not phrases


def try_everything(network: DrawnNetwork, query: TableQuery, options: SearchOptions) -> Everything:
    """Spell every string, length by length, and score it by adding up."""
    boundary = options.boundary
    longest = len(query.ahead) + options.max_characters
    phrases: dict[tuple[int, ...], float] = {}
    level: list[tuple[tuple[int, ...], float, int, bool]] = [((), 0.0, 0, False)]  # spelt, score, place, word begun
    last, states = np.array([BEGIN_ID]), np.zeros((1, network.state_width), np.float32)
    for _ in range(longest + 1):
        said, states = network.step(last, states)
        following, parents = [], []
        for parent, ((ids, score, place, begun), row) in enumerate(zip(level, said.astype(np.float64), strict=True)):
            arcs = query.places[place]
            word = [boundary is not None and not boundary[each] for each in range(len(row))]
            if arcs is not None:
                typed = tuple(query.ahead[: len(ids) + 1])
                children = [
                    (each, cost, to, begun or (word[each] and (*ids, each) != typed))
                    for each, cost, to in zip(arcs.ids, arcs.costs, arcs.places, strict=True)
                ]
            else:
                free = [each for each in range(SYMBOLS, len(row)) if boundary is None or not begun or word[each]]
                children = [(each, 0.0, place, begun or word[each]) for each in free]
                if boundary is None:
                    if ids:
                        phrases[ids] = score + row[END_ID]
                elif begun:
                    phrases[ids] = score + np.log(np.exp(row[boundary]).sum())
            following += [((*ids, int(each)), score + row[each] + cost, to, new) for each, cost, to, new in children]
            parents += [parent] * len(children)
        level = following
        last, states = np.array([ids[-1] for ids, *_ in level], np.int64), states[np.array(parents, np.int64)]
    beyond = max((score for _, score, *_ in level), default=-np.inf)
    return Everything(phrases=phrases, best_beyond=beyond, running=boundary is not None)


def hold_to_everything(result: SearchResult, everything: Everything, limit: int) -> None:
    """Hold a search that only the bound on length may have cut to what trying everything gives.

    Of running text children that wait together are bounded by all that may follow, white space, too: where the best of
    those beyond the bound on length comes below the worst that is given, that may not be proven.
    """
    best = sorted(everything.phrases.values(), reverse=True)[:limit]
    np.testing.assert_allclose([found.score for found in result.found], best, atol=1e-4)
    hold_to_truth(result, everything)
    assert type(result.exact) is bool  # JSON knows no other
    worst = best[-1] if len(best) == limit else -np.inf
    if everything.best_beyond > worst + 1e-4:
        assert not result.exact
    below = everything.best_beyond < worst - 1e-4 and not everything.running
    if below or everything.best_beyond == -np.inf:
        assert result.exact


def hold_to_truth(result: SearchResult, everything: Everything) -> None:
    """Whatever was cut, what is given is in order, given once, and scored as it should be."""
    scores = [found.score for found in result.found]
    assert scores == sorted(scores, reverse=True)
    assert len({found.ids for found in result.found}) == len(result.found)
    for found in result.found:
        assert found.score == pytest.approx(everything.phrases[found.ids], abs=1e-4)


def drawn_boundary(vocabulary: int, seed: int) -> NDArray[np.bool_]:
    boundary = np.random.default_rng(seed).random(vocabulary) < 0.4
    boundary[:SYMBOLS] = False
    boundary[END_ID] = True
    return boundary


SEEDS = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 4), st.data(), st.integers(1, 4), st.sampled_from([1, 2, 5, 60]), st.booleans(), SEEDS)
def test_search_equals_trying_every_phrase_or_in_running_text_every_next_word(
    characters: int, data: st.DataObject, max_characters: int, limit: int, running: bool, seed: int
) -> None:
    """A word is white space if need be and the rest of one word, with white space to follow."""
    vocabulary = SYMBOLS + characters
    typed = exact(*data.draw(st.lists(st.integers(SYMBOLS, vocabulary - 1), max_size=3)))
    sharpness, end = data.draw(st.sampled_from([0.0, 0.5, 2.0, 6.0])), data.draw(st.sampled_from([-2.0, 0.0, 2.0]))
    network = drawn_network(vocabulary, seed, sharpness=sharpness, end=end)
    boundary = drawn_boundary(vocabulary, seed) if running else None
    options = bounded(limit, max_characters, boundary=boundary)
    result = search(Reader(network=network), typed, options)
    hold_to_everything(result, try_everything(network, typed, options), limit)
    for found in () if boundary is None else result.found:
        white = [bool(boundary is not None and boundary[each]) for each in found.ids[len(typed.ahead) :]]
        assert white == [*[True] * sum(white), *[False] * (len(white) - sum(white))] != [True] * len(white)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 4), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 3, 10]), st.booleans(), SEEDS)
def test_search_equals_trying_everything_that_an_automaton_admits(
    characters: int, places: int, max_characters: int, limit: int, running: bool, seed: int
) -> None:
    vocabulary = SYMBOLS + characters
    network, query = drawn_network(vocabulary, seed, sharpness=2.0), drawn_query(vocabulary, places, seed)
    options = bounded(limit, max_characters, boundary=drawn_boundary(vocabulary, seed) if running else None)
    hold_to_everything(search(Reader(network=network), query, options), try_everything(network, query, options), limit)


@settings(max_examples=60, deadline=None)
@example(2, 6, 3, False, 2)  # the last candidates stand for others, none of which is among the best
@given(st.integers(2, 3), st.integers(1, 40), st.sampled_from([1, 3, 10]), st.booleans(), SEEDS)
def test_a_search_that_is_cut_short_says_so_and_tells_no_lies(
    characters: int, max_expansions: int, limit: int, running: bool, seed: int
) -> None:
    vocabulary = SYMBOLS + characters
    network, query = drawn_network(vocabulary, seed, sharpness=2.0, end=1.0), exact(SYMBOLS)
    boundary = drawn_boundary(vocabulary, seed) if running else None
    options = bounded(limit, 5, max_expansions, boundary)
    result, whole = (
        search(Reader(network=network), query, options),
        search(Reader(network=network), query, bounded(limit, 5, boundary=boundary)),
    )
    hold_to_truth(result, try_everything(network, query, options))
    assert result.expansions <= max_expansions
    if max_expansions >= whole.expansions:
        assert (result.found, result.exact) == (whole.found, whole.exact)
    if result.exact:
        assert [found.ids for found in result.found] == [found.ids for found in whole.found]
    else:
        assert not whole.exact or result.expansions == max_expansions


@pytest.mark.parametrize("near", [0.0, 0.1, 0.3, 6.0])
@pytest.mark.parametrize("limit", [3, 32, 91])
def test_children_that_are_no_candidates_at_first_are_found(
    monkeypatch: pytest.MonkeyPatch, near: float, limit: int
) -> None:
    monkeypatch.setattr("model.frontier.NEAR", near)
    vocabulary = SYMBOLS + 90
    network = drawn_network(vocabulary, 3, sharpness=0.2, end=4.0)
    options = bounded(limit, max_characters=2)
    result = search(Reader(network=network), exact(), options)
    hold_to_everything(result, try_everything(network, exact(), options), limit)
    assert sum(len(found.ids) == 1 for found in result.found) >= 0.7 * limit
