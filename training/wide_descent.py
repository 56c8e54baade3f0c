"""Weights over n-grams where their loss is least, of all texts at once.

Source: Liu and Nocedal 1989, *On the limited memory BFGS method for large scale optimization*.
Legend: D texts, F n-grams known.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.averaging import copy_weights

if TYPE_CHECKING:
    from torch import Tensor

    from training.wide_lesson import Lesson
    from training.wide_network import WideNetwork

STEPS, STEPS_AT_ONCE = 150, 15  # of L-BFGS, at most, and between two looks at what they gain
FEWEST_LOSSES = 2  # found even where no time is left: at the start, and a first step away, which says a little
LEAST_GAIN = 1e-5  # nats, in so many steps
HISTORY = 8


class _OutOfTimeError(Exception):
    """Ends a descent between two looks at the loss."""


def descend(
    network: WideNetwork, lesson: Lesson, matrices: tuple[Tensor, Tensor], strength: float, deadline: float
) -> bool:
    """Go from where a network is to where its loss is least, or to the least that was found until the deadline.

    The loss is the mean of the targets' losses, plus the sum of squares of the weights over 2 · strength · D.

    Args:
        network: is changed.
        lesson: what from.
        matrices: of its n-grams, (D, F) and (F, D).
        strength: how far the weights may go.
        deadline: by ``time.monotonic``.

    Returns:
        Whether it came to its end.
    """
    text_weights = torch.from_numpy(lesson.text_weights.astype(np.float32))
    penalised = [each for each in network.parameters() if each.dim() > 1]
    best = [each.detach().clone() for each in network.parameters()]
    losses: list[float] = []
    optimiser = torch.optim.LBFGS(
        network.parameters(),
        max_iter=STEPS_AT_ONCE,
        history_size=HISTORY,
        tolerance_grad=1e-6,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        if len(losses) >= FEWEST_LOSSES and time.monotonic() >= deadline:
            raise _OutOfTimeError
        optimiser.zero_grad()
        each = lesson.targets.losses(network(network.weights, *matrices))
        squares = torch.stack([(weights**2).sum() for weights in penalised]).sum()
        total = (each * text_weights).mean() + squares / (2 * strength * len(text_weights))
        total.backward()  # type: ignore[no-untyped-call]
        found_loss = float(total.detach())
        if found_loss < min(losses, default=math.inf):
            copy_weights(best, network.parameters())
        losses.append(found_loss)
        return found_loss

    before = math.inf
    try:
        for _ in range(0, STEPS, STEPS_AT_ONCE):
            reached = float(optimiser.step(loss))  # type: ignore[no-untyped-call]
            if before - reached < LEAST_GAIN:
                break
            before = reached
    except _OutOfTimeError:
        copy_weights(network.parameters(), best)
        return False
    return True
