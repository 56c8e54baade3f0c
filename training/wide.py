"""The wide part of a classifier: hashed n-grams into one linear layer, its weights found where their loss is least.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams* (inputs scaled by how differently the labels use an
n-gram); Liu and Nocedal 1989 (L-BFGS). Differs: one scale for all labels, the largest; softmax over labels.

Legend: D texts, F n-grams known, M of all texts, C labels.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.averaging import copy_weights
from training.ngram_occurrences import (
    known_ngrams,
    label_contrast,
    most_telling,
    mostly_hangul,
    occurrences,
    text_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from model.hashed_ngrams import HashedNgrams
    from training.classifier_settings import ClassifierSettings
    from training.targets import Targets

MOST_WEIGHTS = 2**24  # of n-grams times labels or hidden units: beyond, those that tell least of labels are left out
MOST_NGRAMS = 2**23  # looked at: beyond, those in the fewest texts are left out
STRENGTHS = (0.5, 2.0, 8.0, 32.0)  # tried, one after another: the greater, the farther the weights may go
STEPS, STEPS_AT_ONCE = 150, 15  # of L-BFGS, at most, and between two looks at what they gain
FEWEST_LOSSES = 2  # found even where no time is left: at the start, and a first step away, which says a little
LEAST_GAIN = 1e-5  # nats, in so many steps
HISTORY = 8
FIRST_WEIGHTS = 0.01  # standard deviation, before a hidden layer


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


class Product(torch.autograd.Function):
    """A sparse matrix times a dense one, with the transpose at hand for the gradient."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        """Give (D, C) of (F, C)."""
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Give the gradient (F, C)."""
        return ctx.transposed @ gradients[0].contiguous(), None, None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What the layer learns from.

    texts: to learn from, D; targets: what their labels should be; text_weights: (D,), 1 on average.
    """

    texts: Sequence[str]
    targets: Targets
    text_weights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LearnedWide:
    """A layer, the strength it was learned with, and whether there was time to finish.

    seconds: that learning it alone takes: those before any descent, and those of the longest so far, for the first one
    comes from as far as it would.
    """

    strength: float
    layer: WideLayer
    finished: bool
    seconds: float


class WideNetwork(torch.nn.Module):
    """The layer while it learns: of (F, C) zeros, or of a hidden layer of random weights."""

    def __init__(self, ngrams: int, hidden: int, labels: int, generator: torch.Generator) -> None:
        """Begin at no opinion: F n-grams, H hidden units (0 for none), C labels."""
        super().__init__()
        width = hidden or labels
        self.weights = torch.nn.Parameter(torch.zeros(ngrams, width))
        self.bias = torch.nn.Parameter(torch.zeros(width))
        self.output = torch.nn.Parameter(torch.zeros(hidden, labels)) if hidden else None
        self.output_bias = torch.nn.Parameter(torch.zeros(labels)) if hidden else None
        if self.output is not None:
            with torch.no_grad():
                self.weights.normal_(std=FIRST_WEIGHTS, generator=generator)
                self.output.normal_(std=1 / math.sqrt(hidden), generator=generator)

    def forward(self, matrix: Tensor, transposed: Tensor) -> Tensor:
        """Give the logits (D, C) of texts with n-grams (D, F), whose transpose is (F, D)."""
        summed: Tensor = Product.apply(self.weights, matrix, transposed) + self.bias  # type: ignore[no-untyped-call]
        if self.output is None or self.output_bias is None:
            return summed
        return torch.relu(summed) @ self.output + self.output_bias


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
        each = lesson.targets.losses(network(*matrices))
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


def layer_of(network: WideNetwork, ngrams: HashedNgrams, contrast: NDArray[np.float32]) -> WideLayer:
    """Take what was learned, the scales (F,) of the n-grams put into the weights."""
    weights, bias = (each.detach().numpy() for each in (network.weights, network.bias))
    output = None
    if network.output is not None and network.output_bias is not None:
        output = network.output.detach().numpy(), network.output_bias.detach().numpy()
    return WideLayer(ngrams=ngrams, weights=weights * contrast[:, None], bias=bias.copy(), output=output)


def told_of_spaces(settings: ClassifierSettings, texts: Sequence[str]) -> ClassifierSettings:
    """Decide by texts whether n-grams go across spaces, where that is left open."""
    if settings.ngram_spaces != "auto":
        return settings
    return replace(settings, ngram_spaces="across" if mostly_hangul(texts) else "within")


def learn_wide(
    lesson: Lesson, settings: ClassifierSettings, strengths: Sequence[float], seed: int, deadline: float
) -> Iterator[LearnedWide]:
    """Learn the layer with one strength after another, each going on from the one before.

    Args:
        lesson: what from.
        settings: which n-grams, and how many hidden units.
        strengths: how far the weights may go: the more, the farther.
        seed: of a hidden layer's first weights.
        deadline: by ``time.monotonic``, when to stop descending.

    Yields:
        What was learned with each strength.
    """
    began = time.monotonic()
    ngrams = known_ngrams(
        lesson.texts,
        settings.ngram_least,
        settings.ngram_most,
        settings.ngram_texts,
        MOST_NGRAMS,
        across_spaces=told_of_spaces(settings, lesson.texts).ngram_spaces == "across",
    )
    found = occurrences(lesson.texts, ngrams)
    numbers, labels = lesson.targets.numbers, lesson.targets.labels
    most = MOST_WEIGHTS // (settings.ngram_hidden or labels)
    if len(ngrams.hashes) > most:
        ngrams = ngrams.part(most_telling(found, numbers, labels, most))
        found = occurrences(lesson.texts, ngrams)
    contrast = label_contrast(found, numbers, labels)
    found = replace(found, values=found.values * contrast[found.places])  # the unscaled ones are needed no more
    matrices = found.matrix(), found.transposed()
    generator = torch.Generator().manual_seed(seed)
    network = WideNetwork(len(ngrams.hashes), settings.ngram_hidden, labels, generator)
    prepared, longest = time.monotonic() - began, 0.0
    for strength in strengths:
        began = time.monotonic()
        finished = descend(network, lesson, matrices, strength, deadline)
        longest = max(longest, time.monotonic() - began)
        layer = layer_of(network, ngrams, contrast)
        yield LearnedWide(strength=strength, layer=layer, finished=finished, seconds=prepared + longest)
