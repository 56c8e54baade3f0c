"""The figures of a classifier on texts that it did not learn from.

Legend: M texts, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.classification_metrics import (
    Reliability,
    accuracy,
    class_figures,
    confusion_matrix,
    macro_f1,
    negative_log_likelihood,
    reliability,
)
from training.classifier_learning import network_logits
from training.joining import fit_temperature
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.classifier_checkpoints import Classifier
    from training.label_split import SplitTexts

PLACES = 4


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a report draws: probabilities (M, C) of texts with labels (M,), and how sure they were before and after."""

    probabilities: NDArray[np.float64]
    numbers: NDArray[np.int64]
    before: Reliability
    after: Reliability


def classifier_figures(classifier: Classifier, split: SplitTexts) -> tuple[dict[str, JSON], Observed]:
    """Measure a classifier in float32, whole and in parts, on the held-out texts.

    How sure it is after the temperature is measured crosswise, with a temperature fitted on the other half of the
    texts: what was fitted on a text says nothing about the next one.
    """
    texts, numbers, labels = split.held_out_texts, split.held_out_numbers, len(split.labels)
    of_wide = None if classifier.wide is None else classifier.wide.logits(texts)
    of_networks = [
        network_logits(network, encode_texts(classifier.alphabet, texts, network.settings.longest), labels)
        for network in classifier.networks
    ]
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
        probabilities=softmax(logits / classifier.temperature),
        numbers=numbers,
        before=reliability(softmax(unfitted(of_networks, of_wide)), numbers),
        after=reliability(tempered, numbers),
    )
    confusion = confusion_matrix(numbers, tempered.argmax(axis=1), labels)
    each = class_figures(confusion)
    figures: dict[str, JSON] = {
        "texts": len(texts),
        "labels": labels,
        "accuracy": rounded(accuracy(numbers, tempered.argmax(axis=1))),
        "macro_f1": rounded(macro_f1(confusion)),
        "loss_nats": rounded(negative_log_likelihood(tempered, numbers)),
        "calibration_error": {
            "before": rounded(observed.before.expected_calibration_error),
            "after": rounded(observed.after.expected_calibration_error),
        },
        "accuracy_of_parts": parts,
        "per_label": {
            label: {
                "texts": int(each.support[number]),
                "precision": rounded(each.precision[number]),
                "recall": rounded(each.recall[number]),
                "f1": rounded(each.f1[number]),
            }
            for number, label in enumerate(classifier.labels)
        },
    }
    return figures, observed


def unfitted(of_networks: list[NDArray[np.float32]], of_wide: NDArray[np.float32] | None) -> NDArray[np.float32]:
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
            probabilities[half] = softmax(logits[half] / fit_temperature(logits[others], numbers[others]))
    return probabilities


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits (M, C), nats, into probabilities (M, C)."""
    raised = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def rounded(figure: float) -> float:
    """Give a figure to four places."""
    return round(float(figure), PLACES)
