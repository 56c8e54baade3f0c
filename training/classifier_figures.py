"""The figures of a classifier on texts that it did not learn from.

Legend: M texts, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.generation import softmax
from training.classification_metrics import (
    Reliability,
    accuracy,
    confusion_matrix,
    figures_by_label,
    macro_f1,
    negative_log_likelihood,
    reliability,
)
from training.classifier_learning import network_logits
from training.joining import fit_temperature
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.classifier_checkpoints import Classifier
    from training.label_split import SplitTexts

    # Of each network, and of the n-grams where there are some: (M, C) each, nats.
    PartLogits: TypeAlias = tuple[list[NDArray[np.float32]], NDArray[np.float32] | None]

PLACES = 4
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a report draws: texts (M,) with the numbers (M,) of their labels (C,), and what was said of them.

    probabilities: (M, C); before, after: how sure the labels were before anything was fitted, and after; temperature:
    what was fitted.
    """

    labels: tuple[str, ...]
    texts: Sequence[str]
    numbers: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    before: Reliability
    after: Reliability
    temperature: float


def classifier_figures(classifier: Classifier, split: SplitTexts, said: PartLogits) -> tuple[dict[str, JSON], Observed]:
    """Measure a classifier in float32, whole and in parts, on the held-out texts.

    How sure it is after the temperature is measured crosswise, with a temperature fitted on the other half of the
    texts: what was fitted on a text says nothing about the next one.

    Args:
        classifier: joined.
        split: whose held-out texts are measured on.
        said: by its parts of those, as ``logits_of_parts`` gives it.
    """
    texts, numbers = split.held_out_texts, split.held_out_numbers
    of_networks, of_wide = said
    logits = classifier.logits(of_networks, of_wide)
    parts: dict[str, JSON] = {}
    if of_wide is not None and of_networks:
        parts["ngrams"] = rounded(accuracy(numbers, of_wide.argmax(axis=1)))
    if len(of_networks) > 1 or parts:
        networks = [rounded(accuracy(numbers, each.argmax(axis=1))) for each in of_networks]
        parts["networks"] = list(networks)
    if len(of_networks) > 1:
        joined = [join.logits(each, of_wide) for join, each in zip(classifier.joins, of_networks, strict=True)]
        parts["members"] = [rounded(accuracy(numbers, each.argmax(axis=1))) for each in joined]
    tempered = crosswise(logits, numbers)
    observed = Observed(
        labels=classifier.labels,
        texts=texts,
        numbers=numbers,
        probabilities=probabilities_of(logits / classifier.temperature),
        before=reliability(probabilities_of(unfitted(of_networks, of_wide)), numbers),
        after=reliability(tempered, numbers),
        temperature=classifier.temperature,
    )
    figures: dict[str, JSON] = {
        "texts": len(texts),
        "labels": len(classifier.labels),
        **scores(tempered, numbers),
        "calibration_error": {
            "before": rounded(observed.before.expected_calibration_error),
            "after": rounded(observed.after.expected_calibration_error),
        },
        "accuracy_of_parts": parts,
        "per_label": label_figures(
            confusion_matrix(numbers, tempered.argmax(axis=1), len(classifier.labels)), classifier.labels
        ),
    }
    return figures, observed


def logits_of_parts(classifier: Classifier, texts: Sequence[str]) -> PartLogits:
    """Give what each network of a classifier, joined or not, says of texts, and what its n-grams say."""
    of_wide = None if classifier.wide is None else classifier.wide.logits(texts)
    of_networks = [
        network_logits(
            network, encode_texts(classifier.alphabet, texts, network.settings.longest), len(classifier.labels)
        )
        for network in classifier.networks
    ]
    return of_networks, of_wide


def scores(probabilities: NDArray[np.float64], numbers: NDArray[np.int64]) -> dict[str, JSON]:
    """Give accuracy, macro F1 and loss (nats a text) of probabilities (M, C) of texts with labels (M,).

    A label that was ruled out costs as much as one of probability ``LEAST_PROBABILITY``, so that a loss is a number.
    """
    said = probabilities.argmax(axis=1)
    return {
        "accuracy": rounded(accuracy(numbers, said)),
        "macro_f1": rounded(macro_f1(confusion_matrix(numbers, said, probabilities.shape[1]))),
        "loss_nats": rounded(negative_log_likelihood(np.maximum(probabilities, LEAST_PROBABILITY), numbers)),
    }


def label_figures(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, JSON]:
    """Give the figures of each of the labels (C,) of a confusion matrix (C, C), to four places."""
    return {
        label: {name: rounded(value) if isinstance(value, float) else value for name, value in each.items()}
        for label, each in figures_by_label(confusion, labels).items()
    }


def unfitted(of_networks: Sequence[NDArray[np.float32]], of_wide: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Give the logits as they are without anything fitted on held-out texts: sources count alike, undivided."""
    sources = [*of_networks, *([] if of_wide is None else [of_wide])]
    return np.asarray(np.mean(sources, axis=0), np.float32)


def crosswise(logits: NDArray[np.float32], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give probabilities (M, C) of logits, each half of the texts divided by the temperature of the other half."""
    even = np.arange(len(numbers)) % 2 == 0
    probabilities = np.zeros(logits.shape)
    for half in (even, ~even):
        if half.any():
            others = ~half if (~half).any() else half
            probabilities[half] = probabilities_of(logits[half] / fit_temperature(logits[others], numbers[others]))
    return probabilities


def probabilities_of(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits (M, C), nats, into probabilities (M, C)."""
    return softmax(logits.astype(np.float64))


def rounded(figure: float) -> float:
    """Give a figure to four places."""
    return round(float(figure), PLACES)
