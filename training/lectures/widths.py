"""Layers that must fit together: what each layer of plain networks reads and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import countries, network_of, plain_layers, room_of
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table

if TYPE_CHECKING:
    from torch import nn

    from training.lectures.lesson import Scale

SETTINGS = ClassifierSettings(
    encoder="window", window_characters=16, embedding_width=24, layers=3, hidden_width=64, dropout=0.0
)
READS, GIVES = "reads", "gives"


def run(scale: Scale) -> Result:
    """Lay the layers of a network out, from the input to the output."""
    room = room_of(SETTINGS, countries(scale), epochs=1, seed=0)
    network = network_of(SETTINGS, room)
    *hidden, last = [*plain_layers(network), network.output]
    numbers: dict[str, dict[str, float]] = {
        "input: 16 characters of 24 values": {GIVES: SETTINGS.window_characters * SETTINGS.embedding_width},
        **{f"hidden layer {number + 1}": fits(layer) for number, layer in enumerate(hidden)},
        "output: 8 countries": fits(last),
    }
    draw = draw_bars(numbers, [READS, GIVES], "values")
    return Result(table=numbers_table("layer", numbers), numbers=numbers, draw=draw)


def fits(layer: nn.Linear) -> dict[str, float]:
    """Give how many values a matrix reads and gives, and how many weights that takes."""
    return {GIVES: layer.out_features, READS: layer.in_features, "weights": layer.weight.numel()}


LECTURE = Lecture(name="widths", question="What must the output of a layer be to the input of the next?", run=run)
