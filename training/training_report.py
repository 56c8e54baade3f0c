"""The report of a run: one HTML file of what was observed of it and what it got wrong, which needs nothing beside it.

Legend: N texts, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter

from training.pages import COLOURS, MARKS, html_table, one_chart, picture, section, write_page
from training.tables import Table, figures_tables
from training.training_pictures import record_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.classification_metrics import Reliability
    from training.observation import TrainingRecord

MOST_LABELS = 30  # of a confusion matrix
MOST_MISTAKES = 25
MOST_CHARACTERS = 300  # of a text in the table of mistakes
SHADE = "0, 114, 178"  # red, green, blue of the first colour
LARGEST_MARK = 120  # square points
DARK = 0.55  # share above which figures stand white on it


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A text whose label is another than the one it was taken for, and the probability of the latter."""

    text: str
    label: str
    said: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How reliable probabilities are before a temperature was fitted, and after."""

    before: Reliability
    after: Reliability
    temperature: float


def write_training_report(
    path: Path,
    record: TrainingRecord,
    *,
    title: str,
    figures: dict[str, JSON],
    labels: Sequence[str] | None = None,
    confusion: NDArray[np.int64] | None = None,
    reliability: Calibration | None = None,
    mistakes: Sequence[Mistake] | None = None,
) -> None:
    """Write the report of a run, with a section for all that there is something of.

    Args:
        path: of the HTML file.
        record: what was observed.
        title: stands on top.
        figures: of the model, as its manifest has them.
        labels: of the C classes of a classifier, in their order; a language model has none.
        confusion: (C, C), a row is what the texts of one class were taken for.
        reliability: of the probabilities on held-out texts.
        mistakes: as ``worst_mistakes`` gives them.

    Raises:
        InputError: the file cannot be written.
    """
    sections = [html_table(table) for table in figures_tables(figures)]
    sections += record_pictures(record, "character" if labels is None else "text")
    if labels is not None and confusion is not None:
        sections.append(confusion_section(labels, confusion))
    if reliability is not None:
        sections.append(reliability_picture(reliability))
    if mistakes:
        sections.append(mistakes_section(mistakes))
    write_page(path, title, sections)


def worst_mistakes(
    texts: Sequence[str], labels: Sequence[str], classes: NDArray[np.int64], probabilities: NDArray[np.floating]
) -> list[Mistake]:
    """Give the mistakes that were made with the highest probabilities, the worst first.

    Args:
        texts: N.
        labels: of the C classes.
        classes: (N,) of each text.
        probabilities: (N, C) of every class.
    """
    predicted, highest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != classes)
    return [
        Mistake(
            text=texts[place],
            label=labels[classes[place]],
            said=labels[predicted[place]],
            probability=float(highest[place]),
        )
        for place in wrong[np.argsort(-highest[wrong], kind="stable")][:MOST_MISTAKES]
    ]


def most_confused(confusion: NDArray[np.int64]) -> list[int]:
    """Choose the classes of the largest confusions, both of each pair, in their own order; all where they are few."""
    if len(confusion) <= MOST_LABELS:
        return list(range(len(confusion)))
    wrong = confusion - np.diag(confusion.diagonal())
    chosen: set[int] = set()
    for place in np.argsort(-wrong, axis=None, kind="stable"):
        pair = {int(each) for each in np.unravel_index(place, wrong.shape)}
        if wrong.flat[place] == 0 or len(chosen | pair) > MOST_LABELS:
            break
        chosen |= pair
    return sorted(chosen)


def confusion_section(labels: Sequence[str], confusion: NDArray[np.int64]) -> str:
    """Show what the texts of each class were taken for, as a table whose cells are darker the more they hold."""
    shown = most_confused(confusion)
    has_others = len(shown) < len(labels)
    columns = [*(labels[place] for place in shown), *(["others"] if has_others else []), "texts"]
    heading = "".join(f'<th scope="col"><span>{escape(column)}</span></th>' for column in columns)
    rows = []
    for place in shown:
        counts, total = confusion[place], int(confusion[place].sum())
        cells = "".join(shaded(int(counts[other]), total) for other in shown)
        if has_others:
            cells += shaded(total - int(counts[shown].sum()), total)
        rows.append(f'<tr><th scope="row">{escape(labels[place])}</th>{cells}<td>{total}</td></tr>')
    body = "\n".join(rows)
    table = (
        '<div class="wide"><table class="confusion">\n<thead><tr><th scope="col">is, and was taken for</th>'
        f"{heading}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )
    total, right = int(confusion.sum()), int(confusion.trace())
    caption = (
        f"{right:,} of {total:,} texts have their own label. A row is what the texts of one label were taken for; the"
        " shade is the share of the row. Dark cells beside the diagonal are labels that are hard to tell apart, or"
        " texts that have the wrong label; a dark column is a label that is given too often."
    )
    if has_others:
        caption += f" Of {len(labels)} labels those with the largest confusions are shown, {len(shown)}."
    return section("Confusion matrix", table if shown else "", caption)


def shaded(count: int, total: int) -> str:
    """Write a cell that is darker the larger its share of a row is, and empty at 0."""
    share = count / total if total else 0.0
    ink = "; color: #fff" if share > DARK else ""
    return f'<td style="background: rgba({SHADE}, {share:.3f}){ink}">{count or ""}</td>'


def reliability_picture(calibration: Calibration) -> str:
    """Draw how often labels are right by how probable they are said to be, before and after the temperature."""
    errors = [each.expected_calibration_error for each in (calibration.before, calibration.after)]
    names = [
        f"before: ECE {errors[0]:.4f}",
        f"after, at temperature {calibration.temperature:.3g}: ECE {errors[1]:.4f}",
    ]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--", label="as often as said")
        for place, (name, each) in enumerate(zip(names, (calibration.before, calibration.after), strict=True)):
            filled = each.counts > 0
            confidence, right, counts = each.confidence[filled], each.accuracy[filled], each.counts[filled]
            axes.plot(
                confidence, right, color=COLOURS[place], linewidth=1, marker=MARKS[place], markersize=3, label=name
            )
            sizes = LARGEST_MARK * counts / counts.max()
            axes.scatter(confidence, right, s=sizes, c=COLOURS[place], marker=MARKS[place], alpha=0.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(xmax=1))
        axes.set(xlabel="probability of the label", ylabel="labels that are right", xlim=(0, 1.02), ylim=(0, 1.02))

    caption = (
        "On held-out texts, in bins of their probability. Below the dashed line labels are surer than they should be,"
        " above it less sure. ECE, the expected calibration error, is how far from it they lie on average: a"
        " temperature should bring it near 0. Large marks are bins of many texts; those of few say little."
    )
    heading = "Reliability diagram"
    description = f"{heading}: {names[0]}, {names[1]}."
    return picture(heading, caption, one_chart(draw), description=description, height_inches=4.5)


def mistakes_section(mistakes: Sequence[Mistake]) -> str:
    """Show mistakes as a table."""
    rows = tuple((each.label, each.said, f"{each.probability:.1%}", shortened(each.text)) for each in mistakes)
    table = html_table(Table(columns=("is", "was taken for", "probability", "text"), rows=rows), "texts")
    caption = (
        "Held-out texts that got another label with the highest probability. Look for texts that have the wrong label"
        " in the data, for labels that mean the same, and for what a person could not tell either."
    )
    return section("Worst mistakes", table, caption)


def shortened(text: str) -> str:
    """Cut a long text."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
