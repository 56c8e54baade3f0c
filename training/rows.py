"""Rows of CSV and TSV, and objects of JSONL, out of numbered lines.

CSV follows Python's ``csv`` strictly; TSV knows no quotes. A line break inside a cell becomes one space.
"""

import csv
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from training.lines import SURROGATE, BadLines
from training.sources import one_line

Line: TypeAlias = tuple[int, str]
Row: TypeAlias = tuple[int, list[str]]


class BrokenRuleError(Exception):
    """What is wrong with one line, on its way to ``BadLines``."""


def read_rows(lines: Iterable[Line], bad_lines: BadLines, *, quoted: bool) -> Iterator[Row]:
    """Yield each row of TSV, or of CSV where ``quoted``, with the number of its first line; none is blank.

    Args:
        lines: numbered; for TSV without the blank ones, for CSV with them, since a quoted cell may hold one.
        bad_lines: told of rows that are no CSV.
        quoted: CSV.
    """
    if not quoted:
        yield from ((number, line.split("\t")) for number, line in lines)
        return
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


def check_width(row: list[str], header: list[str]) -> None:
    """Raise ``BrokenRuleError`` unless a row has a cell for each column."""
    if len(row) != len(header):
        raise BrokenRuleError(f"a row must have the header's {len(header)} columns, got {len(row)}")


def parse_object(line: str) -> Mapping[str, object]:
    """Parse a line of JSONL.

    Raises:
        BrokenRuleError: it is no JSON, or no object.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BrokenRuleError(f"a line must be a JSON object, got {one_line(line)} ({one_line(str(error))})") from error
    if not isinstance(record, dict):
        raise BrokenRuleError(f"a line must be a JSON object, got {one_line(line)}")
    return record


def is_object(line: str) -> bool:
    """Tell whether a line is a JSON object that has a key."""
    try:
        return bool(parse_object(line))
    except BrokenRuleError:
        return False


def string_of(record: Mapping[str, object], column: str) -> str:
    """Give a string of an object, NFC, in which a JSON escape may have hidden what no text holds.

    Raises:
        BrokenRuleError: it is missing, no string, or holds NUL or a lone surrogate.
    """
    text = record.get(column)
    if not isinstance(text, str):
        raise BrokenRuleError(f"{one_line(column)} must be a string, got {arrived(record, column)}")
    if "\0" in text or SURROGATE.search(text):
        raise BrokenRuleError(f"{one_line(column)} must hold neither NUL nor a lone surrogate, got {text[:60]!a}")
    return unicodedata.normalize("NFC", text)


def arrived(record: Mapping[str, object], column: str) -> str:
    """Show, inside a message, what an object has in a column."""
    if column not in record:
        return f"a line with only {one_line(', '.join(record)) or 'an empty object'}"
    return one_line(json.dumps(record[column]))
