"""Texts to learn from and one way to learn them, for all experiments that sort texts."""

from __future__ import annotations

import csv
import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.classification_metrics import accuracy
from training.classifier import TextClassifier
from training.classifier_learning import lessons_of, mean_loss, network_logits
from training.classifier_members import learn_network
from training.classifier_room import ClassifierRun
from training.classifier_run import make_room
from training.label_split import SplitTexts
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
    from training.observation import Observer

COUNTRIES = 8  # those with the most names
HELD_OUT = 5  # of so many names one


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A trained network, and how it does on what it learned from and on what it did not."""

    network: TextClassifier
    room: Room
    train_accuracy: float
    accuracy: float
    train_nats: float
    nats: float


def countries(names: int) -> SplitTexts:
    """Take so many place names in Latin letters of each of eight countries, chosen by hash; a fifth is held out."""
    with places_path().open(encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["country"]) for row in csv.DictReader(file, delimiter="\t") if row["name"].isascii()]
    labels = sorted(label for label, _ in Counter(label for _, label in rows).most_common(COUNTRIES))
    texts: list[str] = []
    numbers: list[int] = []
    for number, label in enumerate(labels):
        chosen = sorted({name for name, country in rows if country == label}, key=digest)[:names]
        texts += chosen
        numbers += [number] * len(chosen)
    return split(tuple(labels), texts, np.array(numbers, np.int64))


def split(labels: tuple[str, ...], texts: list[str], numbers: NDArray[np.int64]) -> SplitTexts:
    """Hold every fifth text out."""
    out = np.arange(len(texts)) % HELD_OUT == 0
    return SplitTexts(
        labels=labels,
        texts=[text for place, text in enumerate(texts) if place % HELD_OUT],
        numbers=numbers[~out],
        held_out_texts=texts[::HELD_OUT],
        held_out_numbers=numbers[out],
    )


def room_of(settings: ClassifierSettings, texts: SplitTexts, *, epochs: int, seed: int, rate: float) -> Room:
    """Lay out what a network learns from, for so many epochs and no longer."""
    training = TrainingSettings(
        minutes=0, epochs=epochs, seed=seed, learning_rate=rate, batch_characters=1024, precision="float32"
    )
    told = ClassifierRun(
        reading=ReadingSettings(), text=TextSettings(), members=(settings,), training=training, epochs=epochs
    )
    targets, held_out = (
        Targets(numbers=numbers, labels=len(texts.labels)) for numbers in (texts.numbers, texts.held_out_numbers)
    )
    device = torch.device("cpu")
    return make_room(told, texts, targets, held_out, device=device, say=ignore, began=time.monotonic())


def network_of(settings: ClassifierSettings, room: Room, seed: int = 0) -> TextClassifier:
    """Make a network with weights drawn from a seed."""
    torch.manual_seed(seed)
    letters = torch.from_numpy(letters_of(room.alphabet))
    return TextClassifier(settings, len(room.alphabet), len(room.split.labels), letters)


def learn(
    settings: ClassifierSettings,
    texts: SplitTexts,
    scale: Scale,
    *,
    seed: int = 0,
    rate: float = 0.003,
    epochs: int = 0,
    observer: Observer | None = None,
    network: TextClassifier | None = None,
) -> Learned:
    """Train a network by machim's own loop.

    Args:
        settings: what it is.
        texts: to learn from, and held out.
        scale: how often to go through them.
        seed: of weights, order and dropout.
        rate: of learning.
        epochs: another number than the scale's; 0 for that.
        observer: who watches, if anybody does.
        network: one to go on from, instead of a new one.
    """
    room = room_of(settings, texts, epochs=epochs or scale.epochs, seed=seed, rate=rate)
    network = network_of(settings, room, seed) if network is None else network
    learn_network(network, room, math.inf, observer, "")
    scored = []
    for chosen, numbers in ((texts.texts, texts.numbers), (texts.held_out_texts, texts.held_out_numbers)):
        logits = network_logits(network, encode_texts(room.alphabet, chosen, settings.longest), len(texts.labels))
        scored += [accuracy(numbers, logits.argmax(axis=1)), mean_loss(logits, numbers, np.ones(len(numbers)))]
    return Learned(
        network=network,
        room=room,
        train_accuracy=scored[0],
        train_nats=scored[1],
        accuracy=scored[2],
        nats=scored[3],
    )


def first_gradient(network: TextClassifier, room: Room) -> None:
    """Go one step back through a network, so that its weights have the gradients of one batch; none is moved."""
    lessons = lessons_of(room, network.settings.longest)
    batch = next(iter(lessons.batches(0)))
    network.zero_grad()
    logits = network(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths))
    lessons.targets.losses(logits, batch.places).mean().backward()  # type: ignore[no-untyped-call]
