"""Weights over n-grams stepped down the loss of some texts at a time: what gets far where texts and labels are many.

A step touches the rows of the n-grams that stand in its texts alone.
Source: Duchi, Hazan and Singer 2011, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*.
Differs: one rate for all the weights of an n-gram.
Legend: D texts, B of a step, F n-grams known, F' of them in B texts, C labels, H hidden units.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from training.ngram_occurrences import Occurrences
    from training.wide_lesson import Lesson
    from training.wide_network import WideNetwork

RATE = 0.05
TEXTS_AT_ONCE = 256
FEWEST_STEPS = 1  # made even where no time is left
LEAST_SQUARES = 1e-12  # of a gradient


def pass_over(network: WideNetwork, lesson: Lesson, found: Occurrences, seed: int, deadline: float) -> Iterator[bool]:
    """Go over all texts again and again, in another order each time.

    Args:
        network: is changed.
        lesson: what from.
        found: the n-grams of its texts, (D, F).
        seed: of the orders.
        deadline: by ``time.monotonic``.

    Yields:
        After a pass, True; False when it was cut short, and no more passes are made.
    """
    targets, random = lesson.targets, np.random.default_rng(seed)
    text_weights = torch.from_numpy(lesson.text_weights.astype(np.float32))
    others = [each for name, each in network.named_parameters() if name != "weights"]
    optimiser = torch.optim.Adagrad(others, lr=RATE)
    weights, squares = network.weights.detach(), torch.full((found.ngrams,), LEAST_SQUARES)
    texts, steps = len(lesson.texts), 0
    begin_with_shares(network, np.bincount(targets.numbers, lesson.text_weights, targets.labels).astype(np.float64))
    while True:
        for numbers in np.array_split(random.permutation(texts), math.ceil(texts / TEXTS_AT_ONCE)):
            if steps >= FEWEST_STEPS and time.monotonic() >= deadline:
                yield False
                return
            places, standing = found.of_texts(numbers)
            rows_of = torch.from_numpy(places.astype(np.int64))
            rows = weights.index_select(0, rows_of).requires_grad_()
            logits = network(rows, standing.matrix(), standing.transposed())
            loss = (targets.losses(logits, numbers) * text_weights[numbers]).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            assert rows.grad is not None  # noqa: S101 - the loss depends on them
            squares[rows_of] += torch.linalg.vector_norm(rows.grad, dim=1).square() / rows.shape[1]
            weights.index_add_(0, rows_of, rows.grad * (-RATE / squares[rows_of].sqrt())[:, None])
            steps += 1
        yield True


def begin_with_shares(network: WideNetwork, counts: NDArray[np.float64]) -> None:
    """Let a network say of any text how frequent the labels are, whose texts these count (C,)."""
    bias = network.bias if network.output_bias is None else network.output_bias
    with torch.no_grad():
        bias.copy_(torch.from_numpy(np.log((counts + 1) / (counts + 1).sum())))
