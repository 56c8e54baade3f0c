"""Plain layers over a window, connections that skip layers, and how far a gradient gets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import torch
from test_encoders_convolution import drawn, some_texts, written_activation, written_norm
from torch import nn

from training.classifier_settings import Activation, ClassifierSettings, Initialisation, Skip
from training.encoders.build import encoder_of
from training.encoders.layer import ActivatedLayer
from training.encoders.skip import SkipConnection
from training.encoders.window import WindowEncoder
from training.initialisation import initialise

if TYPE_CHECKING:
    from numpy.typing import NDArray


def written_linear(linear: nn.Module, value: list[float]) -> list[float]:
    assert isinstance(linear, nn.Linear)
    weights = linear.weight.detach().numpy()
    bias = [0.0] * len(weights) if linear.bias is None else linear.bias.tolist()
    return [b + sum(w * x for w, x in zip(row, value, strict=True)) for row, b in zip(weights, bias, strict=True)]


def written_skip(skip: nn.Module, around: list[float], through: list[float]) -> list[float]:
    """X + F(x), or g F(x) + (1 - g) x, of one place."""
    assert isinstance(skip, SkipConnection)
    if not skip.joins:
        return through
    carried = written_linear(skip.projection, around) if isinstance(skip.projection, nn.Linear) else around
    if skip.gate is None:
        return [x + f for x, f in zip(carried, through, strict=True)]
    gates = [1 / (1 + math.exp(-each)) for each in written_linear(skip.gate, around)]
    return [g * f + (1 - g) * x for g, f, x in zip(gates, through, carried, strict=True)]


def written_layer(layer: nn.Module, activation: Activation, value: list[float]) -> list[float]:
    assert isinstance(layer, ActivatedLayer)
    normed: NDArray[np.float64] = written_norm(np.array(written_linear(layer.weighted, value)), layer.norm)
    return [written_activation(activation, float(each)) for each in normed]


@pytest.mark.parametrize("activation", get_args(Activation))
@pytest.mark.parametrize("skip", get_args(Skip))
@pytest.mark.parametrize("normalise", [False, True])
def test_three_layers_over_a_window_compute_what_is_written(
    activation: Activation, skip: Skip, normalise: bool
) -> None:
    settings = ClassifierSettings(
        activation=activation, skip=skip, normalise=normalise, layers=3, hidden_width=4, window_characters=5
    )
    encoder = drawn(WindowEncoder(settings, 3))
    values, lengths = some_texts([7, 2, 5])
    with torch.no_grad():
        read, left = encoder(values, lengths)
    assert left.tolist() == [1, 1, 1]
    assert read.shape == (3, 1, 4)
    for row, length in enumerate(lengths.tolist()):
        value = [0.0] * 15
        for place in range(min(5, length)):
            value[3 * place : 3 * place + 3] = values[row, place].tolist()
        for layer, connection in zip(encoder.layers, encoder.skips, strict=True):
            value = written_skip(connection, value, written_layer(layer, activation, value))
        np.testing.assert_allclose(read[row, 0].numpy(), value, rtol=0, atol=1e-10)


def test_a_window_of_one_character_is_the_one_to_one_network() -> None:
    encoder = drawn(WindowEncoder(ClassifierSettings(hidden_width=2, window_characters=1, activation="tanh"), 3))
    values, lengths = some_texts([4, 1])
    with torch.no_grad():
        read, _ = encoder(values, lengths)
    for row in range(2):
        expected = written_layer(encoder.layers[0], "tanh", values[row, 0].tolist())
        np.testing.assert_allclose(read[row, 0].numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", get_args(Skip))
@pytest.mark.parametrize("widths", [(3, 3), (3, 5)])
def test_a_connection_around_a_layer_computes_what_is_written(kind: Skip, widths: tuple[int, int]) -> None:
    skip = drawn(SkipConnection(kind, *widths))
    around, _ = some_texts([4], channels=widths[0])
    through, _ = some_texts([4], channels=widths[1], seed=1)
    with torch.no_grad():
        joined = skip(around, through)
    for place in range(4):
        expected = written_skip(skip, around[0, place].tolist(), through[0, place].tolist())
        np.testing.assert_allclose(joined[0, place].numpy(), expected, rtol=0, atol=1e-10)
    assert isinstance(skip.projection, nn.Linear) == (kind != "none" and widths[0] != widths[1])


@pytest.mark.parametrize("skip", ["residual", "highway"])
@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("convolution", {"padding": "same", "pool_width": 1}),
        ("convolution", {"padding": "causal", "pool_width": 1}),
        ("branches", {}),
        ("recurrent", {"layers": 2}),
        ("window", {"layers": 2}),
    ],
)
def test_connections_skip_layers_of_every_encoder(part: str, skip: Skip, changed: dict[str, Any]) -> None:
    """With the same weights the connections make a difference."""
    settings = ClassifierSettings(skip=skip, filters=4, hidden_width=4, window_characters=5, **changed)
    skipping = drawn(encoder_of(part, settings, 3))
    connections = [each for each in skipping.modules() if isinstance(each, SkipConnection) and each.joins]
    assert connections
    values, lengths = some_texts([6])
    with torch.no_grad():
        before, _ = skipping(values, lengths)
        for connection in connections:
            connection.joins = False
        after, _ = skipping(values, lengths)
    assert not torch.allclose(before, after)


@pytest.mark.parametrize("changed", [{"padding": "valid"}, {"stride": 2}])
def test_convolutions_that_change_the_size_are_not_skipped(changed: dict[str, Any]) -> None:
    encoder = encoder_of("convolution", ClassifierSettings(skip="residual", filters=4, **changed), 3)
    assert not any(each.joins for each in encoder.modules() if isinstance(each, SkipConnection))


def gradient_norms(activation: Activation, how: Initialisation) -> list[float]:
    """Norms of the gradient of each of ten layers' weights, the first layer first."""
    settings = ClassifierSettings(activation=activation, layers=10, hidden_width=32, window_characters=8)
    encoder = WindowEncoder(settings, 4)
    initialise(encoder, how, activation, torch.Generator().manual_seed(0))
    values, lengths = some_texts([8] * 64, channels=4)
    read, _ = encoder.double().eval()(values, lengths)
    wanted, _ = some_texts([1] * 64, channels=32, seed=1)
    nn.functional.mse_loss(read, wanted).backward()  # type: ignore[no-untyped-call]
    norms = []
    for layer in encoder.layers:
        assert isinstance(layer, ActivatedLayer)
        assert isinstance(layer.weighted, nn.Linear)
        assert layer.weighted.weight.grad is not None
        norms.append(float(layer.weighted.weight.grad.norm()))
    return norms


def test_through_ten_sigmoids_the_gradient_vanishes_towards_the_input_and_through_relus_it_does_not() -> None:
    sigmoids, relus = gradient_norms("sigmoid", "xavier"), gradient_norms("relu", "he")
    assert sigmoids[0] * 1000 < sigmoids[-1]
    assert relus[0] * 10 > relus[-1]


def test_weights_of_zero_leave_no_gradient_below_the_last_layer() -> None:
    """The last layer of sigmoids still reads one half from each; that of tanh reads zeros, and gets none."""
    sigmoids, tanhs = gradient_norms("sigmoid", "zeros"), gradient_norms("tanh", "zeros")
    assert sigmoids[:-1] == [0.0] * 9
    assert sigmoids[-1] > 0
    assert tanhs == [0.0] * 10
    assert min(gradient_norms("tanh", "small")) > 0
