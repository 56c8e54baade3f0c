"""Find the files that were named on the command line, then read their bytes."""

import glob
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from model.errors import InputError

CHUNK_BYTES = 1 << 20
NAME_CHARACTERS = 1_000
STANDARD_INPUT = "-"
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file to read, or standard input where ``path`` is None."""

    name: str
    path: Path | None

    @property
    def suffix(self) -> str:
        """The file's kind in lower case, such as ``.csv``; a ``.gz`` after it is left out."""
        if self.path is None:
            return ""
        return Path(self.path.name.lower().removesuffix(".gz")).suffix


def find_sources(words: Sequence[str]) -> list[Source]:
    """List the files that files, folders, globs and ``-`` stand for.

    A folder is every file below it in the order of their paths, hidden ones left out. A file that is
    reached twice is read once.

    Raises:
        InputError: nothing was named, or a word stands for no file.
    """
    if not words:
        raise InputError("data must name at least one file, folder, glob or -, got none")
    found: dict[str, Source] = {}
    for word in words:
        if word == STANDARD_INPUT:
            found.setdefault(word, Source(name="standard input", path=None))
            continue
        for path in _expand(word):
            found.setdefault(os.path.realpath(path), Source(name=one_line(str(path), NAME_CHARACTERS), path=path))
    return list(found.values())


def read_chunks(source: Source) -> Iterator[bytes]:
    """Yield the file's bytes a mebibyte at a time, unzipped if they are gzip, whatever its name.

    Raises:
        InputError: it cannot be read, or its gzip is damaged or cut short.
    """
    try:
        with _open(source) as stream:
            if stream.peek(2)[:2] == GZIP_MAGIC:
                with gzip.GzipFile(fileobj=stream) as unzipped:
                    yield from _chunks(unzipped)
            elif source.path is not None and source.path.name.lower().endswith(".gz") and stream.peek(1):
                raise InputError(f"{source.name} must be gzip, as its name says, but its first bytes are not")
            else:
                yield from _chunks(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{source.name} must be whole gzip, but it is damaged or cut short: {error}") from error
    except OSError as error:
        raise InputError(f"{source.name} cannot be read: {error.strerror or error}") from error


def read_beginning(source: Source, size_bytes: int) -> bytes:
    """Read at most the first bytes of a file, unzipped, without taking them from anybody else.

    Returns:
        What could be looked at: from standard input only what its buffer holds, and nothing from a
        pipe with a name, since either can be read but once.
    """
    if source.path is None:
        standard_input = getattr(sys.stdin, "buffer", None)
        return standard_input.peek() if isinstance(standard_input, io.BufferedReader) else b""
    if not source.path.is_file():
        return b""
    beginning = bytearray()
    for chunk in read_chunks(source):
        beginning += chunk
        if len(beginning) >= size_bytes:
            break
    return bytes(beginning[:size_bytes])


def one_line(text: str, limit: int = 60) -> str:
    """Show text inside a message: as it is where it can be printed, else escaped, and cut if long."""
    if len(text) > limit:
        text = text[:limit] + "…"
    return text if text.isprintable() else repr(text)


def _expand(word: str) -> list[Path]:
    name = one_line(word, NAME_CHARACTERS) or "an empty name"
    try:
        if Path(word).is_dir():
            paths = _files_below(word)
            if not paths:
                raise InputError(f"{name} must hold a file, but the folder has none that is not hidden")
            return paths
        if Path(word).exists():
            return [Path(word)]
        # Path.glob takes no absolute pattern.
        matches = sorted(glob.glob(word, recursive=True)) if glob.has_magic(word) else []  # noqa: PTH207
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read: {one_line(str(error))}") from error
    if not matches:
        kind = "glob that matches a file" if glob.has_magic(word) else "file, folder or glob that exists"
        raise InputError(f"data must name a {kind}, got {name}")
    return [path for match in matches for path in (_files_below(match) if Path(match).is_dir() else [Path(match)])]


def _files_below(folder: str) -> list[Path]:
    def stop(error: OSError) -> None:
        raise error

    paths: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(parent, name) for name in files if not name.startswith(".")]
    return sorted(path for path in paths if path.is_file())


def _open(source: Source) -> AbstractContextManager[io.BufferedReader]:
    if source.path is not None:
        return source.path.open("rb")
    if sys.stdin is None:
        raise InputError("standard input is closed, so - can read nothing; name a file")
    standard_input: BinaryIO = sys.stdin.buffer
    if isinstance(standard_input, io.BufferedReader):
        return nullcontext(standard_input)
    return io.BufferedReader(io.BytesIO(standard_input.read()))


def _chunks(stream: io.BufferedIOBase) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
