"""Networks that begin from another model's weights: which of them fit, and what else the new networks are for that.

Source: Dai and Le 2015, arXiv:1511.01432; Howard and Ruder 2018, arXiv:1801.06146 (from a language model to a
classifier). Differs: the whole network learns at once, at one rate.

Legend: V vocabulary size, E embedding width, H hidden width, C labels, J letters of Hangul.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.alphabet import UNKNOWN_ID
from model.checkpoint import open_checkpoint
from model.classifier import CLASSIFIER_TASK, classifier_from
from model.errors import InputError
from model.loaded import DEFAULT_MEMORY, model_from
from training.checkpoints import WEIGHTS_FILE, load_network, set_weights, weights_of
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_settings import ClassifierSettings
from training.language_models import networks_of
from training.letters import letters_of
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from training.classifier import TextClassifier
    from training.language_models import SingleModel

SHAPE = ("cell", "layers", "hidden_width", "filter_width", "embedding_width", "tied", "letters")  # of a language model
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # of the weights of a recurrent layer


@dataclass(frozen=True, kw_only=True)
class Start:
    """A model to begin from: its alphabet, and the settings and weights by name of each of its networks.

    digest: the SHA-256 of its file of weights; labels: those of a classifier, none of a language model;
    written_labels: of a language model that writes texts of labels, none of others.
    """

    name: str
    digest: str
    alphabet: Alphabet
    labels: tuple[str, ...]
    settings: tuple[NetworkSettings, ...] | tuple[ClassifierSettings, ...]
    tensors: tuple[dict[str, NDArray[np.generic]], ...]
    written_labels: tuple[str, ...] = ()

    def settings_of(self, number: int) -> NetworkSettings | ClassifierSettings:
        """Give the settings of the network that a member begins from: members take them in turn."""
        return self.settings[number % len(self.settings)]

    def tensors_of(self, number: int) -> dict[str, NDArray[np.generic]]:
        """Give the weights of the network that a member begins from."""
        return self.tensors[number % len(self.tensors)]

    @property
    def provenance(self) -> dict[str, JSON]:
        """What a checkpoint says of it."""
        return {"name": self.name, "weights_digest": self.digest}


def open_start(path: Path) -> Start:
    """Read the networks of a model.

    Raises:
        InputError: there is no such model, or it has no network: n-grams are learned anew.
        CheckpointError: it is damaged.
    """
    checkpoint = open_checkpoint(path)
    name, digest = f"{checkpoint.name} {checkpoint.version}", checkpoint.files[WEIGHTS_FILE].sha256
    if checkpoint.manifest.task != CLASSIFIER_TASK:
        model = model_from(checkpoint, DEFAULT_MEMORY)
        networks = networks_of(load_network(model))
        return Start(
            name=name,
            digest=digest,
            alphabet=model.alphabet,
            labels=(),
            settings=tuple(each.settings for each in networks),
            tensors=tuple(dict(weights_of(each)) for each in networks),
            written_labels=model.labels,
        )
    classifier = rebuild_classifier(classifier_from(checkpoint))
    if not classifier.networks:
        raise InputError(f"--from must name a model with a network, got {name}, which has n-grams alone")
    return Start(
        name=name,
        digest=digest,
        alphabet=classifier.alphabet,
        labels=classifier.labels,
        settings=tuple(each.settings for each in classifier.networks),
        tensors=tuple(dict(weights_of(each)) for each in classifier.networks),
    )


def tell_unknown(start: Start, texts: Sequence[str], say: Callable[[str], None]) -> None:
    """Say how many characters of texts are none of the alphabet of the model that a run begins from, if any."""
    ids = start.alphabet.encode("".join(texts))
    unknown = int((ids == UNKNOWN_ID).sum())
    if unknown:
        say(f"{unknown:,} of {len(ids):,} characters are not in the alphabet of {start.name}, and read as unknown")


def classifier_defaults(start: Start, number: int) -> dict[str, Any]:
    """Give the settings that a classifier's member takes over, so far as it is told no others."""
    settings = start.settings_of(number)
    if isinstance(settings, ClassifierSettings):
        return asdict(settings)
    taken: dict[str, Any] = {}
    if settings.embedding_width:
        taken["embedding_width"] = settings.embedding_width
    if settings.cell != "convolution":
        taken |= {"hidden_width": settings.hidden_width, "cell": settings.cell}
    return taken


def check_classifier(start: Start, members: Sequence[ClassifierSettings]) -> None:
    """Refuse members that could take nothing over: without the embedding nothing on top of it fits.

    Raises:
        InputError: with what they must be.
    """
    for number, member in enumerate(members):
        width = start.settings_of(number).embedding_width
        if not member.reads_characters:
            raise InputError("encoder must have a network to begin --from another one, got wide alone")
        if width == 0:
            raise InputError(
                f"--from must name a model whose characters have an embedding, got {start.name}, whose are one-hot"
            )
        if member.embedding_width != width:
            raise InputError(
                f"embedding_width must be {width} for anything of {start.name} to fit, got {member.embedding_width}: "
                f"give {flags_for(start, number)}"
            )


def flags_for(start: Start, number: int) -> str:
    """Name the flags with which all of a model's network fits that can."""
    settings = start.settings_of(number)
    flags = [f"--embedding-width {settings.embedding_width}"]
    if settings.cell != "convolution":
        flags += [f"--hidden-width {settings.hidden_width}", f"--cell {settings.cell}"]
    return " ".join(flags)


def begin_classifier(network: TextClassifier, start: Start, number: int, labels: Sequence[str]) -> str:
    """Give a classifier's network what fits of the weights that its member begins from; say what.

    Args:
        network: is changed.
        start: where from; ``check_classifier`` has seen that something fits.
        number: of the member, counted from 0.
        labels: C, of the new classifier.
    """
    tensors = start.tensors_of(number)
    taken = embedding_weights(network, start, tensors)
    parts = ["embedding"]
    if start.labels:
        shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
        own = set(shapes) - set(taken) - {"output.weight", "output.bias"}
        fitting = {name: tensors[name] for name in own if name in tensors and tensors[name].shape == shapes[name]}
        parts += [f"{len(fitting):,} of {len(own):,} matrices and vectors of its encoders"] if fitting else []
        known = output_weights(network, start, tensors, labels) if len(fitting) == len(own) else {}
        parts += [f"output of {len(set(labels) & set(start.labels)):,} labels"] if known else []
        taken |= fitting | known
    else:
        layers, recurrence = recurrent_weights(network, start, number)
        parts += [f"{layers} recurrent layer{'s' if layers > 1 else ''}, read forward"] if layers else []
        taken |= recurrence
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in taken.items():
            parameters[name].copy_(torch.from_numpy(np.array(value)))
    hint = "" if len(parts) > 1 or start.labels else f" (with {flags_for(start, number)} a recurrent part fits, too)"
    return f"begins with the {', '.join(parts)} of {start.name}{hint}"


def embedding_weights(
    network: TextClassifier, start: Start, tensors: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """Give the embedding (V, E), and the letters' part of it (J, E) apart where the network has one."""
    own = np.asarray(tensors["embedding.weight"], np.float32)
    of_letters = np.asarray(tensors["letters_in"], np.float32) if "letters_in" in tensors else None
    if network.letters_in is not None:
        return {
            "embedding.weight": own,
            "letters_in": np.zeros(network.letters_in.shape, np.float32) if of_letters is None else of_letters,
        }
    return {"embedding.weight": own if of_letters is None else own + letters_of(start.alphabet) @ of_letters}


def recurrent_weights(network: TextClassifier, start: Start, number: int) -> tuple[int, dict[str, NDArray[np.generic]]]:
    """Give how many layers of a language model's recurrence fit those that read the embedding forward, and them."""
    settings, tensors = start.settings_of(number), start.tensors_of(number)
    shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
    chains = [chain for chain in network.settings.chains if chain != ("wide",)]
    place = next((place for place, chain in enumerate(chains) if chain[0] == "recurrent"), None)
    taken: dict[str, NDArray[np.generic]] = {}
    if place is None or settings.cell != network.settings.cell:
        return 0, taken
    for layer in range(min(settings.layers, network.settings.layers)):
        prefix = f"chains.{place}.parts.0.layers.{layer}.recurrences.0"
        weights = {f"{prefix}.{kind}_l0": tensors[f"recurrent.{kind}_l{layer}"] for kind in KINDS}
        if any(shapes[name] != value.shape for name, value in weights.items()):
            return layer, taken  # where both ends are read, a layer above the first is wider than in a language model
        taken |= weights
    return min(settings.layers, network.settings.layers), taken


def output_weights(
    network: TextClassifier, start: Start, tensors: Mapping[str, NDArray[np.generic]], labels: Sequence[str]
) -> dict[str, NDArray[np.generic]]:
    """Give the output layer with the rows of the labels that both know; nothing where they share none."""
    shared = [(place, start.labels.index(label)) for place, label in enumerate(labels) if label in start.labels]
    if not shared:
        return {}
    given: dict[str, NDArray[np.generic]] = {}
    for name in ("weight", "bias"):
        value = getattr(network.output, name).detach().numpy().copy()
        for place, known in shared:
            value[place] = tensors[f"output.{name}"][known]
        given[f"output.{name}"] = value
    return given


def check_language(start: Start, networks: Sequence[NetworkSettings]) -> None:
    """Refuse networks that are not of the shape of those that they begin from.

    Raises:
        InputError: with what they must be.
    """
    for number, network in enumerate(networks):
        settings = start.settings_of(number)
        if not isinstance(settings, NetworkSettings):
            raise InputError(
                f"a language model must begin --from a language model, got {start.name}, which sorts texts"
            )
        for name in SHAPE:
            wanted, got = getattr(settings, name), getattr(network, name)
            if wanted != got:
                raise InputError(f"{name} must be {wanted} as in {start.name}, got {got}")


def begin_language(network: SingleModel, start: Start, number: int) -> str:
    """Give a language model the weights of the network that its member begins from; say so."""
    set_weights(network, start.tensors_of(number), start.name)
    return f"goes on from {start.name}"
