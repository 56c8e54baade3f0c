"""Vanishing gradients: how much of the last layer's error reaches the first, by depth, under sigmoid, tanh and ReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import countries, layer_errors, network_of, room_of
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.classifier_settings import Activation
    from training.lectures.lesson import Scale

DEPTHS = (2, 3, 5, 10, 20)
ACTIVATIONS: tuple[Activation, ...] = ("sigmoid", "tanh", "relu")


def run(scale: Scale) -> Result:
    """Go back once through networks of every depth."""
    texts, numbers = countries(scale), {}
    for depth in (each for each in DEPTHS if each <= scale.deepest):
        row: dict[str, float] = {}
        for activation in ACTIVATIONS:
            settings = ClassifierSettings(
                encoder="window",
                layers=depth,
                hidden_width=64,
                activation=activation,
                dropout=0.0,
                embedding_dropout=0.0,
            )
            shares = []
            for seed in range(scale.seeds):
                room = room_of(settings, texts, epochs=1, seed=seed)
                errors = layer_errors(network_of(settings, room, seed), room)
                shares.append(errors[0] / errors[-1])
            row[activation] = float(np.median(shares))
        numbers[str(depth)] = row
    draw = draw_lines(numbers, ACTIVATIONS, "hidden layers", "error at the first / at the last", logarithmic=True)
    return Result(table=numbers_table("hidden layers", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="gradients", question="How much of the last layer's error reaches the first?", run=run)
