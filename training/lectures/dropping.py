"""Dropout: the gap between what was learned and what was not, by the share of values dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import countries, learn, without_stopping
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table, over_seeds

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

SHARES = (0.0, 0.25, 0.5, 0.75)
LONGER = 3  # times as many epochs as elsewhere


def run(scale: Scale) -> Result:
    """Train the same filters with every share, stopped by nothing that they have not seen."""
    texts, numbers = without_stopping(countries(scale)), {}
    for share in SHARES:
        settings = ClassifierSettings(
            encoder="branches", embedding_width=64, filters=64, dropout=share, embedding_dropout=share / 2
        )
        learned = [learn(settings, texts, LONGER * scale.epochs, seed=seed) for seed in range(scale.seeds)]
        seen = float(np.mean([each.train_accuracy for each in learned]))
        tested = over_seeds([each.accuracy for each in learned], "tested")
        numbers[f"{share:g}"] = {"learned": seen, **tested, "gap": seen - tested["tested"]}
    draw = draw_lines(numbers, ["learned", "tested", "gap"], "share dropped", "accuracy")
    return Result(table=numbers_table("dropped", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="dropping", question="What does dropout do to the gap between learned and new texts?", run=run)
