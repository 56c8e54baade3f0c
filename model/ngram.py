"""The character n-gram as it is served: rows of probabilities for several contexts at once, out of shared memory.

A *context* is the longest run of last characters that was seen, up to N - 1 of them. Contexts of one character are
numbered by it; a longer one is the n-gram of its characters, entry e, and its number is V + e.

Legend: B contexts asked about, V vocabulary size, N order, M n-grams, C contexts.
"""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.arrays import arrays_from, open_arrays
from model.errors import CheckpointError
from model.native.library import NgramTables, address, core, numbers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from model.arrays import ArrayFile

NGRAM_FILE = "ngram.bin"
MOST_CONTEXTS = 2**31 - 1
LONGEST_CHAIN = 63  # contexts that one comes down to, each without its first character: MOST_ORDER of ngram.c
LEAST = 1e-30  # a probability that is none, such as that of BEGIN


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
    log_base: NDArray[np.float32] = field(init=False, repr=False)
    log_rests: NDArray[np.float32] = field(init=False, repr=False)
    tables: NgramTables = field(init=False, repr=False)  # where all of it lies in memory

    def __post_init__(self) -> None:
        for name, value in (
            ("contexts", len(self.rests) + len(self.lefts)),
            ("log_base", np.log(np.maximum(self.base, np.float32(LEAST)))),
            ("log_rests", np.log(np.maximum(self.rests, np.float32(LEAST)))),
        ):
            object.__setattr__(self, name, value)
        names = ("log_base", "log_rests", "lefts", "logs", "starts", "shorter")
        tables = NgramTables(
            *(address(getattr(self, name)) for name in names), numbers(self.symbols), len(self.base), self.contexts
        )
        object.__setattr__(self, "tables", tables)

    def follow(self, contexts: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the contexts after each character of sequences of ids (T, B), from contexts (B,): (T, B)."""
        ids = np.ascontiguousarray(sequence, dtype=np.int64)
        after = np.empty(ids.shape, dtype=np.int64)
        core().machim_ngram_follow(byref(self.tables), address(contexts), address(ids), *ids.shape, address(after))
        return after

    def log_probabilities(self, contexts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give log P of every character after each context (B,): (B, V) float32, nats."""
        rows = np.empty((len(contexts), len(self.base)), dtype=np.float32)
        core().machim_ngram_rows(byref(self.tables), address(contexts), len(contexts), address(rows))
        return rows


def context_bits(contexts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Write the numbers of contexts so that a state can carry them, as the bits of one float32 each: (..., 1)."""
    return contexts.astype(np.int32)[..., None].view(np.float32)


def contexts_of(bits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Read the numbers of contexts (...,) from what a state carries (..., 1)."""
    return np.ascontiguousarray(bits).view(np.int32)[..., 0].astype(np.int64)


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
            and ngram.contexts <= MOST_CONTEXTS
            and all(values.dtype.str == "<f4" for values in (ngram.base, ngram.rests, ngram.lefts, ngram.logs))
            and ngram.starts.dtype.str == ngram.shorter.dtype.str == "<u4"
            and ngram.symbols.dtype.kind == "u"
            and (ngram.starts[:-1] <= ngram.starts[1:]).all()
            and ngram.symbols.max(initial=0) < len(ngram.base)
            and ngram.shorter.max(initial=0) < ngram.contexts
            and chains_end(ngram)
        )
    except (TypeError, IndexError) as error:
        raise CheckpointError(f"{NGRAM_FILE} must hold an n-gram, got: {', '.join(opened.arrays)}") from error
    if not whole:
        raise CheckpointError(f"{NGRAM_FILE} must hold arrays of an n-gram that fit each other")
    opened.let_go()
    return ngram


def chains_end(ngram: Ngram) -> bool:
    """Tell whether every context comes down to one of a single character, in no more steps than there may be."""
    vocabulary, contexts = len(ngram.base), ngram.shorter
    for _ in range(LONGEST_CHAIN):
        longer = contexts[contexts >= vocabulary]
        if not len(longer):
            return True
        contexts = ngram.shorter[longer - vocabulary]
    return False


@dataclass(frozen=True, kw_only=True)
class NgramNetwork:
    """An n-gram asked as search asks a network: its state is the number of its context."""

    ngram: Ngram
    state_width: int = 1

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row; see ``model.runtime.Network``."""
        (contexts,) = self.ngram.follow(contexts_of(state), ids[None])
        return self.ngram.log_probabilities(contexts), context_bits(contexts)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences; see ``model.runtime.Network``."""
        contexts = self.ngram.follow(contexts_of(state), sequence)
        rows = self.ngram.log_probabilities(contexts.ravel())
        return rows.reshape(*sequence.shape, -1), context_bits(contexts)
