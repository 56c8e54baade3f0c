"""What a person sees of a run: a bar where there is a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

from model.errors import MachimError
from training.loop import BatchT, NetworkT, train_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from torch import Tensor

    from training.loop import Outcome, Progress, Run
    from training.observation import Observer
    from training.settings import TrainingSettings

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_SAMPLES = 8.0


@dataclass(kw_only=True)
class Display:
    """Shows progress on standard error, with a sample completion now and then.

    sample: gives a line that shows what the network can do by now; unit: what the loss is counted by; name: of the
    network where others learn beside it in processes of their own, so that lines are told apart and no bar is drawn;
    doing: what is being done.
    """

    sample: Callable[[], str]
    unit: str = "character"
    name: str = ""
    doing: str = "training"
    console: Console = field(default_factory=lambda: Console(file=sys.stderr, highlight=False))
    bars: Bars | None = None
    lined_at: float = 0.0
    sampled_at: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.name:
            self.bars = Bars(
                TextColumn(self.doing),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.description}"),
                console=self.console,
            )
            self.bars.start()
            self.bars.add_task("", total=1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bars is not None:
            self.bars.stop()

    def show(self, progress: Progress) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        if self.bars is not None:
            self.bars.update(self.bars.task_ids[0], completed=progress.done, description=described(progress, self.unit))
        elif now - self.lined_at >= SECONDS_BETWEEN_LINES:
            self.lined_at = now
            which = f"{self.name}: " if self.name else ""
            self.console.print(
                f"{which}{self.doing} {progress.done:4.0%}  {described(progress, self.unit)}",
                markup=False,
                soft_wrap=True,
            )
        if now - self.sampled_at >= SECONDS_BETWEEN_SAMPLES:
            self.sampled_at = now
            which = f"{self.name}: " if self.name else "  "
            self.console.print(f"{which}{self.sample()}", markup=False, soft_wrap=True)


def train_shown(
    run: Run[NetworkT],
    batches: Callable[[int], Iterable[BatchT]],
    advance: Callable[[Run[NetworkT], BatchT, Tensor | None, TrainingSettings], tuple[float, Tensor | None]],
    validate: Callable[[], float],
    settings: TrainingSettings,
    display: Display,
    *,
    epoch_characters: float,
    seconds: float,
    observer: Observer | None,
) -> Outcome:
    """Train as ``train_network`` does, and show how far it is.

    Raises:
        MachimError: the GPU has no memory for a batch.
    """
    with display:
        try:
            return train_network(
                run,
                batches,
                advance,
                validate,
                settings,
                epoch_characters=epoch_characters,
                seconds=seconds,
                report=display.show,
                observer=observer,
            )
        except torch.OutOfMemoryError as error:
            raise MachimError(
                "the GPU must have memory for a batch, got none: lower --batch-characters, or --device cpu"
            ) from error


def described(progress: Progress, unit: str) -> str:
    """Say time left, loss and pace in one line."""
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    held_out = "" if progress.held_out_bits is None else f" (held out {progress.held_out_bits:.3f})"
    return (
        f"{minutes}:{seconds:02d} left  epoch {progress.epoch}  "
        f"{progress.bits_per_character:.3f} bits/{unit}{held_out}  "
        f"{progress.characters_per_second:,.0f} characters/s"
    )
