"""Plain layers over a fixed window of characters: the first ones of a text, or those around each.

Legend: B batch, T places, C channels, H hidden width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from training.dropout import LockedDropout
from training.encoders.convolution import Convolution
from training.encoders.layer import ActivatedLayer
from training.encoders.places import keep_places
from training.encoders.skip import SkipConnection

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings


class WindowEncoder(nn.Module):
    """Reads the first characters at once, each at its own place; connections skip each layer above the first.

    A window of one character is the one-to-one network.
    """

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the layers that settings tell, for values of ``input_width`` channels."""
        super().__init__()
        self.output_width = settings.hidden_width
        self.characters = settings.window_characters
        widths = [input_width * self.characters, *[settings.hidden_width] * (settings.layers - 1)]
        self.layers = nn.ModuleList(
            ActivatedLayer(nn.Linear(width, settings.hidden_width), settings.hidden_width, settings) for width in widths
        )
        self.skips = nn.ModuleList(
            SkipConnection(settings.skip if number else "none", width, settings.hidden_width)
            for number, width in enumerate(widths)
        )
        self.drop = LockedDropout(settings.dropout)

    def flatten(self, values: Tensor) -> Tensor:
        """Lay the characters of the window in one row, zeros where a text is shorter: (B, T, C) to (B, window · C)."""
        missing = self.characters - values.shape[1]
        seen = nn.functional.pad(values, (0, 0, 0, missing))  # where negative, it cuts
        return seen.flatten(1)

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read the beginnings of texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, 1, H), and lengths (B,) of 1.
        """
        value = self.flatten(values)
        for number, (layer, skip) in enumerate(zip(self.layers, self.skips, strict=True)):
            value = skip(value, layer(self.drop(value) if number else value))
        return value.unsqueeze(1), lengths.new_ones(len(lengths))


class SlidingWindowEncoder(nn.Module):
    """Reads the characters around each place at once, half a window before it and half after.

    The plain layers of ``WindowEncoder`` at every place, the same weights for all: a matrix over a window that slides
    is a filter. A window of one character is the one-to-one network.
    """

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the layers that settings tell, for values of ``input_width`` channels."""
        super().__init__()
        self.output_width = width = settings.hidden_width
        window = Convolution(input_width, width, settings.window_characters, stride=1, padding="same")
        above = [nn.Linear(width, width) for _ in range(settings.layers - 1)]
        self.layers = nn.ModuleList(ActivatedLayer(each, width, settings) for each in (window, *above))
        self.skips = nn.ModuleList(
            SkipConnection(settings.skip if number else "none", width if number else input_width, width)
            for number in range(settings.layers)
        )
        self.drop = LockedDropout(settings.dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, T, H), zero beyond the same lengths (B,).
        """
        for number, (layer, skip) in enumerate(zip(self.layers, self.skips, strict=True)):
            values = keep_places(skip(values, layer(self.drop(values) if number else values)), lengths)
        return values, lengths
