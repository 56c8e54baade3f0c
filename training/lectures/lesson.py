"""What an experiment is and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

    from training.tables import Table


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large experiments are: names of each country, passes through texts, seeds, and depths or numbers tried."""

    names: int
    epochs: int
    seeds: int
    most: int


FULL = Scale(names=300, epochs=10, seeds=3, most=20)
SMALL = Scale(names=60, epochs=3, seeds=1, most=10)


@dataclass(frozen=True, kw_only=True)
class Result:
    """The table that is printed, the picture, and the numbers that both are made of, by row and column."""

    table: Table
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    draw: Callable[[Axes], None]


@dataclass(frozen=True, kw_only=True)
class Lecture:
    """An experiment: its name on the command line, what it asks, and how it is run at a scale."""

    name: str
    question: str
    run: Callable[[Scale], Result]


def numbers_table(first: str, numbers: Mapping[str, Mapping[str, float]], places: int = 3) -> Table:
    """Lay numbers out, a row for each name and a column for each kind."""
    from training.tables import Table  # noqa: PLC0415 - cards need nothing of this

    columns = list(dict.fromkeys(column for row in numbers.values() for column in row))
    rows = [(name, *(written(row.get(column), places) for column in columns)) for name, row in numbers.items()]
    return Table(columns=(first, *columns), rows=tuple(rows))


def written(number: float | None, places: int) -> str:
    """Write a number with so many places, one that is tiny with its exponent."""
    if number is None:
        return ""
    if number and abs(number) < 10**-places:
        return f"{number:.1e}"
    return f"{number:,.{places}f}" if number % 1 else f"{number:,.0f}"


def draw_lines(
    numbers: Mapping[str, Mapping[str, float]], kinds: Sequence[str], across: str, up: str, *, logarithmic: bool = False
) -> Callable[[Axes], None]:
    """Make what draws a line for each kind over the rows, whose names are numbers."""

    def draw(axes: Axes) -> None:
        for kind in kinds:
            places = [name for name in numbers if kind in numbers[name]]
            axes.plot(
                [float(name) for name in places], [numbers[name][kind] for name in places], marker="o", label=kind
            )
        if logarithmic:
            axes.set_yscale("log")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.legend()

    return draw


def draw_bars(numbers: Mapping[str, Mapping[str, float]], kinds: Sequence[str], across: str) -> Callable[[Axes], None]:
    """Make what draws bars of each kind for every row."""

    def draw(axes: Axes) -> None:
        width = 0.8 / len(kinds)
        for place, kind in enumerate(kinds):
            lengths = [row.get(kind, 0.0) for row in numbers.values()]
            axes.barh([at + place * width for at in range(len(lengths))], lengths, width, label=kind)
        middle = (len(kinds) - 1) * width / 2
        axes.set_yticks([at + middle for at in range(len(numbers))], list(numbers))
        axes.invert_yaxis()
        axes.set_xlabel(across)
        if len(kinds) > 1:
            axes.legend()

    return draw
