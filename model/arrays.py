"""Arrays in one file, which processes share by mapping it into memory.

The file: ``MAGIC``, the length of the header as 8 bytes, little-endian; the header, JSON: the numbers that belong to
the arrays, and for each array its first byte in the file, its elements and its type; the arrays, aligned.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"machimA1"
ALIGNMENT = 64  # bytes: every array begins at a multiple of it
TYPES = {kind: np.dtype(kind) for kind in ("<u2", "<u4", "<f4")}


@dataclass(frozen=True, kw_only=True)
class ArrayFile:
    """What a file of arrays holds: arrays of one dimension and numbers, by name, and where it is mapped, if it is."""

    arrays: dict[str, NDArray[np.generic]]
    numbers: dict[str, float]
    mapped: mmap.mmap | None = None

    def whole_number(self, name: str, most: int, where: str) -> int:
        """Give a number that must be a whole one from 1 to ``most``.

        Args:
            name: of the number.
            most: that it may be.
            where: the name of the file, for the message.

        Raises:
            KeyError: there is none of the name.
            CheckpointError: it is another number.
        """
        number = self.numbers[name]
        if not (1 <= number <= most and number.is_integer()):
            raise CheckpointError(f"{where}: {name} must be a whole number from 1 to {most}, got {number:g}")
        return int(number)

    def let_go(self) -> None:
        """Leave what was read to the system's cache of files: it counts as this process's no more, until it is used."""
        if self.mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapped.madvise(mmap.MADV_DONTNEED)


def write_arrays(arrays: Mapping[str, NDArray[np.generic]], numbers: Mapping[str, float]) -> bytes:
    """Put arrays and numbers into the bytes of a file.

    Args:
        arrays: of one dimension and a type of ``TYPES``, by name.
        numbers: that belong to them, by name.
    """
    content = {
        name: np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")) for name, values in arrays.items()
    }
    places: dict[str, tuple[int, int, str]] = {}
    header = b""
    # A header that grows moves the arrays, whose places it holds: the second time they are where it says.
    for _ in range(2):
        offset = aligned(len(MAGIC) + 8 + max(len(header), 1) + ALIGNMENT)
        for name, values in content.items():
            places[name] = (offset, len(values), values.dtype.str)
            offset = aligned(offset + values.nbytes)
        header = json.dumps({"arrays": places, "numbers": dict(numbers)}).encode()
    written = bytearray(offset)
    written[: len(MAGIC) + 8] = MAGIC + len(header).to_bytes(8, "little")
    written[len(MAGIC) + 8 : len(MAGIC) + 8 + len(header)] = header
    for name, values in content.items():
        start = places[name][0]
        written[start : start + values.nbytes] = values.tobytes()
    return bytes(written)


def open_arrays(path: Path) -> ArrayFile:
    """Map a file of arrays into memory.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} must be a file of arrays that can be read, got: {error}") from error
    return replace(arrays_from(np.frombuffer(mapped, dtype=np.uint8), path.name), mapped=mapped)


def arrays_from(content: NDArray[np.uint8], name: str) -> ArrayFile:
    """Read arrays out of the bytes of their file (bytes,), without copying them.

    Raises:
        CheckpointError: they are damaged.
    """
    start = len(MAGIC) + 8
    if bytes(content[: len(MAGIC)]) != MAGIC:
        raise CheckpointError(f"{name} must begin with {MAGIC!r}, got {bytes(content[: len(MAGIC)])!r}")
    try:
        length = int.from_bytes(bytes(content[len(MAGIC) : start]), "little")
        header = json.loads(bytes(content[start : start + length]))
        arrays: dict[str, NDArray[np.generic]] = {
            array: np.frombuffer(content, dtype=TYPES[kind], count=elements, offset=offset)
            for array, (offset, elements, kind) in header["arrays"].items()
        }
        if any(offset % ALIGNMENT for offset, *_ in header["arrays"].values()):
            raise ValueError(f"an array must begin at a multiple of {ALIGNMENT} bytes")  # noqa: TRY301
        numbers = {each: float(value) for each, value in header["numbers"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{name} must be a file of arrays, got a header or arrays that break: {error}") from error
    return ArrayFile(arrays=arrays, numbers=numbers)


def aligned(offset: int) -> int:
    """Round an offset up to where an array may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
