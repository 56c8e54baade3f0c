"""One text to tag and its reply.

Legend: T characters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.classifier import normalised
from model.spacing import spaced, unspaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON
    from model.tagger import LoadedTagger


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """What a tagger says of a text.

    text: as it was given; characters: those that were tagged; tags: (T,) the likeliest of each; probabilities: (T,) of
    those tags; spaced: the characters with spaces where they belong, None of a tagger for something else.
    """

    text: str
    characters: str
    tags: tuple[str, ...]
    probabilities: NDArray[np.float64]
    spaced: str | None
    elapsed_ms: float


def tag(loaded: LoadedTagger, text: str) -> Tagging:
    """Tag a text; one to be spaced is read without the spaces that it has.

    Raises:
        InputError: the text is empty or too long.
    """
    began = time.perf_counter()
    characters = normalised(text)
    if loaded.spaces:
        characters, _ = unspaced(characters)
    said = loaded.log_probabilities(characters)
    numbers = said.argmax(axis=1)
    return Tagging(
        text=text,
        characters=characters,
        tags=tuple(loaded.tags[number] for number in numbers),
        probabilities=np.exp(said[np.arange(len(numbers)), numbers].astype(np.float64)),
        spaced=spaced(characters, numbers) if loaded.spaces else None,
        elapsed_ms=(time.perf_counter() - began) * 1000,
    )


def tagged_line(characters: str, tags: Sequence[str]) -> str:
    """Write characters with the tag of each after a slash, in one line."""
    return " ".join(f"{character}/{tag}" for character, tag in zip(characters, tags, strict=True))


def as_json_tagging(reply: Tagging) -> dict[str, JSON]:
    """Give a reply as the JSON object that scripts read."""
    found: dict[str, JSON] = {"text": reply.text}
    if reply.spaced is not None:
        found["spaced"] = reply.spaced
    return {
        **found,
        "characters": reply.characters,
        "tags": list(reply.tags),
        "probabilities": [round(float(each), 6) for each in reply.probabilities],
    }
