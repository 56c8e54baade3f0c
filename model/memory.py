"""What was said lately, kept in bounded room, so that a keystroke goes on from the one before it.

Legend: B beginnings, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
from cachetools import LRUCache

from model.alphabet import BEGIN_ID
from model.errors import InputError
from model.runtime import initial_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from model.runtime import Network

Key = TypeVar("Key")
Value = TypeVar("Value")
LOOK_BACK = 32  # characters: so far before what is asked for, a state to go on from is looked for
ENTRY_BYTES = 300  # that an entry takes beside its row, its state and its ids
ID_BYTES = 8


class Recent(Generic[Key, Value]):
    """The values that were used last, in bounded room: those not used for longest make room. Threads may share it.

    room: for the sizes of all values; size: of a value; hits, misses: of all values asked for.
    """

    def __init__(self, room: int, size: Callable[[Value], int]) -> None:
        self.room = room
        self.size = size
        self.values: LRUCache[Key, Value] = LRUCache(room, size)
        self.lock = Lock()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self.values)

    def get(self, key: Key) -> Value | None:
        """Give the value of a key, None if it is not known."""
        with self.lock:
            value = self.values.get(key)
            self.misses += value is None
            self.hits += value is not None
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, if it is not larger than all the room."""
        with self.lock:
            if self.size(value) <= self.room:
                self.values[key] = value


class Beginnings:
    """What a network said after beginnings that it read lately: rows of two arrays. Threads may share it.

    room: bytes for them, about; vocabulary_size: V; state_width: S; hits, misses: of all beginnings asked for.

    Raises:
        InputError: there is not so much memory.
    """

    def __init__(self, room: int, vocabulary_size: int, state_width: int) -> None:
        self.room = room
        self.entry_bytes = 4 * (vocabulary_size + state_width) + ENTRY_BYTES
        most = room // self.entry_bytes
        try:
            self.rows = np.full((most, vocabulary_size), 0, dtype=np.float32)  # now, not when somebody waits for it
            self.states = np.full((most, state_width), 0, dtype=np.float32)
        except MemoryError as error:
            raise InputError(f"memory for what was said lately must be there, got none of {room} bytes") from error
        self.slots: OrderedDict[tuple[int, ...], int] = OrderedDict()  # those used last come last
        self.free: list[int] = []
        self.taken = 0  # bytes
        self.lock = Lock()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self.slots)

    def get(self, beginnings: Sequence[tuple[int, ...]]) -> tuple[list[int], Said]:
        """Give which beginnings are known, by rank, and what was said after each of those."""
        with self.lock:
            known, wanted = [], []
            for rank, ids in enumerate(beginnings):
                slot = self.slots.get(ids)
                if slot is not None:
                    self.slots.move_to_end(ids)
                    known.append(rank)
                    wanted.append(slot)
            self.hits += len(known)
            self.misses += len(beginnings) - len(known)
            if not known:
                return known, Said(self.rows[:0], self.states[:0])
            return known, Said(self.rows[wanted], self.states[wanted])

    def put(self, beginnings: Sequence[tuple[int, ...]], said: Said) -> None:
        """Keep what was said after beginnings, as far as there is room; of one place the last stays."""
        fitting = [rank for rank, ids in enumerate(beginnings) if self.bytes_of(ids) <= self.room]
        if len(fitting) < len(beginnings):
            beginnings, said = [beginnings[rank] for rank in fitting], Said(said.rows[fitting], said.states[fitting])
        if not fitting:
            return
        with self.lock:
            slots = [self.slot_for(ids) for ids in beginnings]
            self.rows[slots] = said.rows
            self.states[slots] = said.states

    def bytes_of(self, ids: tuple[int, ...]) -> int:
        """Tell how much memory a beginning takes, about."""
        return self.entry_bytes + ID_BYTES * len(ids)

    def slot_for(self, ids: tuple[int, ...]) -> int:
        """Give the row of a beginning: its own, a free one, or that of one not used for longest."""
        slot = self.slots.get(ids)
        if slot is None:
            self.taken += self.bytes_of(ids)
            while self.taken > self.room:
                other, row = self.slots.popitem(last=False)
                self.taken -= self.bytes_of(other)
                self.free.append(row)
            slot = self.free.pop() if self.free else len(self.slots)
        self.slots[ids] = slot
        self.slots.move_to_end(ids)
        return slot


class Said(NamedTuple):
    """What a network said after B beginnings: log-probabilities of what comes next (B, V), nats, and states (B, S)."""

    rows: NDArray[np.float32]
    states: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A network that goes on from what it remembers; it says the same as without, bit for bit.

    beginnings: what it said after ids that it read; None to remember nothing.
    """

    network: Network
    beginnings: Beginnings | None = None

    def read(self, ids: tuple[int, ...], first: int) -> Said:
        """Read one sequence from its start.

        Args:
            ids: (T,) after ``BEGIN_ID``.
            first: from where on what the network says is wanted, in [0, T].

        Returns:
            (T + 1 - first,) what it says after so many of the ids, and so on up to all of them.
        """
        wanted = [ids[:end] for end in range(first, len(ids) + 1)]
        known = self.recall(wanted)
        have = 0 if known is None else len(known.rows)
        if known is not None and have == len(wanted):
            return known
        at, state = self.before(ids, first) if known is None else (first + have - 1, known.states[-1:])
        sequence = np.array([BEGIN_ID, *ids][at + 1 :])
        rows, states = self.network.read(sequence[:, None], state)
        new = slice(first + have - at - 1, None)
        read = Said(rows[new, 0], states[new, 0])
        if self.beginnings is not None:
            self.beginnings.put(wanted[have:], read)
        return read if known is None else join(known, read)

    def recall(self, wanted: Sequence[tuple[int, ...]]) -> Said | None:
        """Give what is known after the first of some beginnings, as far as none is missing; None if the first is."""
        if self.beginnings is None:
            return None
        known, said = self.beginnings.get(wanted)
        together = sum(rank == number for number, rank in enumerate(known))
        return Said(said.rows[:together], said.states[:together]) if together else None

    def before(self, ids: tuple[int, ...], first: int) -> tuple[int, NDArray[np.float32]]:
        """Find where to go on from: how many ids were read, fewer than ``first``, or -1; and the state there."""
        if self.beginnings is not None and first:
            ends = range(max(first - LOOK_BACK, 0), first)
            known, said = self.beginnings.get([ids[:end] for end in ends])
            if known:
                return ends[known[-1]], said.states[-1:]
        return -1, initial_state(self.network)

    def step(self, beginnings: Sequence[tuple[int, ...]], states: NDArray[np.float32]) -> Said:
        """Read the last character of beginnings.

        Args:
            beginnings: B of them, each at least one id.
            states: (B, S) before the last.
        """
        symbols = np.array([ids[-1] for ids in beginnings])
        if self.beginnings is None:
            return Said(*self.network.step(symbols, states))
        known, said = self.beginnings.get(beginnings)
        if len(known) == len(beginnings):
            return said
        if not known:
            read = Said(*self.network.step(symbols, states))
            self.beginnings.put(beginnings, read)
            return read
        missing = np.delete(np.arange(len(beginnings)), known)
        read = Said(*self.network.step(symbols[missing], states[missing]))
        self.beginnings.put([beginnings[number] for number in missing.tolist()], read)
        rows = np.empty((len(beginnings), read.rows.shape[1]), dtype=np.float32)
        after = np.empty((len(beginnings), read.states.shape[1]), dtype=np.float32)
        rows[known], after[known] = said
        rows[missing], after[missing] = read
        return Said(rows, after)


def join(one: Said, other: Said) -> Said:
    """Put what was said one after the other."""
    return Said(np.concatenate([one.rows, other.rows]), np.concatenate([one.states, other.states]))
