"""Columns by their names: told, or known."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import InputError
from training.sources import one_line

TEXT_COLUMNS = ("text", "phrase", "query", "name", "title")
COUNT_COLUMNS = ("count", "frequency", "popularity", "population")
LABEL_COLUMNS = ("label", "labels", "class", "category", "intent", "sentiment", "tag", "target")
# Of a title and a document the document is what was labelled.
LABELLED_TEXT_COLUMNS = (
    *("text", "document", "sentence", "utterance", "review", "content", "comment", "message"),
    *("phrase", "query", "title", "name"),
)


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


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """The columns that hold the label and the text; None is found by name."""

    label: str | None
    text: str | None

    @property
    def told(self) -> bool:
        """Whether either was told."""
        return self.label is not None or self.text is not None

    def find(self, there: Sequence[str], place: str) -> tuple[str, str]:
        """Choose the columns of the label and of the text.

        Raises:
            InputError: a column that was told, or any that could hold either, is not there.
        """
        check_told((("--label-column", self.label), ("--text-column", self.text)), there, place)
        label = need_column("--label-column", self.label, LABEL_COLUMNS, there, place)
        text = need_column("--text-column", self.text, LABELLED_TEXT_COLUMNS, there, place)
        if label == text:
            raise InputError(f"{place}: the label and the text must be two columns, got {one_line(text)} for both")
        return label, text

    def among(self, there: Sequence[str]) -> tuple[str, str] | None:
        """Choose the columns of the label and of the text, or give None where either is not there."""
        label = self.label or known(there, LABEL_COLUMNS)
        text = self.text or known(there, LABELLED_TEXT_COLUMNS)
        return (label, text) if label and text and label in there and text in there else None


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
