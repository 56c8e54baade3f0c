"""Where networks that sort texts learn planted texts, for the tests of their members."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.alphabet import count_characters, train_alphabet
from training import checkpoints
from training.classifier_members import LearnedNetworks, learn_networks
from training.classifier_room import ClassifierRun, Room
from training.classifier_settings import ClassifierSettings
from training.clock import Clock
from training.label_split import SplitTexts
from training.reading import ReadingSettings, ignore
from training.settings import TextSettings, TrainingSettings
from training.targets import Targets

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.classifier import TextClassifier

SMALL = ClassifierSettings(
    encoder="branches", embedding_width=8, filters=6, hidden_width=6, branch_widths="2", dropout=0.1
)
LABELS = ("first", "last")


def planted_texts(number: int = 300) -> tuple[list[str], NDArray[np.int64]]:
    """Random words; those with "ab" in them are of the second label."""
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abcd"), int(generator.integers(3, 9)))) for _ in range(number)]
    return texts, np.array([int("ab" in text) for text in texts])


def a_room(told: list[str] | None = None, **changed: Any) -> Room:
    """Where two members learn the planted texts for two epochs; ``told`` gets what is said."""
    texts, numbers = planted_texts()
    split = SplitTexts(
        labels=LABELS,
        texts=texts[:240],
        numbers=numbers[:240],
        held_out_texts=texts[240:],
        held_out_numbers=numbers[240:],
    )
    training = TrainingSettings(minutes=0, epochs=2, batch_characters=128, learning_rate=0.02, members=2, threads=1)
    run = ClassifierRun(reading=ReadingSettings(), text=TextSettings(), members=(SMALL, SMALL), training=training)
    room = Room(
        told=run,
        split=split,
        alphabet=train_alphabet(count_characters(split.texts, np.ones(240)), character_limit=100),
        device=torch.device("cpu"),
        clock=Clock(began=time.monotonic(), seconds=math.inf),
        targets=Targets(numbers=split.numbers, labels=2),
        held_out=Targets(numbers=split.held_out_numbers, labels=2),
        text_weights=np.ones(240),
        held_out_weights=np.ones(60),
        say=ignore if told is None else told.append,
    )
    return replace(room, **changed)


def with_training(room: Room, **changed: Any) -> Room:
    return replace(room, told=replace(room.told, training=replace(room.told.training, **changed)))


def alone(room: Room) -> Room:
    """One member, and epochs enough to learn."""
    room = with_training(room, epochs=25, members=1)
    return replace(room, told=replace(room.told, members=(SMALL,)))


def learned_in(room: Room, out: Path) -> LearnedNetworks:
    """Learn in the folder of a model, which a run makes."""
    out.mkdir(exist_ok=True)
    return learn_networks(room, out)


def weights_of(networks: tuple[TextClassifier, ...]) -> list[dict[str, NDArray[np.generic]]]:
    return [dict(checkpoints.weights_of(network)) for network in networks]


def same(one: dict[str, NDArray[np.generic]], other: dict[str, NDArray[np.generic]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
