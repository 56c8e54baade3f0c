"""The layer over n-grams while it learns.

Legend: D texts, F n-grams known, C labels, H hidden units.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

FIRST_WEIGHTS = 0.01  # standard deviation, before a hidden layer


class Product(torch.autograd.Function):
    """A sparse matrix times a dense one, with the transpose at hand for the gradient."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        """Give (D, C) of (F, C)."""
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Give the gradient (F, C)."""
        return ctx.transposed @ gradients[0].contiguous(), None, None


class WideNetwork(torch.nn.Module):
    """The layer while it learns: of (F, C) zeros, or of a hidden layer of random weights."""

    def __init__(self, ngrams: int, hidden: int, labels: int, generator: torch.Generator) -> None:
        """Begin at no opinion: F n-grams, H hidden units (0 for none), C labels."""
        super().__init__()
        width = hidden or labels
        self.weights = torch.nn.Parameter(torch.zeros(ngrams, width))
        self.bias = torch.nn.Parameter(torch.zeros(width))
        self.output = torch.nn.Parameter(torch.zeros(hidden, labels)) if hidden else None
        self.output_bias = torch.nn.Parameter(torch.zeros(labels)) if hidden else None
        if self.output is not None:
            with torch.no_grad():
                self.weights.normal_(std=FIRST_WEIGHTS, generator=generator)
                self.output.normal_(std=1 / math.sqrt(hidden), generator=generator)

    def forward(self, weights: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        """Give the logits (D, C) of texts with n-grams (D, F), whose transpose is (F, D) and whose weights (F, C or H).

        The weights are this network's own, or those of its n-grams that stand in the texts.
        """
        summed: Tensor = Product.apply(weights, matrix, transposed) + self.bias  # type: ignore[no-untyped-call]
        if self.output is None or self.output_bias is None:
            return summed
        return torch.relu(summed) @ self.output + self.output_bias
