"""The time that a run has."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Clock:
    """When a run began, by ``time.monotonic``, and how many seconds it has; infinite where there is no limit."""

    began: float
    seconds: float

    def left(self) -> float:
        """Give the seconds that are left."""
        return self.seconds - (time.monotonic() - self.began)

    def deadline(self, share: float = 1.0) -> float:
        """Give when a share of the seconds that are left is gone, by ``time.monotonic``; infinite without a limit."""
        return time.monotonic() + self.left() * share

    def kept(self, share: float, bounds: tuple[float, float]) -> float:
        """Give the seconds to be kept for export and figures: a share of all, no fewer and no more than the bounds."""
        return min(max(self.seconds * share, bounds[0]), bounds[1])


def clock_of(training: TrainingSettings, began: float) -> Clock:
    """Give the time of a run that began then."""
    return Clock(began=began, seconds=training.minutes * 60 or math.inf)
