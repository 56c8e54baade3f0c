"""The settings of one deployment of the service, each a variable of the environment named ``MACHIM_``."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from model.completion import MAX_CHARACTERS, MAX_DEADLINE_MS, MAX_EXPANSIONS, MAX_LIMIT, MAX_PREFIX_CHARACTERS
from model.errors import InputError
from model.generation import MAX_CHARACTERS as MAX_GENERATED_CHARACTERS
from model.loaded import DEFAULT_MEMORY
from model.texts import LONGEST_TEXT_CHARACTERS

PREFIX = "MACHIM_"
LOG_LEVELS = ("debug", "info", "warning", "error")

# Kubernetes puts such names into every container beside a Service called "machim" or "machim-...";
# they are not ours, so no setting may ever be called PORT or SERVICE_HOST.
KUBERNETES_SERVICE_LINK = re.compile(r"MACHIM_(\w+_)?(SERVICE_(HOST|PORT)|PORT)(_\w+)?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the person who runs the service decides; no bound may be wider than the model layer's own.

    Raises:
        InputError: a setting breaks its rule.
    """

    models: Path = field(metadata={"help": "the folder that holds the models, one folder each"})
    max_body_bytes: int = field(
        default=64 * 1024, metadata={"help": "the longest body of a POST request, in bytes", "most": 16 * 1024**2}
    )
    max_prefix_characters: int = field(
        default=256, metadata={"help": "the longest `q` or `prefix`, in characters", "most": MAX_PREFIX_CHARACTERS}
    )
    max_limit: int = field(
        default=100, metadata={"help": "the most completions one request may ask for", "most": MAX_LIMIT}
    )
    max_completion_characters: int = field(
        default=64,
        metadata={"help": "how far a completion may go on after what was typed, in characters", "most": MAX_CHARACTERS},
    )
    max_expansions: int = field(
        default=2000,
        metadata={
            "help": "how many prefixes a search may expand before it stops with `exact: false`",
            "most": MAX_EXPANSIONS,
        },
    )
    deadline_ms: int = field(
        default=100,
        metadata={
            "help": "how long a completion may take, in milliseconds; then it is the best so far, with `exact: false`",
            "most": MAX_DEADLINE_MS,
        },
    )
    max_generated_characters: int = field(
        default=1000,
        metadata={"help": "the most characters one request may have generated", "most": MAX_GENERATED_CHARACTERS},
    )
    max_texts: int = field(
        default=100, metadata={"help": "the most `texts` one request may have classified or tagged", "most": 10_000}
    )
    max_text_characters: int = field(
        default=10_000,
        metadata={"help": "the longest text to classify or to tag, in characters", "most": LONGEST_TEXT_CHARACTERS},
    )
    max_labels: int = field(
        default=1000,
        metadata={"help": "the most labels one request may ask to be shown of a text", "most": 1_000_000},
    )
    memory_bytes: int = field(
        default=DEFAULT_MEMORY.beginnings_bytes,
        metadata={
            "help": "bytes of a worker, for each model, for what the network said lately: the next key goes on from it",
            "least": 0,
            "most": 2**36,
        },
    )
    remembered_completions: int = field(
        default=DEFAULT_MEMORY.completions,
        metadata={
            "help": "completions in the replies that a worker keeps, for each model, for whoever asks the same again",
            "least": 0,
            "most": 10**9,
        },
    )
    log_level: str = field(
        default="warning", metadata={"help": "what is logged: `debug`, `info`, `warning` or `error`"}
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            least, most = setting.metadata.get("least", 1), setting.metadata.get("most")
            if setting.type is int and not least <= value <= most:
                raise InputError(f"{variable_of(setting.name)} must be in [{least}, {most}], got {value}")
        if self.log_level not in LOG_LEVELS:
            raise InputError(
                f"{variable_of('log_level')} must be one of {', '.join(LOG_LEVELS)}, got {self.log_level!r}"
            )


def variable_of(setting: str) -> str:
    """Name the variable of the environment that gives this setting."""
    return PREFIX + setting.upper()


def settings_from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings out of variables named ``MACHIM_``.

    Raises:
        InputError: a variable is unknown, breaks its rule, or ``MACHIM_MODELS`` is missing.
    """
    kinds = {variable_of(setting.name): setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or KUBERNETES_SERVICE_LINK.fullmatch(variable):
            continue
        if variable not in kinds:
            raise InputError(f"{variable} is no setting of the service; the settings are {', '.join(sorted(kinds))}")
        setting = kinds[variable]
        if setting.type is int:
            values[setting.name] = _whole_number(variable, text)
        elif setting.type is Path:
            values[setting.name] = _path(variable, text)
        else:
            values[setting.name] = text
    if "models" not in values:
        raise InputError(f"{variable_of('models')} must name the folder that holds the models, and it is not set")
    return Settings(**values)


def read_settings(models: Path | None = None) -> Settings:
    """Read the settings of this process: the one place of the service that reads its environment.

    Args:
        models: goes before ``MACHIM_MODELS``.
    """
    given = {} if models is None else {variable_of("models"): str(models)}
    return settings_from_environment({**os.environ, **given})


def _whole_number(variable: str, text: str) -> int:
    # no sign, no separators, and few enough digits that int() reads them at once
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise InputError(f"{variable} must be a whole number, got {text!r}")
    return int(text)


def _path(variable: str, text: str) -> Path:
    if not text:
        raise InputError(f"{variable} must name a folder, got an empty text")
    return Path(text)
