"""The figures of a classifier on held-out texts, by hand where they are few.

Legend: M texts, C labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from model.classifier import load_classifier
from training.classification_metrics import confusion_matrix
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_figures import (
    classifier_figures,
    crosswise,
    label_figures,
    logits_of_parts,
    probabilities_of,
    scores,
    unfitted,
)
from training.label_split import SplitTexts

if TYPE_CHECKING:
    from pathlib import Path

    from training.classifier_figures import Observed

KEYS = ["texts", "labels", "accuracy", "macro_f1", "loss_nats", "calibration_error", "accuracy_of_parts", "per_label"]


def test_each_half_is_divided_by_the_temperature_of_the_other() -> None:
    """Logits are 1 to 0. Of the even texts four of five are right, which asks for ln 4; of the odd ones two of three.

    Even and odd places alternate, so the two temperatures come out as 1 / ln 4 and 1 / ln 2, each for the other half.
    """
    even, odd = [0, 0, 0, 0, 1], [0, 0, 1]
    numbers = np.array([0] * 3000, np.int64)
    numbers[::2] = even * 300
    numbers[1::2] = odd * 500
    logits = np.tile(np.array([1.0, 0.0], np.float32), (3000, 1))
    probabilities = crosswise(logits, numbers)
    assert probabilities[::2, 0] == pytest.approx(2 / 3, abs=2e-3)
    assert probabilities[1::2, 0] == pytest.approx(4 / 5, abs=2e-3)
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_one_text_alone_is_its_own_other_half() -> None:
    probabilities = crosswise(np.array([[1.0, 0.0]], np.float32), np.array([0]))
    assert probabilities.shape == (1, 2)
    assert 1 / (1 + np.exp(-1)) < probabilities[0, 0] < 0.9  # surer than its logits, and not certain


def test_what_is_not_fitted_is_the_mean_of_all_sources() -> None:
    """The n-grams are one source, beside each of the networks."""
    networks = [np.array([[3.0, 0.0]], np.float32), np.array([[0.0, 6.0]], np.float32)]
    assert unfitted(networks, None).tolist() == [[1.5, 3.0]]
    assert unfitted(networks, np.array([[9.0, 3.0]], np.float32)).tolist() == [[4.0, 3.0]]
    assert unfitted([], np.array([[9.0, 3.0]], np.float32)).tolist() == [[9.0, 3.0]]


def test_softmax_of_large_logits_stays_a_number() -> None:
    assert probabilities_of(np.array([[0.0, math.log(3)], [1e4, 0.0], [-1e4, -1e4]])) == pytest.approx(
        np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]])
    )


def test_scores_and_labels_of_four_texts() -> None:
    """Two of three of the first label are right, and the one of the second; the third label is met nowhere."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.5, 0.25, 0.25], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1]])
    numbers = np.array([0, 0, 0, 1])
    loss = -(math.log(0.8) + math.log(0.5) + math.log(0.2) + math.log(0.5)) / 4
    assert scores(probabilities, numbers) == {
        "accuracy": 0.75,
        "macro_f1": round((0.8 + 2 / 3) / 2, 4),
        "loss_nats": round(loss, 4),
    }
    confusion = confusion_matrix(numbers, probabilities.argmax(axis=1), 3)
    assert label_figures(confusion, ["a", "b", "c"]) == {
        "a": {"texts": 3, "precision": 1.0, "recall": 0.6667, "f1": 0.8},
        "b": {"texts": 1, "precision": 0.5, "recall": 1.0, "f1": 0.6667},
        "c": {"texts": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0},
    }


def measured(path: Path, countries_file: Path) -> tuple[Any, Observed, int]:
    """The figures of a model on every tenth line of what it has seen, and its number of networks."""
    classifier = rebuild_classifier(load_classifier(path))
    pairs = [line.split("\t") for line in countries_file.read_text(encoding="utf-8").splitlines()][::10]
    numbers = np.array([classifier.labels.index(label) for label, _ in pairs])
    split = SplitTexts(
        labels=classifier.labels,
        texts=[],
        numbers=numbers[:0],
        held_out_texts=[text for _, text in pairs],
        held_out_numbers=numbers,
    )
    of_networks, of_wide = logits_of_parts(classifier, split.held_out_texts)
    figures, observed = classifier_figures(classifier, split, (of_networks, of_wide))
    logits = classifier.logits(of_networks, of_wide)
    assert figures["accuracy"] == round(float((logits.argmax(axis=1) == numbers).mean()), 4)
    np.testing.assert_allclose(observed.probabilities, probabilities_of(logits / classifier.temperature))
    return figures, observed, len(of_networks)


@pytest.mark.parametrize(
    ("name", "parts"), [("countries", {"ngrams", "networks"}), ("pair", {"ngrams", "networks", "members"})]
)
def test_a_model_is_measured_whole_and_in_parts(
    classifiers: Path, countries_file: Path, name: str, parts: set[str]
) -> None:
    figures, observed, networks = measured(classifiers / name, countries_file)
    assert list(figures) == KEYS
    assert set(figures["accuracy_of_parts"]) == parts
    assert len(figures["accuracy_of_parts"]["networks"]) == networks
    assert figures["texts"] == len(observed.texts) == len(observed.numbers) == len(observed.probabilities)
    assert list(figures["per_label"]) == list(observed.labels)
    for key, bins in (("before", observed.before), ("after", observed.after)):
        assert figures["calibration_error"][key] == round(bins.expected_calibration_error, 4)
        assert bins.counts.sum() == figures["texts"]
