"""Recurrent language models: plain RNN, GRU and LSTM, over whole sequences and one step at a time.

Legend: B batch, T time steps, V vocabulary size, E embedding width, H hidden width, L layers,
S state width (L·H, and 2·L·H for the LSTM: its hidden states, then its cells), G gates (1 RNN, 3 GRU, 4 LSTM),
J letters of Hangul.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.dropout import LockedDropout

if TYPE_CHECKING:
    from training.settings import Cell, NetworkSettings

LETTERS_SCALE = 0.3  # of the letters' part of an embedding at first, beside the syllable's own


class RecurrentLanguageModel(nn.Module):
    """Reads characters and gives, after each, the logits of the next.

    With letters, a syllable's embedding and its output weights are its own plus those of its letters, so that a rare
    syllable is not learned from nothing.
    """

    letters: Tensor

    def __init__(self, settings: NetworkSettings, vocabulary_size: int, letters: Tensor | None = None) -> None:
        """Make a network.

        Args:
            settings: what it is.
            vocabulary_size: V.
            letters: (V, J) of ``training.letters``, for settings that ask for it; none when left out.
        """
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        width, hidden = settings.embedding_width, settings.hidden_width
        self.embedding = nn.Embedding(vocabulary_size, width) if width else None
        self.recurrent = recurrent_layers(settings, width or vocabulary_size)
        # Tied weights meet an embedding of another width through one linear layer.
        self.projection = nn.Linear(hidden, width) if settings.ties and width != hidden else None
        self.drop = LockedDropout(settings.dropout)
        self.output = nn.Linear(width if settings.ties else hidden, vocabulary_size)
        self.letters_in = self.letters_out = None
        if letters is not None and settings.letters and bool(letters.any()):
            self.register_buffer("letters", letters, persistent=False)
            self.letters_out = nn.Parameter(torch.zeros(letters.shape[1], self.output.in_features))
            self.letters_in = nn.Parameter(torch.zeros(letters.shape[1], width)) if width else None
        self.reset_parameters()

    @property
    def state_width(self) -> int:
        """S, the numbers that one sequence is remembered by."""
        return self.settings.layers * self.settings.hidden_width * (2 if self.settings.cell == "lstm" else 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.output.bias.device

    def reset_parameters(self) -> None:
        """Start near the uniform distribution, and with an LSTM that remembers (Jozefowicz et al. 2015: bias 1)."""
        hidden = self.settings.hidden_width
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(self.settings.embedding_width))
        if self.letters_in is not None:
            nn.init.normal_(self.letters_in, std=LETTERS_SCALE / math.sqrt(self.settings.embedding_width))
        nn.init.normal_(self.output.weight, std=0.5 / math.sqrt(hidden))
        nn.init.zeros_(self.output.bias)
        if self.settings.ties and self.embedding is not None:
            self.output.weight = self.embedding.weight
        if self.settings.cell == "lstm":
            for layer in range(self.settings.layers):
                getattr(self.recurrent, f"bias_ih_l{layer}").data[hidden : 2 * hidden] = 1.0

    def initial_state(self, batch: int) -> Tensor:
        """Give the state before anything was read: (B, S) zeros."""
        return self.output.bias.new_zeros(batch, self.state_width)

    def embedding_matrix(self) -> Tensor | None:
        """Give what every character is read as, its letters added: (V, E); None for one-hot."""
        if self.embedding is None or self.letters_in is None:
            return None if self.embedding is None else self.embedding.weight
        return self.embedding.weight + self.letters @ self.letters_in

    def output_matrix(self) -> Tensor:
        """Give what every character's logit is the product with, its letters added: (V, H), or (V, E) where tied."""
        if self.letters_out is None:
            return self.output.weight
        return self.output.weight + self.letters @ self.letters_out

    def inputs(self, ids: Tensor) -> Tensor:
        """Turn ids of any shape into what the first layer reads: (..., E), or (..., V) one-hot."""
        matrix = self.embedding_matrix()
        if matrix is not None:
            return nn.functional.embedding(ids, matrix)
        return nn.functional.one_hot(ids, self.vocabulary_size).to(self.output.bias.dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """Turn the top layer's states (..., H) into logits (..., V), nats."""
        top = self.drop(hidden)
        if self.projection is not None:
            top = self.projection(top)
        return nn.functional.linear(top, self.output_matrix(), self.output.bias)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read whole sequences.

        Args:
            ids: (B, T) int64.
            state: (B, S), what was read before; nothing when left out.

        Returns:
            logits (B, T, V) of the character after each, and the state (B, S) after the last.
        """
        batch = ids.shape[0]
        layers, hidden = self.settings.layers, self.settings.hidden_width
        if state is None:
            state = self.initial_state(batch)
        parts = state.view(batch, -1, layers, hidden).permute(1, 2, 0, 3).contiguous()  # (1 or 2, L, B, H)
        start = (parts[0], parts[1]) if self.settings.cell == "lstm" else parts[0]
        value = self.drop(self.inputs(ids))
        # Under autocast cuDNN computes recurrences in float16, whatever was asked for, and small gradients are lost.
        with torch.autocast("cuda", enabled=False):
            read, last = self.recurrent(value, start)
        ends = torch.stack(last) if isinstance(last, tuple) else last.unsqueeze(0)  # (1 or 2, L, B, H)
        return self.logits(read), ends.permute(2, 0, 1, 3).reshape(batch, -1)

    def step(self, ids: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read one character more, by the recurrence as it is written: the form that is exported.

        Args:
            ids: (B,) int64.
            state: (B, S).

        Returns:
            logits (B, V) and the new state (B, S).
        """
        layers, hidden = self.settings.layers, self.settings.hidden_width
        before = state.view(ids.shape[0], -1, layers, hidden)  # (B, 1 or 2, L, H)
        after = []
        value = self.inputs(ids)
        for layer in range(layers):
            weights = layer_weights(self.recurrent, layer)
            parts = cell_step(self.settings.cell, value, before[:, :, layer], weights)  # (1 or 2) of (B, H)
            after.append(torch.stack(parts, dim=1))
            value = parts[0]
        return self.logits(value), torch.stack(after, dim=2).reshape(ids.shape[0], -1)


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """One recurrent layer: of the input (G·H, E or H), of the state (G·H, H), and the bias of each (G·H,)."""

    of_input: Tensor
    of_state: Tensor
    bias_of_input: Tensor
    bias_of_state: Tensor


def layer_weights(recurrent: nn.RNNBase, layer: int) -> LayerWeights:
    """Read the weights of one layer; gates in torch's order (GRU: reset, update, new; LSTM: in, forget, cell, out)."""
    return LayerWeights(
        of_input=getattr(recurrent, f"weight_ih_l{layer}"),
        of_state=getattr(recurrent, f"weight_hh_l{layer}"),
        bias_of_input=getattr(recurrent, f"bias_ih_l{layer}"),
        bias_of_state=getattr(recurrent, f"bias_hh_l{layer}"),
    )


def recurrent_layers(settings: NetworkSettings, input_width: int) -> nn.RNNBase:
    """Make the recurrent layers; dropout stands between them."""
    between = settings.dropout if settings.layers > 1 else 0.0
    shape = (input_width, settings.hidden_width, settings.layers)
    match settings.cell:
        case "lstm":
            return nn.LSTM(*shape, batch_first=True, dropout=between)
        case "gru":
            return nn.GRU(*shape, batch_first=True, dropout=between)
        case "rnn-tanh":
            return nn.RNN(*shape, nonlinearity="tanh", batch_first=True, dropout=between)
        case "rnn-relu":
            return nn.RNN(*shape, nonlinearity="relu", batch_first=True, dropout=between)


def cell_step(cell: Cell, value: Tensor, before: Tensor, weights: LayerWeights) -> tuple[Tensor, ...]:
    """Advance one layer by one step.

    Source: Elman 1990 (h = tanh(W_hh h + W_xh x)); Cho et al. 2014, arXiv:1406.1078; Hochreiter and Schmidhuber 1997.
    Differs: the GRU resets the product with the state, not the state, as cuDNN and torch do.

    Args:
        cell: which recurrence.
        value: (B, E or H), the input.
        before: (B, 1 or 2, H), the state: h, and c for the LSTM.
        weights: of this layer.

    Returns:
        h (B, H), and c (B, H) for the LSTM.
    """
    hidden = before[:, 0]
    of_input = value @ weights.of_input.T + weights.bias_of_input  # (B, G·H)
    of_state = hidden @ weights.of_state.T + weights.bias_of_state  # (B, G·H)
    match cell:
        case "rnn-tanh":
            return (torch.tanh(of_input + of_state),)
        case "rnn-relu":
            return (torch.relu(of_input + of_state),)
        case "gru":
            reset_in, update_in, new_in = of_input.chunk(3, dim=1)
            reset_state, update_state, new_state = of_state.chunk(3, dim=1)
            reset = torch.sigmoid(reset_in + reset_state)
            update = torch.sigmoid(update_in + update_state)
            new = torch.tanh(new_in + reset * new_state)
            return ((1 - update) * new + update * hidden,)
        case "lstm":
            enter, forget, candidate, leave = (of_input + of_state).chunk(4, dim=1)
            memory = torch.sigmoid(forget) * before[:, 1] + torch.sigmoid(enter) * torch.tanh(candidate)
            return torch.sigmoid(leave) * torch.tanh(memory), memory
