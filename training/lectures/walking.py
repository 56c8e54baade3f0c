"""A filter walked over a line by hand, and by machim's own convolution: stride, zeros around, and what it fires at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from training.encoders.convolution import Convolution, Sliding, zeros_around
from training.lectures.lesson import Lecture, Result, numbers_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from training.classifier_settings import Padding
    from training.lectures.lesson import Scale

LINE, SOUGHT = "banana bandana", "ana"
WALKS: dict[str, tuple[int, Padding]] = {
    "valid": (1, "valid"),
    "same": (1, "same"),
    "causal": (1, "causal"),
    "valid, stride 2": (2, "valid"),
}


def by_hand(
    line: NDArray[np.float32], filters: NDArray[np.float32], around: tuple[int, int], stride: int
) -> list[float]:
    """Walk a filter (F, C) over a line (N, C) with zeros around: one number at each place, a sum of products."""
    padded = np.pad(line, (around, (0, 0)))
    places = range(0, len(padded) - len(filters) + 1, stride)
    return [float((padded[place : place + len(filters)] * filters).sum()) for place in places]


def run(_scale: Scale) -> Result:
    """Walk the filter that has a one for each letter of what is sought, in each way."""
    letters = sorted(set(LINE))
    one_hot = np.eye(len(letters), dtype=np.float32)
    line, filters = (one_hot[[letters.index(character) for character in text]] for text in (LINE, SOUGHT))
    numbers: dict[str, dict[str, float]] = {}
    maps: dict[str, list[float]] = {}
    for name, (stride, padding) in WALKS.items():
        around = zeros_around(padding, len(SOUGHT))
        convolution = Convolution(len(letters), 1, len(SOUGHT), stride=stride, padding=padding)
        with torch.no_grad():
            convolution.filters.weight.copy_(torch.from_numpy(filters.T[None]))
            convolution.filters.bias.zero_()  # type: ignore[union-attr]
            walked = convolution(torch.from_numpy(line)[None])[0, :, 0].numpy()
        maps[name] = by_hand(line, filters, around, stride)
        places = Sliding(width=len(SOUGHT), zeros=sum(around), stride=stride).places(len(LINE))
        numbers[name] = {
            "(N - F + 2P) / stride + 1": places,
            "places": len(maps[name]),
            "largest": max(maps[name]),
            "places where it is": maps[name].count(float(len(SOUGHT))),
            "farthest from machim's": float(np.abs(walked - maps[name]).max()),
        }

    def draw(axes: Axes) -> None:
        values = np.array(maps["same"])
        axes.imshow(values[None], cmap="Greys", aspect="auto", vmin=0, vmax=len(SOUGHT))
        axes.set_xticks(range(len(LINE)), [character if character != " " else "␣" for character in LINE])
        axes.set_yticks([0], [SOUGHT])
        for place, value in enumerate(values):
            colour = "white" if value > len(SOUGHT) / 2 else "black"
            axes.text(place, 0, f"{value:.0f}", ha="center", va="center", color=colour)

    return Result(table=numbers_table(f"{SOUGHT!r} over {LINE!r}", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="walking", question="What does a filter say at each place of a line?", run=run)
