"""How far a recurrence remembers: the first letter of a text is its label, and letters of chance stand behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import by_rule, learn
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.classroom import Material
    from training.lectures.lesson import Scale
    from training.settings import Cell

DISTANCES = (5, 10, 20, 40, 80)
CELLS: tuple[Cell, ...] = ("rnn-tanh", "rnn-relu", "gru", "lstm")
TEXTS, LONGER = 5, 2  # times the names, and times the epochs, of other experiments
BATCH = 32  # texts, whatever their length, so that every network takes as many steps


def first_letters(number: int, distance: int) -> Material:
    """Make so many texts by chance: a or b, and as many other letters as the distance says."""
    generator = np.random.default_rng(distance)
    numbers = generator.integers(2, size=number)
    rest = generator.choice(list("cdefgh"), size=(number, distance))
    texts = ["ab"[first] + "".join(row) for first, row in zip(numbers, rest, strict=True)]
    return by_rule(("a", "b"), texts, numbers.astype(np.int64))


def run(scale: Scale) -> Result:
    """Train every cell at every distance, reading forward, remembered by the last state."""
    numbers: dict[str, dict[str, float]] = {}
    for distance in (each for each in DISTANCES if each <= scale.farthest):
        texts = first_letters(TEXTS * scale.names, distance)
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
            found = [
                learn(settings, texts, LONGER * scale.epochs, seed=seed, batch_characters=BATCH * (distance + 1))
                for seed in range(min(scale.seeds, 3))
            ]
            row[cell] = float(np.median([each.accuracy for each in found]))
        numbers[str(distance)] = row
    draw = draw_lines(numbers, CELLS, "letters between", "accuracy, median")
    return Result(table=numbers_table("letters between", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="distance", question="Over how many letters do RNN, GRU and LSTM remember one?", run=run)
