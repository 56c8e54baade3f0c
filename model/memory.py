"""What was said lately, kept in bounded room, so that a keystroke goes on from the one before it.

Legend: B beginnings, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
from cachetools import LRUCache

from model.alphabet import BEGIN_ID
from model.runtime import initial_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from model.runtime import Network

Key = TypeVar("Key")
Value = TypeVar("Value")
LOOK_BACK = 32  # characters: so far before what is asked for, a state to go on from is looked for
READ_BYTES = 500  # that an entry takes beside its arrays


class Recent(Generic[Key, Value]):
    """The values that were used last, in bounded room: those not used for longest make room. Threads may share it.

    most: room in all; size: of a value; hits, misses: of all values asked for.
    """

    def __init__(self, most: int, size: Callable[[Value], int] = lambda _: 1) -> None:
        self.values: LRUCache[Key, Value] = LRUCache(most, size)
        self.size = size
        self.lock = Lock()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self.values)

    def get(self, keys: Iterable[Key]) -> list[Value | None]:
        """Give what is known of each key."""
        with self.lock:
            values = [self.values.get(key) for key in keys]
            missing = sum(value is None for value in values)
            self.misses += missing
            self.hits += len(values) - missing
        return values

    def put(self, entries: Iterable[tuple[Key, Value]]) -> None:
        """Remember values, but for those that are larger than all the room."""
        with self.lock:
            for key, value in entries:
                if self.size(value) <= self.values.maxsize:
                    self.values[key] = value


class Read(NamedTuple):
    """What a network said after a beginning: (V,) log-probabilities of what comes next, nats, and its state (S,)."""

    row: NDArray[np.float32]
    state: NDArray[np.float32]


def read_bytes(read: Read) -> int:
    """Tell how much memory an entry takes, about."""
    return read.row.nbytes + read.state.nbytes + READ_BYTES


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A network that goes on from what it remembers; it says the same as without, bit for bit.

    beginnings: what it said after ids that it read; None to remember nothing.
    """

    network: Network
    beginnings: Recent[tuple[int, ...], Read] | None = None

    def read(self, ids: tuple[int, ...], first: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one sequence from its start.

        Args:
            ids: (T,) after ``BEGIN_ID``.
            first: from where on what the network says is wanted, in [0, T].

        Returns:
            log_probabilities (T + 1 - first, V) after so many of the ids, and so on up to all of them, nats; and the
            states (T + 1 - first, S) there.
        """
        known = self.recall(ids, first)
        if len(known) <= len(ids) - first:
            at, base = (first + len(known) - 1, known[-1]) if known else self.before(ids, first)
            state = initial_state(self.network) if base is None else base.state[None]
            sequence = np.array([BEGIN_ID, *ids][at + 1 :])
            rows, states = self.network.read(sequence[:, None], state)
            new = list(map(Read, rows[first + len(known) - at - 1 :, 0], states[first + len(known) - at - 1 :, 0]))
            self.remember([ids[:end] for end in range(first + len(known), len(ids) + 1)], new)
            known += new
        return np.stack([read.row for read in known]), np.stack([read.state for read in known])

    def recall(self, ids: tuple[int, ...], first: int) -> list[Read]:
        """Give what is known after so many ids, and so on, as far as nothing is missing."""
        known: list[Read] = []
        if self.beginnings is not None:
            for read in self.beginnings.get(ids[:end] for end in range(first, len(ids) + 1)):
                if read is None:
                    break
                known.append(read)
        return known

    def before(self, ids: tuple[int, ...], first: int) -> tuple[int, Read | None]:
        """Find where to go on from before so many ids: how many were read, -1 where not even ``BEGIN_ID`` was."""
        if self.beginnings is not None:
            for at in range(first - 1, max(first - 1 - LOOK_BACK, -1), -1):
                (read,) = self.beginnings.get([ids[:at]])
                if read is not None:
                    return at, read
        return -1, None

    def step(
        self, beginnings: Sequence[tuple[int, ...]], states: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read the last character of beginnings.

        Args:
            beginnings: B of them, each at least one id.
            states: (B, S) before the last.

        Returns:
            log_probabilities (B, V) of what comes next, nats, and the new states (B, S).
        """
        symbols = np.array([ids[-1] for ids in beginnings])
        if self.beginnings is None:
            return self.network.step(symbols, states)
        known = self.beginnings.get(beginnings)
        missing = [number for number, read in enumerate(known) if read is None]
        if missing:
            rows, after = self.network.step(symbols[missing], states[missing])
            self.remember([beginnings[number] for number in missing], map(Read, rows, after))
            if len(missing) == len(known):
                return rows, after
            for number, *read in zip(missing, rows, after, strict=True):
                known[number] = Read(*read)
        reads = [read for read in known if read is not None]
        return np.stack([read.row for read in reads]), np.stack([read.state for read in reads])

    def remember(self, beginnings: Iterable[tuple[int, ...]], reads: Iterable[Read]) -> None:
        """Keep what the network said after beginnings: copies, for it is rows of a larger array."""
        if self.beginnings is not None:
            self.beginnings.put((ids, Read(*map(np.copy, read))) for ids, read in zip(beginnings, reads, strict=True))
