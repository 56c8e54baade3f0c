"""How much each source of logits counts, and how sure their sum is, is found where it was planted.

Legend: M texts, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.classifier_learning import mean_loss
from training.joining import LEAST_FACTOR, Join, average, fit_factors, fit_join, fit_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

M, C = 40_000, 4


def drawn_labels(logits: NDArray[np.float64], seed: int = 9) -> NDArray[np.int64]:
    """Draw a label for each row of logits (M, C), each as often as its probability says."""
    noise = np.random.default_rng(seed).gumbel(size=logits.shape)
    return np.asarray((logits + noise).argmax(axis=1), np.int64)


def some_logits(seed: int, texts: int = M) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(texts, C))


@pytest.mark.parametrize("planted", [(0.5, 2.0), (1.5, 0.0), (1.0, 1.0)])
def test_factors_that_were_planted_are_found(planted: tuple[float, float]) -> None:
    """Drawn from 40,000 texts a factor is off by .01 (one standard deviation)."""
    parts = [some_logits(1), some_logits(2)]
    numbers = drawn_labels(planted[0] * parts[0] + planted[1] * parts[1])
    found = fit_factors([part.astype(np.float32) for part in parts], numbers)
    assert found == pytest.approx(planted, abs=0.06)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0, 10.0])
def test_the_temperature_of_logits_that_are_too_sure_is_recovered(temperature: float) -> None:
    logits = some_logits(3)
    numbers = drawn_labels(logits)
    found = fit_temperature((logits * temperature).astype(np.float32), numbers)
    assert found == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("against", [-1.0, -5.0])
def test_a_factor_is_never_negative(against: float) -> None:
    """A source that says the opposite of what is right counts for next to nothing, and cannot be turned around."""
    right, wrong = some_logits(4), some_logits(5)
    numbers = drawn_labels(right + against * wrong)
    factors = fit_factors([right.astype(np.float32), wrong.astype(np.float32)], numbers)
    assert factors[0] > 0.1
    assert LEAST_FACTOR <= factors[1] < 0.01


@given(seed=st.integers(0, 10_000))
def test_nothing_near_the_factors_found_has_less_loss(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = [generator.normal(size=(50, C)).astype(np.float32) * 2 for _ in range(2)]
    numbers = drawn_labels(parts[0].astype(np.float64) + parts[1] * 0.5, seed)
    weights = generator.uniform(0.1, 3.0, 50)
    found = fit_factors(parts, numbers, weights)

    texts = weights.sum() ** 2 / np.square(weights).sum()  # as many as count: each weighs another

    def loss(one: float, other: float) -> float:
        """What one text more would leave open goes to all labels alike; a text holds the factors at one half."""
        joined = one * parts[0].astype(np.float64) + other * parts[1].astype(np.float64)
        every = np.mean([mean_loss(joined, np.full(50, label), weights) for label in range(C)])
        known = mean_loss(joined, numbers, weights)
        held = ((one - 0.5) ** 2 + (other - 0.5) ** 2) / 2 / texts
        return float((known * (texts + 1) + every) / (texts + 2) + held)

    least = loss(*found)
    for step in (0.9, 1.1):
        assert least <= loss(found[0] * step, found[1]) + 1e-5
        assert least <= loss(found[0], found[1] * step) + 1e-5


def test_a_text_that_weighs_three_times_as_much_is_as_good_as_three() -> None:
    logits = some_logits(6, 40).astype(np.float32)
    numbers = drawn_labels(logits.astype(np.float64))
    weights = np.where(np.arange(40) < 10, 3.0, 1.0)
    repeated = np.repeat(np.arange(40), weights.astype(int))
    assert fit_temperature(logits, numbers, weights) == pytest.approx(
        fit_temperature(logits[repeated], numbers[repeated]), rel=0.03
    )


@pytest.mark.parametrize("texts", [10, 50, 1000])
def test_texts_that_are_all_labelled_rightly_leave_a_doubt(texts: int) -> None:
    """Without a bound the factors would grow for ever; the doubt is about that of one text more."""
    numbers = np.random.default_rng(1).integers(C, size=texts)
    sure = np.eye(C, dtype=np.float32)[numbers] * 3
    (factor,) = fit_factors([sure], numbers)
    wrong = 1 - np.exp(3 * factor) / (np.exp(3 * factor) + C - 1)
    assert 0.1 / (texts + 2) < wrong < 5 / (texts + 2)


def test_logits_are_joined_by_their_factors_and_a_kind_may_be_missing() -> None:
    network, wide = np.array([[1, 2]], np.float32), np.array([[10, 30]], np.float32)
    join = Join(network=2.0, wide=0.1)
    assert join.logits(network, wide) == pytest.approx(np.array([[3, 7]]))
    assert join.logits(network, None) == pytest.approx(np.array([[2, 4]]))
    assert join.logits(None, wide) == pytest.approx(np.array([[1, 3]]))


@pytest.mark.parametrize("members", [1, 2, 5])
def test_the_average_of_members_is_the_log_of_their_mean_probability(members: int) -> None:
    each = [some_logits(seed, 30) * (1 + seed) for seed in range(members)]
    probabilities = [np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) for logits in each]
    expected = np.log(np.mean(probabilities, axis=0))
    np.testing.assert_allclose(average([logits.astype(np.float32) for logits in each]), expected, atol=2e-5)


def test_logits_that_are_shifted_text_by_text_are_averaged_alike() -> None:
    one, other = some_logits(1, 20).astype(np.float32), some_logits(2, 20).astype(np.float32)
    shifted = one + np.arange(20, dtype=np.float32)[:, None]
    np.testing.assert_allclose(average([shifted, other]), average([one, other]), atol=1e-5)


def test_probabilities_are_fitted_as_labels_drawn_from_them_are() -> None:
    """Labels with all the probability are those labels; a mixture is the texts each with both, weighted.

    Not quite, as weights that differ count as fewer texts, and leave more open.
    """
    generator = np.random.default_rng(5)
    numbers = generator.integers(3, size=200)
    parts = [
        (generator.normal(size=(200, 3)) + np.eye(3)[numbers] * strength).astype(np.float32) for strength in (2, 0.5)
    ]
    certain = np.eye(3, dtype=np.float32)[numbers]
    assert fit_factors(parts, certain) == pytest.approx(fit_factors(parts, numbers), rel=1e-4)
    other = (numbers + 1) % 3
    mixed = (0.8 * certain + 0.2 * np.eye(3)[other]).astype(np.float32)
    doubled = [np.concatenate([part, part]) for part in parts]
    weights = np.repeat([0.8, 0.2], 200)
    expected = fit_factors(doubled, np.concatenate([numbers, other]), weights)
    assert fit_factors(parts, mixed) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("scale", [0.5, 1.0, 5.0])
def test_where_nothing_tells_them_apart_the_usual_join_is_found_whatever_the_scale(scale: float) -> None:
    """Both say the same, and nothing tells how to part it: as is usual, and together as sure as each is alone."""
    drawn = some_logits(3, 4_000)
    logits, numbers = drawn.astype(np.float32), drawn_labels(drawn)
    join = fit_join(np.float32(scale) * logits, logits, numbers)
    alone = 1 / fit_temperature(logits, numbers)
    assert join.wide - join.network * scale == pytest.approx((0.6 - 0.4) * alone, rel=0.1)
    assert join.network * scale + join.wide == pytest.approx(alone, rel=0.05)


def test_of_many_texts_the_join_is_what_they_say() -> None:
    drawn = some_logits(3, 4_000)
    logits, numbers = drawn.astype(np.float32), drawn_labels(drawn)
    noise = np.random.default_rng(5).normal(size=logits.shape).astype(np.float32)
    join = fit_join(noise, logits, numbers)
    assert join.network < 0.05
    assert join.wide == pytest.approx(1, abs=0.1)
