"""The index of phrases seen, built level by level out of phrases in order.

Legend: P phrases, N nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID
from model.phrases import PhraseArrays, write_phrase_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_SMALL_SYMBOL = 65535


def build_phrase_index(ids: NDArray[np.int32], offsets: NDArray[np.int64], counts: NDArray[np.float64]) -> bytes:
    """Put phrases and their counts into the bytes of an index.

    Args:
        ids: (characters,) of all phrases, one after another.
        offsets: (P + 1,) phrase i is ``ids[offsets[i]:offsets[i + 1]]``.
        counts: (P,) of phrases; those of phrases alike are added up.

    Raises:
        InputError: there are too many characters for numbers of 32 bits.
    """
    small = len(ids) == 0 or int(ids.max()) <= LARGEST_SMALL_SYMBOL
    symbol = np.dtype(np.uint16 if small else np.uint32)
    spelt, merged = sort_phrases(ids, offsets, counts, symbol.newbyteorder(">"))
    lengths = np.array([len(each) for each in spelt], dtype=np.int64) // symbol.itemsize
    flat = np.frombuffer(b"".join(spelt), dtype=symbol.newbyteorder(">")).astype(symbol)
    begins = np.cumsum(lengths) - lengths
    firsts, widths, symbols, bests, tails = [], [], [], [], []
    first, size = np.zeros(1, np.int64), np.array([len(spelt)])  # the phrases below each node of a level
    leading = np.zeros(1, symbol)
    number, written = 1, 0  # nodes numbered, and symbols of tails
    depth = 0
    while len(size):
        node_firsts, node_widths = np.zeros(len(size), np.uint32), np.zeros(len(size), symbol)
        leaves = np.flatnonzero((size == 1) & (leading != END_ID))
        starts = begins[first[leaves]] + depth
        spans = begins[first[leaves]] + lengths[first[leaves]] - starts
        node_firsts[leaves] = written + np.cumsum(spans) - spans
        tails.append(flat[spread(starts, spans)])
        written += int(spans.sum())
        inner = np.flatnonzero(size > 1)
        phrases = spread(first[inner], size[inner])
        owners = np.repeat(inner, size[inner])
        following = flat[begins[phrases] + depth]
        fresh = np.ones(len(phrases), dtype=np.bool_)
        fresh[1:] = (owners[1:] != owners[:-1]) | (following[1:] != following[:-1])
        children = np.flatnonzero(fresh)
        per_node = np.bincount(owners[children], minlength=len(size))[inner]
        node_widths[inner] = per_node
        node_firsts[inner] = number + np.cumsum(per_node) - per_node
        firsts.append(node_firsts)
        widths.append(node_widths)
        symbols.append(leading)
        bests.append(best_of(merged, first, size))
        number += len(children)
        size, first, leading = np.diff(np.append(children, len(phrases))), phrases[children], following[children]
        depth += 1
    if not spelt:
        tails.append(np.array([END_ID], symbol))  # the root of no phrases is a leaf, and what is in its tail counts 0
    arrays = PhraseArrays(
        firsts=np.concatenate(firsts),
        widths=np.concatenate(widths),
        symbols=np.concatenate(symbols),
        bests=np.concatenate(bests),
        tails=np.concatenate(tails),
    )
    return write_phrase_index(arrays, merged)


def sort_phrases(
    ids: NDArray[np.int32], offsets: NDArray[np.int64], counts: NDArray[np.float64], symbol: np.dtype[np.generic]
) -> tuple[list[bytes], NDArray[np.float64]]:
    """Spell different phrases as bytes, the end symbol behind each, in ascending order; with their counts (P,)."""
    written, width = ids.astype(symbol).tobytes(), symbol.itemsize
    end = np.array([END_ID], dtype=symbol).tobytes()
    totals: dict[bytes, float] = {}
    edges = (offsets * width).tolist()
    for start, stop, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        spelt = written[start:stop] + end
        totals[spelt] = totals.get(spelt, 0.0) + count
    ordered = sorted(totals)
    return ordered, np.array([totals[each] for each in ordered])


def spread(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give all whole numbers of several ranges, one range after another."""
    return np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))


def best_of(counts: NDArray[np.float64], first: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give the largest count of each range of phrases; 0 for the one range of none."""
    if not len(counts):
        return np.zeros(len(first), np.float32)
    # Ranges ascend without overlap; what lies between two of them belongs to leaves above, and is passed over.
    edges = np.stack([first, first + size], axis=1).ravel()
    padded = np.append(counts, 0.0)
    best: NDArray[np.float32] = np.maximum.reduceat(padded, edges)[::2].astype(np.float32)
    return best
