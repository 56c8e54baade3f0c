"""Convolutions of several widths side by side, joined.

Source: Kim 2014, arXiv:1408.5882; the largest value over time is taken by the pooling on top.
Legend: B batch, T places, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.encoders.convolution import Convolution
from training.encoders.layer import ActivatedLayer
from training.encoders.places import keep_places
from training.encoders.skip import SkipConnection

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings


class Branches(nn.Module):
    """Gives each place what the filters of every width see around it."""

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make as many filters of each width as settings tell."""
        super().__init__()
        self.branches = nn.ModuleList(
            Convolution(input_width, settings.filters, width, stride=1, padding="same") for width in settings.widths
        )

    def forward(self, values: Tensor) -> Tensor:
        """Turn values (B, T, C) into (B, T, widths · filters), the filters of the first width first."""
        return torch.cat([branch(values) for branch in self.branches], dim=2)


class BranchesEncoder(nn.Module):
    """Reads a text by filters of several widths; a connection may skip them all."""

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the filters that settings tell, for values of ``input_width`` channels."""
        super().__init__()
        self.output_width = settings.filters * len(settings.widths)
        self.layer = ActivatedLayer(Branches(settings, input_width), self.output_width, settings)
        self.skip = SkipConnection(settings.skip, input_width, self.output_width)

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, T, output width), zero beyond the same lengths (B,).
        """
        return keep_places(self.skip(values, self.layer(values)), lengths), lengths
