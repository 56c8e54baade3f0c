"""The character n-gram as it is served: rows of probabilities for several contexts at once, out of shared memory.

A *context* is the longest run of last characters that was seen, up to N - 1 of them. Contexts of one character are
numbered by it; a longer one is the n-gram of its characters, entry e, and its number is V + e.

Legend: B contexts asked about, V vocabulary size, N order, M n-grams, C contexts.
"""

from __future__ import annotations

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
SHORT_ROWS = 512  # contexts of one character whose rows are kept: V float32 each
DIGIT = 65536  # a context's number is carried as two float32, which hold whole numbers up to 2**24


@dataclass(frozen=True, kw_only=True)
class Ngram:
    """An interpolated n-gram: P(w | h) if w was seen after h, else rest(h) times P(w | h without its first character).

    base: (V,) float32, P after no character at all; starts: (C + 1,) uint32, the first n-gram of each context;
    rests: (V,) float32, what a context of one character leaves to none; lefts: (C - V,) float32, log of what a longer
    one and those shorter than it leave to its last character, nats; shorter: (C - V,) uint32, the context without its
    first character; symbols: (M,) what an n-gram ends with, ascending in a context; logs: (M,) float32, log P, nats.
    """

    base: NDArray[np.float32]
    starts: NDArray[np.uint32]
    rests: NDArray[np.float32]
    lefts: NDArray[np.float32]
    shorter: NDArray[np.uint32]
    symbols: NDArray[np.unsignedinteger]
    logs: NDArray[np.float32]
    contexts: int = field(init=False)  # C
    # The same memory: one element out of a view costs a third of one out of an array.
    start_view: memoryview = field(init=False, repr=False)
    shorter_view: memoryview = field(init=False, repr=False)
    symbol_view: memoryview = field(init=False, repr=False)
    short_row: Callable[[int], NDArray[np.float32]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "contexts", len(self.rests) + len(self.lefts))
        views = (("start_view", self.starts), ("shorter_view", self.shorter), ("symbol_view", self.symbols))
        for name, values in views:
            object.__setattr__(self, name, memoryview(values))  # type: ignore[arg-type]
        object.__setattr__(self, "short_row", lru_cache(maxsize=SHORT_ROWS)(self.make_short_row))

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

        Most characters were never seen after a context of several; for those it is log P after its last character,
        which is kept, plus the log of what the longer contexts leave.
        """
        vocabulary, shorter = len(self.base), self.shorter_view
        rows = np.empty((len(contexts), vocabulary), dtype=np.float32)
        chain: list[int] = []  # every context and the shorter ones that it comes down to, the longer the later
        owners: list[int] = []  # the context of each
        firsts: list[int] = []  # and where its row begins
        for row, each in enumerate(contexts):
            context, longer = each, []
            while context >= vocabulary:
                longer.append(context)
                context = shorter[context - vocabulary]
            if longer:
                np.add(self.short_row(context), self.lefts[each - vocabulary], out=rows[row])
                chain += reversed(longer)
                owners += [each] * len(longer)
                firsts += [row * vocabulary] * len(longer)
            else:
                rows[row] = self.short_row(context)
        if chain:
            nodes = np.array(chain)
            starts = self.starts[nodes].astype(np.int64)
            lengths = self.starts[nodes + 1] - starts
            ends = np.cumsum(lengths)
            entries = np.arange(int(ends[-1])) + np.repeat(starts - ends + lengths, lengths)
            places = self.symbols[entries] + np.repeat(firsts, lengths)
            left = self.lefts[np.array(owners) - vocabulary] - self.lefts[nodes - vocabulary]
            # Of several values for one place the last is kept: that of the longest context.
            rows.reshape(-1)[places] = self.logs[entries] + np.repeat(left, lengths)
        return rows

    def make_short_row(self, context: int) -> NDArray[np.float32]:
        """Work out log P of every character after a context of one character: (V,) float32, nats."""
        row: NDArray[np.float32] = np.log(np.maximum(self.rests[context] * self.base, np.float32(LEAST)))
        seen = slice(self.start_view[context], self.start_view[context + 1])
        row[self.symbols[seen]] = self.logs[seen]
        return row


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
            and len(ngram.rests) == len(ngram.base)
            and len(ngram.shorter) == len(ngram.lefts)
            and len(ngram.symbols) == len(ngram.logs) == int(ngram.starts[-1])
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
