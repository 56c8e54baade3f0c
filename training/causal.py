"""A causal convolutional language model: gated convolutions that see ever further back, and never ahead.

Legend: B batch, T time steps, V vocabulary size, E embedding width, H hidden width, L layers, W filter width,
D dilation of a layer, S state width (the sum of (W - 1)·D·H over the layers).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from training.characters import CharacterLayers

if TYPE_CHECKING:
    from training.settings import NetworkSettings

MOST_DILATION = 16  # a layer remembers (W - 1)·D vectors of H for every beginning that a search keeps
READ_SIZE = 0.5  # of the values that the first layer reads, at first


class CausalLanguageModel(nn.Module):
    """Reads characters and gives, after each, the logits of the next.

    With x_0 a linear layer of the embedding, layer l computes at each place t from the places t, t - D, t - 2D, ...
    below, W of them and zeros before the first: x_l = x_(l-1) + tanh(a) * sigmoid(b), both linear in those places.

    Source: van den Oord et al. 2016, arXiv:1609.03499, equation 2; Bai et al. 2018, arXiv:1803.01271. Differs: what
    the gates let through is added as it is, without a further layer, so that each adds at most 1.
    """

    def __init__(self, settings: NetworkSettings, vocabulary_size: int, letters: Tensor | None = None) -> None:
        """Make a network; see ``CharacterLayers``."""
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        self.characters = CharacterLayers(settings, vocabulary_size, letters)
        hidden = settings.hidden_width
        self.entrance = nn.Linear(self.characters.input_width, hidden)
        self.convolutions = nn.ModuleList(
            nn.Linear(settings.filter_width * hidden, 2 * hidden) for _ in range(settings.layers)
        )
        self.reset_parameters()

    @property
    def layers(self) -> list[nn.Linear]:
        """The convolutions as the linear layers (2·H, W·H) that they are of the places they see, the oldest first."""
        return cast("list[nn.Linear]", list(self.convolutions))

    @property
    def dilations(self) -> list[int]:
        """How far apart the places are that each layer sees: 1, 2, 4 and so on."""
        return [min(2**layer, MOST_DILATION) for layer in range(self.settings.layers)]

    @property
    def remembered(self) -> list[int]:
        """How many vectors before its own place each layer sees the first of: (W - 1)·D."""
        return [(self.settings.filter_width - 1) * dilation for dilation in self.dilations]

    @property
    def state_width(self) -> int:
        """S, the numbers that one sequence is remembered by."""
        return sum(self.remembered) * self.settings.hidden_width

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.characters.device

    def reset_parameters(self) -> None:
        """Start with sums in the gates that are as large as what they are sums of (LeCun et al. 1998).

        An embedding begins with a length of 1. Read ten times smaller than this, a network was .07 bits behind after
        five epochs of 8,000 names of places.
        """
        nn.init.normal_(self.entrance.weight, std=READ_SIZE)
        nn.init.zeros_(self.entrance.bias)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)

    def initial_state(self, batch: int) -> Tensor:
        """Give the state before anything was read: (B, S) zeros."""
        return self.entrance.bias.new_zeros(batch, self.state_width)

    def layer_values(self, ids: Tensor, state: Tensor) -> tuple[list[Tensor], Tensor]:
        """Read whole sequences, and give what every layer reads and what the last gives.

        Args:
            ids: (B, T) int64.
            state: (B, S), what was read before.

        Returns:
            L + 1 values (B, T, H), and the state (B, S) after the last step.
        """
        batch, steps = ids.shape
        hidden, width = self.settings.hidden_width, self.settings.filter_width
        befores = torch.split(state, [vectors * hidden for vectors in self.remembered], dim=1)
        values, after = [self.entrance(self.characters.drop(self.characters.inputs(ids)))], []
        for number, (layer, before, dilation) in enumerate(zip(self.layers, befores, self.dilations, strict=True)):
            known = torch.cat([before.view(batch, -1, hidden), values[-1]], dim=1)  # (B, (W - 1)·D + T, H)
            places = [known[:, place * dilation : place * dilation + steps] for place in range(width)]
            added = gated(layer(torch.cat(places, dim=2)))
            # What the last adds is dropped with all else on top.
            values.append(values[-1] + (added if number == self.settings.layers - 1 else self.characters.drop(added)))
            after.append(known[:, steps:].reshape(batch, -1))
        return values, torch.cat(after, dim=1)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read whole sequences.

        Args:
            ids: (B, T) int64.
            state: (B, S), what was read before; nothing when left out.

        Returns:
            logits (B, T, V) of the character after each, and the state (B, S) after the last.
        """
        values, after = self.layer_values(ids, self.initial_state(len(ids)) if state is None else state)
        return self.characters.logits(values[-1]), after

    def step(self, ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read one character more, as it is exported: what a layer read longest ago makes room for the newest.

        Args:
            ids: (B,) int64.
            state: (B, S): of each layer in turn the (W - 1)·D vectors that it read last, the oldest first.

        Returns:
            logits (B, V) and the new state (B, S).
        """
        hidden = self.settings.hidden_width
        befores = torch.split(state, [vectors * hidden for vectors in self.remembered], dim=1)
        value, after = self.entrance(self.characters.inputs(ids)), []
        for layer, before, dilation in zip(self.layers, befores, self.dilations, strict=True):
            known = torch.cat([before, value], dim=1)  # (B, ((W - 1)·D + 1)·H)
            places = known.view(len(ids), -1, hidden)[:, ::dilation].flatten(1)  # (B, W·H)
            value = value + gated(layer(places))
            after.append(known[:, hidden:])
        return self.characters.logits(value), torch.cat(after, dim=1)


def gated(both: Tensor) -> Tensor:
    """Let through as much of the first half of values (..., 2·H) as the second says: tanh(a) * sigmoid(b), (..., H)."""
    value, gate = both.chunk(2, dim=-1)
    return torch.tanh(value) * torch.sigmoid(gate)
