"""An n-gram as counted, put into the file that it is served from.

Legend: V vocabulary size, M n-grams of a level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.arrays import write_arrays
from model.ngram import LEAST
from training.kneser_ney import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.kneser_ney import KneserNey

LARGEST_SYMBOL = 65535


def ngram_bytes(ngram: KneserNey, *, singles_below: int | None = None) -> bytes:
    """Lay an n-gram out for ``model.ngram``: n-grams level by level, contexts numbered in the same order.

    Args:
        ngram: as counted.
        singles_below: n-grams that count once are left out, and what they stood for is left to shorter contexts, where
            the context has so many characters or more, unless a longer n-gram rests on them; None keeps all.
    """
    vocabulary = ngram.vocabulary_size
    kept = kept_ngrams(ngram, singles_below)
    sizes = [int(each.sum()) for each in kept]
    # A level's contexts are the n-grams of the level below; the first level's are the V characters.
    offsets = np.cumsum([0, *sizes])
    starts, lefts, shorter, symbols, logs = [], [], [], [], []
    contexts = np.ones(vocabulary, dtype=np.bool_)  # which of a level's contexts are kept
    places = np.arange(vocabulary)  # of the n-grams of the level below, among those that are kept
    base = ngram.unigram_probabilities()
    below, suffixes = base, places  # P of the n-grams of the level below, and their places without the first symbol
    left: NDArray[np.float64] = np.zeros(vocabulary)  # of a level's contexts, by their place in the level below
    short_rests = np.ones(vocabulary)
    for index, (level, keep) in enumerate(zip(ngram.levels, kept, strict=True)):
        owners = level.keys[keep] // vocabulary
        counted = level.counts[keep] - level.discounts[np.minimum(level.counts[keep], KINDS)]
        totals = np.maximum(level.totals, 1.0)
        lengths = np.bincount(owners, minlength=len(contexts))[contexts]
        starts.append(offsets[index] + np.cumsum(lengths) - lengths)
        rests = 1.0 - np.bincount(owners, weights=counted, minlength=len(contexts)) / totals
        if index == 0:
            short_rests = rests
        else:
            left = np.log(np.maximum(rests[contexts], LEAST)) + left[suffixes]
            lefts.append(left)
        suffixes = places[level.suffixes[keep]]
        below = counted / totals[owners] + rests[owners] * below[suffixes]
        logs.append(np.log(below))
        symbols.append(level.keys[keep] % vocabulary)
        if index + 1 < len(ngram.levels):
            shorter.append(suffixes + (0 if index == 0 else vocabulary + offsets[index - 1]))
        contexts, places = keep, np.cumsum(keep) - 1
    empty = [np.zeros(0)]
    symbol = np.uint16 if vocabulary <= LARGEST_SYMBOL + 1 else np.uint32
    return write_arrays(
        {
            "base": base.astype(np.float32),
            "starts": np.concatenate([*(starts or [np.zeros(vocabulary)]), offsets[-1:]]).astype(np.uint32),
            "rests": short_rests.astype(np.float32),
            "lefts": np.concatenate(lefts or empty).astype(np.float32),
            "shorter": np.concatenate(shorter or empty).astype(np.uint32),
            "symbols": np.concatenate(symbols or empty).astype(symbol),
            "logs": np.concatenate(logs or empty).astype(np.float32),
        },
        {},
    )


def kept_ngrams(ngram: KneserNey, singles_below: int | None) -> list[NDArray[np.bool_]]:
    """Tell which n-grams of each level to keep, (M,) each: with one also the shorter ones that lead to it."""
    kept = [np.ones(len(level.keys), dtype=np.bool_) for level in ngram.levels]
    for index in range(len(kept) - 1, -1, -1):
        level = ngram.levels[index]
        if singles_below is not None and index + 1 >= singles_below:
            needed = np.zeros(len(level.keys), dtype=np.bool_)
            if index + 1 < len(kept):
                above, keep = ngram.levels[index + 1], kept[index + 1]
                needed[above.keys[keep] // ngram.vocabulary_size] = True
                needed[above.suffixes[keep]] = True
            kept[index] = (level.counts > 1) | needed
    return kept
