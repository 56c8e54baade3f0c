"""What an experiment is and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

PLACES = 3  # of a number in a table
SPREAD = "± (seeds)"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large experiments are.

    names: of each country to learn from; tested: others of each, to be tested on; epochs: passes through texts;
    seeds: runs of each network; members: of an ensemble; deepest: layers at most; farthest: letters between at most.
    """

    names: int
    tested: int
    epochs: int
    seeds: int
    members: int
    deepest: int
    farthest: int


FULL = Scale(names=240, tested=500, epochs=10, seeds=5, members=5, deepest=20, farthest=80)
SMALL = Scale(names=60, tested=30, epochs=3, seeds=1, members=3, deepest=10, farthest=20)


@dataclass(frozen=True, kw_only=True)
class Result:
    """The table that is printed, the picture, and the numbers that both are made of, by row and column."""

    table: Table
    numbers: Mapping[str, Mapping[str, float]]
    draw: Callable[[Axes], None]


@dataclass(frozen=True, kw_only=True)
class Lecture:
    """An experiment: its name on the command line, what it asks, and how it is run at a scale."""

    name: str
    question: str
    run: Callable[[Scale], Result]


def numbers_table(first: str, numbers: Mapping[str, Mapping[str, float]]) -> Table:
    """Lay numbers out, a row for each name and a column for each kind."""
    columns = list(dict.fromkeys(column for row in numbers.values() for column in row))
    rows = [(name, *(written(row.get(column)) for column in columns)) for name, row in numbers.items()]
    return Table(columns=(first, *columns), rows=tuple(rows))


def written(number: float | None) -> str:
    """Write a number, one that is tiny with its exponent."""
    if number is None:
        return ""
    if number and abs(number) < 10**-PLACES:
        return f"{number:.1e}"
    return f"{number:,.{PLACES}f}" if number % 1 else f"{number:,.0f}"


def over_seeds(values: Sequence[float], name: str) -> dict[str, float]:
    """Give the mean of what runs from different seeds came to, under a name, and its standard deviation."""
    return {name: float(np.mean(values)), SPREAD: float(np.std(values))}


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
        axes.set_xticks([float(name) for name in numbers], list(numbers))
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        if len(kinds) > 1:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(kinds), frameon=False)

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
        if len(kinds) > 1:  # above all, for the names of rows take much of the width
            axes.figure.legend(loc="outside upper center", ncols=len(kinds), frameon=False)

    return draw
