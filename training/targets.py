"""What labels texts should have: their true ones, what a teacher says of them, or a mixture.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2.
Legend: D texts, B some of them, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.devices import tensor_on

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What a teacher says of texts.

    logits: (D, C) float32, nats; temperature: that they are divided by before they teach; truth: (D,) float32, how
    much of a text's loss is that with its true label, 0 where nobody knows it.
    """

    logits: NDArray[np.float32]
    temperature: float
    truth: NDArray[np.float32]

    @cached_property
    def softened(self) -> NDArray[np.float32]:
        """What the teacher says, divided by the temperature, as probabilities (D, C): made once, asked for often."""
        probabilities: NDArray[np.float32] = torch.from_numpy(self.logits).div(self.temperature).softmax(dim=1).numpy()
        return probabilities


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What labels texts should have.

    numbers: (D,) int64 of their labels, the teacher's likeliest where nobody knows; labels: C; taught: None where
    nobody teaches.
    """

    numbers: NDArray[np.int64]
    labels: int
    taught: Taught | None = None

    def losses(self, logits: Tensor, places: NDArray[np.int64] | slice = slice(None)) -> Tensor:
        """Give the loss of texts, nats: (B,).

        With a teacher: truth · H(label, softmax(z)) + (1 - truth) · T² · H(softmax(v / T), softmax(z / T)), for
        logits z and the teacher's v; T² leaves the gradient as large as it is without a temperature.

        Args:
            logits: (B, C) float32, nats.
            places: (B,) of the texts; all of them when left out.
        """
        told = torch.nn.functional.cross_entropy(
            logits, tensor_on(logits.device, self.numbers[places]), reduction="none"
        )
        if self.taught is None:
            return told
        temperature = self.taught.temperature
        said = tensor_on(logits.device, self.taught.softened[places])
        learned = torch.nn.functional.cross_entropy(logits / temperature, said, reduction="none")
        truth = tensor_on(logits.device, self.taught.truth[places])
        return truth * told + (1 - truth) * temperature**2 * learned

    @property
    def arrays(self) -> list[NDArray[np.generic]]:
        """All that they are, as arrays."""
        if self.taught is None:
            return [self.numbers]
        return [self.numbers, self.taught.logits, self.taught.truth, np.array([self.taught.temperature])]

    def known(self) -> NDArray[np.int64] | NDArray[np.float32]:
        """Give the true labels (D,), or what the teacher takes for likely (D, C) where no text has one."""
        if self.taught is None or self.taught.truth.any():
            return self.numbers
        likely: NDArray[np.float32] = torch.from_numpy(self.taught.logits).softmax(dim=1).numpy()
        return likely

    def with_more(self, others: Targets) -> Targets:
        """Join the targets of other texts to these, of the same teacher or none."""
        taught = None
        if self.taught is not None and others.taught is not None:
            taught = replace(
                self.taught,
                logits=np.concatenate([self.taught.logits, others.taught.logits]),
                truth=np.concatenate([self.taught.truth, others.taught.truth]),
            )
        return replace(self, numbers=np.concatenate([self.numbers, others.numbers]), taught=taught)
