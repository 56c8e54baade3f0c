"""Who puts labels on texts, and what each is measured by.

Legend: N texts, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from training.classification_metrics import (
    accuracy,
    confusion_matrix,
    figures_by_label,
    macro_f1,
    negative_log_likelihood,
    reliability,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from model.manifest import JSON


class Answer(Protocol):
    """What is said of one text: its label, and the probability of every label, none where there are none."""

    @property
    def label(self) -> str: ...

    @property
    def probabilities(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer of a baseline."""

    label: str
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Labeller:
    """One of those that are compared, ready to be asked.

    classify: one text; settings: what it was trained with; figures: what it took to come to this.
    """

    name: str
    classify: Callable[[str], Answer]
    settings: Mapping[str, JSON]
    figures: Mapping[str, JSON]


def figures_of_answers(answers: Sequence[Answer], labels: Sequence[str], classes: Sequence[str]) -> dict[str, JSON]:
    """Measure answers (N,) by the labels of the texts (N,), of C classes; calibration where there are probabilities."""
    places = {label: place for place, label in enumerate(classes)}
    true = np.array([places[label] for label in labels])
    predicted = np.array([places[answer.label] for answer in answers])
    confusion = confusion_matrix(true, predicted, len(classes))
    figures: dict[str, JSON] = {"accuracy": accuracy(true, predicted), "macro_f1": macro_f1(confusion)}
    if all(answer.probabilities for answer in answers):
        probabilities = np.array([[answer.probabilities.get(label, 0.0) for label in classes] for answer in answers])
        figures["ece"] = reliability(probabilities, true).expected_calibration_error
        figures["nats"] = negative_log_likelihood(probabilities, true)
    return figures | {"by_class": dict(figures_by_label(confusion, classes))}
