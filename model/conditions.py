"""Labels of texts to be generated: each is a character of its own, which stands before the texts that have it.

Source: Keskar et al. 2019, arXiv:1909.05858 (control codes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

GENERATE_TASK = "generate"
FIRST_LABEL, MOST_LABELS = 0xF0000, 65_000  # a plane of Unicode for private use, of which texts have none


def label_symbol(number: int) -> str:
    """Give the character that stands for a label, counted from 0."""
    return chr(FIRST_LABEL + number)


def number_of_symbol(character: str) -> int:
    """Give the number of the label that a character stands for; below 0 where it stands for none."""
    return ord(character) - FIRST_LABEL


def without_symbols(text: str) -> str:
    """Leave the characters out of a text that stand for labels."""
    return "".join(character for character in text if number_of_symbol(character) < 0)


def symbol_of(label: str | None, labels: Sequence[str], prefix: str) -> str:
    """Give what stands before a text of a label.

    Args:
        label: that was asked for; None for any, which the model draws.
        labels: that the model knows, none of a model that knows no labels.
        prefix: of the text.

    Raises:
        InputError: the model does not know the label, or it must be told one, or the prefix has one of its own.
    """
    if labels and without_symbols(prefix) != prefix:
        raise InputError("prefix must have no character of those that stand for labels (U+F0000 and on)")
    if label is None:
        if labels and prefix:
            raise InputError("label must be told where a prefix is, got none")
        return ""
    if not labels:
        raise InputError(f"label must be left out of a model that was trained without labels, got {label[:60]!r}")
    if label not in labels:
        shown = ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")
        raise InputError(f"label must be one of {shown}, got {label[:60]!r}")
    return label_symbol(labels.index(label))
