"""Figures of labels and probabilities: on examples that can be worked out on paper, and beside scikit-learn's."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from model.errors import InputError
from training.classification_metrics import (
    M,
    accuracy,
    class_figures,
    confusion_matrix,
    macro_f1,
    negative_log_likelihood,
    reliability,
)

CLASSES = np.array([0, 0, 0, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0])
NOBODY = np.array([], dtype=np.int64)


def test_labels_of_five_texts() -> None:
    """Class 3 is met nowhere, so it is no part of the mean; class 2 is never predicted."""
    confusion = confusion_matrix(CLASSES, PREDICTED, 4)
    assert confusion.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    figures = class_figures(confusion)
    assert accuracy(CLASSES, PREDICTED) == 3 / 5
    assert figures.precision.tolist() == [2 / 3, 1 / 2, 0, 0]
    assert figures.recall.tolist() == [2 / 3, 1, 0, 0]
    assert figures.f1.tolist() == [2 / 3, 2 / 3, 0, 0]
    assert figures.support.tolist() == [3, 1, 1, 0]
    assert macro_f1(confusion) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3, rel=1e-15)


def test_probabilities_of_five_texts() -> None:
    """Two at .9, of which one is right; one at 1, right; two at 3/5, an edge that belongs to the bin below it."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0, 1], [0.6, 0.4], [0.4, 0.6]])
    classes = np.array([0, 1, 1, 0, 1])
    bins = reliability(probabilities, classes)
    assert dict(enumerate(bins.counts.tolist())) == dict.fromkeys(range(15), 0) | {8: 2, 13: 2, 14: 1}
    assert bins.accuracy[[8, 13, 14]].tolist() == [1, 0.5, 1]
    assert bins.confidence[[8, 13, 14]] == pytest.approx([0.6, 0.9, 1])
    assert bins.expected_calibration_error == pytest.approx((2 * 0.4 + 2 * 0.4 + 0) / 5)
    assert negative_log_likelihood(probabilities, classes) == pytest.approx(
        -(log(0.9) + log(0.1) + log(1) + log(0.6) + log(0.6)) / 5
    )


def test_equal_probabilities_cost_the_logarithm_of_their_number_and_what_was_ruled_out_infinity() -> None:
    equal = np.full((3, 7), 1 / 7, dtype=np.float32)
    assert negative_log_likelihood(equal, np.array([0, 3, 6])) == pytest.approx(log(7))
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == inf


@pytest.mark.parametrize("class_count", [2, 7, 60])
def test_figures_are_those_of_scikit_learn(class_count: int) -> None:
    """Sixty classes, of which some are never met among 300 texts; classes are uneven, predictions often right."""
    generator = np.random.default_rng(class_count)
    classes = np.minimum(generator.geometric(0.15, size=300), class_count) - 1
    logits = generator.normal(size=(300, class_count))
    logits[np.arange(300), classes] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    labels = np.arange(class_count)
    confusion = confusion_matrix(classes, predicted, class_count)
    figures = class_figures(confusion)
    expected = oracle.precision_recall_fscore_support(classes, predicted, labels=labels, zero_division=0)
    np.testing.assert_array_equal(confusion, oracle.confusion_matrix(classes, predicted, labels=labels))
    for ours, theirs in zip((figures.precision, figures.recall, figures.f1, figures.support), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    assert accuracy(classes, predicted) == oracle.accuracy_score(classes, predicted)
    assert macro_f1(confusion) == pytest.approx(
        oracle.f1_score(classes, predicted, average="macro", zero_division=0), rel=1e-14
    )
    assert negative_log_likelihood(probabilities, classes) == pytest.approx(
        oracle.log_loss(classes, probabilities, labels=labels), rel=1e-12
    )
    bins = reliability(probabilities, classes)
    right, confidence = predicted == classes, probabilities.max(axis=1)
    true, said = calibration_curve(right, confidence, n_bins=M)
    counts = np.histogram(confidence, bins=M, range=(0, 1))[0]
    np.testing.assert_array_equal(bins.counts, counts)
    np.testing.assert_allclose(bins.accuracy[counts > 0], true, rtol=1e-14)
    np.testing.assert_allclose(bins.confidence[counts > 0], said, rtol=1e-14)
    error = sum(counts[counts > 0] * abs(true - said)) / 300
    assert bins.expected_calibration_error == pytest.approx(error, rel=1e-12)
    assert 0.01 < error < 0.99


def test_what_does_not_fit_together_is_refused() -> None:
    probabilities = np.full((4, 3), 1 / 3)
    for refuse in (
        lambda: accuracy(CLASSES, PREDICTED[:4]),
        lambda: confusion_matrix(CLASSES, PREDICTED[:4], 3),
        lambda: reliability(probabilities, CLASSES),
        lambda: negative_log_likelihood(probabilities, CLASSES),
    ):
        with pytest.raises(InputError, match="predictions must be one for each of at least one text, got 4 for 5"):
            refuse()
    with pytest.raises(InputError, match="got 0 for 0 texts"):
        accuracy(NOBODY, NOBODY)
    with pytest.raises(InputError, match=r"classes must be in \[0, 2\), got 0 to 2"):
        confusion_matrix(CLASSES, PREDICTED, 2)
    with pytest.raises(InputError, match=r"predicted must be in \[0, 3\), got -1 to 0"):
        confusion_matrix(CLASSES, PREDICTED * 0 - (PREDICTED == 1), 3)
