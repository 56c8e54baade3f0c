"""A network that sorts texts: characters, encoders side by side, one linear layer over what they remember.

Its wide part, hashed n-grams, learns by itself (``training.wide``) and is mixed with it afterwards.

Legend: B batch, T characters, V vocabulary size, C labels, J letters of Hangul.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.character_reader import CharacterReader
from training.encoders.build import ChainEncoder
from training.initialisation import initialise

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings


class TextClassifier(CharacterReader):
    """Reads texts and gives the logit of every label."""

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
        super().__init__(settings, vocabulary_size, letters)
        width = settings.embedding_width
        chains = [ChainEncoder(chain, settings, width) for chain in settings.chains if chain != ("wide",)]
        self.chains = nn.ModuleList(chains)
        self.drop = nn.Dropout(settings.dropout)
        self.output = nn.Linear(sum(chain.output_width for chain in chains), labels)
        initialise(self, settings.initialise, settings.activation, torch.default_generator)

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
