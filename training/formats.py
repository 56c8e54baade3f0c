"""Read phrases with their counts from lines: plain, ``phrase<TAB>count``, CSV, TSV or JSONL.

Neither TSV nor ``phrase<TAB>count`` knows quotes. Spaces and tabs at both ends of a phrase are dropped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from model.texts import one_spaced
from training.columns import COUNT_COLUMNS, TEXT_COLUMNS, Columns, known
from training.lines import BadLines
from training.rows import (
    BrokenRuleError,
    Line,
    arrived,
    check_width,
    is_object,
    parse_object,
    read_rows,
    string_of,
)
from training.sources import one_line

FORMATS = ("auto", "lines", "counts", "labels", "csv", "tsv", "jsonl")
FORMAT_OF_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
LONGEST_PHRASE_CHARACTERS = 1_000
# Between these, sums of a billion counts are neither infinite nor lost beside each other.
SMALLEST_COUNT = 1e-9
LARGEST_COUNT = 1e15
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)

# Line number, phrase, and its count where the format has one.
Record: TypeAlias = tuple[int, str, float | None]


def choose_format(suffix: str, first_lines: Sequence[str], columns: Columns) -> str:
    """Tell a file's format by its name's suffix, else by its first lines that are not blank.

    ``counts`` needs a TAB in every line, or a TAB with a number in half of them: then a count that is
    missing or not positive is refused, and never taken for a part of the phrase.
    """
    if suffix in FORMAT_OF_SUFFIX:
        return FORMAT_OF_SUFFIX[suffix]
    if not suffix and first_lines and all(is_object(line) for line in first_lines):
        return "jsonl"
    if first_lines and _is_header(first_lines[0].split("\t"), suffix, columns):
        return "tsv"
    tabbed = [line for line in first_lines if "\t" in line.strip(" \t")]
    numbered = [line for line in tabbed if looks_like_number(line.rpartition("\t")[2])]
    if first_lines and (len(tabbed) == len(first_lines) or 2 * len(numbered) >= len(first_lines)):
        return "counts"
    return "lines"


def read_plain(lines: Iterable[Line], bad_lines: BadLines, *, told: bool) -> Iterator[Record]:
    """Take each line as a phrase; a TAB and a number after it are refused unless ``lines`` was told."""
    for number, line in lines:
        if "\t" in line and not told and looks_like_number(line.rpartition("\t")[2]):
            bad_lines.refuse(
                number,
                f"no line may have a count where most have none, got {one_line(line)}"
                " (--format counts or --format lines decides)",
            )
        else:
            yield number, line, None


def read_counts(lines: Iterable[Line], bad_lines: BadLines) -> Iterator[Record]:
    """Take each line as a phrase, a TAB and its count."""
    for number, line in lines:
        text, tab, count = line.partition("\t")
        if not tab:
            rule = f"a line must be a phrase, a TAB and its count, got {one_line(line)} (see --format)"
            bad_lines.refuse(number, rule)
            continue
        try:
            yield number, text, _parse_count(count)
        except BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def read_table(lines: Iterable[Line], columns: Columns, bad_lines: BadLines, *, quoted: bool) -> Iterator[Record]:
    """Take the phrase and its count from the columns that the first row names."""
    header: list[str] = []
    text_at, count_at = 0, None
    for number, row in read_rows(lines, bad_lines, quoted=quoted):
        if not header:
            header = [cell.strip() for cell in row]
            text, count = columns.find(header, f"{bad_lines.name}, line {number}")
            text_at, count_at = header.index(text), None if count is None else header.index(count)
            continue
        try:
            check_width(row, header)
            text = _parse_text(row[text_at], header[text_at])
            yield number, text, None if count_at is None else _parse_count(row[count_at])
        except BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def read_objects(lines: Iterable[Line], columns: Columns, bad_lines: BadLines) -> Iterator[Record]:
    """Take the phrase and its count from JSON objects, one a line; the first one tells the columns."""
    chosen: tuple[str, str | None] | None = None
    for number, line in lines:
        try:
            record = parse_object(line)
            chosen = chosen or columns.find(list(record), f"{bad_lines.name}, line {number}")
            text, count = chosen
            yield number, _parse_text(string_of(record, text), text), _json_count(record, count)
        except BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def _is_header(cells: Sequence[str], suffix: str, columns: Columns) -> bool:
    names = [cell.strip() for cell in cells]
    if looks_like_number(names[-1]):
        return False
    if columns.text is not None:
        return suffix == ".tsv" or columns.text in names
    has_text = known(names, TEXT_COLUMNS) is not None
    has_count = known(names, COUNT_COLUMNS) is not None or columns.count in names
    return has_text and (has_count or suffix == ".tsv")


def looks_like_number(text: str) -> bool:
    """Tell whether a cell is a number, be it one that no count may be."""
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _parse_text(text: str, column: str) -> str:
    text = one_spaced(text)
    if not text or text.isspace():
        raise BrokenRuleError(f"{one_line(column)} must hold a phrase, got none")
    return text


def _parse_count(text: str) -> float:
    text = text.strip(" ")
    count = float(text) if NUMBER.fullmatch(text) else 0.0
    if not SMALLEST_COUNT <= count <= LARGEST_COUNT:
        raise BrokenRuleError(
            f"a count must be a positive number such as 3 or 2.5, at most {LARGEST_COUNT:g},"
            f" got {one_line(text) or 'nothing'}"
        )
    return count


def _json_count(record: Mapping[str, object], column: str | None) -> float | None:
    if column is None:
        if len(record) > 1 and (found := known(list(record), COUNT_COLUMNS)):
            raise BrokenRuleError(f"a line must have no count where the first has none, got {one_line(found)}")
        return None
    count = record.get(column)
    if isinstance(count, bool) or not isinstance(count, int | float):
        raise BrokenRuleError(f"{one_line(column)} must be a positive number, got {arrived(record, column)}")
    if isinstance(count, int) and abs(count) > LARGEST_COUNT:
        count = float("inf")
    return _parse_count(repr(count))
