"""What every network that reads whole texts begins with: characters, each as a learned row, and its letters' part.

Legend: B batch, T characters, V vocabulary size, E embedding width, J letters of Hangul.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.alphabet import UNKNOWN_ID
from training.dropout import LockedDropout
from training.encoders.places import keep_places

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings

LETTERS_SCALE = 0.5  # of the letters' part of an embedding at first, beside the syllable's own


class CharacterReader(nn.Module):
    """Turns characters into rows; what reads those is for networks that inherit it."""

    letters: Tensor

    def __init__(self, settings: ClassifierSettings, vocabulary_size: int, letters: Tensor | None) -> None:
        """Make the rows.

        Args:
            settings: how wide they are, and what of them is dropped.
            vocabulary_size: V.
            letters: (V, J) of ``training.letters``, for settings that ask for it; None for none.
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

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.embedding.weight.device

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
