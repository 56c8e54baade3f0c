"""Texts to learn from and one way to learn them, for all experiments that sort texts.

Legend: M texts tested on, B batch, H units of a layer.
"""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.classification_metrics import accuracy
from training.classifier import TextClassifier
from training.classifier_learning import lessons_of, network_logits
from training.classifier_members import learn_network
from training.classifier_room import ClassifierRun
from training.classifier_run import make_room
from training.encoders.layer import ActivatedLayer
from training.encoders.window import WindowEncoder
from training.label_split import SplitTexts
from training.lectures.lesson import over_seeds
from training.letters import letters_of
from training.places import places_path
from training.protocol import digest
from training.reading import ReadingSettings, ignore
from training.settings import TextSettings, TrainingSettings
from training.targets import Targets
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.classifier_room import Room
    from training.classifier_settings import ClassifierSettings
    from training.lectures.lesson import Scale

COUNTRIES = 8  # those with the most names
PARTS = 5  # of these a fifth each is stopped by and tested on, where texts are made by rule
RATE, BATCH_CHARACTERS = 0.003, 1024
RULE_CHARACTERS = 128  # of a batch, where texts are made by rule: they are short, and steps would be few
ACCURACY = "accuracy"


@dataclass(frozen=True, kw_only=True)
class Material:
    """Texts with labels: to learn from, held out to see which weights are best, and others to be tested on.

    tested_numbers: (M,) int64, the number of the label of each.
    """

    split: SplitTexts
    tested_texts: list[str]
    tested_numbers: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A trained network, where it learned, and how it does on what it learned from and on what it was tested on."""

    network: TextClassifier
    room: Room
    train_accuracy: float
    accuracy: float


def countries(scale: Scale) -> Material:
    """Take place names in Latin letters of eight countries, chosen by hash."""
    with places_path().open(encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["country"]) for row in csv.DictReader(file, delimiter="\t") if row["name"].isascii()]
    labels = sorted(label for label, _ in Counter(label for _, label in rows).most_common(COUNTRIES))
    names = [sorted({name for name, country in rows if country == label}, key=digest) for label in labels]
    ends = np.cumsum([0, scale.names, scale.names // 4, scale.tested])
    parts = [[of_country[begin:end] for of_country in names] for begin, end in pairwise(ends.tolist())]
    learned, held_out, tested = (
        (list(chain.from_iterable(part)), np.repeat(np.arange(COUNTRIES), [len(each) for each in part]))
        for part in parts
    )
    return material(tuple(labels), learned, held_out, tested)


def by_rule(labels: tuple[str, ...], texts: list[str], numbers: NDArray[np.int64]) -> Material:
    """Part texts that were made by rule: three fifths to learn from, one to stop by and one to be tested on."""
    part = np.arange(len(texts)) % PARTS
    learned, held_out, tested = (
        ([texts[place] for place in np.flatnonzero(chosen)], numbers[chosen])
        for chosen in (part > 1, part == 1, part == 0)
    )
    return material(labels, learned, held_out, tested)


def material(
    labels: tuple[str, ...],
    learned: tuple[list[str], NDArray[np.int64]],
    held_out: tuple[list[str], NDArray[np.int64]],
    tested: tuple[list[str], NDArray[np.int64]],
) -> Material:
    """Put texts and the numbers of their labels together."""
    split = SplitTexts(
        labels=labels,
        texts=learned[0],
        numbers=learned[1],
        held_out_texts=held_out[0],
        held_out_numbers=held_out[1],
    )
    return Material(split=split, tested_texts=tested[0], tested_numbers=tested[1])


def without_stopping(texts: Material) -> Material:
    """Let the weights be kept that do best on what is learned, so that a network may overfit."""
    split = texts.split
    return replace(texts, split=replace(split, held_out_texts=split.texts, held_out_numbers=split.numbers))


def room_of(
    settings: ClassifierSettings,
    texts: Material,
    *,
    epochs: int,
    seed: int,
    rate: float = RATE,
    batch_characters: int = BATCH_CHARACTERS,
) -> Room:
    """Lay out what a network learns from, for so many epochs and no longer."""
    training = TrainingSettings(
        minutes=0,
        epochs=epochs,
        seed=seed,
        learning_rate=rate,
        batch_characters=batch_characters,
        precision="float32",
    )
    told = ClassifierRun(
        reading=ReadingSettings(), text=TextSettings(), members=(settings,), training=training, epochs=epochs
    )
    split = texts.split
    targets, held_out = (
        Targets(numbers=numbers, labels=len(split.labels)) for numbers in (split.numbers, split.held_out_numbers)
    )
    device = torch.device("cpu")
    return make_room(told, split, targets, held_out, device=device, say=ignore, began=time.monotonic())


def network_of(settings: ClassifierSettings, room: Room, seed: int = 0) -> TextClassifier:
    """Make a network with weights drawn from a seed."""
    torch.manual_seed(seed)
    letters = torch.from_numpy(letters_of(room.alphabet))
    return TextClassifier(settings, len(room.alphabet), len(room.split.labels), letters)


def learn(
    settings: ClassifierSettings,
    texts: Material,
    epochs: int,
    *,
    seed: int = 0,
    rate: float = RATE,
    batch_characters: int = BATCH_CHARACTERS,
    network: TextClassifier | None = None,
) -> Learned:
    """Train a network by machim's own loop.

    Args:
        settings: what it is.
        texts: to learn from, to stop by and to be tested on.
        epochs: passes through the texts.
        seed: of weights, order and dropout.
        rate: of learning.
        batch_characters: that a step reads.
        network: one to go on from, instead of a new one.
    """
    room = room_of(settings, texts, epochs=epochs, seed=seed, rate=rate, batch_characters=batch_characters)
    network = network_of(settings, room, seed) if network is None else network
    learn_network(network, room, math.inf, None, "")
    return Learned(
        network=network,
        room=room,
        train_accuracy=accuracy(texts.split.numbers, said(network, room, texts.split.texts).argmax(axis=1)),
        accuracy=accuracy(texts.tested_numbers, said(network, room, texts.tested_texts).argmax(axis=1)),
    )


def said(network: TextClassifier, room: Room, texts: list[str]) -> NDArray[np.float32]:
    """Give the logits of texts: (texts, labels), nats."""
    encoded = encode_texts(room.alphabet, texts, network.settings.longest)
    return network_logits(network, encoded, len(room.split.labels))


def accuracies(
    settings: ClassifierSettings, texts: Material, scale: Scale, batch_characters: int = BATCH_CHARACTERS
) -> dict[str, float]:
    """Train a network from each seed, and give the mean accuracy on what it was tested on, and its spread."""
    found = [
        learn(settings, texts, scale.epochs, seed=seed, batch_characters=batch_characters).accuracy
        for seed in range(scale.seeds)
    ]
    return over_seeds(found, ACCURACY)


def plain_layers(network: TextClassifier) -> list[nn.Linear]:
    """Give the matrices of a network's window, the first nearest to the text."""
    (encoder,) = (part for part in network.modules() if isinstance(part, WindowEncoder))
    weighted = [layer.weighted for layer in encoder.layers if isinstance(layer, ActivatedLayer)]
    return [matrix for matrix in weighted if isinstance(matrix, nn.Linear)]


def layer_errors(network: TextClassifier, room: Room) -> list[float]:
    """Go one step back through a network, and measure what reaches each plain layer; no weight is moved.

    Returns:
        of each the norm of ∂loss / ∂(W x + b), (B, H), over one batch.
    """
    gave: list[Tensor] = []

    def keep(_layer: nn.Module, _read: tuple[Tensor, ...], given: Tensor) -> None:
        given.retain_grad()
        gave.append(given)

    handles = [layer.register_forward_hook(keep) for layer in plain_layers(network)]
    lessons = lessons_of(room, network.settings.longest)
    batch = next(iter(lessons.batches(0)))
    logits = network(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths))
    lessons.targets.losses(logits, batch.places).mean().backward()  # type: ignore[no-untyped-call]
    for handle in handles:
        handle.remove()
    network.zero_grad()
    return [0.0 if each.grad is None else float(each.grad.norm()) for each in gave]
