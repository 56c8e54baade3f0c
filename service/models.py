"""The models that one worker serves: loaded together, one value that a later one may take the place of."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from model.checkpoint import list_models
from model.errors import MachimError
from model.loaded import LoadedModel, MemorySettings, load_model
from service.problems import ProblemError


@dataclass(frozen=True, kw_only=True)
class Models:
    """What was found in a models folder.

    Args:
        by_name: the models that loaded, in name order.
        default_name: the model asked when a request names none: the first autocomplete model in name order,
            else the first model; None where nothing loaded.
        left_out: names of the models that did not load.
    """

    by_name: Mapping[str, LoadedModel]
    default_name: str | None
    left_out: tuple[str, ...]


def load_models(folder: Path, memory: MemorySettings, logger: logging.Logger) -> Models:
    """Load the newest sound version of every model in a folder; what does not load is logged and left out."""
    by_name: dict[str, LoadedModel] = {}
    left_out: list[str] = []
    try:
        directories = list_models(folder)
    except MachimError as error:
        logger.error("no model can be loaded: %s", error)  # noqa: TRY400 - the message says it all
        directories = ()
    for directory in directories:
        name = directory.name
        try:
            loaded = load_model(directory, memory)
        except MachimError as error:
            logger.error("model %s is left out: %s", name, error)  # noqa: TRY400 - the message says it all
            left_out.append(name)
            continue
        by_name[name] = loaded
        for passed_over in loaded.checkpoint.passed_over:
            logger.warning("model %s: a newer version is passed over: %s", name, passed_over)
        logger.info("model %s is loaded, version %s, task %s", name, loaded.version, loaded.task)
    autocomplete = [name for name, loaded in by_name.items() if loaded.task == "autocomplete"]
    return Models(
        by_name=by_name,
        default_name=next(iter([*autocomplete, *by_name]), None),
        left_out=tuple(left_out),
    )


def find_model(models: Models, name: str | None) -> LoadedModel:
    """Find the model a request names, or the default one.

    Raises:
        ProblemError: 503 when there is none at all, 404 when none has that name.
    """
    name = models.default_name if name is None else name
    if name is None or not models.by_name:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no model is loaded; the log of the service says why")
    if name not in models.by_name:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"model must be one of {', '.join(models.by_name)}, got {name[:60]!r}",
        )
    return models.by_name[name]
