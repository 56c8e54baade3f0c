"""Plain layers over a window are what is written, and how far a gradient gets through many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
import torch
from test_encoders_convolution import drawn, some_texts, written_activation, written_norm
from test_encoders_skip import written_linear, written_skip
from torch import nn

from training.classifier_settings import Activation, ClassifierSettings, Initialisation, Skip
from training.encoders.layer import ActivatedLayer
from training.encoders.window import WindowEncoder
from training.initialisation import initialise

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
