"""The time that a run has: what is left of it, and what of it is kept."""

from __future__ import annotations

import math
import time

import pytest

from training.clock import Clock, clock_of
from training.settings import TrainingSettings


@pytest.mark.parametrize(("seconds", "kept"), [(2.0, 1.0), (100.0, 10.0), (10_000.0, 60.0), (math.inf, 60.0)])
def test_a_share_is_kept_within_bounds(seconds: float, kept: float) -> None:
    assert Clock(began=0.0, seconds=seconds).kept(0.1, (1.0, 60.0)) == kept


def test_a_run_without_a_limit_has_all_the_time() -> None:
    assert clock_of(TrainingSettings(minutes=0), time.monotonic()).left() == math.inf
    left = clock_of(TrainingSettings(minutes=1), time.monotonic() - 20).left()
    assert 39 < left <= 40


def test_a_deadline_is_when_a_share_of_what_is_left_is_gone() -> None:
    now = time.monotonic()
    clock = Clock(began=now - 20, seconds=100.0)
    assert now + 24 - 1 < clock.deadline(0.3) < now + 24 + 1
    assert now + 80 - 1 < clock.deadline() < now + 80 + 1
    assert Clock(began=now, seconds=math.inf).deadline(0.3) == math.inf
