"""Columns by their names: told, or known."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import InputError
from training.sources import one_line

TEXT_COLUMNS = ("text", "phrase", "query", "name", "title")
COUNT_COLUMNS = ("count", "frequency", "popularity", "population")


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
        check_told((("--text-column", self.text), ("--count-column", self.count)), there, place)
        text = need_column("--text-column", self.text, TEXT_COLUMNS, there, place)
        count = self.count or known(there, COUNT_COLUMNS)
        if text == count:
            raise InputError(f"{place}: the text and the count must be two columns, got {one_line(text)} for both")
        return text, count


def check_told(told: Sequence[tuple[str, str | None]], there: Sequence[str], place: str) -> None:
    """Raise ``InputError`` unless each column that a flag tells is there."""
    for flag, column in told:
        if column is not None and column not in there:
            raise InputError(f"{place}: {flag} must be one of its columns ({_listed(there)}), got {one_line(column)}")


def need_column(flag: str, told: str | None, names: Sequence[str], there: Sequence[str], place: str) -> str:
    """Give the column that was told, else the one that has a known name.

    Raises:
        InputError: none was told and none has such a name.
    """
    column = told or known(there, names)
    if column is None:
        raise InputError(
            f"{place}: {flag} must be told where no column is one of {', '.join(names)}, got {_listed(there)}"
        )
    return column


def known(there: Sequence[str], names: Sequence[str]) -> str | None:
    """Give the column that has the first of the names that any has, whatever its case."""
    by_lower = {column.lower(): column for column in reversed(there)}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _listed(there: Sequence[str]) -> str:
    return one_line(", ".join(there), 300)
