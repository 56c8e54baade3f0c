"""The report of an evaluation: one HTML file with its tables and pictures, which needs nothing beside it."""

from __future__ import annotations

from collections import defaultdict
from statistics import fmean
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from training.pages import COLOURS, HATCHES, MARKS, html_table, one_chart, picture, write_page
from training.tables import SYSTEMS, WAYS, as_mapping, figures_tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from model.manifest import JSON
    from training.comparison import Evaluation, Observations

    Observed = Mapping[str, Observations]

LEAST_PHRASES_OF_A_POINT = 5  # fewer phrases at one prefix length are no mean worth drawing
LABEL_WIDTH = 16  # characters of a line under the axis
SAVING_BINS, LATENCY_BINS = 10, 40
CLOCK_MS = 1e-4  # times are drawn on a logarithmic axis, where 0 has no place


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Write the report of an evaluation.

    Raises:
        InputError: the file cannot be written.
    """
    title = f"Evaluation of {evaluation.model}"
    tables = [html_table(table) for table in figures_tables(evaluation.figures)]
    pictures = pictures_of(evaluation.figures, evaluation.observed)
    write_page(path, title, tables + pictures)


def pictures_of(figures: dict[str, JSON], observed: Observed) -> list[str]:
    """Draw what there is to see: figures of HTML, each with a heading and a line that says how to read it."""
    pictures = []
    if observed:
        pictures.append(
            picture(
                "MRR@10 by characters typed",
                f"Lengths of prefix with fewer than {LEAST_PHRASES_OF_A_POINT} test phrases are left out.",
                one_chart(lambda axes: draw_rank_by_length(axes, observed)),
            )
        )
    typed = as_mapping(as_mapping(figures.get("typed")).get("all"))
    if typed:
        pictures.append(
            picture(
                "Hit rate by way of typing",
                "Share of phrases among the first ten completions; the line marks the same phrases' plain prefixes.",
                one_chart(lambda axes: draw_hits_by_way(axes, typed)),
            )
        )
    if any(each.keystrokes_saved for each in observed.values()):
        pictures.append(
            picture(
                "Keystrokes saved",
                "How many phrases needed so much less typing; Hangul is counted in keys of the two-set keyboard.",
                one_chart(lambda axes: draw_savings(axes, observed)),
            )
        )
    if observed:
        pictures.append(
            picture(
                "Time of a completion",
                "One thread asks, and each prefix is timed once; the axis is logarithmic.",
                one_chart(lambda axes: draw_latency(axes, observed)),
            )
        )
    return pictures


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
