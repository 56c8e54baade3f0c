"""The loss that training goes down: cross-entropy over characters, weighted, its gradient made in place.

Legend: N characters, V vocabulary size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor


class WeightedCrossEntropy(torch.autograd.Function):
    """Sum of -log P of each target times its weight.

    Differs from torch's: where the vocabulary is large this is a fifth of a training step, and torch's keeps two more
    arrays of (N, V) and fills one of them with zeros. Here the log-probabilities become their own gradient.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Give the sum, nats; see ``weighted_cross_entropy``."""
        log_probabilities = torch.log_softmax(logits.float() if logits.dtype == torch.bfloat16 else logits, dim=-1)
        ctx.save_for_backward(log_probabilities, targets, weights)
        ctx.kept_type = logits.dtype
        return -(log_probabilities.gather(1, targets[:, None])[:, 0] * weights).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Give the gradient of the logits: weight times (P - 1 at the target)."""
        log_probabilities, targets, weights = ctx.saved_tensors
        scaled = weights * gradients[0]
        gradient = log_probabilities.exp_().mul_(scaled[:, None])
        gradient[torch.arange(len(targets), device=targets.device), targets] -= scaled
        return gradient.to(ctx.kept_type), None, None


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Sum -log P of each target times its weight; to be differentiated once.

    Args:
        logits: (N, V) nats, bfloat16 is computed with in float32.
        targets: (N,) int64 ids.
        weights: (N,) of each character; 0 leaves it out.

    Returns:
        A scalar, nats.
    """
    total: Tensor = WeightedCrossEntropy.apply(logits, targets, weights)  # type: ignore[no-untyped-call]
    return total
