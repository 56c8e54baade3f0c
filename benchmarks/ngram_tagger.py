"""What tags characters without a network: the n-grams around each, under logistic regression (scikit-learn).

Legend: N characters of all texts, F features a character has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.tagged import TaggedTexts

LONGEST = 5  # characters of the longest n-gram
BUCKETS = 2**22
PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
PENALTIES = (0.1, 0.3, 1.0, 3.0)  # C: inverse, as there


def features_of(texts: Sequence[str]) -> csr_matrix:
    """Give the n-grams that a character or the one after it is in, up to five characters, each at its own place.

    Returns:
        (N, buckets): ones at the hashes of F n-grams.
    """
    rows = [features_of_text(text) for text in texts]
    columns = np.concatenate(rows)  # (N, F)
    starts = np.arange(0, columns.size + 1, columns.shape[1])
    return csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), starts), shape=(len(columns), BUCKETS))


def features_of_text(text: str) -> NDArray[np.int32]:
    """Give the hashes of one text's features: (T, F)."""
    around = LONGEST - 1
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    padded = np.concatenate([np.zeros(around, np.uint64), points, np.zeros(LONGEST, np.uint64)])
    found = []
    for length in range(1, LONGEST + 1):
        for begins in range(1 - length, 2):  # of places from the character tagged: it or the next one is inside
            hashed = np.full(len(points), (length * 100 + begins + 50), np.uint64) * PRIMES[1]
            for place in range(length):
                at = around + begins + place
                hashed = (hashed ^ padded[at : at + len(points)]) * PRIMES[0]
                hashed ^= hashed >> np.uint64(29)
            found.append(hashed % np.uint64(BUCKETS))
    return np.stack(found, axis=1).astype(np.int32)


class NgramTagger:
    """Weights over n-grams around each character."""

    def __init__(self, penalty: float) -> None:
        """Take C, the inverse of the penalty on weights."""
        self.model: Any = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)

    def fit(self, texts: TaggedTexts) -> NgramTagger:
        """Learn from texts with tags."""
        self.model.fit(features_of(texts.texts), np.concatenate(texts.numbers))
        return self

    def tags_of(self, text: str) -> NDArray[np.int64]:
        """Give the number of the tag of each character: (T,)."""
        return np.asarray(self.model.predict(features_of([text])), np.int64)

    def accuracy(self, texts: TaggedTexts) -> float:
        """Give the share of characters tagged rightly."""
        return float(self.model.score(features_of(texts.texts), np.concatenate(texts.numbers)))


def tuned_tagger(train: TaggedTexts) -> tuple[NgramTagger, float]:
    """Choose C by the accuracy on a tenth of the texts, then train on all; give C, too."""
    held = np.arange(len(train.texts)) % 10 == 0
    learned, validation = train.pick(~held), train.pick(held)
    scores = {penalty: NgramTagger(penalty).fit(learned).accuracy(validation) for penalty in PENALTIES}
    best = max(scores, key=scores.__getitem__)
    return NgramTagger(best).fit(train), best
