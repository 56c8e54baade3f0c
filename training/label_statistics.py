"""How differently the labels use each n-gram, and which n-grams tell most of them.

Legend: D texts, F n-grams known, C labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from training.ngram_occurrences import Occurrences

SMOOTHING = 1.0  # texts that every label is taken to have used an n-gram in, beforehand
COUNTS_AT_ONCE = 2**22  # of n-grams in texts of labels


def label_contrast(found: Occurrences, labels: NDArray[np.int64], number: int) -> NDArray[np.float32]:
    """Give how differently the labels use each n-gram: (F,), the largest |log odds ratio| over labels.

    Source: Wang and Manning 2012, section 2, for two labels; here each label against all others.

    Args:
        found: in the texts to learn from.
        labels: (D,) of each text.
        number: C.
    """
    in_all = np.bincount(labels, np.diff(found.starts), number) + found.ngrams * SMOOTHING  # (C,)
    others_in_all = in_all.sum() - in_all + found.ngrams * (2 - number) * SMOOTHING
    largest = np.empty(found.ngrams, np.float32)
    for begin, counts in label_counts(found, labels, number):
        used = counts + SMOOTHING
        others = used.sum(axis=1, keepdims=True) - used + (2 - number) * SMOOTHING  # smoothed as often as the label
        ratios = np.log(used / in_all) - np.log(others / others_in_all)
        largest[begin : begin + len(counts)] = np.abs(ratios).max(axis=1)
    return largest


def most_telling(found: Occurrences, labels: NDArray[np.int64], number: int, most: int) -> NDArray[np.int64]:
    """Give the places of the n-grams that tell most of the labels, ascending: so many, or all if they are fewer.

    What an n-gram tells is its G statistic: sum over labels of n log(n / what would be expected of any n-gram that
    stands in as many texts), n the texts of the label that have it. Source: Dunning 1993, *Accurate Methods for the
    Statistics of Surprise and Coincidence*. Differs: texts that do not have it are left out.

    Args:
        found: in the texts to learn from.
        labels: (D,) of each text.
        number: C.
        most: n-grams.
    """
    shares = np.bincount(labels, minlength=number) / len(labels)
    telling = np.empty(found.ngrams)
    for begin, counts in label_counts(found, labels, number):
        rows, columns = np.nonzero(counts)
        used = counts[rows, columns]
        each = used * np.log(used / (counts.sum(axis=1)[rows] * shares[columns]))
        telling[begin : begin + len(counts)] = np.bincount(rows, each, len(counts))
    chosen: NDArray[np.int64] = np.sort(np.argsort(-telling, kind="stable")[:most])
    return chosen


def label_counts(found: Occurrences, labels: NDArray[np.int64], number: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Count in how many texts (D,) of each of C labels each n-gram stands.

    Yields:
        The first of some n-grams, and the counts of these (F', C).
    """
    turned = found.turned()
    at_once = max(1, COUNTS_AT_ONCE // number)
    for begin in range(0, found.ngrams, at_once):
        starts = turned.starts[begin : begin + at_once + 1]
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        keys = owners * number + labels[turned.places[starts[0] : starts[-1]]]
        yield begin, np.bincount(keys, minlength=(len(starts) - 1) * number).reshape(-1, number)
