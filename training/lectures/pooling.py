"""Pooling: what a text is remembered by, and how much of a line may be thrown away on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from training.classifier_settings import ClassifierSettings, Pooling
from training.lectures.classroom import ACCURACY, accuracies, countries
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

WIDTHS = (2, 3)
ALL_PLACES = ClassifierSettings(
    encoder="convolution", embedding_width=64, filters=64, blocks=2, convolutions=1, pool_width=1, dropout=0.3
)


def run(scale: Scale) -> Result:
    """Train one network with each pooling at its top, then with max pooling after each convolution."""
    texts = countries(scale)
    forms = {f"{pooling} over the text": replace(ALL_PLACES, pooling=pooling) for pooling in get_args(Pooling)}
    forms |= {f"max of each {width}, then over the text": replace(ALL_PLACES, pool_width=width) for width in WIDTHS}
    numbers = {name: accuracies(settings, texts, scale) for name, settings in forms.items()}
    draw = draw_bars(numbers, [ACCURACY], ACCURACY)
    return Result(table=numbers_table("pooling", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="pooling", question="What of a line is best remembered, and may places be thrown away?", run=run)
