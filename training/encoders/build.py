"""Encoders out of settings.

Legend: B batch, T places, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from model.errors import InputError
from training.dropout import LockedDropout
from training.encoders.branches import BranchesEncoder
from training.encoders.convolution import ConvolutionEncoder
from training.encoders.pooling import PoolingLayer
from training.encoders.recurrent import RecurrentEncoder
from training.encoders.window import SlidingWindowEncoder, WindowEncoder

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings

Encoder = ConvolutionEncoder | BranchesEncoder | RecurrentEncoder | WindowEncoder | SlidingWindowEncoder


def encoder_of(part: str, settings: ClassifierSettings, input_width: int, *, at_each: bool = False) -> Encoder:
    """Make one part, for values of ``input_width`` channels.

    Args:
        part: its name.
        settings: what it is.
        input_width: channels of what it reads.
        at_each: whether a window stands around each place, and not at the beginning of a text alone.

    Raises:
        InputError: it is none that reads values.
    """
    match part:
        case "convolution":
            return ConvolutionEncoder(settings, input_width)
        case "branches":
            return BranchesEncoder(settings, input_width)
        case "recurrent":
            return RecurrentEncoder(settings, input_width)
        case "window":
            return (SlidingWindowEncoder if at_each else WindowEncoder)(settings, input_width)
        case _:
            raise InputError(f"part must be one of convolution, branches, recurrent, window, got {part!r}")


class StackedParts(nn.Module):
    """Parts one on top of another, dropout between them."""

    def __init__(
        self, chain: tuple[str, ...], settings: ClassifierSettings, input_width: int, *, at_each: bool = False
    ) -> None:
        """Make the parts, the first nearest to the text, for values of ``input_width`` channels; see ``encoder_of``."""
        super().__init__()
        parts: list[Encoder] = []
        width = input_width
        for part in chain:
            parts.append(encoder_of(part, settings, width, at_each=at_each))
            width = parts[-1].output_width
        self.output_width = width
        self.parts = nn.ModuleList(parts)
        self.drop = LockedDropout(settings.dropout)

    def read(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, T', output width), zero beyond their lengths (B,).
        """
        for number, part in enumerate(self.parts):
            values, lengths = part(self.drop(values) if number else values, lengths)
        return values, lengths


class ChainEncoder(StackedParts):
    """Parts one on top of another, and what a text is remembered by on top."""

    def __init__(self, chain: tuple[str, ...], settings: ClassifierSettings, input_width: int) -> None:
        """Make the parts, the first nearest to the text, for values of ``input_width`` channels."""
        super().__init__(chain, settings, input_width)
        top = self.parts[-1]
        backward_width = top.backward_width if isinstance(top, RecurrentEncoder) else 0
        kind = "last" if isinstance(top, WindowEncoder) else settings.pooling  # a window has one place only
        self.pooling = PoolingLayer(kind, self.output_width, backward_width)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Read texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, output width), one row a text.
        """
        pooled: Tensor = self.pooling(*self.read(values, lengths))
        return pooled
