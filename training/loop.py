"""The training loop: steps down the gradient until the time or the epochs are used up, keeping the best weights.

Legend: B batch, T time steps, V vocabulary size.
"""

from __future__ import annotations

import copy
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import nn

from model.alphabet import BEGIN_ID
from model.errors import InputError
from training.averaging import WeightAverage
from training.batches import IGNORED
from training.devices import tensor_on, uses_bfloat16
from training.loss import weighted_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from training.batches import Batch
    from training.language_models import LanguageModel
    from training.observation import Observer
    from training.settings import TrainingSettings

WARM_UP = 0.02  # share of the run in which the learning rate rises
LAST_RATE = 0.02  # of the learning rate at the end
VALIDATIONS = 25  # over the run, at about equal times
PATIENCE = 6  # validations without a better one before the run ends early

NetworkT = TypeVar("NetworkT", bound=nn.Module)
BatchT = TypeVar("BatchT")
LanguageT = TypeVar("LanguageT", bound="LanguageModel")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is.

    done: share of the run, in [0, 1]; seconds_left: at this pace; bits_per_character: of training, a running mean;
    held_out_bits: at the last validation, None before the first; characters_per_second: read in training.
    """

    done: float
    seconds_left: float
    epoch: int
    bits_per_character: float
    held_out_bits: float | None
    characters_per_second: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to: its steps, epochs and characters, its best held-out bits, and why it ended."""

    steps: int
    epochs: float
    characters: int
    held_out_bits: float
    seconds: float
    ended: str


@dataclass(kw_only=True)
class Run(Generic[NetworkT]):
    """All that decides a run's future: weights, optimiser, random state, and the position in the data."""

    network: NetworkT
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    epoch_characters: int = 0  # read in this epoch, a row of weight 2 twice
    steps: int = 0
    characters: int = 0
    best_nats: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    validations_since_best: int = 0
    average: WeightAverage | None = None  # of the weights over the steps, which is what is validated and kept
    observe: Callable[[Tensor], None] | None = None  # told of a step's loss when its gradients are there, not yet cut


def start_run(network: NetworkT, settings: TrainingSettings) -> Run[NetworkT]:
    """Begin a run; biases do not decay."""
    decayed = [each for each in network.parameters() if each.dim() > 1]
    others = [each for each in network.parameters() if each.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)
    average = WeightAverage(network, settings.averaging) if settings.averaging else None
    return Run(network=network, optimiser=optimiser, average=average)


def learning_rate_at(done: float, settings: TrainingSettings) -> float:
    """Give the learning rate at a share of the run: a short rise, then half a cosine down."""
    if done < WARM_UP:
        return settings.learning_rate * max(done / WARM_UP, 0.05)
    fall = (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
    return settings.learning_rate * (LAST_RATE + (1 - LAST_RATE) * fall)


def loss_nats(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Give the summed loss of a batch, and what it is summed over.

    Args:
        logits: (B, T, V) float32 or bfloat16, nats.
        batch: its targets (B, T), padding left out, and the weight of each row.

    Returns:
        The weighted sum of -log P, nats, and the weighted number of characters, where the logits are.
    """
    targets = tensor_on(logits.device, batch.targets)
    weights = tensor_on(logits.device, batch.weights)[:, None] * (targets != IGNORED)  # (B, T)
    total = weighted_cross_entropy(logits.flatten(0, 1), targets.clamp(min=0).flatten(), weights.flatten())
    return total, weights.sum()


def carried(state: Tensor | None, batch: Batch) -> Tensor | None:
    """Give the state (B, S) that a batch goes on from: nothing for the rows that begin anew."""
    if state is None or not batch.continues:
        return None
    return state * tensor_on(state.device, batch.inputs[:, :1] != BEGIN_ID)


def advance(
    run: Run[LanguageT], batch: Batch, state: Tensor | None, settings: TrainingSettings
) -> tuple[float, Tensor]:
    """Take one step down the gradient; give the loss (nats a character) and the last state."""
    device = run.network.device
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
        logits, last = run.network(tensor_on(device, batch.inputs), carried(state, batch))
    total, characters = loss_nats(logits, batch)
    loss = total / characters
    descend(run, loss, settings)
    count_read(run, batch)
    return float(loss.detach()), last.detach()


def count_read(run: Run[LanguageT], batch: Batch) -> None:
    """Count the characters of a batch that a step learned from, and how much of the epoch they were."""
    read = (batch.targets != IGNORED).sum(axis=1)
    run.characters += int(read.sum())
    run.epoch_characters += int((batch.weights * read).sum())


def descend(run: Run[NetworkT], loss: Tensor, settings: TrainingSettings) -> None:
    """Move the weights down the gradient of a loss, which is cut where it is long."""
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if run.observe is not None:
        run.observe(loss)
    nn.utils.clip_grad_norm_(run.network.parameters(), settings.gradient_limit)
    run.optimiser.step()
    run.steps += 1
    if run.average is not None:
        run.average.follow(run.steps)


def train_network(
    run: Run[NetworkT],
    batches: Callable[[int], Iterable[BatchT]],
    advance: Callable[[Run[NetworkT], BatchT, Tensor | None, TrainingSettings], tuple[float, Tensor | None]],
    validate: Callable[[], float],
    settings: TrainingSettings,
    *,
    epoch_characters: float,
    seconds: float,
    report: Callable[[Progress], None],
    observer: Observer | None = None,
) -> Outcome:
    """Train until the epochs or the seconds are used up, or validation no longer improves; leave the best weights.

    Args:
        run: where it stands; goes on from there.
        batches: the batches of an epoch, from 0.
        advance: takes one step with a batch and the state that the one before left, and gives the loss, nats a
            character or a text, and the last state.
        validate: gives the held-out loss in the same unit.
        settings: how.
        epoch_characters: about how many an epoch reads.
        seconds: of wall clock; infinite for epochs alone, which on a CPU give the same weights each time.
        report: is told of the progress after each step.
        observer: is told of each step; ``Observer.watch`` of validations.
    """
    began = time.monotonic()
    smoothed, shown, last_bits = 0.0, 0.0, None
    next_validation = 1 / VALIDATIONS

    def epochs_done() -> float:
        return run.epoch + min(run.epoch_characters / epoch_characters, 1.0)

    def time_is_up() -> bool:
        return time.monotonic() - began >= seconds

    def done() -> float:
        return min(max(epochs_done() / settings.epochs, (time.monotonic() - began) / seconds), 1.0)

    run.observe = observation_of(run, observer, done, epochs_done)
    state: Tensor | None = None
    run.network.train()
    while run.epoch < settings.epochs and run.validations_since_best < PATIENCE and not time_is_up():
        for batch in batches(run.epoch):
            for group in run.optimiser.param_groups:
                group["lr"] = learning_rate_at(done(), settings)
            loss, state = advance(run, batch, state, settings)
            if not math.isfinite(loss):
                raise InputError(f"loss must stay a number, got {loss} at step {run.steps}: lower --learning-rate")
            smoothed, shown = 0.98 * smoothed + 0.02 * loss, 0.98 * shown + 0.02
            elapsed, share = time.monotonic() - began, done()
            report(
                Progress(
                    done=share,
                    seconds_left=elapsed * (1 - share) / max(share, 1e-6),
                    epoch=run.epoch + 1,
                    bits_per_character=smoothed / shown / math.log(2),
                    held_out_bits=last_bits,
                    characters_per_second=run.characters / max(elapsed, 1e-9),
                )
            )
            if share >= next_validation and share < 1:
                last_bits = keep_best(run, validate) / math.log(2)
                next_validation = share + 1 / VALIDATIONS
            if time_is_up() or run.validations_since_best >= PATIENCE:
                break
        else:
            run.epoch, run.epoch_characters = run.epoch + 1, 0
    ended = why_ended(run, settings)
    keep_best(run, validate)
    run.network.load_state_dict(run.best_weights)
    run.network.eval()
    return Outcome(
        steps=run.steps,
        epochs=epochs_done(),
        characters=run.characters,
        held_out_bits=run.best_nats / math.log(2),
        seconds=time.monotonic() - began,
        ended=ended,
    )


def observation_of(
    run: Run[NetworkT], observer: Observer | None, done: Callable[[], float], epochs_done: Callable[[], float]
) -> Callable[[Tensor], None] | None:
    """Give what tells an observer of a step when its loss and its gradients are there; nothing tells none."""
    if observer is None:
        return None

    def observe(loss: Tensor) -> None:
        rate = run.optimiser.param_groups[0]["lr"]
        observer.step(loss, done=done(), epoch=epochs_done(), learning_rate=rate)

    return observe


def why_ended(run: Run[NetworkT], settings: TrainingSettings) -> str:
    """Say in words what used the run up."""
    if run.validations_since_best >= PATIENCE:
        return "no better on held-out text"
    return f"{settings.epochs} epochs" if run.epoch == settings.epochs else "time"


def keep_best(run: Run[NetworkT], validate: Callable[[], float]) -> float:
    """Validate, and remember the weights if none were better; give the held-out loss."""
    with run.average.in_place() if run.average is not None else nullcontext():
        run.network.eval()
        nats = validate()
        run.network.train()
        if nats < run.best_nats or not run.best_weights:
            run.best_nats, run.validations_since_best = nats, 0
            run.best_weights = copy.deepcopy(run.network.state_dict())
        else:
            run.validations_since_best += 1
    return nats
