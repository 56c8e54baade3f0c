"""Transducers in checkpoints: written out of training, and rebuilt to be measured again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.numpy import load, save

from model.checkpoint import FORMAT, Manifest
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from model.transducer import SOURCE_ALPHABET_FILE, TRANSDUCE_TASK
from training.checkpoints import WEIGHTS_FILE, now, set_weights, settings_of, weights_of, write_with_card
from training.classifier_settings import ClassifierSettings
from training.transducer import Transducer, check_transducing
from training.transducer_graph import export_transducer

if TYPE_CHECKING:
    from pathlib import Path

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from model.transducer import LoadedTransducer


def write_transducer(
    out: Path,
    network: Transducer,
    alphabets: tuple[Alphabet, Alphabet],
    *,
    figures: dict[str, JSON],
    provenance: dict[str, JSON],
) -> Path:
    """Write one version of a transducer, its card beside it; give the version's folder.

    Args:
        out: the model's folder.
        network: trained.
        alphabets: of what it reads, and of what it writes.
        figures: on held-out pairs.
        provenance: where it is from.
    """
    tensors, (source, target) = weights_of(network), alphabets
    manifest = Manifest(
        format=FORMAT,
        task=TRANSDUCE_TASK,
        created=now(),
        architecture={**asdict(network.settings), "parameters": sum(value.size for value in tensors.values())},
        text={
            "normalisation": "NFC, syllables of Hangul letter by letter",
            "source_vocabulary_size": len(source),
            "vocabulary_size": len(target),
        },
        quantisation={"activations": "uint8", "weights": "int8", "table": "float16"},
        blend={},
        figures=figures,
        provenance=provenance,
    )
    files = {
        SOURCE_ALPHABET_FILE: source.model,
        ALPHABET_FILE: target.model,
        WEIGHTS_FILE: save(tensors),
        **export_transducer(network),
    }
    return write_with_card(out, manifest, files)


def rebuild_transducer(loaded: LoadedTransducer) -> Transducer:
    """Rebuild the network of a transducer from its checkpoint alone.

    Raises:
        CheckpointError: the architecture is not one of ours, or the weights do not fit it.
    """
    try:
        settings = settings_of(loaded.checkpoint.manifest.architecture, ClassifierSettings)
        check_transducing(settings)
        network = Transducer(settings, len(loaded.source_alphabet), len(loaded.alphabet))
        tensors = load(loaded.checkpoint.read(WEIGHTS_FILE))
    except (InputError, TypeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{loaded.name}: the architecture and weights must be readable, got: {error}") from error
    set_weights(network, tensors, f"{loaded.name}: {WEIGHTS_FILE}")
    return network.eval()
