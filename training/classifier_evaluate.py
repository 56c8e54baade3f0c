"""Measuring a classifier on texts with labels that are brought to it.

Legend: M texts, C labels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.classification import classify
from model.classifier import load_classifier
from model.errors import InputError
from training.classification_metrics import confusion_matrix, reliability
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_figures import (
    Observed,
    label_figures,
    logits_of_parts,
    probabilities_of,
    rounded,
    scores,
    unfitted,
)
from training.labelled import read_labelled
from training.sources import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.classifier import LoadedClassifier
    from model.manifest import JSON
    from training.labelled import LabelledTexts
    from training.reading import ReadingSettings

MOST_NAMED = 10  # labels in a message


@dataclass(frozen=True, kw_only=True)
class ClassifierEvaluation:
    """What was measured of a classifier: its name and version, figures as they are printed, what a report draws."""

    model: str
    figures: dict[str, JSON]
    observed: Observed


def evaluate_classifier(
    path: Path, data: Sequence[str], reading: ReadingSettings, *, say: Callable[[str], None]
) -> ClassifierEvaluation:
    """Measure what is served of a classifier, in int8, one text at a time, and beside it what was trained, in float32.

    Args:
        path: of the model, or of one version.
        data: sources to measure on, repeats counted as they stand there.
        reading: how they are read; where bad lines are left out, so are texts whose label the model does not know.
        say: is told what was taken for what, a line each.

    Raises:
        InputError: there is no such model, a source cannot be read, or a label is none of the model's.
        CheckpointError: the model is damaged, or of another task.
    """
    loaded = load_classifier(path)
    classifier = rebuild_classifier(loaded)
    read = read_labelled(data, reading, say, frozenset(loaded.labels))
    strange = strange_labels(read, loaded.labels)
    if strange and not reading.skip_bad_lines:
        raise InputError(
            f"labels must be among the {len(loaded.labels):,} that {loaded.name} knows, got {named(strange)}: mend "
            "them, or leave their texts out with --skip-bad-lines"
        )
    if strange:
        say(f"left out {sum(strange.values()):,} texts whose labels {loaded.name} does not know: {named(strange)}")
    number_of = {label: number for number, label in enumerate(loaded.labels)}
    pairs = [
        (text, number_of[label]) for text, label in zip(read.texts, read.labels, strict=True) if label not in strange
    ]
    if not pairs:
        raise InputError(f"a text must have a label that {loaded.name} knows, got none")
    texts, numbers = [text for text, _ in pairs], np.array([number for _, number in pairs], np.int64)
    served, elapsed_ms = ask(loaded, texts)
    of_networks, of_wide = logits_of_parts(classifier, texts)
    trained = probabilities_of(classifier.logits(of_networks, of_wide) / classifier.temperature)
    before = reliability(probabilities_of(unfitted(of_networks, of_wide)), numbers)
    after = reliability(served, numbers)
    confusion = confusion_matrix(numbers, served.argmax(axis=1), len(loaded.labels))
    median, last = np.percentile(elapsed_ms, [50, 99])
    figures: dict[str, JSON] = {
        "texts": len(texts),
        "labels": len(loaded.labels),
        "disputed_texts": read.disputed,
        "skipped_lines": read.skipped,
        "left_out_labels": dict(strange),
        "sorting": {
            "int8": {
                **scores(served, numbers),
                "calibration_error": rounded(after.expected_calibration_error),
                "p50_ms": rounded(median),
                "p99_ms": rounded(last),
            },
            "torch": {
                **scores(trained, numbers),
                "calibration_error": rounded(reliability(trained, numbers).expected_calibration_error),
                "unfitted_calibration_error": rounded(before.expected_calibration_error),
            },
        },
        "disagreement": rounded((served.argmax(axis=1) != trained.argmax(axis=1)).mean()),
        "per_label": label_figures(confusion, loaded.labels),
        "confusion": confusions(confusion, loaded.labels),
    }
    observed = Observed(
        labels=loaded.labels,
        texts=texts,
        numbers=numbers,
        probabilities=served,
        before=before,
        after=after,
        temperature=classifier.temperature,
    )
    return ClassifierEvaluation(model=f"{loaded.name} {loaded.version}", figures=figures, observed=observed)


def strange_labels(read: LabelledTexts, known: Sequence[str]) -> dict[str, int]:
    """Count the texts of each label that is not known, the most frequent label first."""
    counts = Counter(read.labels)
    for label in known:
        del counts[label]
    return dict(counts.most_common())


def named(strange: dict[str, int]) -> str:
    """Name labels with their numbers of texts, as many as a line holds."""
    shown = [f"{one_line(label)} ({texts:,})" for label, texts in list(strange.items())[:MOST_NAMED]]
    others = len(strange) - len(shown)
    return ", ".join(shown) + (f" and {others:,} others" if others else "")


def ask(loaded: LoadedClassifier, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ask what is served, one text at a time on one thread.

    Returns:
        Probabilities (M, C), and the time of each answer (M,), ms.
    """
    classify(loaded, texts[0])  # the first answer also waits for memory that later ones have
    probabilities, elapsed_ms = np.zeros((len(texts), len(loaded.labels))), np.zeros(len(texts))
    for place, text in enumerate(texts):
        reply = classify(loaded, text)
        probabilities[place] = [reply.probabilities[label] for label in loaded.labels]
        elapsed_ms[place] = reply.elapsed_ms
    return probabilities, elapsed_ms


def confusions(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, JSON]:
    """Give how many texts of each label were taken for which, those that are not zero, of (C, C)."""
    return {
        label: {labels[said]: int(confusion[number, said]) for said in np.flatnonzero(confusion[number]).tolist()}
        for number, label in enumerate(labels)
    }
