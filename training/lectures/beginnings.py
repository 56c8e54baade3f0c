"""First weights of a deep plain network: zeros, small, Xavier, He, orthogonal, restricted Boltzmann machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import torch

from training.classifier_learning import begin_with_machines
from training.classifier_settings import ClassifierSettings, Initialisation
from training.encoders.window import WindowEncoder
from training.lectures.classroom import countries, learn, network_of, room_of
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from training.classifier import TextClassifier
    from training.lectures.lesson import Scale

LAYERS = 4


def unlikeness(network: TextClassifier) -> float:
    """Give how far the hidden units of the first layer are from one another: the spread of weights across units."""
    (encoder,) = (part for part in network.modules() if isinstance(part, WindowEncoder))
    first = next(parameter for name, parameter in encoder.named_parameters() if name.endswith("weighted.weight"))
    return float(first.detach().std(dim=0).mean())


def run(scale: Scale) -> Result:
    """Train the same network from each beginning."""
    texts, numbers = countries(scale.names), {}
    for how in (each for each in get_args(Initialisation) if each != "auto"):
        settings = ClassifierSettings(
            encoder="window",
            layers=LAYERS,
            hidden_width=64,
            window_characters=16,
            activation="sigmoid" if how == "rbm" else "relu",
            initialise=how,
            dropout=0.1,
        )
        room = room_of(settings, texts, epochs=scale.epochs, seed=0, rate=0.003)
        network = network_of(settings, room)
        if how == "rbm":
            encoded = encode_texts(room.alphabet, texts.texts, settings.longest)
            begin_with_machines(network, encoded, torch.Generator().manual_seed(0))
        learned = learn(settings, texts, scale, network=network)
        numbers[how] = {
            "accuracy held out": learned.accuracy,
            "accuracy learned": learned.train_accuracy,
            "units apart": unlikeness(learned.network),
        }
    draw = draw_bars(numbers, ["accuracy held out", "accuracy learned"], "accuracy")
    return Result(table=numbers_table("first weights", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="beginnings", question="From which first weights does a network of four layers learn?", run=run)
