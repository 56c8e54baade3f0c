"""Spaces of a text as tags of its characters: taken out, and put back.

Legend: T characters that are no spaces.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_TASK = "spacing"
SPACING_TAGS = ("joined", "spaced")  # whether a space stands after a character
JOINED, SPACED = range(2)


def unspaced(text: str) -> tuple[str, NDArray[np.int64]]:
    """Take the white space out of a text; give the characters left, and the tag of each (T,).

    White space at the ends tells nothing, and as much as there is of it between two characters is one space.
    """
    words = text.split()
    characters = "".join(words)
    tags = np.full(len(characters), JOINED, np.int64)
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    tags[ends[:-1] - 1] = SPACED
    return characters, tags


def spaced(characters: str, tags: NDArray[np.integer]) -> str:
    """Put a space after every character of a text that its tag (T,) asks for, but for the last."""
    words, begin = [], 0
    for place in np.flatnonzero(np.asarray(tags)[:-1] == SPACED) + 1:
        words.append(characters[begin:place])
        begin = int(place)
    return " ".join([*words, characters[begin:]])


def word_spans(tags: NDArray[np.integer]) -> set[tuple[int, int]]:
    """Give where the words of a text begin and end, by the tags (T,) of its characters."""
    edges = [0, *(np.flatnonzero(np.asarray(tags)[:-1] == SPACED) + 1).tolist(), len(tags)]
    return set(pairwise(edges)) if len(tags) else set()
