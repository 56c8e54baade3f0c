"""Pictures of what was observed of a run."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from training.pages import COLOURS, HEIGHT_INCHES, MARKS, html_table, one_chart, picture
from training.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from training.observation import CurvePoint, Histogram, TrainingRecord, Validation

    Series = Mapping[str, Sequence[tuple[int, float]]]

SMOOTHED_OVER = 40  # a curve is drawn with the mean of about this part of its points, as well
MOST_LAYERS = 24  # that are drawn; of more, evenly chosen ones
MOST_EPOCHS = 30  # whose beginnings are drawn
LEGEND_LINE_INCHES, HISTOGRAM_INCHES = 0.17, 1.5
LIGHTEST = 0.88  # of the colours from dark to light: the last ones are hard to see on white


def record_pictures(record: TrainingRecord, unit: str) -> list[str]:
    """Draw what there is to see of a run; ``unit`` is what a loss is of: a character or a text."""
    pictures = []
    if record.curve or record.validations:
        pictures.append(loss_picture(record, unit))
    if any(each.accuracy is not None for each in record.validations):
        pictures.append(accuracy_picture(record.validations))
    if record.curve:
        pictures += [rate_picture(record.curve), gradients_picture(record.gradient_norms)]
    if record.activations:
        pictures.append(activations_picture(record.activations))
    if record.dead_shares:
        pictures.append(dead_picture(record.dead_shares))
    return pictures


def loss_picture(record: TrainingRecord, unit: str) -> str:
    """Draw the loss of training and of held-out texts, in bits."""
    curve, validations = record.curve, record.validations

    def draw(axes: Axes) -> None:
        for first in epoch_beginnings(curve):
            axes.axvline(first, color="#cccccc", linewidth=0.8, linestyle=":")
        if curve:
            steps, bits = [each.step for each in curve], np.array([each.loss_nats for each in curve]) / math.log(2)
            axes.plot(steps, bits, color=COLOURS[0], alpha=0.25, linewidth=0.8)
            axes.plot(steps, smoothed(bits), color=COLOURS[0], label="training, smoothed")
        if validations:
            held_out = [each.loss_nats / math.log(2) for each in validations]
            steps = [each.step for each in validations]
            axes.plot(steps, held_out, color=COLOURS[1], marker=MARKS[1], markersize=4, label="held out")
        axes.set(xlabel="step", ylabel=f"bits per {unit}", ylim=(0, None))

    said = []
    if curve:
        first, last = (each.loss_nats / math.log(2) for each in (curve[0], curve[-1]))
        said.append(f"Training: {first:.3f} bits per {unit} at first, {last:.3f} at last.")
    if validations:
        best = min(validations, key=lambda each: each.loss_nats)
        said.append(f"Held out: {best.loss_nats / math.log(2):.3f} bits at best, at step {best.step:,}.")
    caption = [
        *said,
        "Where held-out loss rises while training loss falls, the network learns its texts by heart.",
        "Training loss is measured with dropout, held-out loss without, so that the latter may lie below.",
    ]
    if curve:
        end = curve[-1]
        caption.append(f"Observed until step {end.step:,}, epoch {end.epoch:.1f}, {end.done:.0%} of the run.")
        caption.append("Dotted lines: where epochs begin." if epoch_beginnings(curve) else "")
    return picture("Loss", " ".join(filter(None, caption)), one_chart(draw), description=f"Loss. {' '.join(said)}")


def accuracy_picture(validations: Sequence[Validation]) -> str:
    """Draw the accuracy on held-out texts."""
    found = [(each.step, each.accuracy) for each in validations if each.accuracy is not None]
    steps, shares = zip(*found, strict=True)
    best = max(found, key=lambda each: each[1])

    def draw(axes: Axes) -> None:
        axes.plot(steps, shares, color=COLOURS[1], marker=MARKS[1], markersize=4, label="held out")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.set(xlabel="step", ylabel="labels that are right")

    said = f"{best[1]:.2%} at best, at step {best[0]:,}; {shares[-1]:.2%} at last."
    caption = f"{said} Where it still rises at the end, more epochs may help."
    return picture("Accuracy", caption, one_chart(draw), description=f"Accuracy on held-out texts: {said}")


def rate_picture(curve: Sequence[CurvePoint]) -> str:
    """Draw the learning rate."""
    rates = [each.learning_rate for each in curve]

    def draw(axes: Axes) -> None:
        axes.plot([each.step for each in curve], rates, color=COLOURS[0], label="learning rate")
        axes.set(xlabel="step", ylim=(0, None))

    said = f"{max(rates):.2g} at its highest, {rates[-1]:.2g} at last."
    caption = f"{said} A loss that leaps where the rate is highest asks for a lower one."
    description = f"Learning rate: {said}"
    return picture("Learning rate", caption, one_chart(draw), description=description, height_inches=2.2)


def gradients_picture(norms: Series) -> str:
    """Draw the norm of each layer's gradient, and give its medians in a table."""
    shown = evenly_chosen(list(norms))

    def draw(axes: Axes) -> None:
        draw_layers(axes, {name: smoothed_norms(norms[name]) for name in shown})
        if any(norm > 0 for name in shown for _, norm in norms[name]):
            axes.set_yscale("log")
        axes.set(xlabel="step", ylabel="gradient norm")

    rows = []
    for name, points in norms.items():
        part = max(len(points) // 10, 1)
        early, late = (median(norm for _, norm in some) for some in (points[:part], points[-part:]))
        rows.append((name, f"{early:.3g}", f"{late:.3g}"))
    table = html_table(
        Table(columns=("median gradient norm", "first tenth", "last tenth of the run"), rows=tuple(rows))
    )
    caption = (
        "The axis is logarithmic; dark lines are layers near the text, light ones near the answer. Gradients vanish"
        " where the dark lines lie far below the light ones: then ReLU, connections that skip layers, normalisation or"
        " other first weights help. They explode where lines leap upward. A layer at 0 learns nothing and has no line."
    )
    if len(shown) < len(norms):
        caption += f" {len(shown)} of {len(norms)} layers are drawn; the table below has all."
    heading = "Gradient norm by layer"
    description = f"{heading}, over the steps of the run; the table below has its figures."
    height = HEIGHT_INCHES + 0.4 + legend_inches(shown)
    return picture(heading, caption, layers_chart(draw), description=description, height_inches=height) + table


def activations_picture(activations: Mapping[str, Histogram]) -> str:
    """Draw how the values of each layer are spread."""
    shown = evenly_chosen(list(activations))
    rows = math.ceil(len(shown) / 2)

    def draw(figure: Figure) -> None:
        for place, name in enumerate(shown):
            axes = figure.add_subplot(rows, 2, place + 1)
            histogram = activations[name]
            shares = np.array(histogram.counts) / max(sum(histogram.counts), 1)
            axes.stairs(shares, histogram.edges, fill=True, color=COLOURS[0])
            axes.set_yscale("log")
            axes.set_title(name, fontsize=8)
            axes.tick_params(labelsize=8)
            axes.minorticks_off()
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.yaxis.set_major_formatter(lambda share, _: f"{share * 100:g}%")

    caption = (
        "Share of the values in each of a layer's bins on held-out texts; the axis is logarithmic. Sigmoid"
        " and tanh that stand mostly at their ends are saturated and pass little gradient on; ReLU gives many zeros and"
        " should give other values, too; a single spike is a layer that says the same of every text."
    )
    if len(shown) < len(activations):
        caption += f" {len(shown)} of {len(activations)} layers are drawn."
    heading = "Activations by layer"
    description = f"{heading}: a histogram each of {', '.join(shown)}."
    return picture(heading, caption, draw, description=description, height_inches=HISTOGRAM_INCHES * rows + 0.3)


def dead_picture(dead_shares: Series) -> str:
    """Draw the share of dead units of each ReLU layer."""
    shown = evenly_chosen(list(dead_shares))

    def draw(axes: Axes) -> None:
        draw_layers(axes, {name: dead_shares[name] for name in shown}, marker=MARKS[0])
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.set(xlabel="step", ylabel="dead units", ylim=(0, max(0.05, axes.get_ylim()[1])))

    last = {name: points[-1][1] for name, points in dead_shares.items()}
    worst = max(last, key=lambda name: last[name])
    said = f"At last {worst} has most of them: {last[worst]:.1%}." if last[worst] else "At last there is none."
    caption = (
        f"{said} A dead unit gave zero at every place of the held-out texts that were looked at: no gradient passes it,"
        " and it hardly ever comes back. Where many are dead, a lower learning rate, He's first weights or GELU help."
    )
    heading = "Dead ReLU units"
    height = HEIGHT_INCHES + legend_inches(shown)
    description = f"{heading}, share by layer. {said}"
    return picture(heading, caption, layers_chart(draw), description=description, height_inches=height)


def draw_layers(axes: Axes, series: Series, marker: str = "") -> None:
    """Draw a line a layer, the first one dark, the last one light."""
    colours = mpl.colormaps["viridis"](np.linspace(0, LIGHTEST, len(series)))
    for colour, (name, points) in zip(colours, series.items(), strict=True):
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=colour, marker=marker, markersize=4, linewidth=1.3, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def layers_chart(draw: Callable[[Axes], None]) -> Callable[[Figure], None]:
    """Give a figure one pair of axes, and below them the names of the layers in two columns."""

    def draw_figure(figure: Figure) -> None:
        draw(figure.add_subplot())
        figure.legend(loc="outside lower left", ncols=2, fontsize=8)

    return draw_figure


def legend_inches(names: Sequence[str]) -> float:
    """Give the height of a legend in two columns."""
    return LEGEND_LINE_INCHES * math.ceil(len(names) / 2)


def evenly_chosen(names: Sequence[str]) -> list[str]:
    """Choose as many names as are drawn, the first and the last with them."""
    places = np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS)).round().astype(int)
    return [names[place] for place in places]


def epoch_beginnings(curve: Sequence[CurvePoint]) -> list[int]:
    """Give the first observed step of each epoch but the first, or none where epochs are many."""
    steps = [after.step for before, after in pairwise(curve) if int(after.epoch) > int(before.epoch)]
    return steps if len(steps) < MOST_EPOCHS else []


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the running mean of values (N,), in which one from a fortieth of the curve before counts 1/e."""
    fades = math.exp(-SMOOTHED_OVER / max(len(values), SMOOTHED_OVER))
    total = weight = 0.0
    means = np.empty(len(values))
    for place, value in enumerate(values):
        total, weight = fades * total + value, fades * weight + 1
        means[place] = total / weight
    return means


def smoothed_norms(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Give norms by step with their running geometric mean in their place, those of 0 left as gaps (not a number)."""
    norms = np.array([norm for _, norm in points])
    drawn = np.full(len(norms), math.nan)
    drawn[norms > 0] = np.exp(smoothed(np.log(norms[norms > 0])))
    return [(step, norm) for (step, _), norm in zip(points, drawn.tolist(), strict=True)]
