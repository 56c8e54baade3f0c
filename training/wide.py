"""The wide part of a classifier: hashed n-grams into one linear layer, its weights found where their loss is least.

Source: Wang and Manning 2012, ACL, *Baselines and Bigrams* (inputs scaled by how differently the labels use an
n-gram); Liu and Nocedal 1989 (L-BFGS). Differs: one scale for all labels, the largest; softmax over labels.

Legend: D texts, F n-grams known, M of all texts, C labels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, kw_only=True)
class PreparedLesson:
    """A lesson whose n-grams are found.

    ngrams: to learn, F; found: where they stand, values times contrast; contrast: (F,), how differently the labels use
    them; hidden: H, 0 for no hidden layer; seconds: that finding them took.
    """

    lesson: Lesson
    ngrams: HashedNgrams
    found: Occurrences
    contrast: NDArray[np.float32]
    hidden: int
    seconds: float

    @property
    def is_large(self) -> bool:
        """Tell whether all at once is too much for a descent."""
        width = self.hidden or self.lesson.targets.labels
        return len(self.found.places) * width > MOST_PRODUCTS or self.found.ngrams * width > MOST_WEIGHTS_AT_ONCE


def prepare_lesson(lesson: Lesson, settings: ClassifierSettings) -> PreparedLesson:
    """Find the n-grams of a lesson, those that settings ask for and that there is room for."""
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
    most = MOST_BYTES // (NGRAM_BYTES + (settings.ngram_hidden or labels))
    if len(ngrams.hashes) > most:
        kept = most_telling(found, numbers, labels, most)
        ngrams, found = ngrams.part(kept), found.part(kept)
    contrast = label_contrast(found, numbers, labels)
    found = replace(found, values=found.values * contrast[found.places])
    seconds = time.monotonic() - began
    return PreparedLesson(
        lesson=lesson, ngrams=ngrams, found=found, contrast=contrast, hidden=settings.ngram_hidden, seconds=seconds
    )


def learn_wide(prepared: PreparedLesson, plan: Plan | None, seed: int, deadline: float) -> Iterator[LearnedWide]:
    """Learn the layer in several steps, each going on from the one before.

    Args:
        prepared: what from.
        plan: the steps; None for what the size asks for.
        seed: of a hidden layer's first weights, and of the order of texts in passes.
        deadline: by ``time.monotonic``, when to stop.

    Yields:
        What was learned after each step.
    """
    if plan is None:
        plan = Plan(passes=PASSES) if prepared.is_large else Plan(strengths=STRENGTHS)
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
