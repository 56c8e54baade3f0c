"""Taggers in checkpoints: written out of training, and rebuilt to be measured again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from model.checkpoint import FORMAT, Manifest
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
from training.classifier_settings import ClassifierSettings
from training.joining import average
from training.letters import letters_of
from training.tagger import TextTagger, check_tagging
from training.tagger_graph import export_tagger
from training.tagger_learning import encode_tagged, tag_logits

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from model.tagger import LoadedTagger
    from training.tagged import TaggedTexts


@dataclass(frozen=True, kw_only=True)
class Tagger:
    """A trained tagger: the network of each member.

    temperature: what the logarithms of the members' mean probabilities are divided by.
    """

    tags: tuple[str, ...]
    alphabet: Alphabet
    networks: tuple[TextTagger, ...]
    temperature: float = 1.0

    def logits(self, texts: TaggedTexts) -> NDArray[np.float32]:
        """Give what the members say together of all characters of texts, before the temperature: (N, C), nats."""
        said = []
        for network in self.networks:
            tagged = encode_tagged(self.alphabet, texts, network.settings.longest)
            said.append(tag_logits(network, tagged, len(self.tags)))
        return average(said)


def write_tagger(
    out: Path, tagger: Tagger, *, task: str, figures: dict[str, JSON], provenance: dict[str, JSON]
) -> Path:
    """Write one version of a tagger, its card beside it; give the version's folder."""
    tensors = weights_of_members(tagger.networks)
    members: list[JSON] = [asdict(network.settings) for network in tagger.networks]
    manifest = Manifest(
        format=FORMAT,
        task=task,
        created=now(),
        architecture={"members": members, "parameters": sum(value.size for value in tensors.values())},
        text={
            "normalisation": "NFC",
            "vocabulary_size": len(tagger.alphabet),
            "tags": list(tagger.tags),
            "longest": min(network.settings.longest for network in tagger.networks),
        },
        quantisation={"activations": "uint8, a scale a text", "weights": "int8", "table": "float16"},
        blend={"temperature": tagger.temperature},
        figures=figures,
        provenance=provenance,
    )
    files = {
        ALPHABET_FILE: tagger.alphabet.model,
        WEIGHTS_FILE: save(tensors),
        **export_tagger(tagger.networks, tagger.temperature),
    }
    return write_with_card(out, manifest, files)


def rebuild_tagger(loaded: LoadedTagger) -> Tagger:
    """Rebuild the networks of a tagger from its checkpoint alone.

    Raises:
        CheckpointError: the architecture is not one of ours, or the weights do not fit it.
    """
    manifest, temperature = loaded.checkpoint.manifest, loaded.checkpoint.manifest.blend.get("temperature")
    letters = torch.from_numpy(letters_of(loaded.alphabet))
    try:
        settings = [settings_of(each, ClassifierSettings) for each in manifest.architecture["members"]]  # type: ignore[union-attr, arg-type]
        for each in settings:
            check_tagging(each)
        networks = [TextTagger(each, len(loaded.alphabet), len(loaded.tags), letters) for each in settings]
        tensors = load(loaded.checkpoint.read(WEIGHTS_FILE))
        temperature = float(temperature)  # type: ignore[arg-type]
    except (InputError, TypeError, KeyError, SafetensorError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{loaded.name}: the architecture and weights must be readable, got: {error}") from error
    for number, network in enumerate(networks):
        set_weights(network, of_member(tensors, number), f"{loaded.name}: {WEIGHTS_FILE}")
        network.eval()
    return Tagger(tags=loaded.tags, alphabet=loaded.alphabet, networks=tuple(networks), temperature=temperature)
