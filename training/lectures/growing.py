"""Several recurrent layers: one to three LSTM layers, one on top of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import ACCURACY, accuracies, countries, network_of, room_of
from training.lectures.lesson import Lecture, Result, draw_lines, numbers_table

if TYPE_CHECKING:
    from training.lectures.lesson import Scale

LAYERS = (1, 2, 3)


def run(scale: Scale) -> Result:
    """Train networks of one, two and three layers."""
    texts, numbers = countries(scale), {}
    for layers in LAYERS:
        settings = ClassifierSettings(
            encoder="recurrent", layers=layers, embedding_width=64, hidden_width=64, dropout=0.3
        )
        (chain,) = network_of(settings, room_of(settings, texts, epochs=1, seed=0)).chains
        numbers[str(layers)] = {
            "weights": sum(each.numel() for each in chain.parameters()),
            **accuracies(settings, texts, scale),
        }
    draw = draw_lines(numbers, [ACCURACY], "recurrent layers", ACCURACY)
    return Result(table=numbers_table("recurrent layers", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="growing", question="Are several recurrent layers worth more than one?", run=run)
