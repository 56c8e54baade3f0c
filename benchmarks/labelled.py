"""Texts with their labels, as the benchmark of classifiers reads and divides them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training import labelled
from training.protocol import digest
from training.reading import ReadingSettings

if TYPE_CHECKING:
    from pathlib import Path

PART = 10  # a tenth is for tuning, or for a test where there is none


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts (N,) and the label of each (N,)."""

    texts: list[str]
    labels: list[str]


def read_labelled(path: Path) -> Labelled:
    """Read a file of labels and texts as ``machim train`` reads it.

    Raises:
        InputError: a row has not as many fields as it must, or there is none.
    """
    read = labelled.read_labelled([str(path)], ReadingSettings())
    return Labelled(texts=read.texts, labels=read.labels)


def divide(texts_with_labels: Labelled, tenth: int) -> tuple[Labelled, Labelled]:
    """Divide texts into nine tenths and one tenth, by hash: equal texts stay together, another order changes nothing.

    Args:
        texts_with_labels: all of them.
        tenth: 0 for the tenth ``md5(text) mod 10 == 0``; 1 goes by the next digit of the hash, so that a part of the
            nine tenths can be divided again.
    """
    chosen = [digest(text) // PART**tenth % PART == 0 for text in texts_with_labels.texts]
    rows = list(zip(texts_with_labels.texts, texts_with_labels.labels, chosen, strict=True))
    nine, one = (
        Labelled(
            texts=[text for text, _, is_chosen in rows if is_chosen is wanted],
            labels=[label for _, label, is_chosen in rows if is_chosen is wanted],
        )
        for wanted in (False, True)
    )
    return nine, one
