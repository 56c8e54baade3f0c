"""Read a person's text in: phrases with their counts, or running text as one stream.

Legend: N distinct phrases.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.errors import InputError
from training.columns import Columns
from training.formats import (
    FORMAT_OF_SUFFIX,
    FORMATS,
    LONGEST_PHRASE_CHARACTERS,
    Record,
    choose_format,
    read_counts,
    read_objects,
    read_plain,
    read_table,
)
from training.lines import DEFAULT_ENCODING, BadLines, check_encoding, decode_beginning, is_blank, read_lines
from training.sources import Source, find_sources, one_line, read_beginning

FIRST_LINES = 100
GLANCE_BYTES = 1_000_000
BLANK_SHARE_OF_RUNNING_TEXT = 0.05
LINES_BEFORE_BLANKS_TELL = 20
MEAN_LINE_OF_RUNNING_TEXT = 120
UNBOUNDED_CHARACTERS = 1 << 62


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """How files become text."""

    encoding: str = field(
        default=DEFAULT_ENCODING,
        metadata={"help": "Encoding of the files, such as cp949; a byte-order mark is understood without it."},
    )
    format: str = field(
        default="auto",
        metadata={
            "help": "auto, lines, counts (phrase<TAB>count), labels (label<TAB>text), csv, tsv or jsonl; auto goes by"
            " the name of each file, then by its first lines."
        },
    )
    text_column: str | None = field(
        default=None,
        metadata={
            "flags": ("--text-column", "--text"),
            "help": "Column of csv, tsv or jsonl that holds the phrase; found by itself where it is called"
            " text, phrase, query, name or title, and beside labels also where it is called document,"
            " sentence, utterance, review, content, comment or message.",
        },
    )
    label_column: str | None = field(
        default=None,
        metadata={
            "flags": ("--label-column", "--label"),
            "help": "Column of csv, tsv or jsonl that holds the label of the text; found by itself where it"
            " is called label, labels, class, category, intent, sentiment, tag or target.",
        },
    )
    count_column: str | None = field(
        default=None,
        metadata={
            "help": "Column that holds how often the phrase occurred; found by itself where it is called"
            " count, frequency, popularity or population."
        },
    )
    skip_bad_lines: bool = field(
        default=False,
        metadata={"help": "Leave out lines that cannot be used, and say how many, instead of stopping at the first."},
    )

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        if self.format not in FORMATS:
            raise InputError(f"format must be one of {', '.join(FORMATS)}, got {one_line(self.format)}")


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """Distinct phrases in the order in which they first appeared.

    ``texts`` are NFC. ``counts`` (N,) are summed over repeats, where a line without a count counts 1.
    ``lines`` were read that were not blank, headers apart (a row of CSV is one line, and so is a bad
    line), and ``skipped`` of them were bad.
    """

    texts: list[str]
    counts: NDArray[np.float64]
    skipped: int
    lines: int
    has_counts: bool


def ignore(_message: str) -> None:
    """Report to nobody."""


@dataclass(kw_only=True)
class _Tally:
    """What was met on the way: lines that were not blank, bad ones among them, and whether files had counts."""

    lines: int = 0
    skipped: int = 0
    counted: set[bool] = field(default_factory=set)


def read_phrases(sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None] = ignore) -> Phrases:
    """Read phrases from files, folders, globs or ``-``, any of them gzipped, and merge repeats.

    Args:
        sources: what was named on the command line.
        settings: how to read it.
        report: told, a line at a time, how many bad lines were left out of which file, and whether only
            some of the files have counts.

    Raises:
        InputError: a source cannot be read or holds no phrase, or a line is bad and bad ones are to stop.
    """
    tally = _Tally()
    counts = merge_counts(_phrase_lines(sources, settings, report, tally))
    if len(tally.counted) > 1:
        report("only some of the files have counts; a line of the others counts 1")
    return Phrases(
        texts=list(counts),
        counts=np.fromiter(counts.values(), dtype=np.float64, count=len(counts)),
        skipped=tally.skipped,
        lines=tally.lines,
        has_counts=True in tally.counted,
    )


def read_phrase_lines(sources: Sequence[str], settings: ReadingSettings) -> list[tuple[str, float]]:
    """Read phrases as ``read_phrases`` does, but keep every line: each phrase with its count, in the files' order.

    Raises:
        InputError: as ``read_phrases`` has it.
    """
    return list(_phrase_lines(sources, settings, ignore, _Tally()))


def merge_counts(lines: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Add up the counts of equal phrases; they stay in the order in which they first appeared."""
    counts: dict[str, float] = {}
    for text, count in lines:
        counts[text] = counts.get(text, 0.0) + count
    return counts


def _phrase_lines(
    sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None], tally: _Tally
) -> Iterator[tuple[str, float]]:
    for source in find_sources(sources):
        bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
        good = 0
        count: float | None
        for text, count in _usable(_read_records(source, settings, bad_lines), bad_lines):
            good += 1
            yield text, 1.0 if count is None else count
        bad_lines.check_some(good=good, what="a phrase", report=report)
        tally.lines += good + bad_lines.count
        tally.skipped += bad_lines.count
        tally.counted.add(count is not None)


def read_running_text(sources: Sequence[str], settings: ReadingSettings) -> str:
    r"""Read files as one stream of NFC text in which each file, and each line, ends with ``\n``.

    Raises:
        InputError: a source cannot be read, is empty or a table, or a line cannot be decoded and bad
            ones are to stop.
    """
    streams: list[str] = []
    for source in find_sources(sources):
        form = FORMAT_OF_SUFFIX.get(source.suffix, "lines") if settings.format == "auto" else settings.format
        if form != "lines":
            raise InputError(f"running text must be plain text, got {source.name} as {form}; see --format lines")
        bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
        lines = read_lines(source, settings.encoding, bad_lines, longest=UNBOUNDED_CHARACTERS)
        stream = "".join(f"{line}\n" for _, line in lines)
        if not stream or stream.isspace():
            raise InputError(f"{source.name} must hold text, but it is empty")
        streams.append(stream)
    return "".join(streams)


def looks_like_running_text(sources: Sequence[str], settings: ReadingSettings) -> str | None:
    """Say why plain lines look like a book's and not like phrases, or None where they do not.

    Decided from the first megabyte of all sources together; standard input is looked at only as far as
    its buffer reaches, and keeps what was looked at. Blank lines tell from 20 lines on, and not at the
    end of a file.

    Raises:
        InputError: a source cannot be read.
    """
    if settings.format not in {"auto", "lines"}:
        return None
    left = GLANCE_BYTES
    lines: list[str] = []
    for source in find_sources(sources):
        beginning = read_beginning(source, left)
        left -= len(beginning)
        text = decode_beginning(beginning, settings.encoding)
        seen = text.strip("\n").split("\n")
        if not left and len(seen) > 1:
            seen.pop()  # the megabyte may end within it
        first_lines = [line for line in seen if not is_blank(line)][:FIRST_LINES]
        if settings.format == "lines" or choose_format(source.suffix, first_lines, _columns(settings)) == "lines":
            lines += seen
        if not left:
            break
    blank = sum(map(is_blank, lines))
    if len(lines) >= LINES_BEFORE_BLANKS_TELL and blank >= BLANK_SHARE_OF_RUNNING_TEXT * len(lines):
        return f"{100 * blank / len(lines):.0f} % of its lines are blank"
    mean = sum(map(len, lines)) / max(1, len(lines) - blank)
    if mean > MEAN_LINE_OF_RUNNING_TEXT:
        return f"its lines are {mean:.0f} characters long on average"
    return None


def _read_records(source: Source, settings: ReadingSettings, bad_lines: BadLines) -> Iterator[Record]:
    lines: Iterable[tuple[int, str]] = read_lines(source, settings.encoding, bad_lines)
    form = settings.format
    columns = _columns(settings)
    if form == "auto":
        first = list(itertools.islice(lines, FIRST_LINES))
        form = choose_format(source.suffix, [line for _, line in first if not is_blank(line)], columns)
        lines = itertools.chain(first, lines)
    if form == "labels" or settings.label_column is not None:
        raise InputError(f"phrases must have no labels, got {source.name} with --label-column or --format labels")
    if form in {"lines", "counts"} and (columns.text or columns.count):
        raise InputError(f"--text-column and --count-column need columns, but {source.name} is read as {form}")
    if form != "csv":  # where a blank line may stand inside a quoted phrase
        lines = ((number, line) for number, line in lines if not is_blank(line))
    match form:
        case "lines":
            return read_plain(lines, bad_lines, told=settings.format == "lines")
        case "counts":
            return read_counts(lines, bad_lines)
        case "jsonl":
            return read_objects(lines, columns, bad_lines)
        case _:
            return read_table(lines, columns, bad_lines, quoted=form == "csv")


def _usable(records: Iterable[Record], bad_lines: BadLines) -> Iterator[tuple[str, float | None]]:
    for number, untrimmed, count in records:
        text = untrimmed.strip(" \t")
        if len(text) > LONGEST_PHRASE_CHARACTERS:
            rule = f"a phrase must have at most {LONGEST_PHRASE_CHARACTERS:,} characters, got {len(text):,}"
            bad_lines.refuse(number, rule)
        elif is_blank(text):
            bad_lines.refuse(number, "a count must have a phrase before it, got none")
        else:
            yield text, count


def _columns(settings: ReadingSettings) -> Columns:
    return Columns(text=settings.text_column, count=settings.count_column)
