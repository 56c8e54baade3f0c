r"""Turn a file's bytes into numbered lines of NFC text.

``\n``, ``\r\n`` and a lone ``\r`` end a line; U+2028, U+2029, U+0085, ``\x0b``, ``\x0c`` and ``\x1c`` to
``\x1e`` are characters like any other. A byte-order mark is dropped, and one of UTF-16 or UTF-32 chooses
that encoding where UTF-8 was asked for. Bytes that are no text spoil their line alone, but in an encoding
where what follows can no longer be read (UTF-16, ISO 2022) they spoil the file.
"""

import codecs
import io
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from model.errors import InputError
from training.sources import Source, read_chunks

DEFAULT_ENCODING = "utf-8"
LONGEST_LINE_CHARACTERS = 16_000_000
# Python calls these encodings, but no file is written in them.
NOT_OF_FILES = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
SURROGATE = re.compile("[\ud800-\udfff]")
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class BadLines:
    """The bad lines of one file: the first one stops the run, unless they are to be left out."""

    def __init__(self, name: str, *, skip: bool) -> None:
        self.name = name
        self.count = 0
        self.first = ""
        self._skip = skip

    def refuse(self, number: int, rule: str) -> None:
        """Count a bad line, or raise ``InputError`` with its number and the rule it breaks."""
        if not self._skip:
            raise InputError(
                f"{self.name}, line {number}: {rule}; mend the line, or leave bad ones out with --skip-bad-lines"
            )
        self.leave_out(number, rule)

    def leave_out(self, number: int, rule: str) -> None:
        """Count a line that is of no use, without stopping at it."""
        self.count += 1
        self.first = self.first or f"line {number}: {rule}"

    def check_some(self, *, good: int, what: str, report: Callable[[str], None]) -> None:
        """See that some lines were good, and tell how many were left out, if any were.

        Args:
            good: lines, so far.
            what: a file must hold.
            report: is told, a line.

        Raises:
            InputError: no line was good.
        """
        if not good:
            left_out = f": its {self.count:,} lines are bad, the first at {self.first}" if self.count else ""
            raise InputError(f"{self.name} must hold {what}, but it is empty{left_out}")
        if self.count:
            report(f"{self.name}: bad lines left out: {self.count:,}, the first at {self.first}")


def is_blank(line: str) -> bool:
    """Tell whether there is nothing but white space in a line."""
    return not line or line.isspace()


def check_encoding(encoding: str) -> None:
    """Raise ``InputError`` unless Python can read files in the encoding of this name."""
    refusal = f"encoding must be one that text files have, such as utf-8 or cp949, got {encoding!r}"
    try:
        name = codecs.lookup(encoding).name
        if name.replace("_", "-") in NOT_OF_FILES:
            raise InputError(refusal)
        b"a".decode(encoding, "ignore")
    except (LookupError, ValueError) as error:
        raise InputError(refusal) from error


def read_lines(
    source: Source, encoding: str, bad_lines: BadLines, *, longest: int = LONGEST_LINE_CHARACTERS
) -> Iterator[tuple[int, str]]:
    """Yield each line that can be decoded, blank ones too, with its number from 1.

    Args:
        source: the file.
        encoding: what it is written in, if it has no mark of its own.
        bad_lines: told of each line that cannot be decoded.
        longest: characters of one line that are held in memory before the file is refused.

    Raises:
        InputError: the file is binary, unreadable, or spoilt beyond one line.
    """
    number = 0
    for block in _blocks_of_lines(_decode(source, encoding), source.name, longest):
        lines = unicodedata.normalize("NFC", block).split("\n")
        spoilt = SURROGATE.search(block) is not None
        for number, line in enumerate(lines, number + 1):  # noqa: B020 - counting goes on across blocks
            if spoilt and (found := SURROGATE.search(line)):
                value = ord(found[0]) - 0xDC00
                arrived = f"byte 0x{value:02x}" if 0x80 <= value <= 0xFF else f"U+{ord(found[0]):04X}"
                place = f"after {found.start()} characters"
                bad_lines.refuse(number, f"text must be {encoding} (see --encoding), got {arrived} {place}")
                continue
            yield number, line


def decode_beginning(beginning: bytes, encoding: str) -> str:
    r"""Decode the first bytes of a file for a glance at them, whatever they are; lines end in ``\n``."""
    decoder = codecs.getincrementaldecoder(_marked_encoding(beginning, encoding))(errors="replace")
    try:
        text = decoder.decode(beginning)
    except UnicodeError:
        return ""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decode(source: Source, told: str) -> Iterator[str]:
    r"""Yield the text of each chunk, with ``\n`` for every line end and a surrogate for each bad byte."""
    chunks = read_chunks(source)
    first = next(chunks, b"")
    if first.startswith(codecs.BOM_UTF8) and not codecs.lookup(told).name.startswith("utf-8"):
        raise InputError(f"{source.name} begins with the mark of UTF-8, but --encoding says {told}; leave that out")
    encoding = _marked_encoding(first, told)
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(errors="surrogateescape"), translate=True
    )
    line_ends = 0
    at_start = True
    for chunk, final in _mark_end(itertools.chain([first], chunks)):
        state = decoder.getstate()
        try:
            text = decoder.decode(chunk, final)
        except UnicodeError as error:
            decoder.setstate(state)
            line = line_ends + 1 + _count_line_ends_before_error(decoder, chunk)
            raise InputError(
                f"{source.name}, line {line}: text must be {encoding} (see --encoding), and past this"
                f" line the file cannot be read: {getattr(error, 'reason', error)}"
            ) from error
        if "\0" in text:
            hint = "" if encoding != DEFAULT_ENCODING else ", or UTF-16 without its mark (see --encoding)"
            raise InputError(f"{source.name} must be text, but it is a binary file: it holds NUL characters{hint}")
        if at_start and text:
            text = text.removeprefix("\ufeff")
            at_start = False
        line_ends += text.count("\n")
        yield text


def _mark_end(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _marked_encoding(first: bytes, encoding: str) -> str:
    if codecs.lookup(encoding).name == DEFAULT_ENCODING:
        for mark, wide in WIDE_MARKS:
            if first.startswith(mark):
                return wide
    return encoding


def _count_line_ends_before_error(decoder: io.IncrementalNewlineDecoder, chunk: bytes) -> int:
    line_ends = 0
    try:
        for value in chunk:
            line_ends += decoder.decode(bytes([value])).count("\n")
    except UnicodeError:
        pass
    return line_ends


def _blocks_of_lines(texts: Iterable[str], name: str, longest: int) -> Iterator[str]:
    """Join chunks so that each block holds whole lines, without the last line's end."""
    pending: list[str] = []
    characters = 0
    for text in texts:
        end = text.rfind("\n")
        if end >= 0:
            yield "".join((*pending, text[:end]))
            pending = []
            characters = 0
        pending.append(text[end + 1 :])
        characters += len(pending[-1])
        if characters > longest:
            raise InputError(f"{name} must be lines of text, but one is longer than {longest:,} characters")
    if characters:
        yield "".join(pending)
