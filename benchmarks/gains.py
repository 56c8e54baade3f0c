"""What an ensemble, a student, dropout, pretraining and averaging are worth on labelled texts: one run, several seeds.

Legend: N texts, C labels.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.command import JSON_FILE, check_file, publish
from benchmarks.labelled import Labelled, read_labelled
from benchmarks.machine import describe_machine
from benchmarks.report import lines, over_rounds, table
from machim import run
from model.classifier import load_classifier
from model.errors import InputError
from training.classification_metrics import accuracy, confusion_matrix, macro_f1
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_figures import logits_of_parts
from training.classifier_run import train_classifier
from training.classifier_settings import DistillationSettings
from training.distillation import distill_classifier
from training.joining import average
from training.reading import ReadingSettings
from training.told import STUDENT, classifier_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.classifier_checkpoints import Classifier

# What is told of a model beside its seed and its minutes, by the name of its row.
ALONE: dict[str, dict[str, Any]] = {
    "alone": {},
    "no dropout": {"dropout": 0.0, "embedding_dropout": 0.0},
    "no pretraining": {"pretrain": False},
    "no averaging": {"averaging": 0.0},
}


@click.command(name="benchmarks.gains", epilog="Example: python -m benchmarks.gains train.csv test.csv models/gains")
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("test", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--minutes", default=5.0, show_default=True, help="For each network; an ensemble has so many times more.")
@click.option("--members", type=click.IntRange(min=2), default=5, show_default=True, help="Of the ensemble.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Of all that is trained alone.")
@JSON_FILE
def benchmark(
    train: Path, test: Path, out: Path, *, minutes: float, members: int, seeds: int, json_file: Path | None
) -> None:
    """Train on TRAIN an ensemble, its students, models without dropout, pretraining or averaging; score them on TEST.

    The models are made in the folder OUT. What is scored is what was trained, in float32.
    """
    check_file(json_file)
    figures = measure(train, test, out, minutes=minutes, members=members, seeds=seeds)
    publish(figures, tables_of(figures), json_file)


def measure(train: Path, test: Path, out: Path, *, minutes: float, members: int, seeds: int) -> dict[str, Any]:
    """Train and score all of them.

    Raises:
        InputError: a file breaks a rule, or a label to test is not learned.
    """
    machine, asked, known = describe_machine(), read_labelled(test), set(read_labelled(train).labels)
    if unknown := sorted(set(asked.labels) - known):
        raise InputError(f"TEST must hold labels of TRAIN only, got {unknown[0]!r}")
    rows: dict[str, list[dict[str, float]]] = {}
    began = time.monotonic()
    ensemble = trained(train, out / "ensemble", {"members": members, "minutes": minutes * members})
    seconds = time.monotonic() - began
    rows |= rows_of_ensemble(ensemble, asked)
    for seed in range(seeds):
        for name, told in ALONE.items():
            made = trained(train, out / name.replace(" ", "-"), {**told, "minutes": minutes, "seed": seed})
            rows.setdefault(name, []).append(scores(whole(made, asked), made, asked))
        student = taught(out / "ensemble", train, out / "student", {"minutes": minutes, "seed": seed})
        rows.setdefault("student", []).append(scores(whole(student, asked), student, asked))
    return {
        "benchmark": "gains",
        "machine": machine,
        "settings": {
            "test": len(asked.texts),
            "labels": len(known),
            "minutes": minutes,
            "members": members,
            "seeds": seeds,
            "ensemble_seconds": round(seconds, 1),
        },
        "gains": {
            name: {"trained": len(each), **{key: over_rounds([one[key] for one in each]) for key in each[0]}}
            for name, each in rows.items()
        },
    }


def trained(train: Path, out: Path, told: dict[str, Any]) -> Classifier:
    """Train a model as ``machim train`` does."""
    settings = classifier_run(told, ReadingSettings(), "")
    train_classifier([str(train)], out, settings, say=say, began=time.monotonic())
    return opened(out)


def taught(teacher: Path, train: Path, out: Path, told: dict[str, Any]) -> Classifier:
    """Train a student as ``machim distill`` does."""
    settings = classifier_run({**STUDENT, **told}, ReadingSettings(), "")
    teaching = DistillationSettings()
    distill_classifier(teacher, [str(train)], out, settings, teaching, say=say, began=time.monotonic())
    return opened(out)


def say(message: str) -> None:
    """Tell on standard error what is being done."""
    click.echo(message, err=True)


def opened(path: Path) -> Classifier:
    """Open what was trained last."""
    return rebuild_classifier(load_classifier(path))


def rows_of_ensemble(ensemble: Classifier, asked: Labelled) -> dict[str, list[dict[str, float]]]:
    """Score an ensemble, each of its members, and the parts of both."""
    of_networks, of_wide = logits_of_parts(ensemble, asked.texts)
    joined = [join.logits(each, of_wide) for join, each in zip(ensemble.joins, of_networks, strict=True)]
    rows = {
        "network of a member": of_networks,
        "networks averaged": [average(of_networks)],
        "member": joined,
        "ensemble": [average(joined)],
    }
    if of_wide is not None:
        rows = {"n-grams": [of_wide], **rows}
    return {name: [scores(logits, ensemble, asked) for logits in each] for name, each in rows.items()}


def whole(classifier: Classifier, asked: Labelled) -> NDArray[np.float32]:
    """Give what a classifier says of texts: (N, C), nats."""
    return classifier.logits(*logits_of_parts(classifier, asked.texts))


def scores(logits: NDArray[np.float32], classifier: Classifier, asked: Labelled) -> dict[str, float]:
    """Score logits (N, C) by the labels of texts."""
    true = np.array([classifier.labels.index(label) for label in asked.labels])
    said = logits.argmax(axis=1)
    return {
        "accuracy": accuracy(true, said),
        "macro_f1": macro_f1(confusion_matrix(true, said, len(classifier.labels))),
    }


def tables_of(figures: Mapping[str, Any]) -> Sequence[str]:
    """Lay the figures of ``measure`` out for people."""
    gains: dict[str, dict[str, JSON]] = figures["gains"]
    return [lines("machine", figures["machine"]), lines("settings", figures["settings"]), table("gains", gains)]


if __name__ == "__main__":
    run(benchmark)
