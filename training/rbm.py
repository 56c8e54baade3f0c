"""First weights of plain layers by restricted Boltzmann machines, layer by layer, each made to give back what it reads.

Source: Hinton, Osindero and Teh 2006, doi 10.1162/neco.2006.18.7.1527, sections 3 and 4.
Legend: B batch, T places, C channels, V visible units, H hidden units, v what is given, v' what is reconstructed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.encoders.window import WindowEncoder

PASSES = 10
MOMENTUM = 0.9
SMALL = 0.01  # standard deviation of the weights at first
DEVIATIONS = 2.0  # from the mean of the values, either way, that become 0 to 1; beyond, they are cut


@dataclass(frozen=True, kw_only=True)
class BoltzmannMachine:
    """Weights (H, V) between units, and a bias of each: (V,) and (H,)."""

    weights: Tensor
    of_visible: Tensor
    of_hidden: Tensor

    def hidden(self, visible: Tensor) -> Tensor:
        """Give the probabilities (B, H) of hidden units: sigmoid(W v + c)."""
        return torch.sigmoid(visible @ self.weights.T + self.of_hidden)

    def visible(self, hidden: Tensor) -> Tensor:
        """Give the probabilities (B, V) of visible units: sigmoid(Wᵀ h + b)."""
        return torch.sigmoid(hidden @ self.weights + self.of_visible)


def contrastive_divergence(
    machine: BoltzmannMachine, visible: Tensor, chances: Tensor
) -> tuple[BoltzmannMachine, Tensor]:
    """Tell which way to move: ⟨h v⟩ of what is given less ⟨h' v'⟩ of what is reconstructed, and so for the biases.

    Args:
        machine: as it is.
        visible: (B, V) v, in [0, 1].
        chances: (B, H), uniform in [0, 1): a hidden unit is on where its probability is above.

    Returns:
        what to add, before the rate of learning, and the mean of (v - v')².
    """
    probable = machine.hidden(visible)  # (B, H)
    again = machine.visible((chances < probable).to(visible.dtype))  # (B, V)
    probable_again = machine.hidden(again)
    change = BoltzmannMachine(
        weights=(probable.T @ visible - probable_again.T @ again) / len(visible),
        of_visible=(visible - again).mean(dim=0),
        of_hidden=(probable - probable_again).mean(dim=0),
    )
    return change, (visible - again).square().mean()


@dataclass(frozen=True, kw_only=True)
class UnitScale:
    """Turns values of any size into [0, 1], as probabilities are: the mean becomes one half."""

    mean: float
    width: float

    def __call__(self, values: Tensor) -> Tensor:
        """Turn values (..., V) of the window into what the first machine sees."""
        return ((values - self.mean) / self.width + 0.5).clamp(0, 1)


def unit_scale(batches: Sequence[Tensor]) -> UnitScale:
    """Find the scale of all values together: one for each unit would blow up those that are seldom other than zero."""
    values = torch.cat([batch.flatten() for batch in batches])
    return UnitScale(mean=float(values.mean()), width=2 * DEVIATIONS * max(float(values.std(correction=0)), 1e-6))


def pretrain_window(
    window: WindowEncoder, batches: Sequence[Tensor], generator: torch.Generator
) -> list[tuple[float, ...]]:
    """Set the weights and biases of a window's layers, the first layer first, each on what the one below it gives.

    With sigmoids, no normalisation and no connections that skip, a layer then gives its machine's probabilities, as far
    as nothing was cut; with another activation function the weights are where it starts from.

    Args:
        window: changed in place, on the CPU.
        batches: each (B, T, C), values of texts as the window reads them; looked through ``PASSES`` times a layer.
        generator: of the weights at first, and of what is on.

    Returns:
        of every layer the reconstruction error (v - v')² in every pass, the mean over units and texts.
    """
    with torch.no_grad():
        rows = [window.flatten(batch) for batch in batches]
        scale = unit_scale(rows)
        rows = [scale(row) for row in rows]
        errors = []
        for number, linear in enumerate(linears(window)):
            machine, of_layer = train_machine(rows, linear.out_features, generator)
            errors.append(of_layer)
            weights, bias = machine.weights, machine.of_hidden
            if number == 0:  # the layer reads values before the scale
                bias = bias + weights.sum(dim=1) * (0.5 - scale.mean / scale.width)
                weights = weights / scale.width
            linear.weight.copy_(weights)
            linear.bias.copy_(bias)
            rows = [machine.hidden(row) for row in rows]
    return errors


def linears(window: WindowEncoder) -> Iterator[nn.Linear]:
    """Walk the layers' matrices, the first layer first."""
    for layer in window.layers:
        for part in layer.modules():
            if isinstance(part, nn.Linear):
                yield part


def train_machine(
    rows: Sequence[Tensor], hidden_width: int, generator: torch.Generator
) -> tuple[BoltzmannMachine, tuple[float, ...]]:
    """Train one machine; its visible biases begin at the log odds of the means, so that weights have the rest to learn.

    The rate of learning is 1 / √V: a rate that moves narrow layers in a few passes overshoots in wide ones.

    Args:
        rows: batches (B, V) in [0, 1].
        hidden_width: H.
        generator: of what is drawn.

    Returns:
        the machine, and its reconstruction error in each pass.
    """
    texts = sum(len(row) for row in rows)
    means = torch.stack([row.sum(dim=0) for row in rows]).sum(dim=0) / texts  # (V,)
    weights = torch.empty(hidden_width, len(means), dtype=means.dtype)
    parts = (
        nn.init.normal_(weights, std=SMALL, generator=generator),
        torch.logit(means, eps=0.01),
        means.new_zeros(hidden_width),
    )
    machine = BoltzmannMachine(weights=parts[0], of_visible=parts[1], of_hidden=parts[2])
    steps = [torch.zeros_like(part) for part in parts]
    rate = 1 / math.sqrt(len(means))
    errors = []
    for _ in range(PASSES):
        total = 0.0
        for row in rows:
            chances = torch.rand(len(row), hidden_width, dtype=row.dtype, generator=generator)
            change, error = contrastive_divergence(machine, row, chances)
            changes = (change.weights, change.of_visible, change.of_hidden)
            for part, step, each in zip(parts, steps, changes, strict=True):
                part.add_(step.mul_(MOMENTUM).add_(each, alpha=rate))
            total += float(error) * len(row)
        errors.append(total / texts)
    return machine, tuple(errors)
