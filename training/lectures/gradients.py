"""Vanishing gradients: how much of the last layer's gradient reaches the first, by depth, under sigmoid and ReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.encoders.window import WindowEncoder
from training.lectures.classroom import countries, first_gradient, network_of, room_of
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.classifier import TextClassifier
    from training.classifier_settings import Activation
    from training.lectures.lesson import Scale

DEPTHS = (1, 2, 3, 5, 10, 20)
ACTIVATIONS: tuple[Activation, ...] = ("sigmoid", "tanh", "relu")


def norms_of_layers(network: TextClassifier) -> list[float]:
    """Give the norm of the gradient of each plain layer's matrix, the first nearest to the text."""
    (encoder,) = (part for part in network.modules() if isinstance(part, WindowEncoder))
    weights = [parameter for name, parameter in encoder.named_parameters() if name.endswith("weighted.weight")]
    return [0.0 if each.grad is None else float(each.grad.norm()) for each in weights]


def run(scale: Scale) -> Result:
    """Go back once through networks of every depth."""
    texts, numbers = countries(scale.names), {}
    for depth in (each for each in DEPTHS if each <= scale.most):
        row: dict[str, float] = {}
        for activation in ACTIVATIONS:
            shares = []
            for seed in range(scale.seeds):
                settings = ClassifierSettings(
                    encoder="window", layers=depth, hidden_width=64, activation=activation, dropout=0.0
                )
                room = room_of(settings, texts, epochs=1, seed=seed, rate=0.001)
                network = network_of(settings, room, seed)
                first_gradient(network, room)
                norms = norms_of_layers(network)
                shares.append(norms[0] / norms[-1])
            row[activation] = float(np.median(shares))
        numbers[str(depth)] = row
    draw = draw_lines(numbers, ACTIVATIONS, "hidden layers", "gradient of the first, of the last", logarithmic=True)
    return Result(table=numbers_table("hidden layers", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="gradients", question="How much of the last layer's gradient reaches the first, layer upon layer?", run=run
)
