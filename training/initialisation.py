"""First weights of a network.

Legend: G gates (1 RNN, 3 GRU, 4 LSTM), H hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from training.encoders.layer import ActivatedLayer
from training.encoders.recurrent import remember_at_first
from training.encoders.skip import CARRIES_AT_FIRST, SkipConnection

if TYPE_CHECKING:
    from training.classifier_settings import Activation, Initialisation

Drawn = Literal["zeros", "small", "xavier", "he", "orthogonal"]
SMALL = 0.01  # standard deviation of small weights


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """First weights of layers before the activation function, of a recurrence's own state, and of all others."""

    activated: Drawn
    of_state: Drawn
    other: Drawn


def initialise(network: nn.Module, how: Initialisation, activation: Activation, generator: torch.Generator) -> None:
    """Set every matrix and filter of a network, and its biases: zero, but that LSTMs remember and highways carry.

    Each gate's block of recurrent weights is drawn for itself. Embeddings and layer normalisations stay as they are.

    Args:
        network: an encoder or a classifier, on the CPU; changed in place.
        how: which weights; ``rbm`` is ``auto`` here, and ``training.rbm`` sets the plain layers afterwards.
        activation: of its activated layers, for ``auto``.
        generator: of what is drawn.
    """
    activated = {
        part for layer in network.modules() if isinstance(layer, ActivatedLayer) for part in layer.weighted.modules()
    }
    chosen = chosen_for(how, activation)
    with torch.no_grad():
        for module in network.modules():
            match module:
                case nn.Linear() | nn.Conv1d():
                    draw(module.weight, chosen.activated if module in activated else chosen.other, generator)
                    if module.bias is not None:
                        module.bias.zero_()
                case nn.RNNBase():
                    draw_recurrence(module, chosen, generator)
        if how != "zeros":
            for module in network.modules():
                if isinstance(module, nn.RNNBase):
                    remember_at_first(module)
                elif isinstance(module, SkipConnection) and module.gate is not None:
                    module.gate.bias.fill_(CARRIES_AT_FIRST)


def chosen_for(how: Initialisation, activation: Activation) -> Chosen:
    """Choose weights of each kind."""
    match how:
        case "auto" | "rbm":
            rectified = activation in {"relu", "gelu"}
            return Chosen(activated="he" if rectified else "xavier", of_state="orthogonal", other="xavier")
        case _:
            return Chosen(activated=how, of_state=how, other=how)


def draw_recurrence(recurrence: nn.RNNBase, chosen: Chosen, generator: torch.Generator) -> None:
    """Draw the weights of a recurrence gate by gate, (H, E) or (H, H) of (G·H, E) or (G·H, H); biases are zero."""
    for name, weights in recurrence.named_parameters():
        if name.startswith("bias"):
            weights.zero_()
            continue
        for gate in torch.split(weights, recurrence.hidden_size):
            draw(gate, chosen.of_state if name.startswith("weight_hh") else chosen.other, generator)


def draw(weights: Tensor, how: Drawn, generator: torch.Generator) -> None:
    """Draw a matrix (out, in) or filters (out, in, width) in place.

    Source: Glorot and Bengio 2010, equation 16 (xavier); He et al. 2015, arXiv:1502.01852, equation 10 (he); Saxe,
    McClelland and Ganguli 2013, arXiv:1312.6120 (orthogonal).
    """
    match how:
        case "zeros":
            nn.init.zeros_(weights)
        case "small":
            nn.init.normal_(weights, std=SMALL, generator=generator)
        case "xavier":
            nn.init.xavier_uniform_(weights, generator=generator)
        case "he":
            nn.init.kaiming_normal_(weights, nonlinearity="relu", generator=generator)
        case "orthogonal":
            nn.init.orthogonal_(weights, generator=generator)
