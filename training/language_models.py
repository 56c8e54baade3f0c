"""The language models there are: the network that a cell names, or an ensemble of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from training.causal import CausalLanguageModel
from training.ensemble import Ensemble
from training.networks import RecurrentLanguageModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from training.settings import NetworkSettings

SingleModel: TypeAlias = RecurrentLanguageModel | CausalLanguageModel
LanguageModel: TypeAlias = SingleModel | Ensemble


def make_network(settings: NetworkSettings, vocabulary_size: int, letters: Tensor) -> SingleModel:
    """Make the network that settings describe; see ``CharacterLayers``."""
    kind = CausalLanguageModel if settings.cell == "convolution" else RecurrentLanguageModel
    return kind(settings, vocabulary_size, letters)


def join_networks(networks: Sequence[SingleModel]) -> LanguageModel:
    """Give one network as it is, and several as an ensemble."""
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def networks_of(model: LanguageModel) -> list[SingleModel]:
    """Give the networks that a language model is made of."""
    return model.networks if isinstance(model, Ensemble) else [model]
