"""Padding tells where the edge is: words whose label is their first letter, which stands elsewhere, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import ACCURACY, RULE_CHARACTERS, accuracies, by_rule
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table

if TYPE_CHECKING:
    from training.classifier_settings import Padding
    from training.lectures.lesson import Scale

LETTERS = 10  # of a word
PADDINGS: tuple[Padding, ...] = ("valid", "same", "causal")


def run(scale: Scale) -> Result:
    """Train filters of three letters under max pooling, without zeros around a word and with."""
    letters = np.random.default_rng(0).choice(list("abcd"), size=(20 * scale.names, LETTERS))
    words = ["".join(row) for row in letters]
    texts = by_rule(("begins with another", "begins with a"), words, (letters[:, 0] == "a").astype(np.int64))
    numbers: dict[str, dict[str, float]] = {}
    for padding in PADDINGS:
        settings = ClassifierSettings(
            encoder="convolution",
            padding=padding,
            blocks=1,
            convolutions=1,
            pool_width=1,
            embedding_width=16,
            filters=32,
            dropout=0.0,
            embedding_dropout=0.0,
        )
        numbers[padding] = accuracies(settings, texts, scale, RULE_CHARACTERS)
    numbers["always another"] = {ACCURACY: float((texts.tested_numbers == 0).mean())}
    draw = draw_bars(numbers, [ACCURACY], ACCURACY)
    return Result(table=numbers_table("padding", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="edges", question="What does padding tell a filter?", run=run)
