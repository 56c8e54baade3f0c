"""How good labels and their probabilities are, each figure with its unit.

Legend: N texts, C classes, M bins of confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON

M = 15  # bins, as in the source of the calibration error


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """What was found of each class; all shares are in [0, 1].

    precision (C,): of the texts that were said to be of it, the share that are; 0 where none was.
    recall (C,): of the texts that are of it, the share that was said to be; 0 where there is none.
    f1 (C,): their harmonic mean; 0 where one of them is.
    support (C,): how many texts are of it.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Texts by how sure the label was: what a reliability diagram shows.

    counts (M,): texts whose highest probability lies in ((m - 1) / M, m / M].
    confidence (M,): mean of that probability; 0 in an empty bin.
    accuracy (M,): share of labels that are right; 0 in an empty bin.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def expected_calibration_error(self) -> float:
        """How far confidence and accuracy lie apart, bins weighted by their texts.

        Unit: probability, in [0, 1]; .05 says that labels are right five texts in a hundred more or less often than
        their probabilities promise.

        Source: Guo, Pleiss, Sun, Weinberger 2017, *On Calibration of Modern Neural Networks*, arXiv:1706.04599, eq. 3.
        """
        return float(self.counts @ np.abs(self.accuracy - self.confidence) / self.counts.sum())


def accuracy(classes: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Give the share of texts whose predicted class (N,) is their own (N,).

    Raises:
        InputError: there is no text, or not one prediction for each.
    """
    _check_pairs(classes, predicted)
    return float((classes == predicted).mean())


def confusion_matrix(classes: NDArray[np.int64], predicted: NDArray[np.int64], class_count: int) -> NDArray[np.int64]:
    """Count the texts of each class by the class that was predicted.

    Args:
        classes: (N,) of each text, in [0, C).
        predicted: (N,) in [0, C).
        class_count: C.

    Returns:
        (C, C); a row is what the texts of one class were taken for, a column what was taken for one class.

    Raises:
        InputError: there is no text, or not one prediction for each, or a class outside [0, C).
    """
    _check_pairs(classes, predicted)
    for name, values in (("classes", classes), ("predicted", predicted)):
        if not 0 <= values.min() <= values.max() < class_count:
            raise InputError(f"{name} must be in [0, {class_count}), got {values.min()} to {values.max()}")
    pairs = np.bincount(classes * class_count + predicted, minlength=class_count**2)
    return pairs.reshape(class_count, class_count)


def class_figures(confusion: NDArray[np.int64]) -> ClassFigures:
    """Give precision, recall, F1 and support of each class, of a confusion matrix (C, C)."""
    right, support, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassFigures(
        precision=_share(right, said),
        recall=_share(right, support),
        f1=_share(2 * right, support + said),
        support=support,
    )


def figures_by_label(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, dict[str, JSON]]:
    """Give texts, precision, recall and F1 of each of the labels (C,) of a confusion matrix (C, C)."""
    found = class_figures(confusion)
    return {
        label: {
            "texts": int(found.support[place]),
            "precision": float(found.precision[place]),
            "recall": float(found.recall[place]),
            "f1": float(found.f1[place]),
        }
        for place, label in enumerate(labels)
    }


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Average F1 over the classes of a confusion matrix (C, C), so that a rare class weighs what a frequent one does.

    Unit: share, in [0, 1]. A class that no text is of, and that none was taken for, does not count.
    """
    met = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    return float(class_figures(confusion).f1[met].mean())


def reliability(probabilities: NDArray[np.floating], classes: NDArray[np.int64]) -> Reliability:
    """Sort texts into M bins of equal width by their highest probability, of which the label is the first.

    Args:
        probabilities: (N, C) of every class, in [0, 1].
        classes: (N,) of each text, in [0, C).

    Raises:
        InputError: there is no text, or not one row of probabilities for each.
    """
    _check_pairs(classes, probabilities)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    bins = np.clip(np.ceil(confidence * M).astype(np.int64) - 1, 0, M - 1)
    counts = np.bincount(bins, minlength=M)
    return Reliability(
        counts=counts,
        confidence=_share(np.bincount(bins, confidence, M), counts),
        accuracy=_share(np.bincount(bins, right, M), counts),
    )


def negative_log_likelihood(probabilities: NDArray[np.floating], classes: NDArray[np.int64]) -> float:
    """Give the mean of -ln p of what each text is: it asks for probabilities that are sharp, and punishes wrong ones.

    Unit: nats per text; C equal probabilities cost ln C, and a class that was ruled out (p = 0) costs infinity.

    Args:
        probabilities: (N, C) of every class.
        classes: (N,) of each text, in [0, C).

    Raises:
        InputError: there is no text, or not one row of probabilities for each.
    """
    _check_pairs(classes, probabilities)
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[np.arange(len(classes)), classes].astype(np.float64)).mean())


def _check_pairs(classes: NDArray[np.int64], others: NDArray[np.generic]) -> None:
    if not len(classes) or len(classes) != len(others):
        raise InputError(
            f"predictions must be one for each of at least one text, got {len(others)} for {len(classes)} texts"
        )


def _share(part: NDArray[np.int64] | NDArray[np.float64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide, and give 0 where there is nothing to divide by."""
    shares = np.zeros(len(whole))
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
