"""The models that one worker serves: loaded together, one value that a later one may take the place of."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from model.any_model import AnyModel, load_any_model
from model.checkpoint import list_models
from model.classifier import LoadedClassifier
from model.conditions import GENERATE_TASK
from model.errors import MachimError
from model.loaded import LoadedModel, MemorySettings
from model.tagger import LoadedTagger
from model.transducer import LoadedTransducer
from service.problems import ProblemError

Kind = TypeVar("Kind", LoadedModel, LoadedClassifier, LoadedTagger, LoadedTransducer)
LAST_ASKED = {"text": 1, GENERATE_TASK: 2}  # of language models, where a request names none
ABILITIES = {
    LoadedModel: "complete or generate",
    LoadedClassifier: "classify",
    LoadedTagger: "tag",
    LoadedTransducer: "transduce",
}


@dataclass(frozen=True, kw_only=True)
class Models:
    """What was found in a models folder.

    Args:
        by_name: the models that loaded, in name order.
        left_out: names of the models that did not load.
    """

    by_name: Mapping[str, AnyModel]
    left_out: tuple[str, ...]

    def of_kind(self, kind: type[Kind]) -> list[Kind]:
        """Give the models of one kind, the one first that is asked when a request names none.

        That is the first in name order, of language models the first for autocomplete if there is one, and one that
        writes texts of labels last.
        """
        those = [loaded for loaded in self.by_name.values() if isinstance(loaded, kind)]
        return sorted(those, key=lambda loaded: LAST_ASKED.get(loaded.task, 0))

    def default_name(self, kind: type[Kind]) -> str | None:
        """Name the model of one kind that is asked when a request names none; None where there is none."""
        return next((loaded.name for loaded in self.of_kind(kind)), None)


def load_models(folder: Path, memory: MemorySettings, logger: logging.Logger) -> Models:
    """Load the newest sound version of every model in a folder; what does not load is logged and left out."""
    by_name: dict[str, AnyModel] = {}
    left_out: list[str] = []
    try:
        directories = list_models(folder)
    except MachimError as error:
        logger.error("no model can be loaded: %s", error)  # noqa: TRY400 - the message says it all
        directories = ()
    for directory in directories:
        name = directory.name
        try:
            loaded = load_any_model(directory, memory)
        except MachimError as error:
            logger.error("model %s is left out: %s", name, error)  # noqa: TRY400 - the message says it all
            left_out.append(name)
            continue
        by_name[name] = loaded
        for passed_over in loaded.checkpoint.passed_over:
            logger.warning("model %s: a newer version is passed over: %s", name, passed_over)
        logger.info("model %s is loaded, version %s, task %s", name, loaded.version, loaded.task)
    return Models(by_name=by_name, left_out=tuple(left_out))


def find_model(models: Models, name: str | None, kind: type[Kind], task: str | None = None) -> Kind:
    """Find the model a request names, or the default one of the kind that can answer it, one for a task before others.

    Raises:
        ProblemError: 503 when there is no model at all, 404 when there is none of the kind or of that name, 422 when
            the one of that name is of another kind.
    """
    if not models.by_name:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no model is loaded; the log of the service says why")
    those = models.of_kind(kind)
    if not those:
        tasks = ", ".join(f"{loaded.name} for {loaded.task}" for loaded in models.by_name.values())
        raise ProblemError(HTTPStatus.NOT_FOUND, f"a model that can {ABILITIES[kind]} must be loaded, got {tasks}")
    if name is None:
        return next((loaded for loaded in those if loaded.task == task), those[0])
    found = models.by_name.get(name)
    if isinstance(found, kind):
        return found
    can = f"model must be one of {', '.join(sorted(loaded.name for loaded in those))}"
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"{can}, got {name[:60]!r}")
    raise ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{can}, which can {ABILITIES[kind]}, got {name[:60]!r} for {found.task}"
    )
