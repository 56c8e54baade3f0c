"""Recurrent language models: plain RNN, GRU and LSTM, over whole sequences and one step at a time.

Legend: B batch, T time steps, V vocabulary size, E embedding width, H hidden width, L layers,
S state width (L·H, and 2·L·H for the LSTM: its hidden states, then its cells), G gates (1 RNN, 3 GRU, 4 LSTM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.errors import InputError
from training.characters import CharacterLayers

if TYPE_CHECKING:
    from training.settings import Cell, LanguageCell, NetworkSettings


class RecurrentLanguageModel(nn.Module):
    """Reads characters and gives, after each, the logits of the next."""

    def __init__(self, settings: NetworkSettings, vocabulary_size: int, letters: Tensor | None = None) -> None:
        """Make a network; see ``CharacterLayers``.

        Raises:
            InputError: the cell is no recurrence.
        """
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        self.cell = recurrent_cell(settings.cell)
        self.characters = CharacterLayers(settings, vocabulary_size, letters)
        self.recurrent = recurrent_layers(self.cell, settings, self.characters.input_width)
        self.reset_parameters()

    @property
    def state_width(self) -> int:
        """S, the numbers that one sequence is remembered by."""
        return self.settings.layers * self.settings.hidden_width * (2 if self.cell == "lstm" else 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.characters.device

    def reset_parameters(self) -> None:
        """Start with an LSTM that remembers (Jozefowicz et al. 2015: bias 1)."""
        hidden = self.settings.hidden_width
        if self.cell == "lstm":
            for layer in range(self.settings.layers):
                getattr(self.recurrent, f"bias_ih_l{layer}").data[hidden : 2 * hidden] = 1.0

    def initial_state(self, batch: int) -> Tensor:
        """Give the state before anything was read: (B, S) zeros."""
        return self.characters.output.bias.new_zeros(batch, self.state_width)

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
        start = (parts[0], parts[1]) if self.cell == "lstm" else parts[0]
        value = self.characters.drop(self.characters.inputs(ids))
        # Under autocast cuDNN computes recurrences in float16, whatever was asked for, and small gradients are lost.
        with torch.autocast("cuda", enabled=False):
            read, last = self.recurrent(value, start)
        ends = torch.stack(last) if isinstance(last, tuple) else last.unsqueeze(0)  # (1 or 2, L, B, H)
        return self.characters.logits(read), ends.permute(2, 0, 1, 3).reshape(batch, -1)

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
        value = self.characters.inputs(ids)
        for layer in range(layers):
            weights = layer_weights(self.recurrent, layer)
            parts = cell_step(self.cell, value, before[:, :, layer], weights)  # (1 or 2) of (B, H)
            after.append(torch.stack(parts, dim=1))
            value = parts[0]
        return self.characters.logits(value), torch.stack(after, dim=2).reshape(ids.shape[0], -1)


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


def recurrent_cell(cell: LanguageCell) -> Cell:
    """Give a cell that is a recurrence.

    Raises:
        InputError: it is a convolution.
    """
    if cell == "convolution":
        raise InputError("cell must be a recurrence, got 'convolution'")
    return cell


def recurrent_layers(cell: Cell, settings: NetworkSettings, input_width: int) -> nn.RNNBase:
    """Make the recurrent layers; dropout stands between them."""
    between = settings.dropout if settings.layers > 1 else 0.0
    shape = (input_width, settings.hidden_width, settings.layers)
    match cell:
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
