"""The mean of a network's weights over the steps of its training, the later the more.

A step of stochastic gradient descent leaves weights that lie to one side of where the loss is least; their mean lies
nearer, as if the learning rate had fallen already, whenever it is asked.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn


class WeightAverage:
    """Polynomial-decay averaging: after t steps the mean is (1 - a) · the mean before + a · weights.

    a = (power + 1) / (t + power), so that the last 1 / (power + 1) of all steps count most, however many there are.
    Source: Shamir and Zhang 2013, *Stochastic Gradient Descent for Non-smooth Optimization*, section 4.
    """

    def __init__(self, network: nn.Module, power: float) -> None:
        """Begin with the weights that a network has; it must stay on its device."""
        self._power = power
        self._weights = [each.detach() for each in network.parameters()]
        self._means = [each.clone() for each in self._weights]

    def follow(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        for mean, weights in zip(self._means, self._weights, strict=True):
            mean.lerp_(weights, (self._power + 1) / (step + self._power))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the mean in the place of the weights for a while."""
        own = [each.clone() for each in self._weights]
        copy_weights(self._weights, self._means)
        try:
            yield
        finally:
            copy_weights(self._weights, own)


def copy_weights(places: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Copy each of the values to its place."""
    with torch.no_grad():
        for place, value in zip(places, values, strict=True):
            place.copy_(value)
