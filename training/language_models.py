"""The language models there are, by the cell that their settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from training.causal import CausalLanguageModel
from training.networks import RecurrentLanguageModel

if TYPE_CHECKING:
    from torch import Tensor

    from training.settings import NetworkSettings

LanguageModel: TypeAlias = RecurrentLanguageModel | CausalLanguageModel


def make_language_model(settings: NetworkSettings, vocabulary_size: int, letters: Tensor) -> LanguageModel:
    """Make the network that settings describe; see ``CharacterLayers``."""
    kind = CausalLanguageModel if settings.cell == "convolution" else RecurrentLanguageModel
    return kind(settings, vocabulary_size, letters)
