"""What the wide part of a classifier learns from: texts with labels, and where their n-grams stand.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams* (inputs scaled by how differently the labels use an
n-gram). Differs: one scale for all labels, the largest.

Legend: D texts, F n-grams known, C labels, H hidden units.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.label_statistics import label_contrast, most_telling
from training.ngram_occurrences import known_ngrams, mostly_hangul, occurrences

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from model.hashed_ngrams import HashedNgrams
    from training.classifier_settings import ClassifierSettings
    from training.ngram_occurrences import Occurrences
    from training.targets import Targets

MOST_BYTES = 2**26  # of the layer as it is served: beyond, the n-grams that tell least of labels are left out
NGRAM_BYTES = 16  # of an n-gram there, besides one for each weight
MOST_NGRAMS = 2**23  # looked at: beyond, those in the fewest texts are left out


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What the layer learns from.

    texts: to learn from, D; targets: what their labels should be; text_weights: (D,), 1 on average.
    """

    texts: Sequence[str]
    targets: Targets
    text_weights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PreparedLesson:
    """A lesson whose n-grams are found.

    ngrams: to learn, F; found: where they stand, values times contrast; contrast: (F,), how differently the labels use
    them; hidden: H, 0 for no hidden layer; seconds: that finding them took.
    """

    lesson: Lesson
    ngrams: HashedNgrams
    found: Occurrences
    contrast: NDArray[np.float32]
    hidden: int
    seconds: float

    @property
    def width(self) -> int:
        """Weights of an n-gram: H, or C."""
        return self.hidden or self.lesson.targets.labels

    @property
    def weights(self) -> int:
        """How many there are to learn, biases apart."""
        return self.found.ngrams * self.width

    @property
    def products(self) -> int:
        """How many a look at all texts takes: n-grams in texts times labels, or hidden units."""
        return len(self.found.places) * self.width


def prepare_lesson(lesson: Lesson, settings: ClassifierSettings) -> PreparedLesson:
    """Find the n-grams of a lesson, those that settings ask for and that there is room for."""
    began = time.monotonic()
    ngrams = known_ngrams(
        lesson.texts,
        settings.ngram_least,
        settings.ngram_most,
        settings.ngram_texts,
        MOST_NGRAMS,
        across_spaces=told_of_spaces(settings, lesson.texts).ngram_spaces == "across",
    )
    found = occurrences(lesson.texts, ngrams)
    numbers, labels = lesson.targets.numbers, lesson.targets.labels
    most = MOST_BYTES // (NGRAM_BYTES + (settings.ngram_hidden or labels))
    if len(ngrams.hashes) > most:
        kept = most_telling(found, numbers, labels, most)
        ngrams, found = ngrams.part(kept), found.part(kept)
    contrast = label_contrast(found, numbers, labels)
    found = replace(found, values=found.values * contrast[found.places])
    seconds = time.monotonic() - began
    return PreparedLesson(
        lesson=lesson, ngrams=ngrams, found=found, contrast=contrast, hidden=settings.ngram_hidden, seconds=seconds
    )


def told_of_spaces(settings: ClassifierSettings, texts: Sequence[str]) -> ClassifierSettings:
    """Decide by texts whether n-grams go across spaces, where that is left open."""
    if settings.ngram_spaces != "auto":
        return settings
    return replace(settings, ngram_spaces="across" if mostly_hangul(texts) else "within")
