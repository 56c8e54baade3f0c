"""Convolution, ReLU, convolution, ReLU, pooling, and all of it again: places left, characters seen, and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.encoders.convolution import sizes
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

BLOCKS = (1, 2, 3)
CHARACTERS = 24


def characters_seen(settings: ClassifierSettings) -> int:
    """Count the characters that one place sees at the end."""
    seen, step = 1, 1
    for _ in range(settings.blocks):
        for _ in range(settings.convolutions):
            seen += (settings.filter_width - 1) * step
        seen += (settings.pool_width - 1) * step
        step *= settings.pool_width
    return seen


def run(scale: Scale) -> Result:
    """Train one, two and three blocks."""
    texts, numbers = countries(scale.names), {}
    for blocks in BLOCKS:
        settings = ClassifierSettings(encoder="convolution", embedding_width=64, filters=64, blocks=blocks, dropout=0.3)
        found = [learn(settings, texts, scale, seed=seed).accuracy for seed in range(scale.seeds)]
        numbers[str(blocks)] = {
            "places left of 24": sizes(settings, CHARACTERS)[-1],
            "characters that a place sees": characters_seen(settings),
            "accuracy held out": float(np.median(found)),
        }
    draw = draw_lines(numbers, ["accuracy held out"], "blocks", "accuracy")
    return Result(table=numbers_table("blocks", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="stacking", question="What do repeated convolutions and pooling see, and what is it worth?", run=run
)
