"""An ensemble: several language models that answer as one, by the mean of their probabilities.

Legend: N members, B batch, T time steps, V vocabulary size, S state width (the members' side by side).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.language_models import SingleModel


class Ensemble(nn.Module):
    """Reads characters with every member and gives, after each, log of the mean of their probabilities of the next.

    Source: Hansen and Salamon 1990.
    """

    def __init__(self, members: Sequence[SingleModel]) -> None:
        """Join networks of one alphabet."""
        super().__init__()
        self.members = nn.ModuleList(members)
        self.vocabulary_size = members[0].vocabulary_size

    @property
    def networks(self) -> list[SingleModel]:
        """The members."""
        return cast("list[SingleModel]", list(self.members))

    @property
    def state_width(self) -> int:
        """S, the numbers that one sequence is remembered by."""
        return sum(each.state_width for each in self.networks)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.networks[0].device

    def initial_state(self, batch: int) -> Tensor:
        """Give the state before anything was read: (B, S) zeros."""
        return torch.cat([each.initial_state(batch) for each in self.networks], dim=1)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read whole sequences.

        Args:
            ids: (B, T) int64.
            state: (B, S), what was read before; nothing when left out.

        Returns:
            log-probabilities (B, T, V) of the character after each, nats, and the state (B, S) after the last.
        """
        parts = self.parts_of(self.initial_state(len(ids)) if state is None else state)
        said = [network(ids, part) for network, part in zip(self.networks, parts, strict=True)]
        return log_mean([logits for logits, _ in said]), torch.cat([after for _, after in said], dim=1)

    def step(self, ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read one character more.

        Args:
            ids: (B,) int64.
            state: (B, S).

        Returns:
            log-probabilities (B, V), nats, and the new state (B, S).
        """
        said = [network.step(ids, part) for network, part in zip(self.networks, self.parts_of(state), strict=True)]
        return log_mean([logits for logits, _ in said]), torch.cat([after for _, after in said], dim=1)

    def parts_of(self, state: Tensor) -> Sequence[Tensor]:
        """Cut a state (B, S) into those of the members."""
        return torch.split(state, [each.state_width for each in self.networks], dim=1)


def log_mean(logits: Sequence[Tensor]) -> Tensor:
    """Give the log of the mean of the probabilities that several logits (..., V) say, nats (..., V)."""
    total = logits[0].log_softmax(dim=-1)
    for each in logits[1:]:  # two at a time: all of them at once would be N times as large
        total = torch.logaddexp(total, each.log_softmax(dim=-1))
    return total - math.log(len(logits))
