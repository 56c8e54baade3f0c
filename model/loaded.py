"""A loaded model: a verified checkpoint with its alphabet and its runtime, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.alphabet import alphabet_from_bytes
from model.checkpoint import open_checkpoint
from model.errors import CheckpointError
from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE, open_runtime

if TYPE_CHECKING:
    from pathlib import Path

    from model.alphabet import Alphabet
    from model.checkpoint import Checkpoint
    from model.runtime import Runtime

ALPHABET_FILE = "alphabet.model"
GENERATIVE_TASKS = ("autocomplete", "text")


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """All that answering needs; nothing in it changes, so threads may share it."""

    name: str
    version: str
    task: str
    checkpoint: Checkpoint
    alphabet: Alphabet
    runtime: Runtime


def load_model(path: Path) -> LoadedModel:
    """Load the newest version of a model that verifies, or the one version that the path names.

    Args:
        path: a model's directory, or that of one of its versions.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or its parts do not belong together.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.manifest.task not in GENERATIVE_TASKS:
        raise CheckpointError(
            f"{path}: the task must be one of {', '.join(GENERATIVE_TASKS)}, got {checkpoint.manifest.task!r}"
        )
    alphabet = alphabet_from_bytes(checkpoint.read(ALPHABET_FILE))
    for name in (STEP_FILE, SEQUENCE_FILE, WEIGHTS_FILE):
        checkpoint.path(name)  # refuses what the manifest does not list, and so was not verified
    runtime = open_runtime(checkpoint.directory)
    if runtime.vocabulary_size != len(alphabet):
        raise CheckpointError(
            f"{path}: {STEP_FILE} must give as many log-probabilities as the alphabet has ids, "
            f"{len(alphabet)}, got {runtime.vocabulary_size}"
        )
    return LoadedModel(
        name=checkpoint.name,
        version=checkpoint.version,
        task=checkpoint.manifest.task,
        checkpoint=checkpoint,
        alphabet=alphabet,
        runtime=runtime,
    )
