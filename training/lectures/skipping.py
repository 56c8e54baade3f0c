"""Skip connections: plain, residual and highway networks of 2 to 20 layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from training.classifier_settings import ClassifierSettings, Skip
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

DEPTHS = (2, 5, 10, 20)


def run(scale: Scale) -> Result:
    """Train every kind at every depth."""
    texts, numbers = countries(scale.names), {}
    for depth in (each for each in DEPTHS if each <= scale.most):
        row: dict[str, float] = {}
        for skip in get_args(Skip):
            settings = ClassifierSettings(
                encoder="window",
                layers=depth,
                hidden_width=64,
                window_characters=16,
                activation="tanh",
                initialise="small",
                skip=skip,
                dropout=0.1,
            )
            row[skip] = learn(settings, texts, scale).accuracy
        numbers[str(depth)] = row
    draw = draw_lines(numbers, get_args(Skip), "layers", "accuracy held out")
    return Result(table=numbers_table("layers", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="skipping", question="How deep can a network be with and without connections that skip layers?", run=run
)
