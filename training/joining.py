"""How much of what network and n-grams say counts, and how sure the sum of it is: fitted on held-out texts.

Source: Guo et al. 2017, arXiv:1706.04599 (temperature).
Legend: M held-out texts, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

LEAST_FACTOR = 1e-3
STEPS = 100


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


def fit_factors(parts: Sequence[NDArray[np.float32]], numbers: NDArray[np.int64]) -> tuple[float, ...]:
    """Find what to multiply logits with before they are added, so that their loss on held-out texts is least.

    Args:
        parts: logits (M, C), nats, one for each source.
        numbers: (M,) the labels.

    Returns:
        A factor for each, never below 0.
    """
    logits = torch.from_numpy(np.stack(parts)).double()  # (sources, M, C)
    labels = torch.from_numpy(numbers)
    # The square of what is searched, so that a factor is never negative.
    roots = torch.full((len(parts),), 1 / len(parts), dtype=torch.float64).sqrt().requires_grad_()
    optimiser = torch.optim.LBFGS([roots], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        joined = torch.einsum("s,smc->mc", roots.square(), logits)
        mean = torch.nn.functional.cross_entropy(joined, labels)
        mean.backward()  # type: ignore[no-untyped-call]
        return mean

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    factors = roots.detach().square().clamp(min=LEAST_FACTOR)
    return tuple(float(factor) for factor in factors)


def fit_temperature(logits: NDArray[np.float32], numbers: NDArray[np.int64]) -> float:
    """Find what to divide logits (M, C) by, so that their loss with labels (M,) is least."""
    (factor,) = fit_factors([logits], numbers)
    return 1 / factor


def average(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Give the log of the mean probability of members' logits, each (M, C): (M, C), nats."""
    each = torch.from_numpy(np.stack(members)).log_softmax(dim=-1)
    mean: NDArray[np.float32] = (each.logsumexp(dim=0) - np.log(len(members))).numpy()
    return mean
