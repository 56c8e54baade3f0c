"""A model for whatever task its checkpoint names, ready to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.checkpoint import open_checkpoint
from model.classifier import CLASSIFIER_TASK, LoadedClassifier, classifier_from
from model.loaded import LoadedModel, MemorySettings, model_from
from model.tagger import TAGGER_TASKS, LoadedTagger, tagger_from
from model.transducer import TRANSDUCE_TASK, LoadedTransducer, transducer_from

if TYPE_CHECKING:
    from pathlib import Path

AnyModel = LoadedModel | LoadedClassifier | LoadedTagger | LoadedTransducer


def load_any_model(path: Path, memory: MemorySettings) -> AnyModel:
    """Load the newest version of a model that verifies, by the task of its manifest.

    Args:
        path: a model's directory, or that of one of its versions.
        memory: what a language model may keep of what it said.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or its parts do not belong together.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.manifest.task == CLASSIFIER_TASK:
        return classifier_from(checkpoint)
    if checkpoint.manifest.task in TAGGER_TASKS:
        return tagger_from(checkpoint)
    if checkpoint.manifest.task == TRANSDUCE_TASK:
        return transducer_from(checkpoint)
    return model_from(checkpoint, memory)
