"""The interpolated modified Kneser-Ney character n-gram: counted here, served by ``model.ngram``.

Legend: V vocabulary size, N order, S symbols of all phrases with BEGIN and END, k length of a context h,
c(h, w) modified count of w after h, T(h) their sum, P positions asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID
from model.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = 3  # of counts with a discount of their own: 1, 2, 3 and more
USUAL_DISCOUNTS = np.array([0.0, 0.6, 1.0, 1.3])  # where too few counts are there to tell


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """The n-grams (h, w) with contexts of one length k.

    A context of one symbol is numbered by it, a longer one by the place of its n-gram in the level below.

    keys: (n-grams,) int64 ascending, context number times V plus w; counts: (n-grams,) int32 c(h, w); suffixes:
    (n-grams,) int32, the place of the n-gram without its first symbol in the level below; totals: (contexts,) T(h);
    kinds: (KINDS, contexts) how many w have a count of 1, of 2, of more; discounts: (4,) by min(c, 3).
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int32]
    suffixes: NDArray[np.int32]
    totals: NDArray[np.float64]
    kinds: NDArray[np.int32]
    discounts: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class KneserNey:
    """A character n-gram; every symbol but BEGIN has a probability above 0 after every context.

    Source: Chen and Goodman 1998, TR-10-98, section 3: interpolated, three discounts a level, counts of an n-gram
    below the highest level are the numbers of different symbols before it, but for those that follow BEGIN.
    Differs: under the empty context lies the uniform distribution over the V - 1 symbols that can come next.

    order: N; unigrams: (V,) c of the empty context; levels: N - 1 of them, for contexts of 1, 2, ... symbols.
    """

    order: int
    vocabulary_size: int
    unigrams: NDArray[np.int64]
    unigram_discounts: NDArray[np.float64]
    levels: tuple[Level, ...]

    def unigram_probabilities(self) -> NDArray[np.float64]:
        """Give P of each symbol after the empty context: (V,), BEGIN has 0."""
        uniform = np.full(self.vocabulary_size, 1.0 / (self.vocabulary_size - 1))
        uniform[BEGIN_ID] = 0.0
        taken = self.unigram_discounts[np.minimum(self.unigrams, KINDS)]
        total = self.unigrams.sum()
        return ((self.unigrams - taken) + taken.sum() * uniform) / total if total else uniform


def build_kneser_ney(
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    *,
    order: int,
    vocabulary_size: int,
    repeats: NDArray[np.int64] | None = None,
) -> KneserNey:
    """Count the n-grams of phrases, each seen as BEGIN, its characters, END.

    Args:
        ids: (characters,) of all phrases, one after another.
        offsets: (phrases + 1,) phrase i is ``ids[offsets[i]:offsets[i + 1]]``.
        order: N, at least 1.
        vocabulary_size: V.
        repeats: (phrases,) how often each was seen; once when left out.

    Raises:
        InputError: an order below 1.
    """
    if order < 1:
        raise InputError(f"order must be at least 1, got {order}")
    lengths = np.diff(offsets)
    stream = join_phrases(ids, offsets)
    owners = None if repeats is None else np.repeat(repeats, lengths + 2)
    position = np.arange(len(stream)) - np.repeat(np.cumsum(lengths + 2) - (lengths + 2), lengths + 2)  # BEGIN has 0
    places = stream
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.bool_]]] = []
    for length in range(1, order):
        at = np.flatnonzero(position >= length)
        keys, ranks, first = number(places[at - 1].astype(np.int64) * vocabulary_size + stream[at])
        weights = None if owners is None else owners[at]
        raw = np.bincount(ranks, weights=weights, minlength=len(keys)).astype(np.int64)
        after_begin = position[at[first]] == length
        found.append((keys, raw, places[at[first]].astype(np.int32), after_begin))
        following = np.full(len(stream), -1, dtype=np.int32)
        following[at] = ranks
        places = following
    if found:
        unigrams = np.bincount(found[0][2], minlength=vocabulary_size)
    else:
        unigrams = np.bincount(stream, weights=owners, minlength=vocabulary_size).astype(np.int64)
    unigrams[BEGIN_ID] = 0
    levels: list[Level] = []
    for index, (keys, raw, suffixes, after_begin) in enumerate(found):
        counts = raw
        if index + 1 < len(found):
            before = np.bincount(found[index + 1][2], minlength=len(keys))
            counts = np.where(after_begin, raw, before)
        contexts = vocabulary_size if index == 0 else len(found[index - 1][0])
        levels.append(make_level(keys, counts, suffixes, contexts, vocabulary_size))
    return KneserNey(
        order=order,
        vocabulary_size=vocabulary_size,
        unigrams=unigrams,
        unigram_discounts=discounts_of(unigrams[unigrams > 0]),
        levels=tuple(levels),
    )


def make_level(
    keys: NDArray[np.int64],
    counts: NDArray[np.int64],
    suffixes: NDArray[np.int32],
    contexts: int,
    vocabulary_size: int,
) -> Level:
    """Sum up what a level's contexts need to know."""
    owners = keys // vocabulary_size
    kinds = np.stack(
        [
            np.bincount(owners[np.minimum(counts, KINDS) == kind], minlength=contexts).astype(np.int32)
            for kind in range(1, KINDS + 1)
        ]
    )
    return Level(
        keys=keys,
        counts=np.minimum(counts, np.iinfo(np.int32).max).astype(np.int32),
        suffixes=suffixes,
        totals=np.bincount(owners, weights=counts, minlength=contexts).astype(np.float64),
        kinds=kinds,
        discounts=discounts_of(counts),
    )


def discounts_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Estimate what to take off counts of 0, 1, 2, and 3 or more, from how many there are of each: (4,).

    Source: Chen and Goodman 1998, equation 26.
    """
    n1, n2, n3, n4 = (float((counts == count).sum()) for count in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return USUAL_DISCOUNTS
    share = n1 / (n1 + 2 * n2)
    taken = np.array([0.0, 1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3])
    clipped: NDArray[np.float64] = np.clip(taken, 0.05 * np.arange(4), 0.95 * np.arange(4))
    return clipped


def join_phrases(ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
    """Write BEGIN before and END after every phrase: (S,)."""
    phrases = len(offsets) - 1
    stream = np.empty(len(ids) + 2 * phrases, dtype=np.int32)
    begins, ends = offsets[:-1] + 2 * np.arange(phrases), offsets[1:] + 2 * np.arange(phrases) + 1
    characters = np.ones(len(stream), dtype=np.bool_)
    characters[begins] = characters[ends] = False
    stream[begins], stream[ends], stream[characters] = BEGIN_ID, END_ID, ids
    return stream


def number(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Return the different keys, ascending, the place of every key among them, and where each first stands.

    ``np.unique`` does the same, measured on 20 million keys, in twice the time and memory.
    """
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    fresh = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=fresh[1:])
    ranks = np.cumsum(fresh, dtype=np.int32)
    ranks -= 1
    places = np.empty(len(ranks), dtype=np.int32)
    places[order] = ranks
    return ascending[fresh], places, order[fresh]
