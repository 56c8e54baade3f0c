"""Figures over the rounds of a benchmark, and tables of them for people.

Legend: R rounds, N prefixes or replies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON

PERCENTILES = (50, 90, 95, 99)


def over_rounds(values: Sequence[float]) -> dict[str, JSON]:
    """Give the median of what each round gave (R,), and how far the rounds lie apart."""
    return {"median": float(np.median(values)), "least": float(min(values)), "most": float(max(values))}


def time_figures(times: Sequence[NDArray[np.float64]]) -> dict[str, JSON]:
    """Give percentiles and the mean of times, R arrays (N,) in ms, each over the rounds."""
    figures: dict[str, JSON] = {
        f"p{percent}_ms": over_rounds([float(np.percentile(each, percent)) for each in times])
        for percent in PERCENTILES
    }
    return {**figures, "mean_ms": over_rounds([float(each.mean()) for each in times])}


def ratio_of_medians(
    times: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64]], percent: float = 50
) -> dict[str, JSON]:
    """Give how many times as long the ones took as the others, at the median or another percentile, over the rounds.

    Args:
        times: R arrays (N,), ms.
        others: R arrays (N,), ms, each measured in the same round.
        percent: of the percentile.
    """
    pairs = zip(times, others, strict=True)
    return over_rounds([float(np.percentile(one, percent) / np.percentile(other, percent)) for one, other in pairs])


def table(title: str, rows: Mapping[str, Mapping[str, JSON]]) -> str:
    """Lay figures out: a line for each name, a column for each figure; what a row lacks stays empty."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = [[title, *columns]]
    cells += [[name, *(shown(row.get(column)) for column in columns)] for name, row in rows.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in cells
    )


def lines(title: str, figures: Mapping[str, JSON]) -> str:
    """Lay figures out: a line for each."""
    width = max(map(len, figures))
    return "\n".join([title, *(f"  {name.ljust(width)}  {shown(value)}" for name, value in figures.items())])


def shown(value: JSON) -> str:
    """Write one figure: over rounds as the median with the least and the most after it."""
    match value:
        case {"median": float(median), "least": least, "most": most}:
            text = f"{shown(median)} ({shown(least)}..{shown(most)})"
        case float() if abs(value) < 1000:
            text = f"{value:.4g}"
        case float() | int():
            text = f"{value:,.0f}"
        case dict():
            text = ", ".join(f"{name} {shown(each)}" for name, each in value.items())
        case list():
            text = ", ".join(map(shown, value)) or "none"
        case _:
            text = "" if value is None else value
    return text
