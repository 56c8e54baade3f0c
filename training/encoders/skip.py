"""Connections that go around a layer.

Legend: x what goes around, F(x) what went through the layer, g gate, W_g and b_g its weights and bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from training.classifier_settings import Skip

CARRIES_AT_FIRST = -1.0  # b_g: a gate that is mostly closed lets gradients around the layer (Srivastava et al., 2.2)


class SkipConnection(nn.Module):
    """Joins x with F(x): x + F(x), or g F(x) + (1 - g) x with g = sigmoid(W_g x + b_g).

    Source: He et al. 2015, arXiv:1512.03385, equations 1 and 2; Srivastava et al. 2015, arXiv:1505.00387, equation 3.
    Where widths differ, x goes through a matrix without a bias, place by place.
    """

    def __init__(self, kind: Skip, input_width: int, output_width: int) -> None:
        """Make a connection around a layer from ``input_width`` to ``output_width``; ``none`` gives F(x) alone."""
        super().__init__()
        differs = kind != "none" and input_width != output_width
        self.projection = nn.Linear(input_width, output_width, bias=False) if differs else nn.Identity()
        self.gate = nn.Linear(input_width, output_width) if kind == "highway" else None
        self.joins = kind != "none"
        if self.gate is not None:
            nn.init.constant_(self.gate.bias, CARRIES_AT_FIRST)

    def forward(self, around: Tensor, through: Tensor) -> Tensor:
        """Join x (..., input width) with F(x) (..., output width)."""
        if not self.joins:
            return through
        carried: Tensor = self.projection(around)
        if self.gate is None:
            return carried + through
        gate = torch.sigmoid(self.gate(around))
        return gate * through + (1 - gate) * carried
