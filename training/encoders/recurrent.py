"""Recurrent layers over a text, from one end or both.

Legend: B batch, T places, C channels, H hidden width, G gates (1 RNN, 3 GRU, 4 LSTM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from training.dropout import LockedDropout
from training.encoders.layer import norm_of
from training.encoders.places import keep_places, reverse_places
from training.encoders.skip import SkipConnection
from training.networks import layer_weights, recurrent_layers
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings

STATE_WEIGHTS = "weight_hh_l0"  # (G·H, H)


def remember_at_first(recurrence: nn.RNNBase) -> None:
    """Set an LSTM's forget gates to remember: a bias of 1 (Jozefowicz et al. 2015); change no other cell."""
    if isinstance(recurrence, nn.LSTM):
        hidden = recurrence.hidden_size
        with torch.no_grad():
            weights = layer_weights(recurrence, 0)
            weights.bias_of_input[hidden : 2 * hidden] = 1.0
            weights.bias_of_state[hidden : 2 * hidden] = 0.0


class RecurrentLayer(nn.Module):
    """One recurrence from the beginning of a text, and where settings ask for it another from its end."""

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the recurrences, for values of ``input_width`` channels."""
        super().__init__()
        self.recurrent_dropout = settings.recurrent_dropout
        shape = NetworkSettings(cell=settings.cell, layers=1, hidden_width=settings.hidden_width)
        directions = 2 if settings.bidirectional else 1
        recurrences = [recurrent_layers(settings.cell, shape, input_width) for _ in range(directions)]
        for recurrence in recurrences:
            remember_at_first(recurrence)
        self.recurrences = nn.ModuleList(recurrences)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Turn values (B, T, C) into (B, T, H), or (B, T, 2 H): states from the beginning, then those from the end."""
        states = [self.read(self.recurrences[0], values)]
        if len(self.recurrences) > 1:
            turned = self.read(self.recurrences[1], reverse_places(values, lengths))
            states.append(reverse_places(turned, lengths))
        return torch.cat(states, dim=2)

    def read(self, recurrence: nn.Module, values: Tensor) -> Tensor:
        """Give the states (B, T, H) of a recurrence over values (B, T, C).

        In training some of its W_hh are dropped, the same at every place of every text of the batch.
        Source: Merity et al. 2017, arXiv:1708.02182, section 3.
        """
        weights: Tensor = getattr(recurrence, STATE_WEIGHTS)
        changed = {}
        if self.training and self.recurrent_dropout:
            changed[STATE_WEIGHTS] = nn.functional.dropout(weights, self.recurrent_dropout)
        # As in training.networks: under autocast cuDNN computes recurrences in float16.
        with torch.autocast("cuda", enabled=False):
            states: Tensor = functional_call(recurrence, changed, (values.to(weights.dtype),))[0]
        return states


class RecurrentEncoder(nn.Module):
    """Reads a text by recurrent layers; connections skip each layer above the first."""

    def __init__(self, settings: ClassifierSettings, input_width: int) -> None:
        """Make the layers that settings tell, for values of ``input_width`` channels."""
        super().__init__()
        self.backward_width = settings.hidden_width if settings.bidirectional else 0
        self.output_width = settings.hidden_width + self.backward_width
        widths = [input_width, *[self.output_width] * (settings.layers - 1)]
        self.layers = nn.ModuleList(RecurrentLayer(settings, width) for width in widths)
        self.norms = nn.ModuleList(norm_of(settings, self.output_width) for _ in widths)
        self.skips = nn.ModuleList(
            SkipConnection(settings.skip if number else "none", width, self.output_width)
            for number, width in enumerate(widths)
        )
        self.drop = LockedDropout(settings.dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read texts.

        Args:
            values: (B, T, C), zero beyond the lengths.
            lengths: (B,) int64, at least 1.

        Returns:
            (B, T, H), or (B, T, 2 H) with both directions, zero beyond the same lengths (B,).
        """
        for number, (layer, norm, skip) in enumerate(zip(self.layers, self.norms, self.skips, strict=True)):
            read = norm(layer(self.drop(values) if number else values, lengths))
            values = keep_places(skip(values, read), lengths)
        return values, lengths
