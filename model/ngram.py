"""The character n-gram as it is served: rows of probabilities for several contexts at once, out of shared memory.

A *context* is the longest run of last characters that was seen, up to N - 1 of them. Contexts of one character are
numbered by it; a longer one is the n-gram of its characters, entry e, and its number is V + e.

Legend: B contexts asked about, V vocabulary size, N order, M n-grams, C contexts.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from model.arrays import arrays_from, open_arrays
from model.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.arrays import ArrayFile

NGRAM_FILE = "ngram.bin"
LEAST = 1e-30  # a probability that is none, such as that of BEGIN
SHORT_ROWS = 1024  # contexts of one character whose rows are kept: V float32 each
DIGIT = 65536  # a context's number is carried as two float32, which hold whole numbers up to 2**24


@dataclass(frozen=True, kw_only=True)
class Ngram:
    """An interpolated n-gram: P(w | h) = share(h, w) + rest(h) * P(w | h without its first character).

    base: (V,) float32, P after no character at all; starts: (C + 1,) uint32, the first n-gram of each context;
    rests: (C,) float32, what a context leaves to the shorter one; shorter: (C - V,) uint32, the context without its
    first character; symbols: (M,) what an n-gram ends with, ascending in a context; shares: (M,) float32.
    """

    base: NDArray[np.float32]
    starts: NDArray[np.uint32]
    rests: NDArray[np.float32]
    shorter: NDArray[np.uint32]
    symbols: NDArray[np.unsignedinteger]
    shares: NDArray[np.float32]
    # The same memory: one element out of a view costs a third of one out of an array.
    start_view: memoryview = field(init=False, repr=False)
    shorter_view: memoryview = field(init=False, repr=False)
    symbol_view: memoryview = field(init=False, repr=False)
    short_row: Callable[[int], NDArray[np.float32]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        views = (("start_view", self.starts), ("shorter_view", self.shorter), ("symbol_view", self.symbols))
        for name, values in views:
            object.__setattr__(self, name, memoryview(values))  # type: ignore[arg-type]
        object.__setattr__(self, "short_row", lru_cache(maxsize=SHORT_ROWS)(self.make_short_row))

    @property
    def contexts(self) -> int:
        """C."""
        return len(self.rests)

    def advance(self, context: int, symbol: int) -> int:
        """Give the context after one character more."""
        vocabulary = len(self.base)
        while True:
            first, last = self.start_view[context], self.start_view[context + 1]
            found = bisect_left(self.symbol_view, symbol, first, last)
            if found < last and self.symbol_view[found] == symbol and vocabulary + found < self.contexts:
                return vocabulary + found
            if context < vocabulary:
                return symbol
            context = self.shorter_view[context - vocabulary]

    def log_probabilities(self, contexts: Sequence[int]) -> NDArray[np.float32]:
        """Give log P of every character after each context: (B, V) float32, nats.

        Most characters were never seen after a context of several; for those the logarithm is that after its last
        character, which is kept, plus that of what the longer contexts leave.
        """
        vocabulary, shorter, rests = len(self.base), self.shorter_view, self.rests
        rows = np.empty((len(contexts), vocabulary), dtype=np.float32)
        chain: list[int] = []  # every context and the shorter ones that it comes down to, but those of one character
        owners: list[int] = []
        scales: list[float] = []
        for row, each in enumerate(contexts):
            context, scale = each, 1.0
            while context >= vocabulary:
                chain.append(context)
                owners.append(row)
                scales.append(scale)
                scale *= rests.item(context)
                context = shorter[context - vocabulary]
            np.add(self.short_row(context), np.float32(math.log(max(scale, LEAST))), out=rows[row])
        if chain:
            nodes = np.array(chain)
            firsts = self.starts[nodes].astype(np.int64)
            lengths = self.starts[nodes + 1].astype(np.int64) - firsts
            ends = np.cumsum(lengths)
            entries = np.arange(int(ends[-1])) + np.repeat(firsts - ends + lengths, lengths)
            places = self.symbols[entries] + np.repeat(np.array(owners) * vocabulary, lengths)
            shares = self.shares[entries] * np.repeat(np.array(scales, dtype=np.float32), lengths)
            flat = rows.reshape(-1)
            probabilities = np.empty_like(flat)  # only where it is seen
            probabilities[places] = np.exp(flat[places])
            np.add.at(probabilities, places, shares)
            flat[places] = np.log(np.maximum(probabilities[places], np.float32(LEAST)))
        return rows

    def make_short_row(self, context: int) -> NDArray[np.float32]:
        """Work out log P of every character after a context of one character: (V,) float32, nats."""
        first, last = self.start_view[context], self.start_view[context + 1]
        row: NDArray[np.float32] = self.rests[context] * self.base
        row[self.symbols[first:last]] += self.shares[first:last]
        return np.log(np.maximum(row, np.float32(LEAST)))


def context_digits(contexts: Sequence[int]) -> NDArray[np.float32]:
    """Write the numbers of contexts as digits that a state can carry: (B, 2)."""
    numbers = np.array(contexts, dtype=np.int64)
    return np.stack([numbers // DIGIT, numbers % DIGIT], axis=1).astype(np.float32)


def contexts_of(digits: NDArray[np.float32]) -> list[int]:
    """Read the numbers of contexts from their digits (B, 2)."""
    whole = digits.astype(np.int64)
    numbers: list[int] = (whole[:, 0] * DIGIT + whole[:, 1]).tolist()
    return numbers


def open_ngram(path: Path) -> Ngram:
    """Map the file of an n-gram into memory.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    return ngram_of(open_arrays(path))


def ngram_from(content: bytes) -> Ngram:
    """Read an n-gram out of the bytes of its file.

    Raises:
        CheckpointError: they are damaged.
    """
    return ngram_of(arrays_from(np.frombuffer(content, dtype=np.uint8), NGRAM_FILE))


def ngram_of(opened: ArrayFile) -> Ngram:
    """Take the arrays of a file for an n-gram.

    Raises:
        CheckpointError: they are not those of one.
    """
    try:
        ngram = Ngram(**opened.arrays)  # type: ignore[arg-type]
        whole = (
            len(ngram.starts) == ngram.contexts + 1
            and len(ngram.shorter) == ngram.contexts - len(ngram.base) >= 0
            and len(ngram.symbols) == len(ngram.shares) == int(ngram.starts[-1])
        )
    except (TypeError, IndexError) as error:
        raise CheckpointError(f"{NGRAM_FILE} must hold an n-gram, got: {', '.join(opened.arrays)}") from error
    if not whole:
        raise CheckpointError(f"{NGRAM_FILE} must hold arrays of an n-gram that fit each other")
    return ngram


@dataclass(frozen=True, kw_only=True)
class NgramNetwork:
    """An n-gram asked as search asks a network: its state is the digits of its context."""

    ngram: Ngram
    state_width: int = 2

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row; see ``model.runtime.Network``."""
        contexts = self.after(ids, state)
        return self.ngram.log_probabilities(contexts), context_digits(contexts)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences; see ``model.runtime.Network``."""
        contexts = contexts_of(state)
        passed: list[int] = []
        for ids in sequence.tolist():
            contexts = [self.ngram.advance(each, symbol) for each, symbol in zip(contexts, ids, strict=True)]
            passed += contexts
        shape = sequence.shape
        rows = self.ngram.log_probabilities(passed)
        return rows.reshape(*shape, -1), context_digits(passed).reshape(*shape, 2)

    def after(self, ids: NDArray[np.int64], state: NDArray[np.float32]) -> list[int]:
        """Give the context of each row after one character more."""
        pairs = zip(contexts_of(state), ids.tolist(), strict=True)
        return [self.ngram.advance(context, symbol) for context, symbol in pairs]
