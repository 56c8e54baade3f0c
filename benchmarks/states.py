"""What a model remembers when it is asked: nothing, the key before, or the very reply."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.rounds import Contender
from model.completion import CompletionReply, CompletionRequest, complete
from model.errors import InputError
from model.loaded import load_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from model.loaded import LoadedModel


def load_phrase_model(path: Path) -> LoadedModel:
    """Load a model of phrases.

    Raises:
        InputError: there is none at the path, or it is one of running text.
    """
    model = load_model(path)
    if model.mixture is None:
        raise InputError(f"MODEL must be of phrases, got {model.name} of task {model.task}")
    return model


def cold(model: LoadedModel, _prefix: str) -> LoadedModel:
    """Give the model as it is before anybody asked."""
    return replace(model, memory=model.memory)


def typed(model: LoadedModel, prefix: str) -> LoadedModel:
    """Give the model as the next key finds it: asked for the prefix without its last character, keeping no replies."""
    asked = replace(model, memory=replace(model.memory, completions=0))
    complete(asked, CompletionRequest(prefix=prefix[:-1]))
    return asked


def again(model: LoadedModel, prefix: str) -> LoadedModel:
    """Give the model as whoever asks the same again finds it."""
    asked = cold(model, prefix)
    complete(asked, CompletionRequest(prefix=prefix))
    return asked


def in_state(model: LoadedModel, state: Callable[[LoadedModel, str], LoadedModel]) -> Contender[CompletionReply]:
    """Make a contender of a model that remembers what a state says, and is asked as the service asks by default."""

    def prepare(prefix: str) -> Callable[[], CompletionReply]:
        asked, request = state(model, prefix), CompletionRequest(prefix=prefix)
        return lambda: complete(asked, request)

    return Contender(name=state.__name__, prepare=prepare)
