"""Convolutions, pooling and branches are what loops over places, filters and channels give.

Legend: N places that a filter slides along, F its width, P zeros on a side.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import numpy as np
import pytest
import torch
from torch import nn

from model.errors import InputError
from training.classifier_settings import Activation, ClassifierSettings, Padding
from training.encoders.branches import Branches, BranchesEncoder
from training.encoders.convolution import Convolution, ConvolutionEncoder, least_characters, sizes
from training.encoders.layer import ActivatedLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray

Network = TypeVar("Network", bound=nn.Module)


def drawn(network: Network, seed: int = 1) -> Network:
    """The network in float64, every parameter of it drawn, biases included."""
    generator = torch.Generator().manual_seed(seed)
    network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return network


def some_texts(lengths: list[int], channels: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (B, T, C) in float64, zero beyond lengths (B,)."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), max(lengths), channels, generator=generator, dtype=torch.float64)
    for row, length in enumerate(lengths):
        values[row, length:] = 0
    return values, torch.tensor(lengths)


def written_activation(activation: Activation, value: float) -> float:
    match activation:
        case "sigmoid":
            return 1 / (1 + math.exp(-value))
        case "tanh":
            return math.tanh(value)
        case "relu":
            return max(0.0, value)
        case "gelu":
            return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))


def written_norm(row: NDArray[np.float64], norm: nn.Module) -> NDArray[np.float64]:
    """(x - mean) / sqrt(variance + 1e-5), scaled and shifted unit by unit."""
    if not isinstance(norm, nn.LayerNorm):
        return row
    mean = sum(row) / len(row)
    variance = sum((each - mean) ** 2 for each in row) / len(row)
    gain, shift = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    return np.array([(x - mean) / math.sqrt(variance + 1e-5) * a + b for x, a, b in zip(row, gain, shift, strict=True)])


def written_convolution(
    text: NDArray[np.float64], convolution: Convolution, stride: int, padding: Padding
) -> NDArray[np.float64]:
    """Of one text (N, C): every place of every filter, one product at a time."""
    filters, bias = convolution.filters.weight.detach().numpy(), convolution.filters.bias
    assert bias is not None
    count, channels, width = filters.shape
    before = {"valid": 0, "same": (width - 1) // 2, "causal": width - 1}[padding]
    after = {"valid": 0, "same": width - 1 - (width - 1) // 2, "causal": 0}[padding]
    rows = []
    for start in range(-before, len(text) + after - width + 1, stride):
        row = bias.tolist()
        for number, offset, channel in itertools.product(range(count), range(width), range(channels)):
            if 0 <= start + offset < len(text):
                row[number] += filters[number, channel, offset] * text[start + offset, channel]
        rows.append(row)
    return np.array(rows)


def written_pooling(text: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    starts = [start for start in range(0, len(text), width) if start + width <= len(text)]
    return np.array(
        [[max(text[start + i, channel] for i in range(width)) for channel in range(text.shape[1])] for start in starts]
    )


@pytest.mark.parametrize("activation", get_args(Activation))
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(
    ("padding", "stride", "filter_width", "pool_width"),
    [
        ("same", 1, 3, 2),
        ("same", 1, 4, 1),
        ("same", 2, 3, 2),
        ("valid", 1, 3, 2),
        ("valid", 2, 2, 1),
        ("valid", 2, 4, 1),
        ("causal", 1, 3, 3),
        ("causal", 2, 2, 2),
        ("same", 1, 1, 2),
    ],
)
def test_two_blocks_of_two_convolutions_compute_what_is_written(
    padding: Padding, stride: int, filter_width: int, pool_width: int, activation: Activation, normalise: bool
) -> None:
    settings = ClassifierSettings(
        padding=padding,
        stride=stride,
        filter_width=filter_width,
        pool_width=pool_width,
        activation=activation,
        normalise=normalise,
        filters=4,
    )
    encoder = drawn(ConvolutionEncoder(settings, 3))
    values, lengths = some_texts([61, 50, 73])
    with torch.no_grad():
        read, left = encoder(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        text, counted = values[row, :length].numpy(), [length]
        for number, layer in enumerate(encoder.layers):
            assert isinstance(layer, ActivatedLayer)
            assert isinstance(layer.weighted, Convolution)
            convolved = written_convolution(text, layer.weighted, stride, padding)
            normed = [written_norm(each, layer.norm) for each in convolved]
            text = np.array([[written_activation(activation, float(each)) for each in place] for place in normed])
            counted.append(len(text))
            if number % 2:
                text = written_pooling(text, pool_width)
                counted.append(len(text))
        assert counted == sizes(settings, length)
        assert int(left[row]) == len(text)
        np.testing.assert_allclose(read[row, : len(text)].numpy(), text, rtol=0, atol=1e-10)
        assert not read[row, len(text) :].any()


def test_the_sizes_of_the_lecture() -> None:
    """7 characters and a filter of 3 give 5 places, with a stride of 2 they give 3; same padding keeps 7."""
    plain: dict[str, Any] = {"convolutions": 1, "blocks": 1, "pool_width": 1, "filter_width": 3}
    assert sizes(ClassifierSettings(padding="valid", **plain), 7) == [7, 5, 5]
    assert sizes(ClassifierSettings(padding="valid", stride=2, **plain), 7) == [7, 3, 3]
    assert sizes(ClassifierSettings(padding="same", **plain), 7) == [7, 7, 7]
    assert sizes(ClassifierSettings(padding="causal", **plain), 7) == [7, 7, 7]
    assert sizes(ClassifierSettings(padding="same"), 40) == [40, 40, 40, 20, 20, 20, 10]


@pytest.mark.parametrize(
    ("changed", "characters", "message"),
    [
        (
            {"padding": "valid", "filter_width": 7},
            5,
            (
                "filter_width must leave a place: (5 - 7 + 0) / 1 + 1 = -1 places are left of 5 characters; a text"
                " needs at least 14 characters, got 5"
            ),
        ),
        (
            {"padding": "valid", "filter_width": 7, "stride": 4},
            6,
            (
                "filter_width must leave a place: (6 - 7 + 0) / 4 + 1 = 0.75 places are left of 6 characters; a text"
                " needs at least 47 characters, got 6"
            ),
        ),
        (
            {"padding": "valid", "filter_width": 7},
            8,
            (
                "filter_width must leave a place: (2 - 7 + 0) / 1 + 1 = -4 places are left of 2 places; a text"
                " needs at least 14 characters, got 8"
            ),
        ),
        (
            {"pool_width": 5},
            1,
            (
                "pool_width must leave a place: (1 - 5 + 0) / 5 + 1 = 0.2 places are left of 1 places; a text"
                " needs at least 5 characters, got 1"
            ),
        ),
    ],
)
def test_a_text_of_which_no_place_is_left_is_refused_with_the_arithmetic(
    changed: dict[str, Any], characters: int, message: str
) -> None:
    settings = ClassifierSettings(**{"convolutions": 2, "blocks": 1, "pool_width": 2, **changed})
    with pytest.raises(InputError) as caught:
        sizes(settings, characters)
    assert str(caught.value).partition(": fewer --convolutions")[0] == message


@pytest.mark.parametrize(
    ("padding", "filter_width", "stride", "pool_width"),
    list(itertools.product(get_args(Padding), (1, 2, 5), (1, 2, 3), (1, 2, 3))),
)
def test_the_least_length_is_the_least_that_fits(
    padding: Padding, filter_width: int, stride: int, pool_width: int
) -> None:
    settings = ClassifierSettings(padding=padding, filter_width=filter_width, stride=stride, pool_width=pool_width)
    least = least_characters(settings)
    assert sizes(settings, least)[-1] >= 1
    if least > 1:
        with pytest.raises(InputError, match="must leave a place"):
            sizes(settings, least - 1)


def test_texts_that_are_too_short_are_read_with_zeros_at_their_end() -> None:
    settings = ClassifierSettings(padding="valid", filter_width=3, filters=4)
    assert least_characters(settings) == 16
    encoder = drawn(ConvolutionEncoder(settings, 3))
    values, _ = some_texts([2])
    filled = nn.functional.pad(values, (0, 0, 0, 14))
    with torch.no_grad():
        short, left = encoder(values, torch.tensor([2]))
        whole, _ = encoder(filled, torch.tensor([16]))
    assert left.tolist() == [1]
    torch.testing.assert_close(short, whole, rtol=0, atol=1e-12)
    assert short.any()


@pytest.mark.parametrize("changed", [1, 5, 8])
@pytest.mark.parametrize(("padding", "sees"), [("causal", False), ("same", True)])
def test_causal_convolutions_never_see_the_future_and_others_do(padding: Padding, changed: int, sees: bool) -> None:
    settings = ClassifierSettings(padding=padding, pool_width=1, filter_width=3, filters=4, activation="tanh")
    encoder = drawn(ConvolutionEncoder(settings, 3))
    values, lengths = some_texts([9])
    other = values.clone()
    other[:, changed:] += 1
    with torch.no_grad():
        before, after = encoder(values, lengths)[0], encoder(other, lengths)[0]
    assert torch.allclose(before[:, :changed], after[:, :changed], rtol=0, atol=1e-12) != sees
    assert not torch.allclose(before[:, changed], after[:, changed])


@pytest.mark.parametrize("activation", get_args(Activation))
@pytest.mark.parametrize("normalise", [False, True])
def test_branches_join_what_filters_of_each_width_see(activation: Activation, normalise: bool) -> None:
    settings = ClassifierSettings(activation=activation, normalise=normalise, filters=2, branch_widths="1,2,5")
    encoder = drawn(BranchesEncoder(settings, 3))
    assert isinstance(encoder.layer.weighted, Branches)
    values, lengths = some_texts([6, 1, 4])
    with torch.no_grad():
        read, left = encoder(values, lengths)
    assert left is lengths
    assert encoder.output_width == read.shape[2] == 6
    for row, length in enumerate(lengths.tolist()):
        text, joined = values[row, :length].numpy(), []
        for branch in encoder.layer.weighted.branches:
            assert isinstance(branch, Convolution)
            joined.append(written_convolution(text, branch, 1, "same"))
        places = [written_norm(place, encoder.layer.norm) for place in np.concatenate(joined, axis=1)]
        expected = [[written_activation(activation, float(each)) for each in place] for place in places]
        np.testing.assert_allclose(read[row, :length].numpy(), expected, rtol=0, atol=1e-10)
        assert not read[row, length:].any()
