"""Completion: what was typed, finished in the most probable ways."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID, SYMBOLS
from model.errors import InputError
from model.query import exact_query, normalise
from model.search import SearchOptions, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel

MAX_PREFIX_CHARACTERS = 1000
MAX_LIMIT = 100
MAX_CHARACTERS = 1000
MAX_EXPANSIONS = 100_000


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """What to complete, and how far to look.

    prefix: what was typed, brought to NFC; limit: completions wanted; max_characters: the most to add; max_expansions:
    branches to ask the network about before giving the best found so far.

    Raises:
        InputError: a value is out of its bounds.
    """

    prefix: str
    limit: int = 10
    max_characters: int = 64
    max_expansions: int = 2000

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", normalise(self.prefix))
        if len(self.prefix) > MAX_PREFIX_CHARACTERS:
            raise InputError(f"prefix must be at most {MAX_PREFIX_CHARACTERS} characters, got {len(self.prefix)}")
        for name, most in (
            ("limit", MAX_LIMIT),
            ("max_characters", MAX_CHARACTERS),
            ("max_expansions", MAX_EXPANSIONS),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} must be in [1, {most}], got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One completion: the whole phrase, and the log-probability of it, nats."""

    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class CompletionReply:
    """The completions, best first.

    exact: they are the most probable of all; False when a bound was met before that was proven.
    """

    prefix: str
    completions: tuple[Completion, ...]
    exact: bool
    elapsed_ms: float


def complete(model: LoadedModel, request: CompletionRequest) -> CompletionReply:
    """Finish a phrase, or for a model of running text the word that is being written or comes next."""
    began = time.perf_counter()
    boundary = white_space(model.alphabet) if model.task == "text" else None
    options = SearchOptions(
        limit=request.limit + (not request.prefix),
        max_characters=request.max_characters,
        max_expansions=request.max_expansions,
        boundary=boundary,
    )
    result = search(model.runtime, exact_query(model.alphabet, request.prefix), options)
    typed = len(request.prefix)
    completions = tuple(
        Completion(text=request.prefix + model.alphabet.decode(found.ids[typed:]), score=found.score)
        for found in result.found
        if request.prefix or found.ids  # nothing at all is no completion of nothing
    )[: request.limit]
    return CompletionReply(
        prefix=request.prefix,
        completions=completions,
        exact=result.exact,
        elapsed_ms=(time.perf_counter() - began) * 1000,
    )


def white_space(alphabet: Alphabet) -> NDArray[np.bool_]:
    """Tell the characters that end a word, and the end symbol: (V,)."""
    ends = np.zeros(len(alphabet), dtype=np.bool_)
    ends[END_ID] = True
    ends[SYMBOLS:] = [character.isspace() for character in alphabet.characters]
    return ends
