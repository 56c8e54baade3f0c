"""Which of the n-grams that training knows stand in which texts, and how differently the labels use them.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams*. Differs: one scale for all labels, the largest.

Legend: D texts, F n-grams known, M of all texts, C labels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.hashed_ngrams import HashedNgrams, hash_ngrams, look_up, term_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

SMOOTHING = 1.0  # texts that every label is taken to have used an n-gram in, beforehand


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Which n-grams stand in which texts: rows of a sparse matrix (D, F).

    starts: (D + 1,) where each text begins; places: (M,) of the n-grams; values: (M,) float32.
    """

    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    values: NDArray[np.float32]
    ngrams: int  # F

    @property
    def texts(self) -> NDArray[np.int64]:
        """The text of each: (M,)."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def matrix(self) -> Tensor:
        """Give them as a sparse tensor (D, F)."""
        return sparse(self.starts, self.places, self.values, (len(self.starts) - 1, self.ngrams))

    def transposed(self) -> Tensor:
        """Give them as a sparse tensor (F, D)."""
        order = np.argsort(self.places, kind="stable")
        counts = np.bincount(self.places, minlength=self.ngrams)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return sparse(starts, self.texts[order], self.values[order], (self.ngrams, len(self.starts) - 1))


def sparse(
    starts: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.float32], size: tuple[int, int]
) -> Tensor:
    """Make a sparse tensor of compressed rows."""
    # Half as many bytes to walk through: a product of two columns takes three fifths of the time.
    index = np.int32 if len(values) < 2**31 and max(size) < 2**31 else np.int64
    arrays = (starts.astype(index), columns.astype(index), values)
    rows, places, held = (torch.from_numpy(np.ascontiguousarray(each)) for each in arrays)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, places, held, size=size, check_invariants=False)


def known_ngrams(texts: Sequence[str], least: int, most: int, fewest_texts: int, most_kept: int) -> HashedNgrams:
    """Find the n-grams that stand in enough texts, the most widespread where there are too many.

    Args:
        texts: to learn from.
        least: characters of an n-gram.
        most: characters of an n-gram.
        fewest_texts: that one must stand in.
        most_kept: F at most.
    """
    counted: dict[str, NDArray[Any]] = {"hashes": np.empty(0, np.uint64), "texts": np.empty(0, np.int64)}
    for length in range(least, most + 1):
        hashes, owners = hash_ngrams(texts, length, length)
        order = np.lexsort((owners, hashes))
        hashes, owners = hashes[order], owners[order]
        new = np.ones(len(hashes), np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])  # once a text
        different, texts_with = np.unique(hashes[new], return_counts=True)
        kept = texts_with >= fewest_texts
        counted["hashes"] = np.concatenate([counted["hashes"], different[kept]])
        counted["texts"] = np.concatenate([counted["texts"], texts_with[kept]])
    chosen = np.argsort(-counted["texts"], kind="stable")[:most_kept]
    chosen = chosen[np.argsort(counted["hashes"][chosen])]
    rarities = np.log((1 + len(texts)) / (1 + counted["texts"][chosen])) + 1
    return HashedNgrams(
        hashes=counted["hashes"][chosen],
        rarities=rarities.astype(np.float32),
        scales=np.ones(len(chosen), np.float32),
        least=least,
        most=most,
    )


def occurrences(texts: Sequence[str], ngrams: HashedNgrams) -> Occurrences:
    """Find the n-grams known in texts, as ``HashedNgrams.of_text`` finds those of one."""
    hashes, owners = hash_ngrams(texts, ngrams.least, ngrams.most)
    places, found = look_up(ngrams.hashes, hashes)
    keys, repeats = np.unique(owners[found] * max(len(ngrams.hashes), 1) + places, return_counts=True)
    rows, places = np.divmod(keys, max(len(ngrams.hashes), 1))
    values = term_weights(repeats) * ngrams.rarities[places]
    squares = np.bincount(rows, values.astype(np.float64) ** 2, minlength=len(texts))
    lengths = np.maximum(np.sqrt(squares), 1e-12).astype(np.float32)
    values = values / lengths[rows] * ngrams.scales[places]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=len(texts)))])
    return Occurrences(starts=starts, places=places, values=values, ngrams=len(ngrams.hashes))


def label_contrast(found: Occurrences, labels: NDArray[np.int64], number: int) -> NDArray[np.float32]:
    """Give how differently the labels use each n-gram: (F,), the largest |log odds ratio| over labels.

    Source: Wang and Manning 2012, section 2, for two labels; here each label against all others.

    Args:
        found: in the texts to learn from.
        labels: (D,) of each text.
        number: C.
    """
    with_label = np.bincount(found.places * number + labels[found.texts], minlength=found.ngrams * number)
    used = with_label.reshape(-1, number) + SMOOTHING  # (F, C)
    others = used.sum(axis=1, keepdims=True) - used + (2 - number) * SMOOTHING  # smoothed as often as the label
    ratios = np.log(used / used.sum(axis=0)) - np.log(others / others.sum(axis=0))
    largest: NDArray[np.float32] = np.abs(ratios).max(axis=1).astype(np.float32)
    return largest
