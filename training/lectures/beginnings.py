"""First weights of a deep plain network: zeros, small, Xavier, He, orthogonal, restricted Boltzmann machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from training.classifier_learning import begin_with_machines
from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import (
    ACCURACY,
    countries,
    layer_errors,
    learn,
    network_of,
    plain_layers,
    room_of,
)
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table, over_seeds
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from training.classifier_settings import Activation, Initialisation
    from training.lectures.lesson import Scale

LAYERS = 4
WAYS: dict[Activation, tuple[Initialisation, ...]] = {
    "relu": ("zeros", "small", "xavier", "he", "orthogonal"),
    "sigmoid": ("zeros", "small", "xavier", "rbm"),
}


def run(scale: Scale) -> Result:
    """Train the same network from each beginning."""
    texts, numbers = countries(scale), {}
    for activation, ways in WAYS.items():
        for way in ways:
            settings = ClassifierSettings(
                encoder="window",
                layers=LAYERS,
                hidden_width=64,
                window_characters=16,
                activation=activation,
                initialise=way,
                dropout=0.0,  # which would tell equal units apart
                embedding_dropout=0.0,
            )
            found, begun = [], []
            apart: list[float] = []
            again: list[tuple[float, float]] = []  # x against x' of the first machine, in its first and last pass
            for seed in range(scale.seeds):
                room = room_of(settings, texts, epochs=scale.epochs, seed=seed)
                network = network_of(settings, room, seed)
                if way == "rbm":
                    encoded = encode_texts(room.alphabet, texts.split.texts, settings.longest)
                    machines = begin_with_machines(network, encoded, torch.Generator().manual_seed(seed))
                    again.append((machines[0][0], machines[0][-1]))
                begun.append(layer_errors(network, room)[0])
                found.append(learn(settings, texts, scale.epochs, seed=seed, network=network).accuracy)
                apart.append(float(plain_layers(network)[0].weight.detach().std(dim=0).mean()))
            row = {
                **over_seeds(found, ACCURACY),
                "error at the first layer": float(np.median(begun)),
                "units apart": float(np.median(apart)),
            }
            if again:
                row |= dict(zip(("x against x'", "in the last pass"), np.median(again, axis=0).tolist(), strict=True))
            numbers[f"{way}, {activation}"] = row
    draw = draw_bars(numbers, [ACCURACY], ACCURACY)
    return Result(table=numbers_table("first weights", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="beginnings", question="From which first weights does a network of four layers learn?", run=run)
