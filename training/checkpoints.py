"""Networks in checkpoints: written out of training, and rebuilt to be trained or measured again."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import nn

from model.checkpoint import FORMAT, Manifest, write_checkpoint
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from training.cards import model_card
from training.classifier_settings import ClassifierSettings
from training.export import export
from training.language_models import join_networks, make_network, networks_of
from training.letters import letters_of
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from training.export import Shares
    from training.language_models import LanguageModel

Settings = TypeVar("Settings", NetworkSettings, ClassifierSettings)

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "README.md"


def checkpoint_files(
    network: LanguageModel, alphabet: Alphabet, sample: Iterable[torch.Tensor], shares: Shares | None = None
) -> tuple[dict[str, bytes], dict[str, JSON]]:
    """Turn a trained network into the files of a checkpoint, and the scales of its int8 form.

    Args:
        network: trained.
        alphabet: that it speaks.
        sample: sequences of ids (T,) to measure unbounded states on.
        shares: of network and n-gram, whose file is not among these; None for the network alone.
    """
    exported = export(network, sample, shares)
    return {
        ALPHABET_FILE: alphabet.model,
        WEIGHTS_FILE: save(weights_of(network)),
        **exported.files,
    }, exported.quantisation


def weights_of(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Give the weights by name as they are written."""
    return {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in unique_weights(network)}


def unique_weights(network: nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    """Give the weights by the name that a checkpoint keeps them under, those that are tied only once.

    What a language model has at both ends stands in a module of its own, of which their names say nothing.
    """
    for name, value in network.named_parameters():
        yield name.replace("characters.", ""), value.detach()


def write_model(
    out: Path,
    files: dict[str, bytes],
    *,
    task: str,
    network: LanguageModel,
    quantisation: dict[str, JSON],
    blend: dict[str, JSON],
    figures: dict[str, JSON],
    provenance: dict[str, JSON],
    labels: tuple[str, ...] = (),
) -> Path:
    """Write one version of a model, its card beside it; give the version's folder.

    Args:
        out: the model's folder.
        files: of the checkpoint.
        task: that it is for.
        network: trained.
        quantisation: of ``checkpoint_files``.
        blend: what is mixed with the network.
        figures: on held-out text.
        provenance: where it is from.
        labels: by which it generates, if it does.
    """
    manifest = Manifest(
        format=FORMAT,
        task=task,
        created=now(),
        architecture=architecture_of(network),
        text={
            "normalisation": "NFC",
            "vocabulary_size": network.vocabulary_size,
            **({"labels": list(labels)} if labels else {}),
        },
        quantisation=quantisation,
        blend=blend,
        figures=figures,
        provenance=provenance,
    )
    return write_with_card(out, manifest, files)


def write_with_card(out: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write one version of any model, its card beside it; give the version's folder."""
    return write_checkpoint(out, manifest, {**files, CARD_FILE: model_card(out.name, manifest).encode()})


def now() -> str:
    """Give the time as a manifest has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def architecture_of(network: LanguageModel) -> dict[str, JSON]:
    """Give what a network is rebuilt from: its settings, or those of each member."""
    settings: list[JSON] = [asdict(each.settings) for each in networks_of(network)]
    own: dict[str, JSON] = {"members": settings} if len(settings) > 1 else asdict(networks_of(network)[0].settings)
    return {**own, "parameters": sum(each.numel() for each in network.parameters())}


def load_network(model: LoadedModel) -> LanguageModel:
    """Rebuild the torch network of a checkpoint from the checkpoint alone, ready to be asked.

    Raises:
        CheckpointError: the architecture is not one of ours, or the weights do not fit it.
    """
    architecture = model.checkpoint.manifest.architecture
    members = architecture.get("members", [architecture])
    try:
        letters = torch.from_numpy(letters_of(model.alphabet))
        settings = [settings_of(each, NetworkSettings) for each in members]  # type: ignore[union-attr, arg-type]
        network = join_networks([make_network(each, len(model.alphabet), letters) for each in settings])
        tensors = load(model.checkpoint.read(WEIGHTS_FILE))
    except (InputError, TypeError, SafetensorError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{model.name}: the architecture and weights must be readable, got: {error}") from error
    set_weights(network, tensors, f"{model.name}: {WEIGHTS_FILE}")
    return network.eval()


def settings_of(architecture: dict[str, JSON], kind: type[Settings]) -> Settings:
    """Read the settings of one network, of a kind."""
    known = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in architecture.items() if name in known})  # type: ignore[arg-type]


def weights_of_members(networks: Iterable[nn.Module]) -> dict[str, NDArray[np.generic]]:
    """Give the weights of an ensemble's networks by the number of the member and their name."""
    return {
        f"members.{number}.{name}": value
        for number, network in enumerate(networks)
        for name, value in weights_of(network).items()
    }


def of_member(tensors: Mapping[str, NDArray[np.generic]], number: int) -> dict[str, NDArray[np.generic]]:
    """Give the weights of one member of those that ``weights_of_members`` gave, by their name."""
    prefix = f"members.{number}."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def set_weights(network: nn.Module, tensors: Mapping[str, NDArray[np.generic]], source: str) -> None:
    """Give a network the weights that ``weights_of`` gave.

    Args:
        network: is changed.
        tensors: by name.
        source: where they are from, for whoever reads that they do not fit.

    Raises:
        CheckpointError: they do not fit.
    """
    weights = dict(unique_weights(network))
    expected = {name: tuple(value.shape) for name, value in weights.items()}
    got = {name: value.shape for name, value in tensors.items()}
    if expected != got:
        differing = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        raise CheckpointError(f"{source} must fit the architecture, got others: {', '.join(differing)}")
    for name, value in weights.items():
        value.copy_(torch.from_numpy(tensors[name]))
