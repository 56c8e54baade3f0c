"""An n-gram as counted, put into the file that it is served from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.arrays import write_arrays
from training.kneser_ney import KINDS

if TYPE_CHECKING:
    from training.kneser_ney import KneserNey

LARGEST_SYMBOL = 65535


def ngram_bytes(ngram: KneserNey) -> bytes:
    """Lay an n-gram out for ``model.ngram``: n-grams level by level, contexts numbered in the same order."""
    vocabulary = ngram.vocabulary_size
    sizes = [len(level.keys) for level in ngram.levels]
    # A level's contexts are the n-grams of the level below; the first level's are the V characters.
    offsets = np.cumsum([0, *sizes])
    starts, rests, shorter, symbols, shares = [], [], [], [], []
    for index, level in enumerate(ngram.levels):
        contexts = len(level.totals)
        owners = level.keys // vocabulary
        lengths = np.bincount(owners, minlength=contexts)
        starts.append(offsets[index] + np.cumsum(lengths) - lengths)
        totals = np.maximum(level.totals, 1)
        taken = level.discounts[1:] @ level.kinds
        rests.append(np.where(level.totals > 0, taken / totals, 1.0))
        symbols.append(level.keys % vocabulary)
        left = level.counts - level.discounts[np.minimum(level.counts, KINDS)]
        shares.append(left / totals[owners])
        if index + 1 < len(ngram.levels):
            shorter.append(level.suffixes + (0 if index == 0 else vocabulary + offsets[index - 1]))
    empty = [np.zeros(0)]
    return write_arrays(
        {
            "base": ngram.unigram_probabilities().astype(np.float32),
            "starts": np.concatenate([*(starts or [np.zeros(vocabulary)]), offsets[-1:]]).astype(np.uint32),
            "rests": np.concatenate(rests or [np.ones(vocabulary)]).astype(np.float32),
            "shorter": np.concatenate(shorter or empty).astype(np.uint32),
            "symbols": np.concatenate(symbols or empty).astype(
                np.uint16 if vocabulary <= LARGEST_SYMBOL + 1 else np.uint32
            ),
            "shares": np.concatenate(shares or empty).astype(np.float32),
        },
        {},
    )
