"""What every language model has at both ends: what a character is read as, and what its logit is the product with.

Legend: V vocabulary size, E embedding width, H hidden width, J letters of Hangul.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.dropout import LockedDropout

if TYPE_CHECKING:
    from training.settings import NetworkSettings

LETTERS_SCALE = 0.3  # of the letters' part of an embedding at first, beside the syllable's own


class CharacterLayers(nn.Module):
    """Turns ids into embeddings, and what layers made of them into logits.

    With letters, a syllable's embedding and its output weights are its own plus those of its letters, so that a rare
    syllable is not learned from nothing.
    """

    letters: Tensor

    def __init__(self, settings: NetworkSettings, vocabulary_size: int, letters: Tensor | None = None) -> None:
        """Make both ends.

        Args:
            settings: of the network that they are of.
            vocabulary_size: V.
            letters: (V, J) of ``training.letters``, for settings that ask for it; none when left out.
        """
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        width, hidden = settings.embedding_width, settings.hidden_width
        self.embedding = nn.Embedding(vocabulary_size, width) if width else None
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
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.output.bias.device

    @property
    def input_width(self) -> int:
        """E, or V for one-hot."""
        return self.settings.embedding_width or self.vocabulary_size

    def reset_parameters(self) -> None:
        """Start near the uniform distribution."""
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(self.settings.embedding_width))
        if self.letters_in is not None:
            nn.init.normal_(self.letters_in, std=LETTERS_SCALE / math.sqrt(self.settings.embedding_width))
        nn.init.normal_(self.output.weight, std=0.5 / math.sqrt(self.settings.hidden_width))
        nn.init.zeros_(self.output.bias)
        if self.settings.ties and self.embedding is not None:
            self.output.weight = self.embedding.weight

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
