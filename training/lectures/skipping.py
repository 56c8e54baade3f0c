"""Skip connections: plain, residual and highway networks of 2 to 20 layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import ACCURACY, accuracies, countries
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

DEPTHS = (2, 5, 10, 20)
PLAIN = ClassifierSettings(
    encoder="window",
    hidden_width=64,
    window_characters=16,
    activation="tanh",
    initialise="small",
    dropout=0.1,
)
KINDS = {
    "plain": PLAIN,
    "residual": replace(PLAIN, skip="residual"),
    "highway": replace(PLAIN, skip="highway"),
    "plain, Xavier": replace(PLAIN, initialise="xavier"),
}


def run(scale: Scale) -> Result:
    """Train every kind at every depth."""
    texts, numbers = countries(scale), {}
    for depth in (each for each in DEPTHS if each <= scale.deepest):
        numbers[str(depth)] = {
            kind: accuracies(replace(settings, layers=depth), texts, scale)[ACCURACY]
            for kind, settings in KINDS.items()
        }
    draw = draw_lines(numbers, list(KINDS), "layers", ACCURACY)
    return Result(table=numbers_table("layers", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(
    name="skipping", question="How deep can a network be with and without connections that skip layers?", run=run
)
