"""How far a recurrence remembers: the first letter of a text is its label, and letters of chance stand behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import learn, split
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.label_split import SplitTexts
    from training.lectures.lesson import Scale
    from training.settings import Cell

DISTANCES = (5, 10, 20, 40, 80)
CELLS: tuple[Cell, ...] = ("rnn-tanh", "rnn-relu", "gru", "lstm")


def first_letters(number: int, distance: int) -> SplitTexts:
    """Make so many texts by chance: a or b, and as many other letters as the distance says."""
    generator = np.random.default_rng(distance)
    numbers = generator.integers(2, size=number)
    rest = generator.choice(list("cdefgh"), size=(number, distance))
    texts = ["ab"[first] + "".join(row) for first, row in zip(numbers, rest, strict=True)]
    return split(("a", "b"), texts, numbers.astype(np.int64))


def run(scale: Scale) -> Result:
    """Train every cell at every distance, reading forward, remembered by the last state."""
    numbers: dict[str, dict[str, float]] = {}
    for distance in (each for each in DISTANCES if each <= 4 * scale.most):
        texts = first_letters(4 * scale.names, distance)
        row: dict[str, float] = {}
        for cell in CELLS:
            settings = ClassifierSettings(
                encoder="recurrent",
                cell=cell,
                hidden_width=32,
                embedding_width=16,
                bidirectional=False,
                pooling="last",
                dropout=0.0,
                embedding_dropout=0.0,
            )
            found = [learn(settings, texts, scale, seed=seed).accuracy for seed in range(min(scale.seeds, 2))]
            row[cell] = float(np.mean(found))
        numbers[str(distance)] = row
    draw = draw_lines(numbers, CELLS, "letters between", "accuracy held out")
    return Result(table=numbers_table("letters between", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="distance", question="Over how many letters do RNN, GRU and LSTM remember one?", run=run)
