"""The report of an evaluation: one HTML file with its tables and pictures, which needs nothing beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from io import StringIO
from statistics import fmean
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model.errors import InputError
from training.cards import SYSTEMS, WAYS, Table, as_mapping, figures_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from model.manifest import JSON
    from training.comparison import Evaluation, Observations

    Observed = Mapping[str, Observations]

# Told apart by people who see colours differently, and by their marks and hatches in black and white.
# Source: Okabe & Ito 2008, *Color Universal Design*.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
LEAST_PHRASES_OF_A_POINT = 5  # fewer phrases at one prefix length are no mean worth drawing
LABEL_WIDTH = 16  # characters of a line under the axis
LONGEST_LABEL_IN_A_ROW = 32  # characters; longer ones stand below one another
SAVING_BINS, LATENCY_BINS = 10, 40
CLOCK_MS = 1e-4  # times are drawn on a logarithmic axis, where 0 has no place
WIDTH_INCHES, HEIGHT_INCHES = 7.0, 3.4
DRAWING: dict[Any, object] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "hatch.color": "white",
    "legend.frameon": False,
    "svg.fonttype": "none",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #222; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }}
h1, h2 {{ font-weight: 600; line-height: 1.25; }}
h2 {{ margin-top: 2.5rem; font-size: 1.2rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; font-weight: 400; white-space: nowrap; }}
thead th, thead th:first-child {{ border-bottom: 2px solid #222; font-weight: 600; }}
figure {{ margin: 0; }}
figcaption {{ color: #555; }}
svg {{ width: 100%; height: auto; max-width: 44rem; }}
svg text {{ font-family: system-ui, sans-serif !important; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Write the report of an evaluation.

    Raises:
        InputError: the file cannot be written.
    """
    title = f"Evaluation of {evaluation.model}"
    tables = [html_table(table) for table in figures_tables(evaluation.figures)]
    pictures = pictures_of(evaluation.figures, evaluation.observed)
    try:
        path.write_text(PAGE.format(title=escape(title), body="\n".join(tables + pictures)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--report cannot be written: {error}") from error


def html_table(table: Table) -> str:
    """Write a table as HTML; the first cell of a row names it."""
    heading = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in table.rows
    )
    body = f"<thead><tr>{heading}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="wide"><table>\n{body}\n</table></div>'


def pictures_of(figures: dict[str, JSON], observed: Observed) -> list[str]:
    """Draw what there is to see: figures of HTML, each with a heading and a line that says how to read it."""
    pictures = []
    if observed:
        pictures.append(
            picture(
                "MRR@10 by characters typed",
                f"Lengths of prefix with fewer than {LEAST_PHRASES_OF_A_POINT} test phrases are left out.",
                lambda axes: draw_rank_by_length(axes, observed),
            )
        )
    typed = as_mapping(as_mapping(figures.get("typed")).get("all"))
    if typed:
        pictures.append(
            picture(
                "Hit rate by way of typing",
                "Share of phrases among the first ten completions; the line marks the same phrases' plain prefixes.",
                lambda axes: draw_hits_by_way(axes, typed),
            )
        )
    if any(each.keystrokes_saved for each in observed.values()):
        pictures.append(
            picture(
                "Keystrokes saved",
                "How many phrases needed so much less typing; Hangul is counted in keys of the two-set keyboard.",
                lambda axes: draw_savings(axes, observed),
            )
        )
    if observed:
        pictures.append(
            picture(
                "Time of a completion",
                "One thread asks, and each prefix is timed once; the axis is logarithmic.",
                lambda axes: draw_latency(axes, observed),
            )
        )
    return pictures


def picture(heading: str, caption: str, draw: Callable[[Axes], None]) -> str:
    """Draw one picture as a figure of HTML, without a window and without changing how others draw."""
    with mpl.rc_context({**DRAWING, "svg.hashsalt": heading}):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        labels = axes.get_legend_handles_labels()[1]
        figure.legend(loc="outside upper left", ncols=1 if max(map(len, labels)) > LONGEST_LABEL_IN_A_ROW else 3)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    # A name must be there once in a page. Those of groups are the same in every picture, and nothing refers to them;
    # those that are referred to, of clips and marks, are hashes with the heading as salt.
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg[svg.index("<svg") :])
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(heading)}"', 1)
    return f"<h2>{escape(heading)}</h2>\n<figure>\n{svg}<figcaption>{escape(caption)}</figcaption>\n</figure>"


def draw_rank_by_length(axes: Axes, observed: Observed) -> None:
    """Draw the MRR of phrases that were cut after so many characters, a line a system."""
    for place, (name, each) in enumerate(observed.items()):
        by_length: defaultdict[int, list[float]] = defaultdict(list)
        for length, score in zip(each.prefix_lengths, each.reciprocal_ranks, strict=True):
            by_length[length].append(score)
        lengths = sorted(length for length, scores in by_length.items() if len(scores) >= LEAST_PHRASES_OF_A_POINT)
        means = [fmean(by_length[length]) for length in lengths]
        colour, mark = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
        # The first system is the one that is looked for: it lies on top.
        axes.plot(lengths, means, color=colour, marker=mark, label=label(name), zorder=3 - place / len(observed))
    axes.set(xlabel="characters typed", ylabel="MRR@10", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_hits_by_way(axes: Axes, typed: dict[str, JSON]) -> None:
    """Draw hit@10 of each way of typing, a bar a system, and the plain prefixes' as a line across it."""
    systems = list(dict.fromkeys(name for measured in typed.values() for name in as_mapping(measured)))
    width = 0.8 / len(systems)
    for place, name in enumerate(systems):
        scored = [as_mapping(as_mapping(measured).get(name)) for measured in typed.values()]
        centres = np.arange(len(typed)) + (place - (len(systems) - 1) / 2) * width
        hits = [number(each["hit_10"]) for each in scored]
        plain_hits = [number(each["exact_hit_10"]) for each in scored]
        colour, hatch = COLOURS[place % len(COLOURS)], HATCHES[place % len(HATCHES)]
        axes.bar(centres, hits, width * 0.9, color=colour, hatch=hatch, label=label(name))
        axes.hlines(plain_hits, centres - width * 0.45, centres + width * 0.45, colors="#222222", linewidth=2)
    axes.set_xticks(range(len(typed)), [fill(WAYS[way], LABEL_WIDTH) for way in typed])
    axes.set(ylabel="hit@10", ylim=(0, 1))


def draw_savings(axes: Axes, observed: Observed) -> None:
    """Draw how the share of keys saved is spread over phrases, side by side for the systems."""
    shares = [np.array(each.keystrokes_saved) * 100 for each in observed.values()]
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(observed))]
    labels = [f"{label(name)}, mean {share.mean():.1f} %" for name, share in zip(observed, shares, strict=True)]
    axes.hist(shares, bins=list(np.linspace(0, 100, SAVING_BINS + 1)), color=colours, label=labels)
    axes.set(xlabel="keystrokes saved, %", ylabel="phrases")


def draw_latency(axes: Axes, observed: Observed) -> None:
    """Draw how the times of completions are spread, and name median and 99th percentile."""
    times = {name: np.maximum(each.elapsed_ms, CLOCK_MS) for name, each in observed.items()}
    everything = np.concatenate(list(times.values()))
    bins = list(np.geomspace(everything.min(), everything.max() * 1.01, LATENCY_BINS + 1))
    for place, (name, each) in enumerate(times.items()):
        median, last = np.percentile(each, [50, 99])
        colour = COLOURS[place % len(COLOURS)]
        said = f"{label(name)}: median {median:.3g} ms, 99 % within {last:.3g} ms"
        axes.hist(each, bins=bins, color=colour, alpha=0.75, hatch=HATCHES[place % len(HATCHES)], label=said)
        axes.axvline(last, color=colour, linestyle="--")
    axes.set_xscale("log")
    axes.set(xlabel="ms", ylabel="completions")


def label(system: str) -> str:
    """Name a system for people."""
    return SYSTEMS.get(system, system)


def number(value: JSON) -> float:
    """Take a JSON value for the number that it is."""
    assert isinstance(value, int | float)  # noqa: S101 - it was measured as one
    return float(value)
