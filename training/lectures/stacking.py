"""Convolution, ReLU, convolution, ReLU, pooling, and all of it again: places left, characters seen, and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classifier_settings import ClassifierSettings
from training.encoders.build import StackedParts
from training.encoders.convolution import sizes
from training.lectures.classroom import accuracies, countries
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table
from training.receptive_fields import fields_of

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

BLOCKS = (1, 2, 3)
CHARACTERS = 24
LEFT, SEEN = "places left of 24", "characters a place sees"


def run(scale: Scale) -> Result:
    """Train one, two and three blocks."""
    texts, numbers = countries(scale), {}
    for blocks in BLOCKS:
        settings = ClassifierSettings(encoder="convolution", embedding_width=64, filters=64, blocks=blocks, dropout=0.3)
        fields = fields_of(StackedParts(("convolution",), settings, settings.embedding_width))
        numbers[str(blocks)] = {
            LEFT: sizes(settings, CHARACTERS)[-1],
            SEEN: int(fields.before.max() + fields.after.max()) + 1,
            **accuracies(settings, texts, scale),
        }
    draw = draw_lines(numbers, [LEFT, SEEN], "blocks", "")
    return Result(table=numbers_table("blocks", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="stacking", question="What do repeated convolutions and pooling see, and what is it worth?", run=run
)
