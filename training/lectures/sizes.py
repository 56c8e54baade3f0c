"""Layers that must fit together: how many places each convolution and pooling leaves of a line, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.errors import InputError
from training.classifier_settings import ClassifierSettings
from training.encoders.convolution import sizes
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table
from training.tables import Table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

CHARACTERS = (7, 16, 40)
FORMS = {
    "F 3": ClassifierSettings(encoder="convolution", padding="valid", blocks=1, convolutions=1, pool_width=1),
    "F 3, stride 2": ClassifierSettings(
        encoder="convolution", padding="valid", stride=2, blocks=1, convolutions=1, pool_width=1
    ),
    "F 3, padded": ClassifierSettings(encoder="convolution", blocks=1, convolutions=1, pool_width=1),
    "twice F 3, pool 2, twice": ClassifierSettings(encoder="convolution", padding="valid"),
}


def run(_scale: Scale) -> Result:
    """Count the places that are left of lines of several lengths."""
    numbers: dict[str, dict[str, float]] = {}
    for characters in CHARACTERS:
        row: dict[str, float] = {}
        for name, settings in FORMS.items():
            try:
                row[name] = sizes(settings, characters)[-1]
            except InputError:
                row[name] = 0  # refused: no place is left
        numbers[str(characters)] = row
    plain = numbers_table("characters N", numbers)
    rows = tuple(tuple("refused" if cell == "0" else cell for cell in row) for row in plain.rows)
    table = Table(columns=plain.columns, rows=rows)
    return Result(table=table, numbers=numbers, draw=draw_lines(numbers, list(FORMS), "characters", "places left"))


LECTURE = Lecture(
    name="sizes", question="How many places are left: (N - F + 2P) / stride + 1, and when does it not fit?", run=run
)
