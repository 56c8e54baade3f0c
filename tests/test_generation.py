"""Generation draws what the model says, no more boldly than asked, and the same again for the same seed.

Legend: V vocabulary size.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from model.alphabet import BEGIN_ID, END_ID, SYMBOLS, UNKNOWN_ID
from model.errors import InputError
from model.generation import STRETCH, GenerationRequest, draw, generate, keep_nucleus, keep_top, read_prefix, softmax
from model.runtime import initial_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.loaded import LoadedModel

RANKS: list[tuple[int, ...]] = [(), (1,), (3,), (3, 1), (2, 3)]
LOGITS = of_numpy.arrays(np.float32, st.integers(1, 12), elements=st.floats(-8, 8, width=16))


def at_rank(probabilities: list[float], leading: tuple[int, ...]) -> NDArray[np.float32]:
    return np.broadcast_to(np.log(np.array(probabilities, np.float32)), (*leading, len(probabilities)))


@pytest.mark.parametrize("leading", RANKS)
@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.01, 1), (0.49, 1), (0.51, 2), (0.7, 2), (0.79, 2), (0.81, 3), (0.97, 4), (1.0, 4)]
)
def test_nucleus_keeps_the_same_characters_at_every_rank(leading: tuple[int, ...], top_p: float, kept: int) -> None:
    """0.5 alone misses 0.7, and 0.5 + 0.3 reaches it, however the batch is shaped."""
    logits = at_rank([0.15, 0.5, 0.05, 0.3], leading)
    survivors = np.isin(np.arange(4), [1, 3, 0, 2][:kept])
    np.testing.assert_array_equal(keep_nucleus(logits, top_p), np.where(survivors, logits, -np.inf))


@pytest.mark.parametrize("leading", RANKS)
@pytest.mark.parametrize(("top_k", "kept"), [(0, 4), (1, 1), (2, 2), (3, 3), (4, 4), (99, 4)])
def test_top_k_keeps_the_same_characters_at_every_rank(leading: tuple[int, ...], top_k: int, kept: int) -> None:
    logits = at_rank([0.15, 0.5, 0.05, 0.3], leading)
    survivors = np.isin(np.arange(4), [1, 3, 0, 2][:kept])
    np.testing.assert_array_equal(keep_top(logits, top_k), np.where(survivors, logits, -np.inf))


def test_the_smallest_nucleus_is_the_likeliest_character() -> None:
    kept = keep_nucleus(np.log(np.array([0.2, 0.7, 0.1], np.float32)), 1e-300)
    assert np.isfinite(kept).tolist() == [False, True, False]


def test_rows_of_a_batch_are_each_cut_by_themselves() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.25, 0.65]], np.float32))
    assert np.isfinite(keep_nucleus(logits, 0.6)).tolist() == [[True, False, False], [False, False, True]]
    assert np.isfinite(keep_top(logits, 2)).tolist() == [[True, True, False], [False, True, True]]


def test_top_k_keeps_all_equals_at_its_edge() -> None:
    assert np.isfinite(keep_top(at_rank([0.2, 0.4, 0.2, 0.2], ()), 2)).all()


@given(LOGITS, st.floats(0.001, 0.999))
def test_the_nucleus_is_the_fewest_that_reach_the_mass(logits: NDArray[np.float32], top_p: float) -> None:
    kept = np.isfinite(keep_nucleus(logits, top_p))
    probabilities = softmax(logits).astype(np.float64)
    assert probabilities[kept].sum() >= top_p - 1e-5
    assert probabilities[kept].sum() - probabilities[kept].min() < top_p + 1e-5
    assert kept.any()
    assert not (~kept).any() or probabilities[kept].min() >= probabilities[~kept].max()


@given(LOGITS, st.integers(1, 15))
def test_nothing_dropped_by_top_k_is_likelier_than_what_is_kept(logits: NDArray[np.float32], top_k: int) -> None:
    kept = np.isfinite(keep_top(logits, top_k))
    assert kept.sum() >= min(top_k, len(logits))
    assert (kept & (logits > np.sort(logits)[::-1][min(top_k, len(logits)) - 1])).sum() < top_k
    assert not (~kept).any() or logits[kept].min() > logits[~kept].max()


@settings(max_examples=200)
@given(LOGITS, st.floats(0, 10), st.integers(0, 12), st.floats(1e-6, 1), st.integers(0, 2**40))
def test_a_draw_never_fails_however_extreme_the_request(
    logits: NDArray[np.float32], temperature: float, top_k: int, top_p: float, seed: int
) -> None:
    """A temperature next to 0 would overflow; what was ruled out before stays out."""
    logits = np.concatenate([[-np.inf], logits]).astype(np.float32)
    request = GenerationRequest(temperature=temperature, top_k=top_k, top_p=top_p)
    assert draw(logits, request, np.random.default_rng(seed)) > 0


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-50, 1e-40, 1e-9])
def test_temperature_0_and_next_to_it_take_the_likeliest(temperature: float) -> None:
    logits = np.array([-3.0, -1.0, -1.5], np.float32)
    request = GenerationRequest(temperature=temperature)
    assert {draw(logits, request, np.random.default_rng(seed)) for seed in range(50)} == {1}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0.5, 0.3, 0.2]),
        ({"temperature": 0.5}, [0.25 / 0.38, 0.09 / 0.38, 0.04 / 0.38]),
        ({"top_k": 2}, [0.625, 0.375, 0.0]),
        ({"top_p": 0.7}, [0.625, 0.375, 0.0]),
        ({"temperature": 0.5, "top_p": 0.6}, [1.0, 0.0, 0.0]),  # .25 / .38 reaches .6 only after the temperature
        ({"top_k": 2, "top_p": 0.6}, [1.0, 0.0, 0.0]),  # .5 / .8 reaches .6 only after the cut to two
    ],
)
def test_characters_are_drawn_as_often_as_their_probabilities(asked: dict[str, Any], expected: list[float]) -> None:
    """4,000 draws: 0.035 off is over four standard deviations, a chance below 1e-4; the seed is fixed besides."""
    logits, generator = np.log(np.array([0.5, 0.3, 0.2], np.float32)), np.random.default_rng(0)
    drawn = Counter(draw(logits, GenerationRequest(**asked), generator) for _ in range(4000))
    np.testing.assert_allclose([drawn[each] / 4000 for each in range(3)], expected, atol=0.035)


def test_the_first_character_written_follows_the_model(phrases: LoadedModel) -> None:
    """2,000 draws of the likeliest five: 0.05 off is over four standard deviations, a chance below 1e-3."""
    sequence = np.array([BEGIN_ID, *phrases.alphabet.encode("San ")], np.int64)
    row, _ = read_prefix(phrases.runtime, sequence)
    probabilities = np.exp(row[0].astype(np.float64))
    probabilities[[UNKNOWN_ID, BEGIN_ID]] = 0
    probabilities /= probabilities.sum()
    texts = [
        generate(phrases, GenerationRequest(prefix="San ", max_characters=1, seed=seed)).text for seed in range(2000)
    ]
    drawn = Counter(text[4:] for text in texts)
    for likely in np.argsort(-probabilities)[:5]:
        character = phrases.alphabet.decode([int(likely)])
        assert drawn[character] / 2000 == pytest.approx(float(probabilities[likely]), abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.text("San Frcicoé샌프", max_size=6), st.floats(0, 3), st.integers(0, 2**63 - 1))
def test_the_same_seed_writes_the_same_text(phrases: LoadedModel, prefix: str, temperature: float, seed: int) -> None:
    request = GenerationRequest(prefix=prefix, temperature=temperature, seed=seed, max_characters=20)
    reply = generate(phrases, request)
    assert generate(phrases, request) == reply
    assert reply.seed == seed
    assert reply.prefix == request.prefix
    assert reply.text.startswith(reply.prefix)
    assert len(reply.text) <= len(reply.prefix) + 20
    assert reply.ended or len(reply.text) == len(reply.prefix) + 20


def test_a_seed_that_was_drawn_writes_the_text_again(phrases: LoadedModel) -> None:
    reply = generate(phrases, GenerationRequest(prefix="S"))
    assert generate(phrases, GenerationRequest(prefix="S", seed=reply.seed)) == reply
    assert len({generate(phrases, GenerationRequest()).seed for _ in range(5)}) > 1
    assert len({generate(phrases, GenerationRequest(seed=seed)).text for seed in range(10)}) > 5


def test_temperature_0_writes_what_is_likeliest_at_each_step(phrases: LoadedModel) -> None:
    state, text = initial_state(phrases.runtime), "San "
    for character in [BEGIN_ID, *phrases.alphabet.encode(text)]:
        row, state = phrases.runtime.step(np.array([character], np.int64), state)
    ids: list[int] = []
    while END_ID not in ids and len(ids) < 30:
        row[0, [UNKNOWN_ID, BEGIN_ID]] = -np.inf
        ids.append(int(row.argmax()))
        row, state = phrases.runtime.step(np.array(ids[-1:]), state)
    for seed in range(3):
        reply = generate(phrases, GenerationRequest(prefix=text, temperature=0, seed=seed, max_characters=30))
        assert reply.text == text + phrases.alphabet.decode(ids)
        assert reply.ended == (END_ID in ids)


@pytest.mark.parametrize("seed", range(3))
def test_running_text_never_ends_by_itself(running: LoadedModel, seed: int) -> None:
    reply = generate(running, GenerationRequest(prefix="h", temperature=10.0, max_characters=300, seed=seed))
    assert not reply.ended
    assert len(reply.text) == 301


def test_an_unknown_character_is_never_written(phrases: LoadedModel) -> None:
    """At the highest temperature 3,000 characters would hold an unknown or a begin but for a chance of 1e-4."""
    texts = [
        generate(phrases, GenerationRequest(prefix="\u0e01", temperature=10.0, max_characters=100, seed=seed)).text
        for seed in range(200)
    ]
    written = "".join(text[1:] for text in texts)
    assert len(written) > 3000
    assert set(written) <= set(phrases.alphabet.characters)


@pytest.mark.parametrize("length", [1, STRETCH - 1, STRETCH, STRETCH + 1, 3 * STRETCH + 5])
def test_a_long_prefix_read_in_stretches_is_read_as_one(phrases: LoadedModel, length: int) -> None:
    sequence = np.random.default_rng(0).integers(SYMBOLS, len(phrases.alphabet), length)
    said, states = phrases.runtime.read(sequence[:, None], initial_state(phrases.runtime))
    row, state = read_prefix(phrases.runtime, sequence)
    np.testing.assert_array_equal(row, said[-1])
    np.testing.assert_array_equal(state, states[-1])


def test_a_prefix_is_taken_in_its_composed_form(phrases: LoadedModel) -> None:
    request = GenerationRequest(prefix="\u1109\u1162\u11ab", temperature=0)  # ㅅ, ㅐ and ㄴ
    assert request.prefix == "샌"
    assert generate(phrases, request).text == generate(phrases, GenerationRequest(prefix="샌", temperature=0)).text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prefix": "a" * 10_001}, "prefix must be at most 10000 characters, got 10001"),
        ({"max_characters": 0}, "max_characters must be in [1, 10000], got 0"),
        ({"max_characters": 10_001}, "max_characters must be in [1, 10000], got 10001"),
        ({"temperature": -0.1}, "temperature must be in [0, 10], got -0.1"),
        ({"temperature": 10.1}, "temperature must be in [0, 10], got 10.1"),
        ({"temperature": math.nan}, "temperature must be in [0, 10], got nan"),
        ({"top_k": -1}, "top_k must be at least 0, got -1"),
        ({"top_p": 0.0}, "top_p must be in (0, 1], got 0.0"),
        ({"top_p": 1.3}, "top_p must be in (0, 1], got 1.3"),
        ({"top_p": math.nan}, "top_p must be in (0, 1], got nan"),
        ({"seed": -1}, "seed must be in [0, 2^63), got -1"),
        ({"seed": 2**63}, "seed must be in [0, 2^63), got 9223372036854775808"),
    ],
)
def test_a_request_out_of_bounds_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        GenerationRequest(**values)
    assert str(caught.value) == message


def test_every_field_says_what_it_is() -> None:
    assert all(each.metadata["help"].endswith(".") for each in dataclasses.fields(GenerationRequest))
