"""A network that tags texts: characters, encoders side by side, one linear layer over what they see at each place.

Legend: B batch, T characters, V vocabulary size, C tags, J letters of Hangul.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from model.errors import InputError
from training.character_reader import CharacterReader
from training.encoders.build import StackedParts
from training.initialisation import initialise

if TYPE_CHECKING:
    from training.classifier_settings import ClassifierSettings


def check_tagging(settings: ClassifierSettings, doing: str = "to tag characters") -> None:
    """Refuse parts that do not keep a place for each character, which is needed for what is being done.

    Raises:
        InputError: with what they must be.
    """
    parts = {part for chain in settings.chains for part in chain}
    if "wide" in parts:
        raise InputError(f"encoder must have no wide part {doing}, got {settings.encoder!r}")
    if settings.initialise == "rbm":
        raise InputError("initialise may be rbm only for models that sort texts")
    if "convolution" in parts:
        for name, wanted in (("stride", 1), ("pool_width", 1)):
            if getattr(settings, name) != wanted:
                raise InputError(f"{name} must be 1 {doing}, got {getattr(settings, name)}")
        if settings.padding == "valid":
            raise InputError(f"padding must be same or causal {doing}, got 'valid'")


class TextTagger(CharacterReader):
    """Reads texts and gives the logit of every tag at every character."""

    def __init__(
        self, settings: ClassifierSettings, vocabulary_size: int, tags: int, letters: Tensor | None = None
    ) -> None:
        """Make a network.

        Args:
            settings: what it is; ``check_tagging`` has seen that its parts can tag.
            vocabulary_size: V.
            tags: C.
            letters: (V, J) of ``training.letters``, for settings that ask for it; none when left out.
        """
        super().__init__(settings, vocabulary_size, letters)
        width = settings.embedding_width
        chains = [StackedParts(chain, settings, width, at_each=True) for chain in settings.chains]
        self.chains = nn.ModuleList(chains)
        self.drop = nn.Dropout(settings.dropout)
        self.output = nn.Linear(sum(chain.output_width for chain in chains), tags)
        initialise(self, settings.initialise, settings.activation, torch.default_generator)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Read texts.

        Args:
            ids: (B, T) int64; what lies beyond the lengths is anything.
            lengths: (B,) int64, at least 1.

        Returns:
            logits (B, T, C), nats; what lies beyond the lengths says nothing.
        """
        values = self.embed(ids, lengths)
        seen = [chain.read(values, lengths)[0] for chain in self.stacks]
        logits: Tensor = self.output(self.drop(torch.cat(seen, dim=2)))
        return logits

    @property
    def stacks(self) -> list[StackedParts]:
        """The encoders side by side."""
        return [chain for chain in self.chains if isinstance(chain, StackedParts)]
