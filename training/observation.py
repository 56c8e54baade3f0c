"""What a run looks like from inside: losses, gradients layer by layer, what layers give, units that are dead.

Legend: B batch, T places, C channels.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from training.classifier import TextClassifier
from training.encoders.layer import ActivatedLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

EVERY = 4  # steps from one observation to the next at first: norms take 1 to 2 % of the time of a step
MOST_POINTS = 501  # of a curve; of more, every second one is kept
LOOKED_TEXTS, LOOKED_CHARACTERS = 64, 128  # that are read to look at what layers give
REPORT_SECONDS = 4.0  # of a run's time, kept to draw what was observed
BINS = 64  # of a histogram, on each side of zero
LEAST_REACH = 2.0**-20  # of a histogram's bins at first: they double until all values are within them

Point = TypeVar("Point")
LAST_LAYERS = ("projection", "output")


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One step: the share of the run that was done and the epochs read before it, and its learning rate.

    loss_nats: of training, the mean over the steps since the point before.
    """

    step: int
    done: float
    epoch: float
    loss_nats: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What was found on held-out texts after so many steps; accuracy, in [0, 1], of labels only."""

    step: int
    loss_nats: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie between each edge and the next: one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What was observed of a run, in plain numbers; layers have the paths of their modules, the first one first.

    gradient_norms: of each layer with weights by step, before gradients are clipped.
    activations: of each layer that was looked at, the last time.
    dead_shares: of the units of each ReLU layer by step, in [0, 1]: those that gave zero at every place of every text.
    """

    curve: list[CurvePoint] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    gradient_norms: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    activations: dict[str, Histogram] = field(default_factory=dict)
    dead_shares: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


class Observer:
    """Watches a network while it learns; changes nothing of it."""

    def __init__(self, network: nn.Module) -> None:
        """Begin a record."""
        self.network = network
        self.layers = weights_of_layers(network)
        self.record = TrainingRecord(gradient_norms={name: [] for name in self.layers})
        self.steps = 0
        self.every = EVERY
        self.loss_sum: Tensor | float = 0.0
        self.summed = 0

    def step(self, loss: Tensor, *, done: float, epoch: float, learning_rate: float) -> None:
        """Note a step, after its gradients are there and before they are clipped or used.

        Args:
            loss: () nats, of the batch.
            done: share of the run, in [0, 1].
            epoch: how many were read, parts of one included.
            learning_rate: of this step.
        """
        self.loss_sum = self.loss_sum + loss.detach()
        self.summed += 1
        if self.steps % self.every == 0:
            point = CurvePoint(
                step=self.steps,
                done=done,
                epoch=epoch,
                loss_nats=float(self.loss_sum) / self.summed,
                learning_rate=learning_rate,
            )
            self.loss_sum, self.summed = 0.0, 0
            self.record.curve.append(point)
            for name, norm in gradient_norms(self.layers).items():
                self.record.gradient_norms[name].append((self.steps, norm))
            if len(self.record.curve) >= MOST_POINTS:
                self.every *= 2
                thin(self.record.curve)
                for norms in self.record.gradient_norms.values():
                    thin(norms)
        self.steps += 1

    def validated(self, loss_nats: float, accuracy: float | None = None) -> None:
        """Note what was found on held-out texts by now."""
        validation = Validation(step=self.steps, loss_nats=loss_nats, accuracy=accuracy)
        append(self.record.validations, validation)

    def watch(self, validate: Callable[[], float], run_forward: Callable[[], None]) -> Callable[[], float]:
        """Give a validation of a language model that is noted, and followed by a look, each time it is made."""

        def watched() -> float:
            loss_nats = validate()
            self.validated(loss_nats)
            self.look(run_forward)
            return loss_nats

        return watched

    def look(self, run_forward: Callable[[], None]) -> None:
        """Look at what the layers with activation functions, and recurrent ones, give as the network reads.

        Of several recurrent layers in one module only the top one can be seen.

        Args:
            run_forward: has the network read some held-out texts, such as ``reader_of`` gives.
        """
        seen = {
            path: LayerValues(is_rectified=is_rectified(module))
            for path, module in self.network.named_modules()
            if isinstance(module, ActivatedLayer | nn.RNNBase)
        }
        hooks = [
            self.network.get_submodule(path).register_forward_hook(partial(add_given, values))
            for path, values in seen.items()
        ]
        trains = self.network.training
        self.network.eval()
        try:
            with torch.no_grad():
                run_forward()
        finally:
            self.network.train(trains)
            for hook in hooks:
                hook.remove()
        for path, values in seen.items():
            if not values.counts.any():
                continue
            self.record.activations[path] = values.histogram()
            if values.is_rectified:
                append(self.record.dead_shares.setdefault(path, []), (self.steps, values.dead_share()))


def reader_of(network: nn.Module, texts: Sequence[NDArray[np.integer]]) -> Callable[[], None]:
    """Give what has a network read the first texts: those of one length at a time, so that nothing stands beyond any.

    Args:
        network: a classifier or a language model.
        texts: the ids (T,) of each, of which the first are read; at least one.
    """
    by_length: defaultdict[int, list[Tensor]] = defaultdict(list)
    for ids in texts[:LOOKED_TEXTS]:
        read_of_it = torch.from_numpy(ids[:LOOKED_CHARACTERS]).long()
        by_length[len(read_of_it)].append(read_of_it)
    device = next(network.parameters()).device
    batches = [torch.stack(by_length[length]).to(device) for length in sorted(by_length)]  # (B, T) each

    def read() -> None:
        for ids in batches:
            if isinstance(network, TextClassifier):
                network(ids, torch.full((len(ids),), ids.shape[1], device=device))
            else:
                network(ids)

    return read


def recorded(records: dict[int, TrainingRecord], members: int, title: str) -> tuple[TrainingRecord, str]:
    """Give the record of a run, empty where nothing was observed, and a title that says of which member it is.

    Args:
        records: by the number of the member, one at most.
        members: how many there are.
        title: of the run.
    """
    if not records:
        return TrainingRecord(), title
    ((number, record),) = records.items()
    return record, title if members == 1 else f"{title}, member {number + 1} of {members}"


def weights_of_layers(network: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Give the weights of each module that has some, by its path; weights that two share belong to both.

    Recurrent layers of one module are told apart by their number, weights of the network itself by their names. Of a
    language model both ends stand in one module, but the output comes last.
    """
    layers: defaultdict[str, list[nn.Parameter]] = defaultdict(list)
    for path, module in network.named_modules():
        for name, weights in module.named_parameters(recurse=False):
            if isinstance(module, nn.RNNBase):
                layers[f"{path}.{name.rpartition('_l')[2]}"].append(weights)
            else:
                layers[(path or name).removeprefix("characters.")].append(weights)
    return dict(sorted(layers.items(), key=lambda layer: layer[0] in LAST_LAYERS))


def gradient_norms(layers: dict[str, list[nn.Parameter]]) -> dict[str, float]:
    """Give the Euclidean norm of each layer's gradient, 0 where none arrived."""
    gradients = ([each.grad for each in weights if each.grad is not None] for weights in layers.values())
    # One transfer for all of them, where they are on a GPU.
    norms: list[float] = torch.stack([get_total_norm(each) for each in gradients]).tolist()
    return dict(zip(layers, norms, strict=True))


def is_rectified(module: nn.Module) -> bool:
    """Tell whether a layer's activation function is ReLU."""
    if isinstance(module, ActivatedLayer):
        return isinstance(module.activation, nn.ReLU)
    return isinstance(module, nn.RNN) and module.nonlinearity == "relu"


def append(points: list[Point], point: Point) -> None:
    """Add a point, and keep the list short."""
    points.append(point)
    if len(points) >= MOST_POINTS:
        thin(points)


def thin(points: list[Point]) -> None:
    """Keep every second point, with the first and the last."""
    points[:] = [*points[:-1:2], points[-1]]


def add_given(values: LayerValues, _: nn.Module, __: tuple[Tensor, ...], given: Tensor | tuple[Tensor, ...]) -> None:
    """Add what a module gave; recurrences give their states first."""
    values.add(given[0] if isinstance(given, tuple) else given)


class LayerValues:
    """What a layer gives, counted as it comes: bins of equal width around zero that double until all is in them."""

    def __init__(self, *, is_rectified: bool) -> None:
        """Begin with nothing."""
        self.is_rectified = is_rectified
        self.reach = LEAST_REACH
        self.counts = torch.zeros(2 * BINS, dtype=torch.int64)
        self.lives = torch.zeros(1, dtype=torch.bool)  # (C,) as soon as a ReLU gave something

    def add(self, values: Tensor) -> None:
        """Add values (..., C)."""
        if self.is_rectified:
            self.lives = self.lives | (values != 0).flatten(0, -2).any(dim=0).cpu()  # (C,)
        finite = values[values.isfinite()].float()
        largest = float(finite.abs().max()) if len(finite) else 0.0
        while largest > self.reach:
            inner = self.counts.view(BINS, 2).sum(dim=1)
            self.counts = nn.functional.pad(inner, (BINS // 2, BINS // 2))
            self.reach *= 2
        self.counts += torch.histc(finite, 2 * BINS, -self.reach, self.reach).long().cpu()

    def histogram(self) -> Histogram:
        """Give the bins from the first to the last that has a value."""
        filled = self.counts.nonzero().flatten().tolist()
        first, last = filled[0], filled[-1]
        edges = torch.linspace(-self.reach, self.reach, 2 * BINS + 1, dtype=torch.float64)
        return Histogram(
            edges=tuple(edges[first : last + 2].tolist()),
            counts=tuple(self.counts[first : last + 1].tolist()),
        )

    def dead_share(self) -> float:
        """Give the share of units that gave nothing but zero."""
        return 1 - float(self.lives.float().mean())
