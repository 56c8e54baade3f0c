"""Characters to tag: a model beside n-grams under logistic regression, trained on the same text, in one run.

Legend: T characters of one text.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.classify import PACKAGES, need_packages
from benchmarks.command import JSON_FILE, check_file, publish
from benchmarks.machine import describe_machine
from benchmarks.report import lines, table
from benchmarks.rounds import Contender, race
from machim import run
from model.tagger import load_tagger
from training.reading import ReadingSettings
from training.tagged import read_spacing, read_tagged
from training.tagger_evaluate import known_tags
from training.tagger_figures import tag_scores, without_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON


@click.command(name="benchmarks.tag", epilog="Example: python -m benchmarks.tag train.txt test.txt models/spacing")
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("test", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@JSON_FILE
def benchmark(train: Path, test: Path, model: Path, *, json_file: Path | None) -> None:
    """Tune and train the n-gram tagger on TRAIN, then time and score it and MODEL on TEST.

    MODEL must have been trained on TRAIN; what is served is measured.
    """
    check_file(json_file)
    need_packages({"sklearn": PACKAGES["sklearn"]})
    figures = measure(train, test, model)
    publish(figures, tables_of(figures), json_file)


def measure(train: Path, test: Path, model: Path) -> dict[str, Any]:
    """Train the n-gram tagger and measure both, a text at a time on one thread.

    Raises:
        InputError: a file breaks a rule.
        CheckpointError: the model is damaged, or of another task.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - scikit-learn brings it

    from benchmarks.ngram_tagger import tuned_tagger  # noqa: PLC0415 - it needs a package that was looked for

    loaded, reading, machine = load_tagger(model), ReadingSettings(), describe_machine()
    read = read_spacing if loaded.spaces else read_tagged
    learned, asked = (known_tags(read([str(path)], reading), loaded) for path in (train, test))
    with threadpool_limits(limits=1):
        began = time.perf_counter()
        ngrams, penalty = tuned_tagger(learned)
        seconds = time.perf_counter() - began
        contenders: list[Contender[NDArray[np.int64]]] = [
            Contender(name=loaded.name, prepare=asking(lambda text: loaded.log_probabilities(text).argmax(axis=1))),
            Contender(name="ngrams", prepare=asking(ngrams.tags_of)),
        ]
        race(contenders, asked.texts)
    said = {contender.name: contender.replies for contender in contenders}
    said["always_likeliest"] = [np.full(len(each), majority(learned.numbers)) for each in asked.numbers]
    scored = {
        name: without_tags(tag_scores(asked.numbers, each, loaded.tags, spaces=loaded.spaces))
        for name, each in said.items()
    }
    for contender in contenders:
        scored[contender.name]["p50_ms"] = float(np.median(contender.times[0]))
    errors = {name: 1 - float(str(each["accuracy"])) for name, each in scored.items()}
    return {
        "benchmark": "tag",
        "machine": machine,
        "settings": {
            "train_texts": len(learned.texts),
            "test_texts": len(asked.texts),
            "test_characters": sum(map(len, asked.texts)),
            "C": penalty,
            "ngrams_seconds": round(seconds, 1),
        },
        "tags": scored,
        "errors beside n-grams": {"ratio": errors[loaded.name] / max(errors["ngrams"], 1e-9)},
    }


def majority(numbers: Sequence[NDArray[np.int64]]) -> int:
    """Give the tag that most characters have."""
    return int(np.bincount(np.concatenate(numbers)).argmax())


def asking(
    tags_of: Callable[[str], NDArray[np.int64]],
) -> Callable[[str], Callable[[], NDArray[np.int64]]]:
    """Give what makes ready for a text: nothing is done beforehand."""
    return lambda text: partial(tags_of, text)


def tables_of(figures: Mapping[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    scored: dict[str, dict[str, JSON]] = figures["tags"]
    return [
        lines("machine", figures["machine"]),
        lines("settings", figures["settings"]),
        table("tags", scored),
        lines("errors beside n-grams", figures["errors beside n-grams"]),
    ]


if __name__ == "__main__":
    run(benchmark)
