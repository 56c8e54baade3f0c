"""Split and merge: filters of one width alone, and of several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import ACCURACY, accuracies, countries
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

FILTERS = 120  # in all
WIDTHS = ("1", "2", "3", "4", "5", "2,3,4,5")


def run(scale: Scale) -> Result:
    """Train as many filters of each width, and shared among all."""
    texts, numbers = countries(scale), {}
    for widths in WIDTHS:
        settings = ClassifierSettings(
            encoder="branches",
            embedding_width=64,
            filters=FILTERS // (widths.count(",") + 1),
            branch_widths=widths,
            dropout=0.3,
        )
        numbers[widths] = accuracies(settings, texts, scale)
    draw = draw_bars(numbers, [ACCURACY], ACCURACY)
    return Result(table=numbers_table("widths of 120 filters", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="branching", question="Do filters of several widths see more than as many of one?", run=run)
