"""The phrases seen and how often each was, as a trie that processes share by mapping it into memory.

A node with one phrase below it is a leaf: the characters that remain lie in one array, its *tail*. Nodes stand in the
order of their depth, so that the children of a node are neighbours, sorted by symbol. A phrase that ends at a node is a
child of it whose symbol is the end symbol.

Legend: P phrases, N nodes, C children of a node, S symbols of all tails, K phrases wanted.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID
from model.arrays import arrays_from, open_arrays, write_arrays
from model.errors import CheckpointError, InputError
from model.native.library import PhraseTables, address, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.arrays import ArrayFile

PHRASES_FILE = "phrases.bin"
END_POSITION = -1
# A position is a node's number, plus a step for each character passed in that node's tail.
TAIL_STEP = 1 << 32
NODE_MASK = TAIL_STEP - 1


@dataclass(frozen=True, kw_only=True)
class PhraseArrays:
    """The nodes of the trie, and the tails of its leaves.

    firsts: (N,) uint32, a node's first child, or where the tail of a leaf begins; widths: (N,) children of a node, 0
    for a leaf; symbols: (N,) what leads to a node, 0 for the root; bests: (N,) float32, the largest count at or below;
    tails: (S,) symbols, each tail with its end symbol.
    """

    firsts: NDArray[np.uint32]
    widths: NDArray[np.unsignedinteger]
    symbols: NDArray[np.unsignedinteger]
    bests: NDArray[np.float32]
    tails: NDArray[np.unsignedinteger]


@dataclass(frozen=True, kw_only=True)
class PhraseIndex:
    """A trie of the phrases seen; counts are float32, so above 16,777,216 they are rounded.

    A *position* is an integer that stands for some characters passed; it is good for this index only. ``root`` is the
    position of none. ``END_POSITION`` has no children, and is asked nothing.

    phrases: P; total: the sum of all counts; largest_symbol: of all.
    """

    arrays: PhraseArrays
    phrases: int
    total: float
    largest_symbol: int
    root: int = 0
    # The same memory: one element out of a view costs a third of one out of an array.
    firsts: memoryview = field(init=False, repr=False)
    widths: memoryview = field(init=False, repr=False)
    symbols: memoryview = field(init=False, repr=False)
    tails: memoryview = field(init=False, repr=False)
    tables: PhraseTables = field(init=False, repr=False)  # where the arrays lie in memory

    def __post_init__(self) -> None:
        for name in ("firsts", "widths", "symbols", "tails"):
            object.__setattr__(self, name, memoryview(getattr(self.arrays, name)))
        described = (numbers(getattr(self.arrays, name)) for name in ("widths", "symbols", "tails"))
        tables = PhraseTables(address(self.arrays.firsts), address(self.arrays.bests), *described)
        object.__setattr__(self, "tables", tables)

    def child(self, position: int, symbol: int) -> int | None:
        """Give the position that a symbol leads to, ``END_POSITION`` for the end; None where no phrase goes on so."""
        node = position & NODE_MASK
        width = self.widths[node]
        if width == 0:
            if self.tails[self.firsts[node] + (position >> 32)] != symbol:
                return None
            return END_POSITION if symbol == END_ID else position + TAIL_STEP
        found = self._child_node(node, width, symbol)
        return END_POSITION if found is not None and symbol == END_ID else found

    def walk(self, ids: Sequence[int] | NDArray[np.int32]) -> int | None:
        """Give the position after these characters; None where no phrase begins with them."""
        position = self.root
        for symbol in ids:
            after = self.child(position, int(symbol)) if symbol != END_ID else None
            if after is None:
                return None
            position = after
        return position

    def count(self, ids: Sequence[int] | NDArray[np.int32]) -> float:
        """Give the count of a phrase; 0 when it was not seen."""
        position = self.walk(ids)
        if position is None or self.child(position, END_ID) is None:
            return 0.0
        node = position & NODE_MASK
        width = self.widths[node]
        found = self._child_node(node, width, END_ID) if width else node
        return 0.0 if found is None else self.arrays.bests.item(found)

    def best(self, position: int) -> float:
        """Give the largest count of the phrases that go through a position."""
        return self.arrays.bests.item(position & NODE_MASK)

    def top(self, position: int, ids: Sequence[int], limit: int) -> list[tuple[tuple[int, ...], float]]:
        """Give the phrases seen most that go through a position; see ``ranked``."""
        return list(self.ranked(position, ids, limit))

    def ranked(self, position: int, ids: Sequence[int], limit: int) -> Iterator[tuple[tuple[int, ...], float]]:
        """Give the phrases seen most that go through a position, with their counts, each when it is asked for.

        Args:
            position: where to look.
            ids: the characters that lead there.
            limit: K, the most to give.

        Returns:
            The phrases whole, most often seen first; equals in the order of their ids, with the end symbol behind them.
        """
        found = 0
        heap = [(-self.best(position), tuple(ids), position)]
        while heap and found < limit:
            negative, so_far, place = heapq.heappop(heap)
            if place == END_POSITION:
                found += 1
                yield so_far[:-1], -negative
            elif self.widths[place & NODE_MASK] == 0:
                heapq.heappush(heap, (negative, so_far + self._tail(place), END_POSITION))
            else:
                for symbol, after, best in self._best_children(place, limit - found):
                    heapq.heappush(heap, (-best, (*so_far, symbol), after))

    def _child_node(self, node: int, width: int, symbol: int) -> int | None:
        first = self.firsts[node]
        found = bisect_left(self.symbols, symbol, first, first + width)
        return found if found < first + width and self.symbols[found] == symbol else None

    def _tail(self, position: int) -> tuple[int, ...]:
        """Read a tail from a position in it to its end symbol."""
        start = self.firsts[position & NODE_MASK] + (position >> 32)
        stop = start
        while self.tails[stop] != END_ID:
            stop += 1
        return tuple(self.tails[start : stop + 1].tolist())

    def _best_children(self, node: int, limit: int) -> Iterator[tuple[int, int, float]]:
        """Give the symbol, position and best of the children that can matter to the best ``limit`` phrases."""
        first, width = self.firsts[node], self.widths[node]
        bests = self.arrays.bests[first : first + width]
        if width <= limit:
            ranks = list(range(width))
        else:
            # Equals at the cut stay in the order of their symbols.
            reached = np.flatnonzero(bests >= np.partition(bests, width - limit)[width - limit])
            ranks = reached[np.argsort(-bests[reached], kind="stable")[:limit]].tolist()
        for rank in ranks:
            symbol = self.symbols[first + rank]
            yield symbol, END_POSITION if symbol == END_ID else first + rank, bests.item(rank)


def write_phrase_index(arrays: PhraseArrays, counts: NDArray[np.float64]) -> bytes:
    """Put a trie into the bytes of its file.

    Args:
        arrays: the trie.
        counts: (P,) of the phrases, in any order.

    Raises:
        InputError: the trie is too large for its numbers of 32 bits.
    """
    largest = max(len(arrays.firsts), len(arrays.tails))
    if largest > NODE_MASK:
        raise InputError(f"phrases must make fewer than 2**32 nodes and characters, got {largest}")
    numbers = {"phrases": float(len(counts)), "total": float(counts.sum())}
    return write_arrays({each.name: getattr(arrays, each.name) for each in fields(arrays)}, numbers)


def open_phrase_index(path: Path) -> PhraseIndex:
    """Map the file of a phrase index into memory.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    return phrase_index_of(open_arrays(path))


def phrase_index_from(content: bytes) -> PhraseIndex:
    """Read a phrase index out of the bytes of its file.

    Raises:
        CheckpointError: they are damaged.
    """
    return phrase_index_of(arrays_from(np.frombuffer(content, dtype=np.uint8), PHRASES_FILE))


def phrase_index_of(opened: ArrayFile) -> PhraseIndex:
    """Take the arrays of a file for a phrase index.

    Raises:
        CheckpointError: they are not those of one.
    """
    try:
        arrays = PhraseArrays(**opened.arrays)  # type: ignore[arg-type]
        index = PhraseIndex(
            arrays=arrays,
            phrases=int(opened.numbers["phrases"]),
            total=opened.numbers["total"],
            largest_symbol=max(int(arrays.symbols.max()), int(arrays.tails.max())),
        )
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise CheckpointError(
            f"{PHRASES_FILE} must hold an index of phrases, got: {', '.join(opened.arrays)}"
        ) from error
    if not fit_each_other(arrays) or not index.total >= 0:
        raise CheckpointError(f"{PHRASES_FILE} must hold arrays of an index that fit each other")
    opened.let_go()
    return index


def fit_each_other(arrays: PhraseArrays) -> bool:
    """Tell whether arrays are those of a trie: the compiled core follows them without looking."""
    nodes = len(arrays.firsts)
    kinds = [(arrays.firsts, "<u4"), (arrays.bests, "<f4")]
    small = all(each.dtype.kind == "u" for each in (arrays.widths, arrays.symbols, arrays.tails))
    if not small or any(values.dtype.str != kind for values, kind in kinds):
        return False
    if {len(arrays.widths), len(arrays.symbols), len(arrays.bests)} != {nodes} or not nodes or not len(arrays.tails):
        return False
    inner = arrays.widths > 0
    widths = arrays.widths[inner].astype(np.int64)
    firsts = 1 + np.cumsum(widths) - widths  # the children of one node come after those of the one before it
    eldest = np.zeros(nodes, dtype=np.bool_)
    eldest[0] = True
    if int(widths.sum()) != nodes - 1 or (arrays.firsts[inner] != firsts).any():
        return False
    eldest[firsts] = True
    return bool(
        (firsts > inner.nonzero()[0]).all()  # they come later than it, so that every way ends
        and (eldest[1:] | (arrays.symbols[1:] > arrays.symbols[:-1])).all()  # siblings ascend
        and arrays.firsts[~inner].max(initial=0) < len(arrays.tails)
        and arrays.tails[-1] == END_ID
    )
