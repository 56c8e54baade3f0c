"""Ensembles: one to five networks of their own seeds, averaged in probability."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from training.classification_metrics import accuracy
from training.classifier_learning import mean_loss, network_logits
from training.classifier_settings import ClassifierSettings
from training.joining import average
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

MEMBERS = 5
SETTINGS = ClassifierSettings(
    encoder="branches+recurrent", embedding_width=64, filters=48, hidden_width=48, dropout=0.3
)


def run(scale: Scale) -> Result:
    """Train five, then average every choice of one, two and more of them."""
    texts, said = countries(scale.names), []
    members = min(MEMBERS, 2 + scale.seeds)
    for seed in range(members):
        learned = learn(SETTINGS, texts, scale, seed=seed)
        encoded = encode_texts(learned.room.alphabet, texts.held_out_texts, SETTINGS.longest)
        said.append(network_logits(learned.network, encoded, len(texts.labels)))
    numbers = {}
    for size in range(1, members + 1):
        averaged = [average(chosen) for chosen in combinations(said, size)]
        weights = np.ones(len(texts.held_out_numbers))
        numbers[str(size)] = {
            "accuracy": float(np.mean([accuracy(texts.held_out_numbers, each.argmax(axis=1)) for each in averaged])),
            "loss, nats": float(np.mean([mean_loss(each, texts.held_out_numbers, weights) for each in averaged])),
        }
    draw = draw_lines(numbers, ["accuracy"], "members", "accuracy, mean over choices")
    return Result(table=numbers_table("members", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="ensembles", question="How much do one to five independent networks gain together?", run=run)
