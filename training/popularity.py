"""Most popular completion: the baseline that answers from the counts of phrases alone."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.errors import InputError


class PopularCompletions:
    """The phrases that were seen, ready to be looked up by how they begin.

    Phrases lie in the order of their code points, so those that begin with a prefix are neighbours; each
    knows its rank by count, and the heaviest of a range are its smallest ranks.

    Source: Bar-Yossef & Kraus 2011, *Context-Sensitive Query Auto-Completion*, WWW ("MostPopularCompletion").

    Args:
        texts: (P,) phrases; one given more than once has the sum of its counts.
        counts: (P,) how often each was seen; None counts each once.

    Raises:
        InputError: the texts and the counts are not as many, or a count is no positive number.
    """

    def __init__(self, texts: Sequence[str], counts: NDArray[np.float64] | None) -> None:
        if counts is None:
            counts = np.ones(len(texts))
        if counts.shape != (len(texts),) or not np.all(np.isfinite(counts) & (counts > 0)):
            raise InputError(f"counts must be one positive number for each of {len(texts)} phrases")
        totals: dict[str, float] = {}
        for text, count in zip(texts, counts.tolist(), strict=True):
            totals[text] = totals.get(text, 0.0) + count
        self._texts = sorted(totals)
        self._counts = np.array([totals[text] for text in self._texts], dtype=np.float64)  # (P,)
        # Stable, so that equal counts stay in the order of their texts.
        self._by_rank = np.argsort(-self._counts, kind="stable")  # (P,)
        self._ranks = np.empty(len(self._texts), dtype=np.int32)
        self._ranks[self._by_rank] = np.arange(len(self._texts), dtype=np.int32)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, text: str) -> bool:
        place = bisect_left(self._texts, text)
        return place < len(self._texts) and self._texts[place] == text

    def complete(self, prefix: str, limit: int) -> tuple[tuple[str, float], ...]:
        """Return the phrases seen most that begin with ``prefix``, heaviest first, each with its count.

        Equal counts stand in the order of their code points; a phrase equal to the prefix begins with it.

        Raises:
            InputError: ``limit`` is below 1.
        """
        if limit < 1:
            raise InputError(f"limit must be at least 1, got {limit}")
        width = len(prefix)
        first = bisect_left(self._texts, prefix)
        last = bisect_right(self._texts, prefix, lo=first, key=lambda text: text[:width])
        ranks = self._ranks[first:last]
        if len(ranks) > limit:
            ranks = np.partition(ranks, limit - 1)[:limit]
        places = self._by_rank[np.sort(ranks)]
        return tuple((self._texts[place], float(self._counts[place])) for place in places.tolist())
