"""Weights are averaged over steps as the equation says, and come back as they were."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from torch import nn

from training.averaging import WeightAverage


def layer_of(*weights: float) -> nn.Linear:
    layer = nn.Linear(len(weights), 1, bias=False)
    set_to(layer, *weights)
    return layer


def set_to(layer: nn.Linear, *weights: float) -> None:
    with torch.no_grad():
        layer.weight[:] = torch.tensor([weights])


def seen(layer: nn.Linear) -> list[float]:
    values: list[float] = layer.weight.detach().flatten().tolist()
    return values


@pytest.mark.parametrize("power", [1.0, 3.0, 10.0])
def test_the_mean_is_that_of_the_equation(power: float) -> None:
    layer, steps = layer_of(9.0, 9.0), np.random.default_rng(0).normal(size=(40, 2))
    average, mean = WeightAverage(layer, power), np.zeros(2)
    for step, weights in enumerate(steps, 1):
        set_to(layer, *weights)
        average.follow(step)
        share = (power + 1) / (step + power)
        mean = (1 - share) * mean + share * weights
    with average.in_place():
        assert seen(layer) == pytest.approx(mean, abs=1e-5)


def test_a_power_of_0_is_the_plain_mean_and_a_great_one_the_last_step() -> None:
    for power, expected in ((0.0, 2.5), (1e9, 4.0)):
        layer = layer_of(0.0)
        average = WeightAverage(layer, power)
        for step in range(1, 5):
            set_to(layer, float(step))
            average.follow(step)
        with average.in_place():
            assert seen(layer) == pytest.approx([expected])


def test_most_of_the_mean_is_of_the_last_steps_however_many_there_are() -> None:
    """Weights that are 1 in the last quarter of the steps and 0 before."""
    for steps in (40, 4_000):
        layer = layer_of(0.0)
        average = WeightAverage(layer, 10.0)
        for step in range(1, steps + 1):
            set_to(layer, float(step > steps * 3 // 4))
            average.follow(step)
        with average.in_place():
            (mean,) = seen(layer)
        assert mean == pytest.approx(1 - 0.75**11, abs=0.03)


def test_the_weights_come_back_even_after_an_error() -> None:
    layer = layer_of(1.0, 2.0)
    average = WeightAverage(layer, 10.0)
    set_to(layer, 3.0, 4.0)
    with average.in_place():
        assert seen(layer) == [1.0, 2.0]
    assert seen(layer) == [3.0, 4.0]
    with contextlib.suppress(ZeroDivisionError), average.in_place():
        raise ZeroDivisionError
    assert seen(layer) == [3.0, 4.0]
