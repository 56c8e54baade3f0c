"""Ensembles: one to five networks of their own seeds, averaged in probability."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from training.classification_metrics import accuracy
from training.classifier_learning import mean_loss
from training.classifier_settings import ClassifierSettings
from training.joining import average
from training.lectures.classroom import ACCURACY, countries, learn, said
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

SETTINGS = ClassifierSettings(
    encoder="branches+recurrent", embedding_width=64, filters=48, hidden_width=48, dropout=0.3
)
LOSS = "loss, nats"


def run(scale: Scale) -> Result:
    """Train members, then average every choice of one, two and more of them."""
    texts, logits = countries(scale), []
    for seed in range(scale.members):
        learned = learn(SETTINGS, texts, scale.epochs, seed=seed)
        logits.append(said(learned.network, learned.room, texts.tested_texts))
    numbers, right = {}, texts.tested_numbers
    for size in range(1, scale.members + 1):
        averaged = [average(chosen) for chosen in combinations(logits, size)]
        numbers[str(size)] = {
            ACCURACY: float(np.mean([accuracy(right, each.argmax(axis=1)) for each in averaged])),
            LOSS: float(np.mean([mean_loss(each, right, np.ones(len(right))) for each in averaged])),
        }
    draw = draw_lines(numbers, [ACCURACY], "members", "accuracy, mean over choices")
    return Result(table=numbers_table("members", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="ensembles", question="How much do one to five independent networks gain together?", run=run)
