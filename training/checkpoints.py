"""Networks in checkpoints: written out of training, and rebuilt to be trained or measured again."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from model.checkpoint import FORMAT, Manifest, write_checkpoint
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from training.cards import model_card
from training.export import export
from training.language_models import make_language_model
from training.letters import letters_of
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from training.export import Shares
    from training.language_models import LanguageModel

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
    tensors = {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in unique_weights(network)}
    exported = export(network, sample, shares)
    return {ALPHABET_FILE: alphabet.model, WEIGHTS_FILE: save(tensors), **exported.files}, exported.quantisation


def unique_weights(network: LanguageModel) -> Iterable[tuple[str, torch.Tensor]]:
    """Give the weights by the name that a checkpoint keeps them under, those that are tied only once."""
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
) -> Path:
    """Write one version of a model, its card beside it; give the version's folder."""
    manifest = Manifest(
        format=FORMAT,
        task=task,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        architecture={**asdict(network.settings), "parameters": sum(each.numel() for each in network.parameters())},
        text={"normalisation": "NFC", "vocabulary_size": network.vocabulary_size},
        quantisation=quantisation,
        blend=blend,
        figures=figures,
        provenance=provenance,
    )
    card = model_card(out.name, manifest)
    return write_checkpoint(out, manifest, {**files, CARD_FILE: card.encode()})


def load_network(model: LoadedModel) -> LanguageModel:
    """Rebuild the torch network of a checkpoint from the checkpoint alone, ready to be asked.

    Raises:
        CheckpointError: the architecture is not one of ours, or the weights do not fit it.
    """
    architecture = {
        name: value
        for name, value in model.checkpoint.manifest.architecture.items()
        if name in {field.name for field in fields(NetworkSettings)}
    }
    try:
        settings = NetworkSettings(**architecture)  # type: ignore[arg-type]
        network = make_language_model(settings, len(model.alphabet), torch.from_numpy(letters_of(model.alphabet)))
        tensors = {name: torch.from_numpy(value) for name, value in load(model.checkpoint.read(WEIGHTS_FILE)).items()}
    except (InputError, TypeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{model.name}: the architecture and weights must be readable, got: {error}") from error
    expected = {name: tuple(value.shape) for name, value in unique_weights(network)}
    got = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != got:
        differing = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        raise CheckpointError(
            f"{model.name}: {WEIGHTS_FILE} must fit the architecture, got others: {', '.join(differing)}"
        )
    with torch.no_grad():
        for name, value in unique_weights(network):
            value.copy_(tensors[name])
    return network.eval()
