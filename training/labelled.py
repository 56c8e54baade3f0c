"""Read texts with labels: which column holds which, found by name or by how few its values are.

Legend: N texts.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from model.errors import InputError
from model.texts import one_spaced
from training.columns import COUNT_COLUMNS, LabelColumns, known
from training.formats import looks_like_number
from training.labelled_formats import Pair, Table, open_table, parse_pairs, read_named, read_unnamed
from training.lines import BadLines, decode_beginning, read_lines
from training.reading import ReadingSettings, ignore
from training.sources import Source, find_sources, one_line, read_beginning

GLANCE_BYTES = 16_000_000
MOST_LABELS = 1_000
# Of the lines of a table without a header: that have two columns, that have a label seen before, that have a count.
LEAST_IN_TWO_COLUMNS = 0.99
LEAST_REPEATED = 0.2
LEAST_COUNTED = 0.9
UNNAMED = ("the first column", "the last column")


@dataclass(frozen=True, kw_only=True)
class LabelledTexts:
    """Texts and their labels in the order of the files, repeats and all.

    ``texts`` and ``labels`` are (N,) and NFC. ``lines`` were read that were not blank, headers apart (a row of CSV
    is one line, and so is a bad line), and ``skipped`` of them were bad. ``disputed`` different texts stand with two
    or more different labels.
    """

    texts: list[str]
    labels: list[str]
    lines: int
    skipped: int
    disputed: int


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one file gave: label and text of each line, or both cells where ``columns`` is None."""

    form: str
    columns: tuple[str, str] | None
    pairs: list[Pair]
    bad_lines: BadLines


def read_labelled(
    sources: Sequence[str],
    settings: ReadingSettings,
    report: Callable[[str], None] = ignore,
    expected: frozenset[str] = frozenset(),
) -> LabelledTexts:
    """Read texts with labels from files, folders, globs or ``-``, any of them gzipped.

    Columns without names are told apart over all such files together: labels are the column that has more of the
    labels expected, else that of fewer different values, or of fewer characters where both have as many.

    Args:
        sources: what was named on the command line.
        settings: how to read it.
        report: told, a line at a time, what was taken for what, how many bad lines were left out of which file, and
            how many texts are disputed.
        expected: labels that are known beforehand; there may be none, and others in the files.

    Raises:
        InputError: a source cannot be read or holds no text with a label, a column is missing, or a line is bad and
            bad ones are to stop.
    """
    _check(settings)
    parts = [_read_part(source, settings) for source in find_sources(sources)]
    unnamed = [part for part in parts if part.columns is None]
    label_first = _label_is_first((pair for part in unnamed for pair in part.pairs), expected)
    texts: list[str] = []
    labels: list[str] = []
    labels_of: dict[tuple[str, str] | None, set[str]] = {}
    skipped = 0
    for part in parts:
        pairs, names = part.pairs, part.columns or UNNAMED
        if part.columns is None and not label_first:
            pairs, names = [(number, last, first) for number, first, last in pairs], UNNAMED[::-1]
        good = list(parse_pairs(pairs, names, part.bad_lines))
        part.bad_lines.check_some(good=len(good), what="a text with its label", report=report)
        skipped += part.bad_lines.count
        labels += [label for label, _ in good]
        texts += [text for _, text in good]
        labels_of.setdefault(part.columns, set()).update(label for label, _ in good)
    for columns, different in labels_of.items():
        if columns is None:
            between = "," if all(part.form == "csv" for part in unnamed) else "<TAB>"
            order = ("label", "text") if label_first else ("text", "label")
            report(f"taken for {between.join(order)}: {len(different):,} labels")
        else:
            label, text = map(one_line, columns)
            report(f"labels from the column '{label}' ({len(different):,} different), texts from '{text}'")
    disputed = _disputed(texts, labels)
    if disputed:
        report(
            f"texts that stand with two or more different labels: {len(disputed):,}, such as {one_line(disputed[0])}"
        )
    return LabelledTexts(
        texts=texts, labels=labels, lines=len(texts) + skipped, skipped=skipped, disputed=len(disputed)
    )


def looks_labelled(
    sources: Sequence[str], settings: ReadingSettings, expected: frozenset[str] = frozenset()
) -> str | None:
    """Say why sources look like texts with labels, or None where they do not.

    Those with a header must name a text and a label in it, and no count. Those without must be two columns, one of
    which repeats few values, or holds labels that are ``expected`` alone, in the first 16 megabytes together; a column
    of numbers that comes last is counts.
    Standard input is looked at only as far as its buffer reaches, and keeps what was looked at.

    Raises:
        InputError: a source cannot be read.
    """
    if settings.label_column is not None:
        return "--label-column was told"
    if settings.format == "labels":
        return "--format labels was told"
    if settings.format in {"lines", "counts"} or settings.count_column is not None:
        return None
    columns = LabelColumns(label=None, text=settings.text_column)
    left = GLANCE_BYTES
    named: str | None = None
    unnamed: list[Table] = []
    for source in find_sources(sources):
        if not left:
            break
        beginning = read_beginning(source, left)
        left -= len(beginning)
        table = _glance(source, beginning, settings, columns, cut=left == 0 or source.path is None)
        if table.header is None:
            unnamed.append(table)
            continue
        found = columns.among(table.header)
        if found is None or known(table.header, COUNT_COLUMNS) is not None:
            return None
        named = named or f"it has the columns '{one_line(found[0])}' and '{one_line(found[1])}'"
    return _repeats(unnamed, expected) if unnamed else named


def _check(settings: ReadingSettings) -> None:
    if settings.format in {"lines", "counts"}:
        raise InputError(f"format of texts with labels must be labels, csv, tsv, jsonl or auto, got {settings.format}")
    if settings.count_column is not None:
        raise InputError(f"texts with labels have no counts, got --count-column {one_line(settings.count_column)}")
    if settings.format == "labels" and (settings.label_column or settings.text_column):
        raise InputError("--text-column and --label-column need columns with names, got --format labels")


def _read_part(source: Source, settings: ReadingSettings) -> _Part:
    bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
    columns = LabelColumns(label=settings.label_column, text=settings.text_column)
    lines = read_lines(source, settings.encoding, bad_lines)
    table = open_table(lines, source.suffix, settings.format, columns, bad_lines)
    if table.header is None:
        return _Part(form=table.form, columns=None, pairs=list(read_unnamed(table, bad_lines)), bad_lines=bad_lines)
    found = columns.find(table.header, f"{source.name}, line {table.line}")
    return _Part(form=table.form, columns=found, pairs=list(read_named(table, found, bad_lines)), bad_lines=bad_lines)


def _label_is_first(pairs: Iterable[Pair], expected: frozenset[str]) -> bool:
    different: tuple[set[str], set[str]] = (set(), set())
    characters, others = [0, 0], [0, 0]
    for _, *cells in pairs:
        for at, cell in enumerate(cells):
            value = one_spaced(cell)
            different[at].add(value)
            characters[at] += len(cell)
            others[at] += value not in expected
    first, last = zip(others, map(len, different), characters, strict=True)
    return first <= last


def _disputed(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    first: dict[str, str] = {}
    pairs = zip(texts, labels, strict=True)
    return list(dict.fromkeys(text for text, label in pairs if first.setdefault(text, label) != label))


def _glance(source: Source, beginning: bytes, settings: ReadingSettings, columns: LabelColumns, *, cut: bool) -> Table:
    """Open the table that the first bytes of a file are, without the last line if it may be ``cut``."""
    seen = decode_beginning(beginning, settings.encoding).split("\n")
    if cut and len(seen) > 1:
        seen.pop()
    bad_lines = BadLines(source.name, skip=True)
    return open_table(enumerate(seen, 1), source.suffix, settings.format, columns, bad_lines)


def _repeats(tables: Sequence[Table], expected: frozenset[str]) -> str | None:
    """Say which column of rows without names repeats few values or holds expected ones, or None where none does."""
    lines = pairs = counted = 0
    first: set[str] = set()
    last: set[str] = set()
    for _, cells in itertools.chain.from_iterable(table.records for table in tables):
        lines += 1
        if len(cells) == 2 and isinstance(cells, list):
            pairs += 1
            first.add(cells[0].strip())
            last.add(cells[1].strip())
            counted += _is_count(cells[1])
    if pairs < LEAST_IN_TWO_COLUMNS * lines or counted >= LEAST_COUNTED * pairs:
        return None
    for values, place in ((first, UNNAMED[0]), (last, UNNAMED[1])):
        if values <= expected:
            return f"{place} holds labels that are known, in the {pairs:,} lines looked at"
    fewer, place = (first, UNNAMED[0]) if len(first) <= len(last) else (last, UNNAMED[1])
    if len(first) == len(last) or len(fewer) > min(MOST_LABELS, (1 - LEAST_REPEATED) * pairs):
        return None
    return f"{place} has {len(fewer):,} different values in the {pairs:,} lines looked at"


def _is_count(cell: str) -> bool:
    return looks_like_number(cell) and float(cell.replace(",", "")) > 0
