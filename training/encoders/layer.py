"""A layer with an activation function.

Legend: B batch, T places, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from training.classifier_settings import Activation, ClassifierSettings


def activation_of(activation: Activation) -> nn.Module:
    """Make an activation function; GELU is x Φ(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415), not approximated."""
    match activation:
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case "relu":
            return nn.ReLU()
        case "gelu":
            return nn.GELU()


def norm_of(settings: ClassifierSettings, width: int) -> nn.Module:
    """Make a layer normalisation of each place (Ba et al. 2016, arXiv:1607.06450), where settings ask for it."""
    return nn.LayerNorm(width) if settings.normalise else nn.Identity()


class ActivatedLayer(nn.Module):
    """What has weights, then layer normalisation where settings ask for it, then the activation function."""

    def __init__(self, weighted: nn.Module, width: int, settings: ClassifierSettings) -> None:
        """Put them on top of one another.

        Args:
            weighted: filters or a matrix, from (..., C) to (..., width).
            width: of what it gives.
            settings: which activation function, and whether values are normalised.
        """
        super().__init__()
        self.weighted = weighted
        self.norm = norm_of(settings, width)
        self.activation = activation_of(settings.activation)

    def forward(self, values: Tensor) -> Tensor:
        """Turn values (..., C) into (..., width)."""
        activated: Tensor = self.activation(self.norm(self.weighted(values)))
        return activated
