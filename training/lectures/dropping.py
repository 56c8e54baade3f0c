"""Dropout: the gap between what was learned and what was held out, by the share of values dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

SHARES = (0.0, 0.25, 0.5, 0.75)


def run(scale: Scale) -> Result:
    """Train the same network with every share, over seeds."""
    texts, numbers = countries(scale.names), {}
    for share in SHARES:
        settings = ClassifierSettings(
            encoder="branches", embedding_width=64, filters=64, dropout=share, embedding_dropout=share / 2
        )
        learned = [learn(settings, texts, scale, seed=seed, epochs=3 * scale.epochs) for seed in range(scale.seeds)]
        train, held_out = (
            float(np.median([getattr(each, name) for each in learned])) for name in ("train_accuracy", "accuracy")
        )
        numbers[f"{share:g}"] = {"learned": train, "held out": held_out, "gap": train - held_out}
    draw = draw_lines(numbers, ["learned", "held out", "gap"], "share dropped", "accuracy")
    return Result(table=numbers_table("dropped", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="dropping", question="What does dropout do to the gap between learned and held-out texts?", run=run
)
