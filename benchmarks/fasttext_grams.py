"""fastText over characters: n-grams of characters as words, or words with the n-grams inside them.

Legend: N texts, C classes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import fasttext

from benchmarks.labellers import Labeller, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.labelled import Labelled

LABEL = "__label__"
SPACE = "\u2581"  # stands for white space where characters are words
MOST_BUCKETS = 2_000_000  # the default of fastText
MOST_EPOCHS = 400
# The default. Of 0.9.3 each thread sets a tenth of the first weights: with less than eleven threads some stay what the
# memory was, and training ends in NaN, or in a poor model.
THREADS = 12
# Tuned one after another, and then the epochs, each from the best of those before.
AXES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("characters", (True, False)),
    ("longest", (3, 4, 5)),
    ("rate", (0.1, 0.25, 0.5, 1.0)),
    ("width", (10, 25, 50)),
)


@dataclass(frozen=True, kw_only=True)
class FastTextSettings:
    """What is tuned.

    characters: every character is a word, and n-grams are of words; else n-grams are those inside words, and pairs of
    words. longest: n of the longest n-gram. rate: of learning. width: of the embedding.
    """

    characters: bool = True
    longest: int = 4
    rate: float = 0.25
    width: int = 25
    epochs: int


def epochs_for(texts: int) -> tuple[int, ...]:
    """List the epochs that are tried with so many texts, those that the rest is tuned with first.

    One to four million texts are read, or half a million: few texts need many epochs, for fastText divides the gradient
    of a text among its n-grams, some two hundred.
    """
    epochs = (min(MOST_EPOCHS, max(1, round(read / texts))) for read in (1e6, 5e5, 2e6, 4e6))
    return tuple(dict.fromkeys(epochs))


def train_fasttext(train: Labelled, learned: Labelled, validation: Labelled) -> Labeller:
    """Choose settings by the accuracy on a validation part, then train on all.

    Args:
        train: all that may be learned from.
        learned: what is learned from while settings are chosen.
        validation: what they are chosen by.
    """
    began = time.perf_counter()
    scores: dict[FastTextSettings, float] = {}
    epochs = epochs_for(len(learned.texts))
    best = FastTextSettings(epochs=epochs[0])
    for name, values in (*AXES, ("epochs", epochs)):
        for value in values:
            settings = replace(best, **{name: value})
            if settings not in scores:
                classify = fit(learned, settings)
                said = [classify(text).label for text in validation.texts]
                scores[settings] = fmean(map(str.__eq__, said, validation.labels))
        best = max(scores, key=scores.__getitem__)
    tuned = time.perf_counter()
    return Labeller(
        name="fasttext",
        classify=fit(train, best),
        settings=asdict(best),
        figures={
            "train_seconds": time.perf_counter() - tuned,
            "tune_seconds": tuned - began,
            "validation_accuracy": scores[best],
        },
    )


def fit(labelled: Labelled, settings: FastTextSettings) -> Callable[[str], Verdict]:
    """Train, and give who can be asked; threads race, so another training may differ a little."""
    classes = sorted(set(labelled.labels))
    places = {label: place for place, label in enumerate(classes)}
    lines = [words_of(text, settings) for text in labelled.texts]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text(
            "".join(f"{LABEL}{places[label]} {line}" for line, label in zip(lines, labelled.labels, strict=True)),
            encoding="utf-8",
        )
        model = fasttext.train_supervised(
            input=str(path),
            lr=settings.rate,
            dim=settings.width,
            epoch=settings.epochs,
            wordNgrams=settings.longest if settings.characters else 2,
            minn=0 if settings.characters else 1,
            maxn=0 if settings.characters else settings.longest,
            bucket=min(MOST_BUCKETS, settings.longest * sum(map(len, lines))),  # as many as there are n-grams do
            thread=THREADS,
            verbose=0,
        )

    def classify(text: str) -> Verdict:
        # The wrapper around this call fails under numpy 2. A probability is up to 1e-5 too high there.
        found = model.f.predict(words_of(text, settings), -1, 0.0, "strict")
        labels = [classes[int(name.removeprefix(LABEL))] for _, name in found]
        return Verdict(
            label=labels[0],
            probabilities={label: min(share, 1.0) for label, (share, _) in zip(labels, found, strict=True)},
        )

    return classify


def words_of(text: str, settings: FastTextSettings) -> str:
    """Write a text as the line that fastText reads, in small letters; what would name a label is no word."""
    words = text.lower().replace(LABEL, "").split()
    return " ".join(SPACE.join(words) if settings.characters else words) + "\n"
