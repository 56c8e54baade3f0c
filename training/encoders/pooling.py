"""What a text is remembered by: one row of its places.

Legend: B batch, T places, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.encoders.places import beyond

if TYPE_CHECKING:
    from training.classifier_settings import Pooling


class PoolingLayer(nn.Module):
    """Makes one row of a text's places: the largest values, their mean, the last state, or what attention weighs."""

    def __init__(self, kind: Pooling, width: int, backward_width: int = 0) -> None:
        """Make a pooling.

        Args:
            kind: which.
            width: C.
            backward_width: how many of the last channels are states of a recurrence that began at the end.
        """
        super().__init__()
        self.kind = kind
        self.forward_width = width - backward_width
        self.attention = Attention(width) if kind == "attention" else None

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Turn values (B, T, C) of lengths (B,) into (B, C)."""
        if self.attention is not None:
            weights = self.attention(values, lengths)
            return torch.einsum("bt,btc->bc", weights.to(values.dtype), values)
        match self.kind:
            case "max":
                return values.masked_fill(beyond(lengths, values.shape[1]), -torch.inf).amax(dim=1)
            case "mean":
                return values.sum(dim=1) / lengths.unsqueeze(1)  # zero beyond the lengths
            case _:
                row = torch.arange(len(values), device=values.device)
                onward, backward = values.tensor_split([self.forward_width], dim=2)
                return torch.cat([onward[row, lengths - 1], backward[:, 0]], dim=1)


class Attention(nn.Module):
    """Tells how much each place counts: softmax over a text's places of v · tanh(W h).

    Source: Bahdanau, Cho and Bengio 2014, arXiv:1409.0473, A.1.2; the score has no other state than h to look at.
    """

    def __init__(self, width: int) -> None:
        """Make W (C, C) and v (C,)."""
        super().__init__()
        self.matrix = nn.Linear(width, width, bias=False)
        self.vector = nn.Linear(width, 1, bias=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Give weights (B, T) of values (B, T, C): zero beyond the lengths (B,), their sum 1."""
        scores: Tensor = self.vector(torch.tanh(self.matrix(values)))  # (B, T, 1)
        masked = scores.masked_fill(beyond(lengths, values.shape[1]), -torch.inf)
        return masked.softmax(dim=1).squeeze(2)
