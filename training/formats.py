"""Read phrases with their counts from lines: plain, ``phrase<TAB>count``, CSV, TSV or JSONL.

CSV follows Python's ``csv`` strictly; TSV and ``phrase<TAB>count`` know no quotes. A line break inside a
phrase of CSV or JSONL becomes one space. Spaces and tabs at both ends of a phrase are dropped.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from model.errors import InputError
from training.lines import SURROGATE, BadLines
from training.sources import one_line

FORMATS = ("auto", "lines", "counts", "csv", "tsv", "jsonl")
FORMAT_OF_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
TEXT_COLUMNS = ("text", "phrase", "query", "name", "title")
COUNT_COLUMNS = ("count", "frequency", "popularity", "population")
LONGEST_PHRASE_CHARACTERS = 1_000
# Between these, sums of a billion counts are neither infinite nor lost beside each other.
SMALLEST_COUNT = 1e-9
LARGEST_COUNT = 1e15
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)

Line: TypeAlias = tuple[int, str]
# Line number, phrase, and its count where the format has one.
Record: TypeAlias = tuple[int, str, float | None]


class _BrokenRuleError(Exception):
    """What is wrong with one line, on its way to ``BadLines``."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that hold the phrase and its count; None is found by name."""

    text: str | None
    count: str | None

    def find(self, there: Sequence[str], place: str) -> tuple[str, str | None]:
        """Choose the column of the phrase, and that of the count if there is one.

        Raises:
            InputError: a column that was told, or any that could hold the phrase, is not there.
        """
        names = one_line(", ".join(there), 300)
        for flag, told in (("--text-column", self.text), ("--count-column", self.count)):
            if told is not None and told not in there:
                raise InputError(f"{place}: {flag} must be one of its columns ({names}), got {one_line(told)}")
        text = self.text or _known(there, TEXT_COLUMNS)
        if text is None:
            known = ", ".join(TEXT_COLUMNS)
            raise InputError(f"{place}: --text-column must be told where no column is one of {known}, got {names}")
        count = self.count or _known(there, COUNT_COLUMNS)
        if text == count:
            raise InputError(f"{place}: the text and the count must be two columns, got {one_line(text)} for both")
        return text, count


def choose_format(suffix: str, first_lines: Sequence[str], columns: Columns) -> str:
    """Tell a file's format by its name's suffix, else by its first lines that are not blank.

    ``counts`` needs a TAB in every line, or a TAB with a number in half of them: then a count that is
    missing or not positive is refused, and never taken for a part of the phrase.
    """
    if suffix in FORMAT_OF_SUFFIX:
        return FORMAT_OF_SUFFIX[suffix]
    if not suffix and first_lines and all(_is_object(line) for line in first_lines):
        return "jsonl"
    if first_lines and _is_header(first_lines[0].split("\t"), suffix, columns):
        return "tsv"
    tabbed = [line for line in first_lines if "\t" in line.strip(" \t")]
    numbered = [line for line in tabbed if _looks_like_number(line.rpartition("\t")[2])]
    if first_lines and (len(tabbed) == len(first_lines) or 2 * len(numbered) >= len(first_lines)):
        return "counts"
    return "lines"


def read_plain(lines: Iterable[Line], bad_lines: BadLines, *, told: bool) -> Iterator[Record]:
    """Take each line as a phrase; a TAB and a number after it are refused unless ``lines`` was told."""
    for number, line in lines:
        if "\t" in line and not told and _looks_like_number(line.rpartition("\t")[2]):
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
        except _BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def read_table(lines: Iterable[Line], columns: Columns, bad_lines: BadLines, *, quoted: bool) -> Iterator[Record]:
    """Take the phrase and its count from the columns that the first row names."""
    rows = _read_csv(lines, bad_lines) if quoted else ((number, line.split("\t")) for number, line in lines)
    header: list[str] = []
    text_at, count_at = 0, None
    for number, row in rows:
        if not header:
            header = [cell.strip() for cell in row]
            text, count = columns.find(header, f"{bad_lines.name}, line {number}")
            text_at, count_at = header.index(text), None if count is None else header.index(count)
            continue
        if len(row) != len(header):
            bad_lines.refuse(number, f"a row must have the header's {len(header)} columns, got {len(row)}")
            continue
        try:
            text = _parse_text(row[text_at], header[text_at])
            yield number, text, None if count_at is None else _parse_count(row[count_at])
        except _BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def read_objects(lines: Iterable[Line], columns: Columns, bad_lines: BadLines) -> Iterator[Record]:
    """Take the phrase and its count from JSON objects, one a line; the first one tells the columns."""
    chosen: tuple[str, str | None] | None = None
    for number, line in lines:
        try:
            record = _parse_object(line)
            chosen = chosen or columns.find(list(record), f"{bad_lines.name}, line {number}")
            text, count = chosen
            yield number, _json_text(record, text), _json_count(record, count)
        except _BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def _known(there: Sequence[str], known: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in reversed(there)}
    return next((by_lower[name] for name in known if name in by_lower), None)


def _is_header(cells: Sequence[str], suffix: str, columns: Columns) -> bool:
    names = [cell.strip() for cell in cells]
    if _looks_like_number(names[-1]):
        return False
    if columns.text is not None:
        return suffix == ".tsv" or columns.text in names
    has_text = _known(names, TEXT_COLUMNS) is not None
    has_count = _known(names, COUNT_COLUMNS) is not None or columns.count in names
    return has_text and (has_count or suffix == ".tsv")


def _is_object(line: str) -> bool:
    try:
        return bool(_parse_object(line))
    except _BrokenRuleError:
        return False


def _looks_like_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _parse_text(text: str, column: str) -> str:
    text = " ".join(re.split(r"\r\n|\r|\n", text)).strip(" \t")
    if not text or text.isspace():
        raise _BrokenRuleError(f"{one_line(column)} must hold a phrase, got none")
    return text


def _parse_count(text: str) -> float:
    text = text.strip(" ")
    count = float(text) if NUMBER.fullmatch(text) else 0.0
    if not SMALLEST_COUNT <= count <= LARGEST_COUNT:
        raise _BrokenRuleError(
            f"a count must be a positive number such as 3 or 2.5, at most {LARGEST_COUNT:g},"
            f" got {one_line(text) or 'nothing'}"
        )
    return count


def _parse_object(line: str) -> Mapping[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BrokenRuleError(
            f"a line must be a JSON object, got {one_line(line)} ({one_line(str(error))})"
        ) from error
    if not isinstance(record, dict):
        raise _BrokenRuleError(f"a line must be a JSON object, got {one_line(line)}")
    return record


def _json_text(record: Mapping[str, object], column: str) -> str:
    text = record.get(column)
    if not isinstance(text, str):
        raise _BrokenRuleError(f"{one_line(column)} must be a string, got {_arrived(record, column)}")
    if "\0" in text or SURROGATE.search(text):
        raise _BrokenRuleError(f"{one_line(column)} must hold neither NUL nor a lone surrogate, got {text[:60]!a}")
    return unicodedata.normalize("NFC", _parse_text(text, column))


def _json_count(record: Mapping[str, object], column: str | None) -> float | None:
    if column is None:
        if len(record) > 1 and (found := _known(list(record), COUNT_COLUMNS)):
            raise _BrokenRuleError(f"a line must have no count where the first has none, got {one_line(found)}")
        return None
    count = record.get(column)
    if isinstance(count, bool) or not isinstance(count, int | float):
        raise _BrokenRuleError(f"{one_line(column)} must be a positive number, got {_arrived(record, column)}")
    if isinstance(count, int) and abs(count) > LARGEST_COUNT:
        count = float("inf")
    return _parse_count(repr(count))


def _arrived(record: Mapping[str, object], column: str) -> str:
    if column not in record:
        return f"a line with only {one_line(', '.join(record)) or 'an empty object'}"
    return one_line(json.dumps(record[column]))


def _read_csv(lines: Iterable[Line], bad_lines: BadLines) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of its first line."""
    last = 0

    def feed() -> Iterator[str]:
        nonlocal last
        for number, line in lines:
            last = number
            yield line + "\n"

    reader = csv.reader(feed(), strict=True)
    while True:
        first = last + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            span = f" (read to line {last})" if last > first else ""
            bad_lines.refuse(first, f"a row must be CSV with its quotes closed, got: {error}{span}")
            continue
        if any(cell.strip() for cell in row):
            yield first, row
