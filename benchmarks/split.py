"""A file of labels and texts in two: nine tenths to train on and a hashed tenth to test on, where none is given."""

from __future__ import annotations

import csv
from pathlib import Path

import click

from benchmarks.labelled import Labelled, divide, read_labelled
from machim import run


@click.command(name="benchmarks.split", epilog="Example: python -m benchmarks.split all.txt train.csv test.csv")
@click.argument("labelled", type=click.Path(path_type=Path))
@click.argument("train", type=click.Path(path_type=Path))
@click.argument("test", type=click.Path(path_type=Path))
def split(labelled: Path, train: Path, test: Path) -> None:
    """Write TEST, the texts of LABELLED with md5(text) mod 10 = 0, and TRAIN, the others, as CSV."""
    for path, part in zip((train, test), divide(read_labelled(labelled), 0), strict=True):
        write_labelled(path, part)


def write_labelled(path: Path, labelled: Labelled) -> None:
    """Write texts with their labels as CSV with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(zip(labelled.texts, labelled.labels, strict=True))


if __name__ == "__main__":
    run(split)
