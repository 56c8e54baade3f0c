"""The wide part of a classifier: hashed n-grams into one linear layer, its weights found where their loss is least.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams* (inputs scaled by how differently the labels use an
n-gram); Liu and Nocedal 1989 (L-BFGS). Differs: one scale for all labels, the largest; softmax over labels.

Legend: D texts, F n-grams known, M of all texts, C labels.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.hashed_ngrams import HashedNgrams, hash_ngrams, look_up, term_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from training.classifier_settings import ClassifierSettings
    from training.targets import Targets

MOST_WEIGHTS = 2**24  # of n-grams times labels or hidden units: beyond, the n-grams in the fewest texts are left out
STRENGTHS = (0.5, 2.0, 8.0, 32.0)  # tried, one after another: the greater, the farther the weights may go
STEPS, STEPS_AT_ONCE = 150, 15  # of L-BFGS, at most, and between two looks at the clock
LEAST_GAIN = 1e-5  # nats, in so many steps
HISTORY = 8
FIRST_WEIGHTS = 0.01  # standard deviation, before a hidden layer
SMOOTHING = 1.0  # texts that every label is taken to have used an n-gram in, beforehand


@dataclass(frozen=True, kw_only=True)
class Occurrences:
    """Which n-grams stand in which texts: rows of a sparse matrix (D, F).

    starts: (D + 1,) where each text begins; places: (M,) of the n-grams; values: (M,) float32.
    """

    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    values: NDArray[np.float32]
    ngrams: int  # F

    @property
    def texts(self) -> NDArray[np.int64]:
        """The text of each: (M,)."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def matrix(self) -> Tensor:
        """Give them as a sparse tensor (D, F)."""
        return sparse(self.starts, self.places, self.values, (len(self.starts) - 1, self.ngrams))

    def transposed(self) -> Tensor:
        """Give them as a sparse tensor (F, D)."""
        order = np.argsort(self.places, kind="stable")
        counts = np.bincount(self.places, minlength=self.ngrams)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return sparse(starts, self.texts[order], self.values[order], (self.ngrams, len(self.starts) - 1))


def sparse(
    starts: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.float32], size: tuple[int, int]
) -> Tensor:
    """Make a sparse tensor of compressed rows."""
    # Half as many bytes to walk through: a product of two columns takes three fifths of the time.
    index = np.int32 if len(values) < 2**31 and max(size) < 2**31 else np.int64
    arrays = (starts.astype(index), columns.astype(index), values)
    rows, places, held = (torch.from_numpy(np.ascontiguousarray(each)) for each in arrays)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, places, held, size=size, check_invariants=False)


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
        summed = (occurrences(texts, self.ngrams).matrix() @ torch.from_numpy(self.weights)).numpy() + self.bias
        if self.output is None:
            return np.asarray(summed)
        return np.asarray(np.maximum(summed, 0) @ self.output[0] + self.output[1])


def known_ngrams(texts: Sequence[str], least: int, most: int, fewest_texts: int, most_kept: int) -> HashedNgrams:
    """Find the n-grams that stand in enough texts, the most widespread where there are too many.

    Args:
        texts: to learn from.
        least: characters of an n-gram.
        most: characters of an n-gram.
        fewest_texts: that one must stand in.
        most_kept: F at most.
    """
    counted: dict[str, NDArray[Any]] = {"hashes": np.empty(0, np.uint64), "texts": np.empty(0, np.int64)}
    for length in range(least, most + 1):
        hashes, owners = hash_ngrams(texts, length, length)
        order = np.lexsort((owners, hashes))
        hashes, owners = hashes[order], owners[order]
        new = np.ones(len(hashes), np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])  # once a text
        different, texts_with = np.unique(hashes[new], return_counts=True)
        kept = texts_with >= fewest_texts
        counted["hashes"] = np.concatenate([counted["hashes"], different[kept]])
        counted["texts"] = np.concatenate([counted["texts"], texts_with[kept]])
    chosen = np.argsort(-counted["texts"], kind="stable")[:most_kept]
    chosen = chosen[np.argsort(counted["hashes"][chosen])]
    rarities = np.log((1 + len(texts)) / (1 + counted["texts"][chosen])) + 1
    return HashedNgrams(
        hashes=counted["hashes"][chosen],
        rarities=rarities.astype(np.float32),
        scales=np.ones(len(chosen), np.float32),
        least=least,
        most=most,
    )


def occurrences(texts: Sequence[str], ngrams: HashedNgrams) -> Occurrences:
    """Find the n-grams known in texts, as ``HashedNgrams.of_text`` finds those of one."""
    hashes, owners = hash_ngrams(texts, ngrams.least, ngrams.most)
    places, found = look_up(ngrams.hashes, hashes)
    keys, repeats = np.unique(owners[found] * max(len(ngrams.hashes), 1) + places, return_counts=True)
    rows, places = np.divmod(keys, max(len(ngrams.hashes), 1))
    values = term_weights(repeats) * ngrams.rarities[places]
    squares = np.bincount(rows, values.astype(np.float64) ** 2, minlength=len(texts))
    lengths = np.maximum(np.sqrt(squares), 1e-12).astype(np.float32)
    values = values / lengths[rows] * ngrams.scales[places]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=len(texts)))])
    return Occurrences(starts=starts, places=places, values=values, ngrams=len(ngrams.hashes))


def label_contrast(found: Occurrences, labels: NDArray[np.int64], number: int) -> NDArray[np.float32]:
    """Give how differently the labels use each n-gram: (F,), the largest |log odds ratio| over labels.

    Source: Wang and Manning 2012, section 2, for two labels; here each label against all others.

    Args:
        found: in the texts to learn from.
        labels: (D,) of each text.
        number: C.
    """
    with_label = np.bincount(found.places * number + labels[found.texts], minlength=found.ngrams * number)
    used = with_label.reshape(-1, number) + SMOOTHING  # (F, C)
    others = used.sum(axis=1, keepdims=True) - used + (2 - number) * SMOOTHING  # smoothed as often as the label
    ratios = np.log(used / used.sum(axis=0)) - np.log(others / others.sum(axis=0))
    largest: NDArray[np.float32] = np.abs(ratios).max(axis=1).astype(np.float32)
    return largest


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


def descend(network: WideNetwork, lesson: Lesson, found: Occurrences, strength: float, deadline: float) -> None:
    """Go from where a network is to where its loss is least, or as far as time allows.

    The loss is the mean of the targets' losses, plus the sum of squares of the weights over 2 · strength · D.
    """
    matrix, transposed = found.matrix(), found.transposed()
    text_weights = torch.from_numpy(lesson.text_weights.astype(np.float32))
    penalised = [each for each in network.parameters() if each.dim() > 1]
    optimiser = torch.optim.LBFGS(
        network.parameters(),
        max_iter=STEPS_AT_ONCE,
        history_size=HISTORY,
        tolerance_grad=1e-6,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        optimiser.zero_grad()
        each = lesson.targets.losses(network(matrix, transposed))
        squares = torch.stack([(weights**2).sum() for weights in penalised]).sum()
        total = (each * text_weights).mean() + squares / (2 * strength * len(text_weights))
        total.backward()  # type: ignore[no-untyped-call]
        return float(total.detach())

    before = math.inf
    for _ in range(0, STEPS, STEPS_AT_ONCE):
        reached = float(optimiser.step(loss))  # type: ignore[no-untyped-call]
        if before - reached < LEAST_GAIN or time.monotonic() >= deadline:
            return
        before = reached


def layer_of(network: WideNetwork, ngrams: HashedNgrams, contrast: NDArray[np.float32]) -> WideLayer:
    """Take what was learned, the scales (F,) of the n-grams put into the weights."""
    weights, bias = (each.detach().numpy() for each in (network.weights, network.bias))
    output = None
    if network.output is not None and network.output_bias is not None:
        output = network.output.detach().numpy(), network.output_bias.detach().numpy()
    return WideLayer(ngrams=ngrams, weights=weights * contrast[:, None], bias=bias.copy(), output=output)


def learn_wide(
    lesson: Lesson, settings: ClassifierSettings, strengths: Sequence[float], seed: int, deadline: float
) -> Iterator[tuple[float, WideLayer]]:
    """Learn the layer with one strength after another, each going on from the one before.

    Args:
        lesson: what from.
        settings: which n-grams, and how many hidden units.
        strengths: how far the weights may go: the more, the farther.
        seed: of a hidden layer's first weights.
        deadline: by ``time.monotonic``, when to stop descending.

    Yields:
        Each strength, and the layer learned with it.
    """
    ngrams = known_ngrams(
        lesson.texts,
        settings.ngram_least,
        settings.ngram_most,
        settings.ngram_texts,
        MOST_WEIGHTS // (settings.ngram_hidden or lesson.targets.labels),
    )
    found = occurrences(lesson.texts, ngrams)
    contrast = label_contrast(found, lesson.targets.numbers, lesson.targets.labels)
    scaled = replace(found, values=found.values * contrast[found.places])
    generator = torch.Generator().manual_seed(seed)
    network = WideNetwork(len(ngrams.hashes), settings.ngram_hidden, lesson.targets.labels, generator)
    for strength in strengths:
        descend(network, lesson, scaled, strength, deadline)
        yield strength, layer_of(network, ngrams, contrast)
