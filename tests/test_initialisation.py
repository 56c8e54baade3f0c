"""First weights are distributed as their sources say, each where it belongs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import pytest
import torch
from torch import nn

from training.classifier_settings import Activation, ClassifierSettings, Initialisation
from training.encoders.build import encoder_of
from training.encoders.skip import SkipConnection
from training.initialisation import initialise

if TYPE_CHECKING:
    from training.settings import Cell


def encoder_with(part: str, how: Initialisation, activation: Activation = "relu", cell: Cell = "lstm") -> nn.Module:
    settings = ClassifierSettings(
        activation=activation,
        cell=cell,
        skip="highway",
        layers=2,
        filters=96,
        hidden_width=128,
        window_characters=2,
        branch_widths="2,3",
    )
    encoder = encoder_of(part, settings, 128)
    initialise(encoder, how, activation, torch.Generator().manual_seed(0))
    return encoder


def deviation(weights: torch.Tensor) -> float:
    """Of at least 8,192 weights: 3 % are four standard errors of a normal distribution's, and the seed is fixed."""
    assert weights.numel() >= 8192
    assert abs(float(weights.detach().mean())) < 0.05 * float(weights.detach().std())
    return float(weights.detach().std())


def kind_of(weights: torch.Tensor) -> str:
    """Which of the initialisations a matrix (out, in), or filters (out, in, width), came from."""
    fan_in, fan_out = weights[0].numel(), len(weights) * (weights[0, 0].numel() if weights.dim() > 2 else 1)
    flat = weights.detach().flatten(1)
    narrow = flat if flat.shape[0] <= flat.shape[1] else flat.T
    if not flat.any():
        return "zeros"
    if torch.allclose(narrow @ narrow.T, torch.eye(len(narrow)), atol=1e-5):
        return "orthogonal"
    kinds = {"small": 0.01, "xavier": math.sqrt(2 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in)}
    found = [kind for kind, expected in kinds.items() if deviation(weights) == pytest.approx(expected, rel=0.03)]
    if found == ["xavier"]:
        assert float(flat.abs().max()) <= math.sqrt(6 / (fan_in + fan_out))
    assert len(found) == 1, (found, kinds, deviation(weights))
    return found[0]


def gates_of(encoder: nn.Module, name: str) -> list[torch.Tensor]:
    """The gates' blocks of every parameter whose name holds this."""
    return [gate for each, weights in encoder.named_parameters() if name in each for gate in torch.split(weights, 128)]


@pytest.mark.parametrize("how", ["zeros", "small", "xavier", "he", "orthogonal"])
def test_all_matrices_and_filters_are_what_was_asked_for(how: Initialisation) -> None:
    for part in ("convolution", "branches", "window"):
        weights = [each for each in encoder_with(part, how).parameters() if each.dim() > 1]
        assert {kind_of(each) for each in weights} == {how}
    recurrent = encoder_with("recurrent", how)
    assert {kind_of(each) for each in gates_of(recurrent, "weight_ih")} == {how}
    assert {kind_of(each) for each in gates_of(recurrent, "weight_hh")} == {how}


@pytest.mark.parametrize("how", ["auto", "rbm"])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_auto_is_he_before_relu_xavier_elsewhere_and_orthogonal_from_state_to_state(
    how: Initialisation, activation: Activation
) -> None:
    expected = "he" if activation in {"relu", "gelu"} else "xavier"
    for part in ("convolution", "branches", "window"):
        encoder = encoder_with(part, how, activation)
        for name, weights in encoder.named_parameters():
            if weights.dim() > 1:
                assert kind_of(weights) == ("xavier" if "skip" in name else expected), name
    recurrent = encoder_with("recurrent", how, activation)
    assert {kind_of(each) for each in gates_of(recurrent, "weight_ih")} == {"xavier"}
    assert {kind_of(each) for each in gates_of(recurrent, "weight_hh")} == {"orthogonal"}
    assert {kind_of(each) for name, each in recurrent.named_parameters() if "gate.weight" in name} == {"xavier"}


@pytest.mark.parametrize("how", get_args(Initialisation))
def test_biases_are_zero_but_that_lstms_remember_and_highways_carry(how: Initialisation) -> None:
    for part in ("convolution", "branches", "window", "recurrent"):
        encoder = encoder_with(part, how)
        gates = {id(each.gate.bias) for each in encoder.modules() if isinstance(each, SkipConnection) and each.gate}
        assert gates
        for name, bias in encoder.named_parameters():
            if bias.dim() > 1:
                continue
            expected = torch.zeros_like(bias)
            if how != "zeros" and id(bias) in gates:
                expected += -1
            if how != "zeros" and "bias_ih" in name:
                expected[128:256] = 1
            assert torch.equal(bias, expected), name
    for name, bias in encoder_with("recurrent", how, cell="gru").named_parameters():
        if "bias_" in name:
            assert not bias.any()


def test_the_same_generator_gives_the_same_weights() -> None:
    one, other = (encoder_with("recurrent", "auto").state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
