"""Pooling: what a text is remembered by, and how much of a line may be thrown away on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from training.classifier_settings import ClassifierSettings, Pooling
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

POOL_WIDTHS = (1, 2, 3)


def run(scale: Scale) -> Result:
    """Train one network with each pooling at its top, then with max pooling of several widths inside."""
    texts, numbers = countries(scale.names), {}
    common = {"encoder": "convolution", "embedding_width": 64, "filters": 64, "blocks": 1, "dropout": 0.3}
    forms = {f"{pooling} over the text": {"pooling": pooling, "pool_width": 1} for pooling in get_args(Pooling)}
    forms |= {f"max of each {width} places, then over the text": {"pool_width": width} for width in POOL_WIDTHS}
    for name, changed in forms.items():
        settings = ClassifierSettings(**{**common, **changed})
        found = [learn(settings, texts, scale, seed=seed).accuracy for seed in range(scale.seeds)]
        numbers[name] = {"accuracy held out": float(np.median(found))}
    draw = draw_bars(numbers, ["accuracy held out"], "accuracy")
    return Result(table=numbers_table("pooling", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="pooling", question="What of a line is best remembered, and may places be thrown away?", run=run)
