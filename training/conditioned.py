"""Texts with labels as phrases that begin with the symbols of their labels, for models that write texts of a label."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from model.conditions import MOST_LABELS, label_symbol, number_of_symbol
from model.errors import InputError
from training.formats import LONGEST_PHRASE_CHARACTERS
from training.label_split import split_labelled
from training.labelled import read_labelled
from training.sources import one_line
from training.text import PhraseText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.reading import ReadingSettings


def read_conditioned(
    sources: Sequence[str], reading: ReadingSettings, say: Callable[[str], None]
) -> tuple[PhraseText, dict[str, JSON]]:
    """Read texts with labels, a hashed part of every label's held out; a text is on one side with all of its labels.

    Raises:
        InputError: a source or a text breaks a rule, or there are too few texts of a label, or too many labels.
    """
    read = read_labelled(sources, reading, say)
    split = split_labelled(read)
    if len(split.labels) > MOST_LABELS:
        raise InputError(f"labels must be at most {MOST_LABELS:,} different ones, got {len(split.labels):,}")
    check_texts(read.texts)
    learned, held_out = (
        Counter(phrases(texts, numbers))
        for texts, numbers in ((split.texts, split.numbers), (split.held_out_texts, split.held_out_numbers))
    )
    shown = list(held_out)
    order = np.random.default_rng(0).permutation(len(shown))  # so that the first are a fair part
    text = PhraseText(
        texts=list(learned),
        counts=np.array(list(learned.values()), np.float64),
        held_out_texts=[shown[place] for place in order],
        held_out_counts=np.array([held_out[shown[place]] for place in order], np.float64),
        labels=split.labels,
    )
    different, labels = len(learned) + len(held_out), len(split.labels)
    say(f"read {different:,} different texts with {labels:,} labels, {len(held_out):,} of them held out")
    return text, {
        "sources": list(sources),
        "phrases": len(learned),
        "held_out_phrases": len(held_out),
        "skipped_lines": read.skipped,
    }


def phrases(texts: Sequence[str], numbers: NDArray[np.int64]) -> list[str]:
    """Put the symbol of its label before each text."""
    return [label_symbol(int(number)) + text for text, number in zip(texts, numbers, strict=True)]


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts that are too long to be written, or that have characters which stand for labels.

    Raises:
        InputError: there is one.
    """
    for text in texts:
        if len(text) > LONGEST_PHRASE_CHARACTERS:
            raise InputError(
                f"a text to be written must have at most {LONGEST_PHRASE_CHARACTERS:,} characters, got {len(text):,}: "
                f"{one_line(text)}"
            )
        if any(0 <= number_of_symbol(character) < MOST_LABELS for character in text):
            raise InputError(f"a text must have no characters of U+F0000 and above, got {one_line(text)}")


def read_measured(sources: Sequence[str], reading: ReadingSettings, labels: Sequence[str]) -> Counter[str]:
    """Read texts with labels that a model knows, as it learned them, with how often each stands there.

    Raises:
        InputError: a source or a text breaks a rule, or a label is none of those known.
    """
    read = read_labelled(sources, reading, expected=frozenset(labels))
    if strange := sorted(set(read.labels) - set(labels)):
        raise InputError(f"labels must be among the {len(labels):,} that the model knows, got {one_line(strange[0])}")
    check_texts(read.texts)
    numbers = {label: number for number, label in enumerate(labels)}
    return Counter(phrases(read.texts, np.array([numbers[label] for label in read.labels], np.int64)))
