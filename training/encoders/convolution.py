"""Stacked convolutions: convolution, normalisation, activation, again and again, then max pooling; all of it repeated.

Source: Zhang, Zhao and LeCun 2015, arXiv:1509.01626.
Legend: B batch, T places, C channels, N places that a filter slides along, F its width, P zeros on a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn

from model.errors import InputError
from training.dropout import LockedDropout
from training.encoders.layer import ActivatedLayer
from training.encoders.places import keep_places
from training.encoders.skip import SkipConnection

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings, Padding

Size = TypeVar("Size", int, Tensor)


class Convolution(nn.Module):
    """Slides filters along a text."""

    def __init__(self, input_width: int, filters: int, width: int, *, stride: int, padding: Padding) -> None:
        """Make filters that see ``width`` places, the next one ``stride`` places on."""
        super().__init__()
        self.filters = nn.Conv1d(input_width, filters, width, stride=stride)
        self.around = zeros_around(padding, width)

    def forward(self, values: Tensor) -> Tensor:
        """Turn values (B, T, C) into (B, T', filters)."""
        padded = nn.functional.pad(values, (0, 0, *self.around))
        convolved: Tensor = self.filters(padded.transpose(1, 2))  # (B, filters, T')
        return convolved.transpose(1, 2)


def zeros_around(padding: Padding, width: int) -> tuple[int, int]:
    """Give how many zeros stand before a text and after it; the odd one of an even filter stands after it."""
    match padding:
        case "valid":
            return 0, 0
        case "same":
            return (width - 1) // 2, width // 2
        case "causal":
            return width - 1, 0


@dataclass(frozen=True, kw_only=True)
class Sliding:
    """How filters or pooling slide along a text; ``zeros`` is 2P."""

    width: int
    zeros: int
    stride: int

    def places(self, size: Size) -> Size:
        """Give (N - F + 2P) / stride + 1, rounded down: what is left over at the end of a text is not looked at."""
        return (size - self.width + self.zeros) // self.stride + 1

    def least(self, wanted: int) -> int:
        """Give the least N of which as many places come as are wanted."""
        return (wanted - 1) * self.stride + self.width - self.zeros


def slidings(settings: ClassifierSettings) -> tuple[Sliding, Sliding]:
    """Give how each convolution slides, and each pooling."""
    zeros = sum(zeros_around(settings.padding, settings.filter_width))
    convolution = Sliding(width=settings.filter_width, zeros=zeros, stride=settings.stride)
    return convolution, Sliding(width=settings.pool_width, zeros=0, stride=settings.pool_width)


def sizes(settings: ClassifierSettings, characters: int) -> list[int]:
    """Give how many places there are of a text: its characters, then after every convolution and pooling.

    Raises:
        InputError: no place is left; with the arithmetic.
    """
    convolution, pooling = slidings(settings)
    block = [("filter_width", convolution)] * settings.convolutions + [("pool_width", pooling)]
    found = [characters]
    for name, step in block * settings.blocks:
        size = found[-1]
        if size - step.width + step.zeros < 0:
            places = (size - step.width + step.zeros) / step.stride + 1
            raise InputError(
                f"{name} must leave a place: ({size} - {step.width} + {step.zeros}) / {step.stride} + 1 = {places:g}"
                f" places are left of {size} {'characters' if len(found) == 1 else 'places'}; a text needs at least"
                f" {least_characters(settings)} characters, got {characters}: fewer --convolutions or --blocks, a"
                " lower --stride or --pool-width, or --padding same need less"
            )
        found.append(step.places(size))
    return found


def least_characters(settings: ClassifierSettings) -> int:
    """Give the length of the shortest text that fits every convolution and pooling."""
    convolution, pooling = slidings(settings)
    wanted = 1
    for step in ([pooling] + [convolution] * settings.convolutions) * settings.blocks:
        wanted = step.least(wanted)
    return wanted


class ConvolutionEncoder(nn.Module):
    """Reads a text by convolutions and max pooling; connections skip each convolution that keeps the size."""

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the layers that settings tell, for values of ``input_width`` channels."""
        super().__init__()
        self.output_width = settings.filters
        self.convolutions = settings.convolutions
        self.convolution, self.pooling = slidings(settings)
        self.least_characters = least_characters(settings)
        keeps_size = settings.padding != "valid" and settings.stride == 1
        widths = [input_width, *[settings.filters] * (settings.blocks * settings.convolutions)]
        self.layers = nn.ModuleList(
            ActivatedLayer(
                Convolution(before, after, settings.filter_width, stride=settings.stride, padding=settings.padding),
                after,
                settings,
            )
            for before, after in pairwise(widths)
        )
        self.skips = nn.ModuleList(
            SkipConnection(settings.skip if keeps_size else "none", before, after) for before, after in pairwise(widths)
        )
        self.drop = LockedDropout(settings.dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read texts; one too short for a place to be left is read with zeros at its end.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, T', filters), zero beyond their lengths (B,).
        """
        missing = self.least_characters - values.shape[1]
        if missing > 0:
            values = nn.functional.pad(values, (0, 0, 0, missing))
        lengths = lengths.clamp(min=self.least_characters)
        for number, (layer, skip) in enumerate(zip(self.layers, self.skips, strict=True)):
            values = skip(values, layer(self.drop(values) if number else values))
            lengths = self.convolution.places(lengths)
            values = keep_places(values, lengths)
            if (number + 1) % self.convolutions == 0:
                values = self.pool(values)
                lengths = self.pooling.places(lengths)
                values = keep_places(values, lengths)
        return values, lengths

    def pool(self, values: Tensor) -> Tensor:
        """Keep the largest of each channel's values in neighbouring places: (B, T, C) to (B, T', C)."""
        batch, size, channels = values.shape
        width, places = self.pooling.width, self.pooling.places(size)
        return values[:, : places * width].reshape(batch, places, width, channels).amax(dim=2)
