"""Labels on texts: models beside TF-IDF under linear classifiers and fastText, tuned, on the same texts in one run.

Legend: N texts.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.command import JSON_FILE, check_file, publish
from benchmarks.labelled import Labelled, divide, read_labelled
from benchmarks.report import lines, table
from benchmarks.rounds import Contender, race
from machim import run
from model.classification import classify
from model.classifier import load_classifier
from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from benchmarks.labellers import Answer, Labeller
    from model.manifest import JSON

PACKAGES = {"sklearn": "scikit-learn", "fasttext": "fasttext"}


@click.command(
    name="benchmarks.classify", epilog="Example: python -m benchmarks.classify train.csv test.csv models/sort"
)
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("test", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1, type=click.Path(path_type=Path))
@click.option("--baselines/--no-baselines", default=True, help="Train and ask the baselines, or the models alone.")
@JSON_FILE
def benchmark(train: Path, test: Path, models: tuple[Path, ...], *, baselines: bool, json_file: Path | None) -> None:
    """Tune and train the baselines on TRAIN, then time and score them on TEST, files of texts with labels.

    MODELS are checkpoints that were trained on TRAIN; what is served is measured.
    """
    check_file(json_file)
    need_packages(PACKAGES if baselines else {"sklearn": PACKAGES["sklearn"]})
    figures = measure(read_labelled(train), read_labelled(test), models, baselines=baselines)
    publish(figures, tables_of(figures), json_file)


def need_packages(packages: Mapping[str, str]) -> None:
    """Refuse to begin without packages that are needed: what is to be installed by what is imported.

    Raises:
        InputError: a package is missing.
    """
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InputError(f"this benchmark needs {', '.join(missing)}: run pip install 'machim[bench]'")


def measure(train: Labelled, test: Labelled, models: Sequence[Path] = (), *, baselines: bool = True) -> dict[str, JSON]:
    """Train baselines on the one part and measure them and models on the other, on one thread but to train fastText.

    Raises:
        InputError: there is one class only, or a label to test that is not learned.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - scikit-learn brings it

    from benchmarks.machine import describe_machine  # noqa: PLC0415

    classes = sorted(set(train.labels))
    if len(classes) < 2:
        raise InputError(f"TRAIN must hold at least two labels, got {len(classes)}")
    if unknown := sorted(set(test.labels) - set(classes)):
        raise InputError(f"TEST must hold labels of TRAIN only, got {unknown[0]!r}")
    if not models and not baselines:
        raise InputError("there must be something to measure, got no model and --no-baselines")
    machine = describe_machine()
    with threadpool_limits(limits=1):
        labellers = [model_labeller(model, classes) for model in models]
        labellers += train_baselines(train) if baselines else []
        contenders = ask_all(labellers, test.texts)
    return {
        "benchmark": "classify",
        "machine": machine,
        "settings": {"train": len(train.texts), "test": len(test.texts), "classes": len(classes)},
        "labels": {
            labeller.name: figures_of(labeller, contender, test.labels, classes)
            for labeller, contender in zip(labellers, contenders, strict=True)
        },
    }


def model_labeller(path: Path, classes: Sequence[str]) -> Labeller:
    """Load a model to be compared.

    Raises:
        InputError: there is none, or it knows labels that TRAIN does not hold.
        CheckpointError: it is damaged, or of another task.
    """
    from benchmarks.labellers import Labeller  # noqa: PLC0415 - after what is missing was said

    loaded = load_classifier(path)
    if unknown := sorted(set(loaded.labels) - set(classes)):
        raise InputError(f"{path} must know labels of TRAIN only, got {unknown[0]!r}")
    return Labeller(name=loaded.name, classify=partial(classify, loaded), settings={}, figures={})


def train_baselines(train: Labelled) -> list[Labeller]:
    """Tune each baseline on a hashed tenth of the texts, then train it on all of them.

    Raises:
        InputError: there are so few texts that none of them is in the tenth.
    """
    learned, validation = divide(train, 1)
    if not validation.texts or len(set(learned.labels)) < 2:
        raise InputError(f"TRAIN must hold more texts, so that a tenth can be tuned on, got {len(train.texts)}")
    from benchmarks.fasttext_grams import train_fasttext  # noqa: PLC0415 - it needs a package that was looked for
    from benchmarks.tfidf import train_tfidf  # noqa: PLC0415

    return [
        train_tfidf("svm", train, learned, validation),
        train_tfidf("logistic", train, learned, validation),
        train_fasttext(train, learned, validation),
    ]


def ask_all(labellers: Sequence[Labeller], texts: Sequence[str]) -> list[Contender[Answer]]:
    """Ask each for the label of every text (N,), one text at a time, in turns."""
    contenders = [Contender(name=labeller.name, prepare=asking(labeller)) for labeller in labellers]
    race(contenders, texts)
    return contenders


def asking(labeller: Labeller) -> Callable[[str], Callable[[], Answer]]:
    """Give what makes ready for a text: nothing is done beforehand."""
    return lambda text: lambda: labeller.classify(text)


def figures_of(
    labeller: Labeller, contender: Contender[Answer], labels: Sequence[str], classes: Sequence[str]
) -> dict[str, JSON]:
    """Give what one of them took and what its answers are worth."""
    from benchmarks.labellers import figures_of_answers  # noqa: PLC0415

    return {
        **figures_of_answers(contender.replies, labels, classes),
        "p50_ms": float(np.median(contender.times)),
        **labeller.figures,
        "settings": dict(labeller.settings),
    }


def tables_of(figures: dict[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    rows = {
        name: {key: value for key, value in each.items() if key not in {"by_class", "settings"}}
        for name, each in figures["labels"].items()
    }
    return [
        lines("machine", figures["machine"]),
        lines("settings", figures["settings"]),
        table("labels", rows),
        lines("tuned", {name: each["settings"] for name, each in figures["labels"].items()}),
    ]


if __name__ == "__main__":
    run(benchmark)
