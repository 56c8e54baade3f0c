"""How much of what network and n-grams say counts, and how sure the sum of it is: fitted on held-out texts.

Source: Guo et al. 2017, arXiv:1706.04599 (temperature); Platt 1999, *Probabilistic Outputs for Support Vector
Machines*, section 2.2 (targets that are never quite certain).
Legend: M held-out texts, C labels, S sources of logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_FACTOR = 1e-3
USUAL_NETWORK, USUAL_WIDE = 0.4, 0.6  # factors of logits whose temperatures are right, on texts of three kinds
USUAL_TEXTS = 20.0  # held out, that the usual factors are worth
MOST_STEPS, MOST_HALVINGS = 100, 40
LEAST_GAIN = 1e-7  # nats a text, of a step that another follows


@dataclass(frozen=True, kw_only=True)
class Join:
    """The logits of one member: network times those of its network, plus wide times those of the n-grams."""

    network: float
    wide: float

    def logits(self, network: NDArray[np.float32] | None, wide: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Join logits (M, C), of which one kind may be missing."""
        parts = [
            np.float32(factor) * logits
            for factor, logits in ((self.network, network), (self.wide, wide))
            if logits is not None
        ]
        return np.asarray(sum(parts), np.float32)


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What is known of factors (S,) before a text is seen, and how many held-out texts that is worth."""

    factors: tuple[float, ...]
    texts: float


def fit_join(
    network: NDArray[np.float32],
    wide: NDArray[np.float32],
    known: NDArray[np.int64] | NDArray[np.float32],
    weights: NDArray[np.float64] | None = None,
) -> Join:
    """Find how much network and n-grams count: see ``fit_factors``.

    Each is first divided by a temperature of its own, which few texts suffice for; then it is told what factors are
    usual. With 50 texts held out this was worth a tenth of a point (decisions/0013-what-classifiers-are-made-of.md).

    Args:
        network: logits (M, C), nats.
        wide: logits (M, C), nats.
        known: (M,) the labels, or their probabilities (M, C).
        weights: (M,) how much each text counts; None for all alike.
    """
    scales = [1 / fit_temperature(logits, known, weights) for logits in (network, wide)]
    parts = [np.float32(scale) * logits for scale, logits in zip(scales, (network, wide), strict=True)]
    usual = Usual(factors=(USUAL_NETWORK, USUAL_WIDE), texts=USUAL_TEXTS)
    factors = fit_factors(parts, known, weights, usual)
    return Join(network=factors[0] * scales[0], wide=factors[1] * scales[1])


def fit_factors(
    parts: Sequence[NDArray[np.float32]],
    known: NDArray[np.int64] | NDArray[np.float32],
    weights: NDArray[np.float64] | None = None,
    usual: Usual | None = None,
) -> tuple[float, ...]:
    """Find what to multiply logits with before they are added, so that their loss on held-out texts is least.

    The loss is convex in the factors, so Newton's method finds the least from anywhere, if each step is halved until
    it goes down; a factor that would fall below 0 stays there. Where few texts are all labelled rightly, the loss alone
    would ask for ever larger factors, and be proven wrong by the next text. So a text's label is certain but for what
    one text more would leave open, and factors are pulled towards usual ones as by so many texts.

    Args:
        parts: logits (M, C), nats, one for each source.
        known: (M,) the labels, or their probabilities (M, C).
        weights: (M,) how much each text counts; None for all alike.
        usual: what is known of the factors before; None for equal ones that add up to 1, worth one text.

    Returns:
        A factor for each, never below 0.
    """
    logits = np.stack(parts, axis=-1).astype(np.float64)  # (M, C, S)
    own = logits[np.arange(len(known)), known] if known.ndim == 1 else np.einsum("mc,mcs->ms", known, logits)  # (M, S)
    shares = np.ones(len(known)) if weights is None else weights
    shares = shares / shares.sum()
    texts = 1 / float(np.square(shares).sum())  # as many as count
    open_share = 1 / (texts + 2)
    logits -= ((1 - open_share) * own + open_share * logits.mean(axis=1))[:, None]  # beyond what is wanted
    usual = usual or Usual(factors=(1 / len(parts),) * len(parts), texts=1.0)
    factors = np.array(usual.factors)
    pull = Pull(towards=factors, strength=usual.texts / texts)
    slope = slope_at(logits, shares, factors, pull)
    for _ in range(MOST_STEPS):
        free = (factors > 0) | (slope.gradient < 0)
        step = np.zeros(len(parts))
        step[free] = -np.linalg.solve(slope.curvature[np.ix_(free, free)], slope.gradient[free])
        for _ in range(MOST_HALVINGS):
            tried = np.maximum(factors + step, 0)
            reached = slope_at(logits, shares, tried, pull)
            if reached.loss <= slope.loss:
                break
            step /= 2
        else:
            break
        gain = slope.loss - reached.loss
        factors, slope = tried, reached
        if gain < LEAST_GAIN:
            break
    return tuple(float(factor) for factor in np.maximum(factors, LEAST_FACTOR))


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What holds factors (S,) back: strength / 2 times the square of how far they are from others (S,), in nats."""

    towards: NDArray[np.float64]
    strength: float


@dataclass(frozen=True, kw_only=True)
class Slope:
    """The loss of joined logits at some factors, nats a text, with its first (S,) and second (S, S) derivatives."""

    loss: float
    gradient: NDArray[np.float64]
    curvature: NDArray[np.float64]


def slope_at(
    logits: NDArray[np.float64], shares: NDArray[np.float64], factors: NDArray[np.float64], pull: Pull
) -> Slope:
    """Give the loss at factors (S,) of logits (M, C, S), each text's wanted ones being 0; shares (M,) sum to 1."""
    joined = logits @ factors  # (M, C)
    highest = joined.max(axis=1, keepdims=True)
    raised = np.exp(joined - highest)
    total = raised.sum(axis=1, keepdims=True)
    probabilities = raised / total
    means = np.einsum("mc,mcs->ms", probabilities, logits)
    products = np.einsum("mc,mcs,mct->st", probabilities * shares[:, None], logits, logits)
    apart = factors - pull.towards
    return Slope(
        loss=float(shares @ (np.log(total) + highest)[:, 0] + pull.strength / 2 * apart @ apart),
        gradient=shares @ means + pull.strength * apart,
        curvature=products - (means.T * shares) @ means + pull.strength * np.eye(len(factors)),
    )


def fit_temperature(
    logits: NDArray[np.float32],
    known: NDArray[np.int64] | NDArray[np.float32],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Find what to divide logits (M, C) by, so that their loss is least; see ``fit_factors``."""
    (factor,) = fit_factors([logits], known, weights)
    return 1 / factor


def average(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Give the log of the mean probability of members' logits, each (M, C): (M, C), nats."""
    each = torch.from_numpy(np.stack(members)).log_softmax(dim=-1)
    mean: NDArray[np.float32] = (each.logsumexp(dim=0) - np.log(len(members))).numpy()
    return mean
