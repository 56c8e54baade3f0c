"""Tables of texts with labels out of lines: CSV, TSV and JSONL with names, CSV and TSV of two columns without."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from model.texts import LONGEST_TEXT_CHARACTERS, one_spaced
from training.columns import LABEL_COLUMNS, LABELLED_TEXT_COLUMNS, LabelColumns, known
from training.formats import FORMAT_OF_SUFFIX, looks_like_number
from training.lines import BadLines, is_blank
from training.rows import (
    BrokenRuleError,
    Line,
    Row,
    arrived,
    check_width,
    is_object,
    parse_object,
    read_rows,
    string_of,
)
from training.sources import one_line

FIRST_ROWS = 100
LONGEST_LABEL_CHARACTERS = 200

Record: TypeAlias = list[str] | Mapping[str, object]
# The number of a line and two of its cells: label and text, or the first and the last where nothing names them.
Pair: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One file as rows below a header, or as rows of two columns where ``header`` is None."""

    form: str
    header: list[str] | None
    line: int
    records: Iterator[tuple[int, Record]]


def open_table(lines: Iterable[Line], suffix: str, form: str, columns: LabelColumns, bad_lines: BadLines) -> Table:
    """Begin to read a table, as far as its header.

    A first row is a header where columns were told, where it names both a text and a label, or where it names
    one of them, holds no number, and none of its cells stands again below it.

    Args:
        lines: numbered, blank ones too.
        suffix: of the file's name.
        form: ``csv`` and ``tsv`` have a header, ``labels`` has none; ``auto`` goes by suffix and first lines.
        columns: told or not.
        bad_lines: told of rows that are none.
    """
    first = list(itertools.islice(lines, FIRST_ROWS))
    lines = itertools.chain(first, lines)
    chosen = form
    if form == "auto":
        chosen = _choose_format(suffix, [line for _, line in first if not is_blank(line)], columns)
    if chosen != "csv":  # where a blank line may stand inside a quoted text
        lines = ((number, line) for number, line in lines if not is_blank(line))
    if chosen == "jsonl":
        return _open_objects(lines, bad_lines)
    rows = read_rows(lines, bad_lines, quoted=chosen == "csv")
    begun = list(itertools.islice(rows, FIRST_ROWS))
    header, line = None, 0
    if begun and form != "labels" and (form != "auto" or _is_header(begun, columns)):
        line, names = begun.pop(0)
        header = [name.strip() for name in names]
    return Table(form=chosen, header=header, line=line, records=itertools.chain(begun, rows))


def read_named(table: Table, columns: tuple[str, str], bad_lines: BadLines) -> Iterator[Pair]:
    """Yield the cells of the columns of the label and of the text."""
    header = table.header or []
    label, text = columns
    for number, record in table.records:
        try:
            if isinstance(record, list):
                check_width(record, header)
                yield number, record[header.index(label)], record[header.index(text)]
            else:
                yield number, _label_of(record, label), string_of(record, text)
        except BrokenRuleError as error:
            bad_lines.refuse(number, str(error))


def read_unnamed(table: Table, bad_lines: BadLines) -> Iterator[Pair]:
    """Yield both cells of each row."""
    between = "comma" if table.form == "csv" else "TAB"
    for number, record in table.records:
        if len(record) == 2 and isinstance(record, list):
            yield number, record[0], record[1]
        else:
            bad_lines.refuse(
                number,
                f"where no header names its columns a line must be a label, a {between} and its text, got"
                f" {one_line(', '.join(record))} (see --format and --label-column)",
            )


def parse_pairs(pairs: Iterable[Pair], names: tuple[str, str], bad_lines: BadLines) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each line that has both, spaces and tabs at their ends dropped.

    Args:
        pairs: label and text.
        names: what to call the column of each.
        bad_lines: told of lines where one is empty or too long; a line with an empty text is left out in any case,
            for there is nothing in it to learn.
    """
    kinds = (("label", LONGEST_LABEL_CHARACTERS), ("text", LONGEST_TEXT_CHARACTERS))
    for number, *cells in pairs:
        if is_blank(one_spaced(cells[1])):
            bad_lines.leave_out(number, f"{one_line(names[1])} must hold a text, got none")
            continue
        try:
            label, text = (
                _parse(cell, name, kind, longest)
                for cell, name, (kind, longest) in zip(cells, names, kinds, strict=True)
            )
        except BrokenRuleError as error:
            bad_lines.refuse(number, str(error))
        else:
            yield label, text


def _choose_format(suffix: str, first_lines: Sequence[str], columns: LabelColumns) -> str:
    if suffix in FORMAT_OF_SUFFIX:
        return FORMAT_OF_SUFFIX[suffix]
    if not suffix and first_lines and all(is_object(line) for line in first_lines):
        return "jsonl"
    if first_lines and columns.among([cell.strip(' "') for cell in first_lines[0].split(",")]) is not None:
        return "csv"
    return "tsv"


def _is_header(rows: Sequence[Row], columns: LabelColumns) -> bool:
    names = [cell.strip() for cell in rows[0][1]]
    if columns.told or columns.among(names) is not None:
        return True
    if known(names, (*LABEL_COLUMNS, *LABELLED_TEXT_COLUMNS)) is None or any(map(looks_like_number, names)):
        return False
    return not any(name == cell.strip() for _, row in rows[1:] for name, cell in zip(names, row, strict=False))


def _open_objects(lines: Iterable[Line], bad_lines: BadLines) -> Table:
    def parsed() -> Iterator[tuple[int, Record]]:
        for number, line in lines:
            try:
                yield number, parse_object(line)
            except BrokenRuleError as error:
                bad_lines.refuse(number, str(error))

    records = parsed()
    begun = list(itertools.islice(records, 1))
    header = list(begun[0][1]) if begun else None
    line = begun[0][0] if begun else 0
    return Table(form="jsonl", header=header, line=line, records=itertools.chain(begun, records))


def _label_of(record: Mapping[str, object], column: str) -> str:
    label = record.get(column)
    if isinstance(label, bool | int):
        return json.dumps(label)
    if not isinstance(label, str):
        raise BrokenRuleError(
            f"{one_line(column)} must be a string, a whole number, true or false, got {arrived(record, column)}"
        )
    return string_of(record, column)


def _parse(cell: str, name: str, kind: str, longest: int) -> str:
    parsed = one_spaced(cell)
    if is_blank(parsed):
        raise BrokenRuleError(f"{one_line(name)} must hold a {kind}, got none")
    if len(parsed) > longest:
        raise BrokenRuleError(f"a {kind} must have at most {longest:,} characters, got {len(parsed):,}")
    return parsed
