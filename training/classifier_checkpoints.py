"""Classifiers in checkpoints: written out of training, and rebuilt to be trained or measured again.

Legend: F n-grams known, H hidden units, C labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from model.checkpoint import FORMAT, Manifest
from model.classifier import CLASSIFIER_TASK
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from training.checkpoints import (
    WEIGHTS_FILE,
    now,
    of_member,
    set_weights,
    settings_of,
    weights_of_members,
    write_with_card,
)
from training.classifier import TextClassifier
from training.classifier_graph import export_classifier
from training.classifier_settings import ClassifierSettings
from training.joining import Join, average
from training.letters import letters_of
from training.wide import WideLayer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.classifier import LoadedClassifier
    from model.manifest import JSON

RULE = "of a longer text the network reads the first three quarters of so many characters and the last quarter"


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A trained classifier: the network of each member and how it is joined with the n-grams.

    settings: of each member; networks: none where n-grams are alone; wide: None where there are no n-grams;
    joins: one for each network; temperature: what the logarithms of the members' mean probabilities are divided by.
    """

    labels: tuple[str, ...]
    alphabet: Alphabet
    settings: tuple[ClassifierSettings, ...]
    networks: tuple[TextClassifier, ...]
    wide: WideLayer | None
    joins: tuple[Join, ...]
    temperature: float

    def logits(
        self, of_networks: Sequence[NDArray[np.float32]], of_wide: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Join what each network and the n-grams say of texts, each (texts, C), before the temperature: (texts, C)."""
        if not of_networks:
            assert of_wide is not None  # noqa: S101 - one of the two is always there
            return of_wide
        return average([join.logits(each, of_wide) for join, each in zip(self.joins, of_networks, strict=True)])


def write_classifier(
    out: Path, classifier: Classifier, *, figures: dict[str, JSON], provenance: dict[str, JSON]
) -> Path:
    """Write one version of a classifier, its card beside it; give the version's folder."""
    tensors = weights_of_members(classifier.networks)
    if classifier.wide is not None:
        tensors |= wide_tensors(classifier.wide)
    parameters = sum(value.size for value in tensors.values())
    manifest = Manifest(
        format=FORMAT,
        task=CLASSIFIER_TASK,
        created=now(),
        architecture={"members": [asdict(each) for each in classifier.settings], "parameters": parameters},
        text={
            "normalisation": "NFC",
            "vocabulary_size": len(classifier.alphabet),
            "ngrams": 0 if classifier.wide is None else len(classifier.wide.ngrams.hashes),
            "labels": list(classifier.labels),
            "longest": max(each.longest for each in classifier.settings),
            "cut": RULE,
        },
        quantisation={"activations": "uint8, a scale a text", "weights": "int8", "table": "float16"},
        blend={
            "joins": [{"network": join.network, "wide": join.wide} for join in classifier.joins],
            "temperature": classifier.temperature,
        },
        figures=figures,
        provenance=provenance,
    )
    files = {
        ALPHABET_FILE: classifier.alphabet.model,
        WEIGHTS_FILE: save(tensors),
        **export_classifier(classifier.networks, classifier.wide, classifier.joins, classifier.temperature),
    }
    return write_with_card(out, manifest, files)


def wide_tensors(wide: WideLayer) -> dict[str, NDArray[np.generic]]:
    """Give the weights over n-grams by name; which n-grams stands in a file of its own."""
    tensors: dict[str, NDArray[np.generic]] = {"wide.weights": wide.weights, "wide.bias": wide.bias}
    if wide.output is not None:
        tensors["wide.output"], tensors["wide.output_bias"] = wide.output
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


def rebuild_classifier(loaded: LoadedClassifier) -> Classifier:
    """Rebuild a classifier from its checkpoint alone, ready to be asked or to go on training.

    Raises:
        CheckpointError: the architecture is not one of ours, or the weights do not fit it.
    """
    manifest = loaded.checkpoint.manifest
    try:
        tensors = dict(load(loaded.checkpoint.read(WEIGHTS_FILE)))
        members = manifest.architecture["members"]
        settings = tuple(settings_of(each, ClassifierSettings) for each in members)  # type: ignore[union-attr, arg-type]
        joins = tuple(
            Join(network=float(each["network"]), wide=float(each["wide"]))  # type: ignore[index,call-overload,arg-type]
            for each in manifest.blend["joins"]  # type: ignore[union-attr]
        )
        temperature = float(manifest.blend["temperature"])  # type: ignore[arg-type]
    except (InputError, KeyError, TypeError, AttributeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{loaded.name}: the architecture and weights must be readable, got: {error}") from error
    readers = [each for each in settings if each.reads_characters]
    if len(readers) != len(joins):
        raise CheckpointError(
            f"{loaded.name}: there must be a join for each of {len(readers)} networks, got {len(joins)}"
        )
    letters = torch.from_numpy(letters_of(loaded.alphabet))
    networks = []
    for number, own_settings in enumerate(readers):
        network = TextClassifier(own_settings, len(loaded.alphabet), len(loaded.labels), letters)
        set_weights(network, of_member(tensors, number), f"{loaded.name}: {WEIGHTS_FILE}, member {number}")
        networks.append(network.eval())
    return Classifier(
        labels=loaded.labels,
        alphabet=loaded.alphabet,
        settings=settings,
        networks=tuple(networks),
        wide=rebuild_wide(loaded, tensors),
        joins=joins,
        temperature=temperature,
    )


def rebuild_wide(loaded: LoadedClassifier, tensors: Mapping[str, NDArray[np.generic]]) -> WideLayer | None:
    """Rebuild the layer over n-grams; None where there is none.

    Raises:
        CheckpointError: the weights do not fit the n-grams.
    """
    if loaded.ngrams is None:
        return None
    try:
        weights, bias = (np.asarray(tensors[f"wide.{name}"], np.float32) for name in ("weights", "bias"))
        output = None
        if "wide.output" in tensors:
            output = (
                np.asarray(tensors["wide.output"], np.float32),
                np.asarray(tensors["wide.output_bias"], np.float32),
            )
    except KeyError as error:
        raise CheckpointError(
            f"{loaded.name}: {WEIGHTS_FILE} must have the weights of n-grams, got no {error}"
        ) from error
    ngrams = loaded.ngrams.unscaled()
    if weights.shape != (len(ngrams.hashes), len(bias)):
        raise CheckpointError(f"{loaded.name}: {WEIGHTS_FILE} must have a row for each n-gram, got {weights.shape}")
    return WideLayer(ngrams=ngrams, weights=weights, bias=bias, output=output)
