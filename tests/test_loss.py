"""The loss against its definition, and against torch's own."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.loss import weighted_cross_entropy


def test_loss_and_gradient_are_those_of_torch() -> None:
    """In float64, with a weight of nothing among the others."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 7, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(7, (12,), generator=generator)
    weights = torch.rand(12, generator=generator, dtype=torch.float64)
    weights[3] = 0.0
    expected = (functional.cross_entropy(logits, targets, reduction="none") * weights).sum()
    (wanted,) = torch.autograd.grad(expected * 2, logits)
    total = weighted_cross_entropy(logits, targets, weights)
    (gradient,) = torch.autograd.grad(total * 2, logits)
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-10)
    assert not gradient[3].any()


def test_bfloat16_logits_get_a_bfloat16_gradient_of_a_float32_loss() -> None:
    """Rounding is that of the gradient alone, 1 part in 256."""
    logits = torch.randn(5, 9, generator=torch.Generator().manual_seed(1)).bfloat16().requires_grad_()
    targets, weights = torch.arange(5), torch.ones(5)
    total = weighted_cross_entropy(logits, targets, weights)
    (gradient,) = torch.autograd.grad(total, logits)
    exact = logits.detach().float().requires_grad_()
    (wanted,) = torch.autograd.grad(functional.cross_entropy(exact, targets, reduction="sum"), exact)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient.float(), wanted, rtol=1 / 128, atol=1e-4)
    assert total.dtype == torch.float32
