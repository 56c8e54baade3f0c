"""Texts with labels, those to learn from and those held out of every label.

Legend: D texts to learn from, M held out, C labels.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.errors import InputError
from training.protocol import digest
from training.sources import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.labelled import LabelledTexts

HELD_OUT = ((20_000, 0.1), (200_000, 0.05), (math.inf, 0.02))  # of so many texts at most, such a share
LEAST_TEXTS = 2  # different ones of a label: one to learn from and one held out


@dataclass(frozen=True, kw_only=True)
class SplitTexts:
    """Texts and the numbers of their labels: (D,) to learn from, (M,) held out; ``labels`` are the names, sorted."""

    labels: tuple[str, ...]
    texts: list[str]
    numbers: NDArray[np.int64]
    held_out_texts: list[str]
    held_out_numbers: NDArray[np.int64]

    @property
    def all_texts(self) -> list[str]:
        """Those to learn from, then those held out."""
        return self.texts + self.held_out_texts

    @property
    def held_out_digest(self) -> str:
        """The SHA-256 of which texts are held out with which labels, in whatever order."""
        pairs = zip(self.held_out_texts, self.held_out_numbers.tolist(), strict=True)
        lines = sorted(f"{self.labels[number]}\t{text}\n" for text, number in pairs)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def held_out_of(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Choose by hash which of texts (N,) are held out, as many as their number asks for, and one at least: (N,).

    Raises:
        InputError: fewer than two are different.
    """
    different = sorted(set(texts), key=digest)
    if len(different) < LEAST_TEXTS:
        raise InputError(f"texts must be at least {LEAST_TEXTS} different ones, got {len(different)}")
    held = set(different[: max(1, round(held_out_share(len(different)) * len(different)))])
    return np.fromiter((text in held for text in texts), np.bool_, count=len(texts))


def without_rare_labels(read: LabelledTexts, least: int, say: Callable[[str], None]) -> LabelledTexts:
    """Leave out the texts of labels that have fewer than ``least`` different ones, and say of how many.

    Raises:
        InputError: no label has so many.
    """
    different = Counter(label for _, label in set(zip(read.texts, read.labels, strict=True)))
    kept = [(text, label) for text, label in zip(read.texts, read.labels, strict=True) if different[label] >= least]
    if len(kept) == len(read.texts):
        return read
    if not kept:
        (label, most), *_ = different.most_common(1)
        raise InputError(f"least_texts must be at most {most}, the texts of {one_line(label)}, got {least}")
    rare = sum(number < least for number in different.values())
    texts = len(read.texts) - len(kept)
    say(f"labels with fewer than {least:,} different texts are left out: {rare:,}, with {texts:,} texts")
    return replace(read, texts=[text for text, _ in kept], labels=[label for _, label in kept])


def split_labelled(read: LabelledTexts) -> SplitTexts:
    """Hold a hashed part of every label's different texts out; a text that stands twice stays on one side.

    Raises:
        InputError: there is one label only, or a label has too few texts.
    """
    labels = tuple(sorted(set(read.labels)))
    if len(labels) < 2:
        raise InputError(f"texts to sort must have at least 2 different labels, got {one_line(labels[0])} alone")
    share = held_out_share(len(read.texts))
    texts_of: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(read.texts, read.labels, strict=True):
        texts_of[label].add(text)
    held: set[str] = set()
    for label in labels:
        texts = sorted(texts_of[label], key=digest)
        if len(texts) < LEAST_TEXTS:
            raise too_few(label, len(texts))
        held.update(texts[: min(math.ceil(share * len(texts)), len(texts) - 1)])
    number_of = {label: number for number, label in enumerate(labels)}
    numbers = np.fromiter((number_of[label] for label in read.labels), np.int64, count=len(read.labels))
    out = np.fromiter((text in held for text in read.texts), np.bool_, count=len(read.texts))
    learned = np.bincount(numbers[~out], minlength=len(labels))
    if not learned.all():  # every text of one label stands with another, too, and is held out for that one's sake
        raise too_few(labels[int(learned.argmin())], 0)
    return SplitTexts(
        labels=labels,
        texts=pick(read.texts, ~out),
        numbers=numbers[~out],
        held_out_texts=pick(read.texts, out),
        held_out_numbers=numbers[out],
    )


def held_out_share(texts: int) -> float:
    """Give the share of so many texts that is held out."""
    return next(share for most, share in HELD_OUT if texts <= most)


def pick(texts: Sequence[str], wanted: NDArray[np.bool_]) -> list[str]:
    """Give the texts that are wanted: (texts,)."""
    return [text for text, each in zip(texts, wanted, strict=True) if each]


def too_few(label: str, got: int) -> InputError:
    """Say that a label has too few texts to hold any out."""
    how = f" with --least-texts {LEAST_TEXTS}" if got else ""  # a label that has them, all held out, would stay
    return InputError(
        f"every label must have at least {LEAST_TEXTS} different texts, one to learn from and one to measure on, "
        f"got {got} for {one_line(label)}: add some, or leave the label out{how}"
    )


def label_weights(numbers: NDArray[np.int64], labels: int, balance: float) -> NDArray[np.float64]:
    """Give how much a text of each label counts: (C,), its share of the texts to the power of -balance, 1 on average.

    Args:
        numbers: (D,) labels of the texts.
        labels: C.
        balance: 0 counts every text alike, 1 every label.
    """
    counts = np.bincount(numbers, minlength=labels)
    weights = np.power(np.maximum(counts, 1.0), -balance)
    return np.asarray(weights * len(numbers) / (weights * counts).sum(), np.float64)
