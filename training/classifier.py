"""A network that sorts texts: characters, encoders side by side, one linear layer over what they remember.

Its wide part, hashed n-grams, learns by itself (``training.wide``) and is mixed with it afterwards.

Legend: B batch, T characters, V vocabulary size, E embedding width, C labels, J letters of Hangul.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.alphabet import UNKNOWN_ID
from training.dropout import LockedDropout
from training.encoders.build import ChainEncoder
from training.encoders.places import keep_places
from training.initialisation import initialise

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings

LETTERS_SCALE = 0.5  # of the letters' part of an embedding at first, beside the syllable's own


class TextClassifier(nn.Module):
    """Reads texts and gives the logit of every label."""

    letters: Tensor

    def __init__(
        self, settings: ClassifierSettings, vocabulary_size: int, labels: int, letters: Tensor | None = None
    ) -> None:
        """Make a network.

        Args:
            settings: what it is; at least one part reads characters.
            vocabulary_size: V.
            labels: C.
            letters: (V, J) of ``training.letters``, for settings that ask for it; none when left out.
        """
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        width = settings.embedding_width
        self.embedding = nn.Embedding(vocabulary_size, width)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(width))
        self.letters_in = None
        if letters is not None and settings.letters and bool(letters.any()):
            self.register_buffer("letters", letters, persistent=False)
            self.letters_in = nn.Parameter(torch.randn(letters.shape[1], width) * LETTERS_SCALE / math.sqrt(width))
        self.embedding_drop = LockedDropout(settings.embedding_dropout)
        chains = [ChainEncoder(chain, settings, width) for chain in settings.chains if chain != ("wide",)]
        self.chains = nn.ModuleList(chains)
        self.drop = nn.Dropout(settings.dropout)
        self.output = nn.Linear(sum(chain.output_width for chain in chains), labels)
        initialise(self, settings.initialise, settings.activation, torch.default_generator)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.output.bias.device

    def embedding_matrix(self) -> Tensor:
        """Give what every character is read as, its letters added: (V, E)."""
        if self.letters_in is None:
            return self.embedding.weight
        return self.embedding.weight + self.letters @ self.letters_in

    def embed(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Turn ids (B, T) of texts of lengths (B,) into what encoders read: (B, T, E), zero beyond the lengths."""
        share = self.settings.character_dropout
        if self.training and share:
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < share, UNKNOWN_ID)
        values = nn.functional.embedding(ids, self.embedding_matrix())
        return keep_places(self.embedding_drop(values), lengths)

    def remember(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Give what the last layer sees of texts: (B, what all chains remember)."""
        values = self.embed(ids, lengths)
        return torch.cat([chain(values, lengths) for chain in self.chains], dim=1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Read texts.

        Args:
            ids: (B, T) int64; what lies beyond the lengths is anything.
            lengths: (B,) int64, at least 1.

        Returns:
            logits (B, C), nats.
        """
        logits: Tensor = self.output(self.drop(self.remember(ids, lengths)))
        return logits
