"""The wide part of a classifier: hashed n-grams into one linear layer, its weights found where their loss is least.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams* (inputs scaled by how differently the labels use an
n-gram); Liu and Nocedal 1989 (L-BFGS). Differs: one scale for all labels, the largest; softmax over labels.

Legend: D texts, F n-grams known, M of all texts, C labels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.label_statistics import label_contrast, most_telling
from training.ngram_occurrences import known_ngrams, mostly_hangul, occurrences, text_chunks
from training.wide_descent import descend
from training.wide_network import WideNetwork
from training.wide_passes import pass_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from model.hashed_ngrams import HashedNgrams
    from model.manifest import JSON
    from training.classifier_settings import ClassifierSettings
    from training.ngram_occurrences import Occurrences
    from training.targets import Targets

MOST_BYTES = 2**26  # of the layer as it is served: beyond, the n-grams that tell least of labels are left out
NGRAM_BYTES = 16  # of an n-gram there, besides one for each weight
MOST_NGRAMS = 2**23  # looked at: beyond, those in the fewest texts are left out
STRENGTHS = (0.5, 2.0, 8.0, 32.0)  # tried, one after another: the greater, the farther the weights may go
PASSES = 8  # at most, instead, where one of these is more:
MOST_PRODUCTS = 2**28  # of n-grams in texts times labels or hidden units
MOST_WEIGHTS_AT_ONCE = 2**24  # of which a descent holds twenty copies


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
class Lesson:
    """What the layer learns from.

    texts: to learn from, D; targets: what their labels should be; text_weights: (D,), 1 on average.
    """

    texts: Sequence[str]
    targets: Targets
    text_weights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done, one after another: descents with strengths (``wide_descent``), or passes (``wide_passes``)."""

    strengths: tuple[float, ...] = ()
    passes: int = 0

    def facts(self) -> dict[str, JSON]:
        """Give it as a checkpoint's provenance has it: the last strength, or 0 for none."""
        return {"ngram_strength": (0.0, *self.strengths)[-1], "ngram_passes": self.passes}


def plan_of(provenance: Mapping[str, JSON]) -> Plan | None:
    """Read what led to the layer of a checkpoint; None where nothing says it."""
    strength, passes = provenance.get("ngram_strength"), provenance.get("ngram_passes")
    if isinstance(passes, int) and passes > 0:
        return Plan(passes=passes)
    return Plan(strengths=(strength,)) if isinstance(strength, float) and strength > 0 else None


@dataclass(frozen=True, kw_only=True)
class LearnedWide:
    """A layer, the plan that leads to it, and whether there was time to finish.

    seconds: that learning it alone takes: those before any descent, and those of the longest so far, for the first one
    comes from as far as it would.
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


def told_of_spaces(settings: ClassifierSettings, texts: Sequence[str]) -> ClassifierSettings:
    """Decide by texts whether n-grams go across spaces, where that is left open."""
    if settings.ngram_spaces != "auto":
        return settings
    return replace(settings, ngram_spaces="across" if mostly_hangul(texts) else "within")


def learn_wide(
    lesson: Lesson, settings: ClassifierSettings, plan: Plan | None, seed: int, deadline: float
) -> Iterator[LearnedWide]:
    """Learn the layer in several steps, each going on from the one before.

    Args:
        lesson: what from.
        settings: which n-grams, and how many hidden units.
        plan: the steps; None for what the size asks for.
        seed: of a hidden layer's first weights, and of the order of texts in passes.
        deadline: by ``time.monotonic``, when to stop.

    Yields:
        What was learned after each step.
    """
    began = time.monotonic()
    ngrams, found, contrast = scaled_occurrences(lesson, settings)
    width = settings.ngram_hidden or lesson.targets.labels
    generator = torch.Generator().manual_seed(seed)
    network = WideNetwork(len(ngrams.hashes), settings.ngram_hidden, lesson.targets.labels, generator)
    if plan is None:
        is_large = len(found.places) * width > MOST_PRODUCTS or len(ngrams.hashes) * width > MOST_WEIGHTS_AT_ONCE
        plan = Plan(passes=PASSES) if is_large else Plan(strengths=STRENGTHS)
    if plan.passes:
        for number, finished in enumerate(islice(pass_over(network, lesson, found, seed, deadline), plan.passes), 1):
            seconds, layer = time.monotonic() - began, layer_of(network, ngrams, contrast)
            yield LearnedWide(plan=Plan(passes=number), layer=layer, finished=finished, seconds=seconds)
        return
    matrices = found.matrix(), found.transposed()
    prepared, longest = time.monotonic() - began, 0.0
    for strength in plan.strengths:
        began = time.monotonic()
        finished = descend(network, lesson, matrices, strength, deadline)
        longest = max(longest, time.monotonic() - began)
        alone, layer = Plan(strengths=(strength,)), layer_of(network, ngrams, contrast)
        yield LearnedWide(plan=alone, layer=layer, finished=finished, seconds=prepared + longest)


def scaled_occurrences(
    lesson: Lesson, settings: ClassifierSettings
) -> tuple[HashedNgrams, Occurrences, NDArray[np.float32]]:
    """Find the n-grams to learn, where they stand, their values scaled, and the scales (F,)."""
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
    most = MOST_BYTES // (NGRAM_BYTES + (settings.ngram_hidden or labels))
    if len(ngrams.hashes) > most:
        kept = most_telling(found, numbers, labels, most)
        ngrams, found = ngrams.part(kept), found.part(kept)
    contrast = label_contrast(found, numbers, labels)
    return ngrams, replace(found, values=found.values * contrast[found.places]), contrast
