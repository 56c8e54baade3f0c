"""The report of a classifier: what was observed of its training, and how it sorts texts that it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification_metrics import confusion_matrix
from training.training_report import Calibration, worst_mistakes, write_training_report

if TYPE_CHECKING:
    from pathlib import Path

    from model.manifest import JSON
    from training.classifier_figures import Observed
    from training.observation import TrainingRecord


def write_classifier_report(
    path: Path, record: TrainingRecord, *, title: str, figures: dict[str, JSON], observed: Observed
) -> None:
    """Write the report of a classifier.

    Args:
        path: of the HTML file.
        record: of its training; empty where it was not looked at.
        title: stands on top.
        figures: of the model, as they are printed.
        observed: what was said of texts.

    Raises:
        InputError: the file cannot be written.
    """
    numbers, probabilities = observed.numbers, observed.probabilities
    write_training_report(
        path,
        record,
        title=title,
        figures=figures,
        labels=observed.labels,
        confusion=confusion_matrix(numbers, probabilities.argmax(axis=1), len(observed.labels)),
        reliability=Calibration(before=observed.before, after=observed.after, temperature=observed.temperature),
        mistakes=worst_mistakes(observed.texts, observed.labels, numbers, probabilities),
    )
