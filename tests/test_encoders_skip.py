"""Connections that skip layers are what their equations say, in every encoder."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from test_encoders_convolution import drawn, some_texts, written_activation, written_convolution, written_pooling
from torch import nn

from training.classifier_settings import ClassifierSettings, Padding, Skip
from training.encoders.build import encoder_of
from training.encoders.convolution import Convolution, ConvolutionEncoder
from training.encoders.layer import ActivatedLayer
from training.encoders.skip import SkipConnection


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


@pytest.mark.parametrize("skip", ["residual", "highway"])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_each_convolution_of_two_blocks_is_skipped(skip: Skip, padding: Padding) -> None:
    settings = ClassifierSettings(skip=skip, padding=padding, filters=4, activation="tanh")
    encoder = drawn(ConvolutionEncoder(settings, 3))
    values, lengths = some_texts([11, 8])
    with torch.no_grad():
        read, left = encoder(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        text = values[row, :length].numpy()
        for number, (layer, connection) in enumerate(zip(encoder.layers, encoder.skips, strict=True)):
            assert isinstance(layer, ActivatedLayer)
            assert isinstance(layer.weighted, Convolution)
            convolved = written_convolution(text, layer.weighted, 1, padding)
            through = [[written_activation("tanh", float(each)) for each in place] for place in convolved]
            joined = [written_skip(connection, x, f) for x, f in zip(text.tolist(), through, strict=True)]
            text = written_pooling(np.array(joined), 2) if number % 2 else np.array(joined)
        np.testing.assert_allclose(read[row, : left[row]].numpy(), text, rtol=0, atol=1e-10)
