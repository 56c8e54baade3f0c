"""Which of the n-grams that training knows stand in which texts.

Legend: D texts, F n-grams known, M of all texts.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.hashed_ngrams import HashedNgrams, hash_ngrams, look_up, term_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

CHARACTERS_AT_ONCE = 2**20  # of texts: while n-grams are looked for, each takes some 300 bytes
OCCURRENCES_AT_ONCE = 2**22
LEAST_LENGTH = 1e-12  # of the values of a text, which are divided by it


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Which n-grams stand in which texts: rows of a sparse matrix (D, F).

    starts: (D + 1,) where each text begins; places: (M,) of the n-grams; values: (M,) float32.
    """

    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    values: NDArray[np.float32]
    ngrams: int  # F

    def parts(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]]:
        """Give text, place and value of each, a few million at a time: (M,) in all."""
        numbers = np.arange(len(self.starts) - 1, dtype=np.int32)
        for begin in range(0, len(self.places), OCCURRENCES_AT_ONCE):
            end = begin + OCCURRENCES_AT_ONCE
            inside: NDArray[np.int64] = np.clip(self.starts, begin, end)
            texts = np.repeat(numbers, inside[1:] - inside[:-1])
            yield texts, self.places[begin:end], self.values[begin:end]

    def matrix(self) -> Tensor:
        """Give them as a sparse tensor (D, F)."""
        return sparse(self.starts, self.places, self.values, (len(self.starts) - 1, self.ngrams))

    def transposed(self) -> Tensor:
        """Give them as a sparse tensor (F, D)."""
        return self.turned().matrix()

    def turned(self) -> Occurrences:
        """Give the texts that each n-gram stands in: rows of a sparse matrix (F, D)."""
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(self.places, minlength=self.ngrams))])
        rows, values = np.empty(len(self.places), np.int32), np.empty(len(self.places), np.float32)
        free = starts[:-1].copy()  # (F,) where the next one of each n-gram goes
        for texts, places, held in self.parts():
            order = np.argsort(places, kind="stable")
            sorted_places = places[order]
            counts = np.bincount(places, minlength=self.ngrams)
            before = np.cumsum(counts) - counts
            targets = free[sorted_places] + np.arange(len(order)) - before[sorted_places]
            rows[targets], values[targets] = texts[order], held[order]
            free += counts
        return Occurrences(starts=starts, places=rows, values=values, ngrams=len(self.starts) - 1)

    def part(self, kept: NDArray[np.int64]) -> Occurrences:
        """Give those of some n-grams (F',), ascending, as if no others were known: those of a text have length 1.

        The n-grams must have no scales yet.
        """
        places = np.full(self.ngrams, -1, np.int32)
        places[kept] = np.arange(len(kept), dtype=np.int32)
        known = places[self.places] >= 0
        owners = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))[known]
        values = self.values[known]
        values = values / text_lengths(owners, values, len(self.starts) - 1)[owners]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(known)])[self.starts]
        return Occurrences(starts=starts, places=places[self.places[known]], values=values, ngrams=len(kept))

    def of_texts(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int32], Occurrences]:
        """Give the n-grams that stand in some texts (F',), ascending, and where: a matrix (D', F')."""
        lengths = self.starts[numbers + 1] - self.starts[numbers]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        chosen = np.arange(starts[-1]) + np.repeat(self.starts[numbers] - starts[:-1], lengths)
        different, places = np.unique(self.places[chosen], return_inverse=True)
        values, ngrams = self.values[chosen], len(different)
        return different, Occurrences(starts=starts, places=places.astype(np.int32), values=values, ngrams=ngrams)


def sparse(
    starts: NDArray[np.int64], columns: NDArray[np.int32], values: NDArray[np.float32], size: tuple[int, int]
) -> Tensor:
    """Make a sparse tensor of compressed rows."""
    # Half as many bytes to walk through: a product of two columns takes three fifths of the time.
    index = np.int32 if len(values) < 2**31 and max(size) < 2**31 else np.int64
    arrays = (starts.astype(index), columns.astype(index, copy=False), values)
    rows, places, held = (torch.from_numpy(np.ascontiguousarray(each)) for each in arrays)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, places, held, size=size, check_invariants=False)


def text_chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Give texts a chunk at a time, of about so many characters that their n-grams fit in memory; none is cut."""
    begin, characters = 0, 0
    for end, text in enumerate(texts, start=1):
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE:
            yield texts[begin:end]
            begin, characters = end, 0
    if begin < len(texts):
        yield texts[begin:]


def mostly_hangul(texts: Sequence[str]) -> bool:
    """Tell whether more than half of all letters are Hangul, syllables or letters of them."""
    hangul = letters = 0
    for text in texts:
        found = [character for character in text if character.isalpha()]
        letters += len(found)
        hangul += sum("\uac00" <= each <= "\ud7a3" or "\u3131" <= each <= "\u318e" for each in found)
    return 2 * hangul > letters


def known_ngrams(
    texts: Sequence[str], least: int, most: int, fewest_texts: int, most_kept: int, *, across_spaces: bool
) -> HashedNgrams:
    """Find the n-grams that stand in enough texts, the most widespread where there are too many.

    Args:
        texts: to learn from.
        least: characters of an n-gram.
        most: characters of an n-gram.
        fewest_texts: that one must stand in.
        most_kept: F at most.
        across_spaces: see ``HashedNgrams``.
    """
    counted: dict[str, NDArray[Any]] = {"hashes": np.empty(0, np.uint64), "texts": np.empty(0, np.int64)}
    for length in range(least, most + 1):
        different, texts_with = different_ngrams(texts, length, across_spaces=across_spaces)
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
        across_spaces=across_spaces,
    )


def different_ngrams(
    texts: Sequence[str], length: int, *, across_spaces: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Find all n-grams of a length in texts: their hashes (F,), ascending, and how many texts have each (F,)."""
    found, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
    for chunk in text_chunks(texts):
        hashes, owners = hash_ngrams(chunk, length, length, across_spaces=across_spaces)
        order = np.lexsort((owners, hashes))
        hashes, owners = hashes[order], owners[order]
        new = np.ones(len(hashes), np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])  # once a text
        different, texts_with = np.unique(hashes[new], return_counts=True)
        found.append(different)
        counts.append(texts_with.astype(np.int32))
    hashes, with_it = np.concatenate(found), np.concatenate(counts)
    del found, counts
    order = np.argsort(hashes)
    hashes, with_it = hashes[order], with_it[order]
    first = np.flatnonzero(np.concatenate([np.ones(1, np.bool_), hashes[1:] != hashes[:-1]])[: len(hashes)])
    return hashes[first], np.add.reduceat(with_it, first, dtype=np.int64) if len(first) else np.empty(0, np.int64)


def occurrences(texts: Sequence[str], ngrams: HashedNgrams) -> Occurrences:
    """Find the n-grams known in texts, as ``HashedNgrams.of_text`` finds those of one."""
    counts, places, values = [np.zeros(1, np.int64)], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for chunk in text_chunks(texts):
        found = occurrences_at_once(chunk, ngrams)
        counts.append(found[0])
        places.append(found[1])
        values.append(found[2])
    starts = np.cumsum(np.concatenate(counts))
    known = len(ngrams.hashes)
    return Occurrences(starts=starts, places=np.concatenate(places), values=np.concatenate(values), ngrams=known)


def occurrences_at_once(
    texts: Sequence[str], ngrams: HashedNgrams
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Find the n-grams known in some texts: how many each text has (D,), the places and the values of all (M,)."""
    hashes, owners = ngrams.hashed(texts)
    order = np.argsort(hashes)  # so that each is looked up near the one before: in memory that is at hand
    hashes, owners = hashes[order], owners[order]
    places, found = look_up(ngrams.hashes, hashes)
    keys, repeats = np.unique(owners[found] * max(len(ngrams.hashes), 1) + places, return_counts=True)
    rows, places = np.divmod(keys, max(len(ngrams.hashes), 1))
    values = term_weights(repeats) * ngrams.rarities[places]
    values = values / text_lengths(rows, values, len(texts))[rows] * ngrams.scales[places]
    return np.bincount(rows, minlength=len(texts)), places.astype(np.int32), values


def text_lengths(owners: NDArray[np.integer], values: NDArray[np.float32], texts: int) -> NDArray[np.float32]:
    """Give the Euclidean length of the values (M,) of each text that owns some: (D,), never 0."""
    squares = np.bincount(owners, values.astype(np.float64) ** 2, minlength=texts)
    lengths: NDArray[np.float32] = np.maximum(np.sqrt(squares), LEAST_LENGTH).astype(np.float32)
    return lengths
