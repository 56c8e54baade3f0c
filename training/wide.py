"""The wide part of a classifier: hashed n-grams into one linear layer, learned step by step.

Legend: D texts, F n-grams known, C labels, H hidden units.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.ngram_occurrences import occurrences, text_chunks
from training.wide_descent import descend
from training.wide_network import WideNetwork
from training.wide_passes import pass_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from model.hashed_ngrams import HashedNgrams
    from model.manifest import JSON
    from training.wide_lesson import PreparedLesson

STRENGTHS = (0.5, 2.0, 8.0, 32.0)  # tried, one after another: the greater, the farther the weights may go
PASSES = 32  # at most
MOST_PRODUCTS = 2**28  # of n-grams in texts times labels or hidden units: beyond, passes are made first
MOST_WEIGHTS_AT_ONCE = 2**24  # beyond, passes alone: a descent holds twenty copies of all weights


@dataclass(frozen=True, kw_only=True)
class WideLayer:
    """What a text's n-grams add to the logit of each label: one linear layer, or a hidden one of ReLU below it.

    weights: (F, H or C) float32, the n-grams' scales included; bias: (H or C,) float32; output: (H, C) and (C,) where
    there is a hidden layer.
    """

    ngrams: HashedNgrams
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    output: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give the logits of texts: (D, C), nats."""
        weights, chunks = torch.from_numpy(self.weights), text_chunks(texts)
        products = [(occurrences(chunk, self.ngrams).matrix() @ weights).numpy() for chunk in chunks]
        summed = np.concatenate([np.empty((0, weights.shape[1]), np.float32), *products]) + self.bias
        if self.output is None:
            return np.asarray(summed)
        return np.asarray(np.maximum(summed, 0) @ self.output[0] + self.output[1])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done, one after another: descents with strengths (``wide_descent``), or passes (``wide_passes``)."""

    strengths: tuple[float, ...] = ()
    passes: int = 0

    def __post_init__(self) -> None:
        assert bool(self.strengths) != bool(self.passes), f"one of both, got {self}"  # noqa: S101

    def facts(self) -> dict[str, JSON]:
        """Give it as a checkpoint's provenance has it: how many passes, or the last strength."""
        return {"ngram_passes": self.passes} if self.passes else {"ngram_strength": self.strengths[-1]}


def plan_of(provenance: Mapping[str, JSON]) -> Plan | None:
    """Read what led to the layer of a checkpoint; None where nothing says it."""
    match provenance:
        case {"ngram_passes": int(passes)} if passes > 0:
            return Plan(passes=passes)
        case {"ngram_strength": float(strength)} if strength > 0:
            return Plan(strengths=(strength,))
        case _:
            return None


def plans_for(prepared: PreparedLesson) -> tuple[Plan, ...]:
    """Give the plans that suit a lesson's size, to be tried in this order.

    Descents lead to the least loss, but take a hundred looks at all texts; passes take a few.
    """
    if prepared.weights > MOST_WEIGHTS_AT_ONCE:
        return (Plan(passes=PASSES),)
    descents = Plan(strengths=STRENGTHS)
    return (descents,) if prepared.products <= MOST_PRODUCTS else (Plan(passes=PASSES), descents)


@dataclass(frozen=True, kw_only=True)
class LearnedWide:
    """A layer, the plan that leads to it, and whether there was time to finish.

    seconds: that learning it alone takes: those before any step, and those of all passes so far, or of the longest
    descent, for the first one comes from as far as it would.
    """

    plan: Plan
    layer: WideLayer
    finished: bool
    seconds: float


def layer_of(network: WideNetwork, ngrams: HashedNgrams, contrast: NDArray[np.float32]) -> WideLayer:
    """Take what was learned, the scales (F,) of the n-grams put into the weights."""
    weights, bias = (each.detach().numpy() for each in (network.weights, network.bias))
    output = None
    if network.output is not None and network.output_bias is not None:
        output = network.output.detach().numpy().copy(), network.output_bias.detach().numpy().copy()
    return WideLayer(ngrams=ngrams, weights=weights * contrast[:, None], bias=bias.copy(), output=output)


def learn_wide(prepared: PreparedLesson, plan: Plan, seed: int, deadline: float) -> Iterator[LearnedWide]:
    """Learn the layer in several steps, each going on from the one before.

    Args:
        prepared: what from.
        plan: the steps.
        seed: of a hidden layer's first weights, and of the order of texts in passes.
        deadline: by ``time.monotonic``, when to stop.

    Yields:
        What was learned after each step.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = prepared.lesson.targets.labels
    network = WideNetwork(len(prepared.ngrams.hashes), prepared.hidden, labels, generator)
    if plan.passes:
        yield from learn_in_passes(network, prepared, plan, seed, deadline)
    else:
        yield from learn_by_descents(network, prepared, plan, deadline)


def learn_in_passes(
    network: WideNetwork, prepared: PreparedLesson, plan: Plan, seed: int, deadline: float
) -> Iterator[LearnedWide]:
    """Learn the layer in passes over the texts, as ``learn_wide`` does."""
    passes = pass_over(network, prepared.lesson, prepared.found, seed, deadline)
    seconds = prepared.seconds
    for number in range(1, plan.passes + 1):
        began = time.monotonic()
        finished = next(passes)
        seconds += time.monotonic() - began
        layer = layer_of(network, prepared.ngrams, prepared.contrast)
        yield LearnedWide(plan=Plan(passes=number), layer=layer, finished=finished, seconds=seconds)
        if not finished:
            break


def learn_by_descents(
    network: WideNetwork, prepared: PreparedLesson, plan: Plan, deadline: float
) -> Iterator[LearnedWide]:
    """Learn the layer by a descent with each strength, as ``learn_wide`` does."""
    began = time.monotonic()
    matrices = prepared.found.matrix(), prepared.found.transposed()
    before, longest = prepared.seconds + time.monotonic() - began, 0.0
    for strength in plan.strengths:
        began = time.monotonic()
        finished = descend(network, prepared.lesson, matrices, strength, deadline)
        longest = max(longest, time.monotonic() - began)
        alone, layer = Plan(strengths=(strength,)), layer_of(network, prepared.ngrams, prepared.contrast)
        yield LearnedWide(plan=alone, layer=layer, finished=finished, seconds=before + longest)


def learn_again(prepared: PreparedLesson, plan: Plan, seed: int, deadline: float) -> LearnedWide:
    """Give what was learned after the last step of ``learn_wide``; no earlier layer is kept meanwhile."""
    (last,) = deque(learn_wide(prepared, plan, seed, deadline), maxlen=1)
    return last
