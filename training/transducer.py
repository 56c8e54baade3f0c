"""A network that turns one text into another: an encoder, and a decoder that attends to what it saw.

Source: Bahdanau, Cho and Bengio 2014, arXiv:1409.0473 (attention); Luong, Pham and Manning 2015, arXiv:1508.04025
(scores as products, after the recurrence). Differs: what was attended to is not fed back into the recurrence, so that
all of a text is learned in one call.

Legend: B batch, T characters of the source, U of the target, V target vocabulary size, E embedding width, H hidden
width, S state width, M width of what the encoder sees at a place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import torch
from torch import Tensor, nn

from model.errors import InputError
from training.character_reader import CharacterReader
from training.dropout import LockedDropout
from training.encoders.build import StackedParts
from training.encoders.places import beyond
from training.initialisation import initialise
from training.networks import cell_step, layer_weights, recurrent_layers
from training.settings import Cell, NetworkSettings
from training.tagger import check_tagging

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings

DECODERS = tuple(cell for cell in get_args(Cell) if cell != "rnn-relu")  # whose states lie in [-1, 1], as int8 asks


def check_transducing(settings: ClassifierSettings) -> None:
    """Refuse parts that do not keep a place for each character, and a cell whose states have no bound.

    Raises:
        InputError: with what they must be.
    """
    check_tagging(settings, "to turn texts into others")
    if settings.cell not in DECODERS:
        raise InputError(f"cell must be one of {', '.join(DECODERS)} to write, got {settings.cell!r}")


class Transducer(CharacterReader):
    """Reads a text and gives, character by character, the logits of what it becomes."""

    def __init__(self, settings: ClassifierSettings, source_size: int, target_size: int) -> None:
        """Make a network.

        Args:
            settings: what it is; ``check_transducing`` has seen that its parts can.
            source_size: of the vocabulary that it reads.
            target_size: V.
        """
        super().__init__(settings, source_size, None)
        self.target_size = target_size
        width, hidden = settings.embedding_width, settings.hidden_width
        self.chains = nn.ModuleList(StackedParts(chain, settings, width, at_each=True) for chain in settings.chains)
        self.memory_width = sum(chain.output_width for chain in self.stacks)
        self.target_embedding = nn.Embedding(target_size, width)
        nn.init.normal_(self.target_embedding.weight, std=1 / math.sqrt(width))
        shape = NetworkSettings(cell=settings.cell, layers=1, hidden_width=hidden)
        self.decoder = recurrent_layers(settings.cell, shape, width)
        self.key = nn.Linear(self.memory_width, hidden, bias=False)
        self.mix = nn.Linear(self.memory_width + hidden, width)
        self.output_bias = nn.Parameter(torch.zeros(target_size))
        self.drop = LockedDropout(settings.dropout)
        self.top_drop = nn.Dropout(settings.dropout)
        initialise(self, settings.initialise, settings.activation, torch.default_generator)

    @property
    def stacks(self) -> list[StackedParts]:
        """The encoders side by side."""
        return [chain for chain in self.chains if isinstance(chain, StackedParts)]

    @property
    def state_width(self) -> int:
        """S."""
        return self.settings.hidden_width * (2 if self.settings.cell == "lstm" else 1)

    def read(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Read texts (B, T) of lengths (B,): (B, T, M), zero beyond the lengths."""
        values = self.embed(ids, lengths)
        return torch.cat([chain.read(values, lengths)[0] for chain in self.stacks], dim=2)

    def attend(self, states: Tensor, memory: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Look at what was read from states of the decoder.

        Args:
            states: (B, U, H).
            memory: (B, T, M).
            lengths: (B,) of the texts read.

        Returns:
            logits (B, U, V), nats, and weights (B, U, T), which add up to 1 over a text.
        """
        scores = states @ self.key(memory).transpose(1, 2) / math.sqrt(self.settings.hidden_width)  # (B, U, T)
        masked = scores.float().masked_fill(beyond(lengths, memory.shape[1]).transpose(1, 2), -torch.inf)
        weights = masked.softmax(dim=2)
        seen = torch.cat([weights.to(memory.dtype) @ memory, states], dim=2)
        mixed = torch.tanh(self.mix(self.drop(seen)))
        logits = nn.functional.linear(self.top_drop(mixed), self.target_embedding.weight, self.output_bias)
        return logits, weights

    def forward(self, ids: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give what follows each beginning of targets.

        Args:
            ids: (B, T) int64 of the sources; what lies beyond the lengths is anything.
            lengths: (B,) int64, at least 1.
            targets: (B, U) int64, the first of each ``BEGIN_ID``.

        Returns:
            logits (B, U, V), nats, and weights (B, U, T).
        """
        memory = self.read(ids, lengths)
        written = self.drop(nn.functional.embedding(targets, self.target_embedding.weight))
        # As in training.networks: under autocast cuDNN computes recurrences in float16.
        with torch.autocast("cuda", enabled=False):
            states, _ = self.decoder(written.to(self.output_bias.dtype))
        return self.attend(states, memory, lengths)

    def step(self, ids: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Write on from one character, all of a batch from one text.

        Args:
            ids: (B,) int64.
            state: (B, S).
            memory: (1, T, M).

        Returns:
            logits (B, V), nats; the new state (B, S); weights (B, T).
        """
        value = nn.functional.embedding(ids, self.target_embedding.weight)
        before = state.view(len(ids), -1, self.settings.hidden_width)
        after = cell_step(self.settings.cell, value, before, layer_weights(self.decoder, 0))
        spread = memory.expand(len(ids), -1, -1)
        lengths = torch.full((len(ids),), memory.shape[1], device=ids.device)
        logits, weights = self.attend(after[0][:, None], spread, lengths)
        return logits[:, 0], torch.cat(after, dim=1), weights[:, 0]
