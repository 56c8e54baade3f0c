"""The figures of a tagger on texts that it did not learn from.

Legend: N characters of all texts, C tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.spacing import word_spans
from training.classification_metrics import accuracy, confusion_matrix, macro_f1
from training.classifier_figures import label_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON


def tag_scores(
    wanted: Sequence[NDArray[np.int64]], said: Sequence[NDArray[np.int64]], tags: Sequence[str], *, spaces: bool
) -> dict[str, JSON]:
    """Score the tags (T,) said of texts by those wanted: characters, tags, texts, and words where spaces are told.

    Args:
        wanted: of each text.
        said: of each text.
        tags: names (C,).
        spaces: whether tags say where spaces stand.
    """
    true, found = np.concatenate(wanted), np.concatenate(said)
    confusion = confusion_matrix(true, found, len(tags))
    figures: dict[str, JSON] = {
        "accuracy": round(accuracy(true, found), 6),
        "macro_f1": round(macro_f1(confusion), 4),
        "whole_texts": round(float(np.mean([np.array_equal(*each) for each in zip(wanted, said, strict=True)])), 4),
    }
    if spaces:
        figures |= word_scores(wanted, said)
    return figures | {"per_label": label_figures(confusion, tags)}


def word_scores(wanted: Sequence[NDArray[np.int64]], said: Sequence[NDArray[np.int64]]) -> dict[str, JSON]:
    """Score words: one is right if it begins and ends where it should."""
    right = found = true = 0
    for one, other in zip(wanted, said, strict=True):
        words, others = word_spans(one), word_spans(other)
        right, true, found = right + len(words & others), true + len(words), found + len(others)
    precision, recall = right / max(found, 1), right / max(true, 1)
    return {
        "word_precision": round(precision, 4),
        "word_recall": round(recall, 4),
        "word_f1": round(2 * right / max(found + true, 1), 4),
    }


def likeliest_scores(
    wanted: Sequence[NDArray[np.int64]], tags: Sequence[str], likeliest: int, *, spaces: bool
) -> dict[str, JSON]:
    """Score who always says one tag."""
    return tag_scores(wanted, [np.full(len(each), likeliest) for each in wanted], tags, spaces=spaces)


def without_tags(figures: dict[str, JSON]) -> dict[str, JSON]:
    """Leave the figures of every tag for itself out."""
    return {name: value for name, value in figures.items() if name != "per_label"}
