"""The figures of a transducer on pairs that it did not learn from, and of who looks the nearest text up.

Legend: N different sources.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from model.manifest import JSON

GRAMS = (1, 2, 3)  # characters of what two texts are compared by first
CANDIDATES = 200  # by grams, of which the least edits away is taken


def edits(one: str, other: str) -> int:
    """Count the characters to insert, delete or replace to make one text of another (Levenshtein 1966)."""
    before = list(range(len(other) + 1))
    for number, character in enumerate(one, start=1):
        row = [number]
        for place, wanted in enumerate(other):
            row.append(min(before[place + 1] + 1, row[place] + 1, before[place] + (character != wanted)))
        before = row
    return before[-1]


def pair_scores(wanted: Sequence[AbstractSet[str]], said: Sequence[Sequence[str]]) -> dict[str, JSON]:
    """Score what was said of sources (N,), the likeliest first, by all that each may become.

    A text is right if it is one of those; errors in characters are counted from the nearest of them.
    """
    firsts = [each[0] if each else "" for each in said]
    nearest = [
        min((edits(first, each), len(each)) for each in known) for first, known in zip(firsts, wanted, strict=True)
    ]
    return {
        "exact": round(float(np.mean([first in known for first, known in zip(firsts, wanted, strict=True)])), 4),
        "exact_of_several": round(
            float(np.mean([bool(known & set(each)) for each, known in zip(said, wanted, strict=True)])), 4
        ),
        "character_error_rate": round(sum(each for each, _ in nearest) / max(1, sum(size for _, size in nearest)), 4),
    }


def grams_of(text: str) -> Counter[str]:
    """Count the short rows of characters of a text, its ends marked."""
    marked = f"\0{text.lower()}\0"
    grams = Counter(marked[at : at + size] for size in GRAMS for at in range(len(marked) - size + 1))
    del grams["\0"]
    return grams


class NearestNeighbour:
    """Gives what the nearest text that it knows becomes: the fewest edits away, of those that share the most grams.

    Single characters count only for a text that shares nothing longer: nearly all texts have them.
    """

    def __init__(self, known: Mapping[str, AbstractSet[str]]) -> None:
        """Take all that each known text becomes."""
        self.known = {source: sorted(targets) for source, targets in known.items()}
        self.sources = list(known)
        self.places: dict[str, list[int]] = {}
        for place, source in enumerate(self.sources):
            for gram in grams_of(source):
                self.places.setdefault(gram, []).append(place)

    def look_up(self, source: str) -> list[str]:
        """Give what the nearest text becomes; nothing where none shares a character with it."""
        grams = grams_of(source)
        shared: Counter[int] = Counter()
        for gram in grams:
            shared.update(self.places.get(gram, ()) if len(gram) > 1 else ())
        for gram in () if shared else grams:
            shared.update(self.places.get(gram, ()))
        near = [place for place, _ in shared.most_common(CANDIDATES)]
        if not near:
            return []
        best = min(near, key=lambda place: (edits(source.lower(), self.sources[place].lower()), place))
        return self.known[self.sources[best]]
