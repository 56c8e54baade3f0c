"""People type at random, and a model takes another's place now and then: what is remembered changes no answer."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_memory import NOTHING, answer

from benchmarks.typists import boxes
from model.channel import KINDS
from model.completion import CompletionRequest
from model.loaded import LoadedModel, MemorySettings
from service.models import find_model, load_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


SEED = 20
REPLACED_EVERY = 100  # replies, on average
# What somebody does next, and how often, cumulated.
MOVES = ("key", "backspace", "other options", "odd character", "another phrase")
SHARES = (0.66, 0.8, 0.88, 0.94, 1.0)
ODD = ("\u200b", "\u0301", "\t", "🙂", "ß", "İ", "ﬁ", "中", "ㅋ", "ㅏ", "각", "%", "  ", "0", "q")
MEMORIES = (
    MemorySettings(beginnings_bytes=400_000, completions=300),
    MemorySettings(),
    MemorySettings(beginnings_bytes=60_000, completions=0),
    MemorySettings(beginnings_bytes=0, completions=500),
)

logger = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def names(places_file: Path) -> list[str]:
    """The names of places, the largest first, in Latin script and in Hangul."""
    lines = places_file.read_text(encoding="utf-8").splitlines()[1:]
    return [name for line in lines for name in line.split("\t")[:1]]


@pytest.fixture(scope="module")
def folders(tiny_models: Path, names: list[str], train_phrases: Callable[..., LoadedModel]) -> tuple[Path, Path]:
    """Two folders of models, whose default ones were trained on the same places, the second on half of them."""
    other = train_phrases([(name, 1 + len(name) % 7) for name in names[::2]], least_count=2)
    return tiny_models, other.checkpoint.directory.parents[1]


def load(folder: Path, memory: MemorySettings) -> LoadedModel:
    """Load what the service asks by default, as it does, and say nothing where all is well."""
    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.WARNING)
    return find_model(load_models(folder, memory, quiet), None, LoadedModel)


def draw_options(generator: np.random.Generator) -> dict[str, Any]:
    """Draw one thing to ask for other than by default; half of the time there is none."""
    kinds = [kind for kind in KINDS if generator.random() < 0.5]
    drawn: list[dict[str, Any]] = [
        {"limit": int(generator.integers(1, 25))},
        {"kinds": frozenset(kinds)},
        {"finished": False},
        {"max_characters": int(generator.integers(1, 9))},
        {"max_expansions": int(generator.integers(1, 60))},
    ]
    return {} if generator.random() < 0.5 else drawn[generator.integers(len(drawn))]


def type_at_random(generator: np.random.Generator, phrases: Sequence[str]) -> Iterator[CompletionRequest]:
    """Give what one person asks for, a key at a time; those before in the list of phrases are typed more often."""

    def draw_phrase() -> list[str]:
        return ["", *boxes(phrases[int(len(phrases) * generator.random() ** 3)])]

    shown, at, options = draw_phrase(), 0, draw_options(generator)
    for _ in range(generator.integers(2, 10)):
        move, odd = MOVES[np.searchsorted(SHARES, generator.random(), side="right")], ""
        match move:
            case "key":
                at = min(at + 1, len(shown) - 1)
            case "backspace":
                at = max(at - 1, 0)
            case "other options":
                options = draw_options(generator)
            case "odd character":
                odd = ODD[generator.integers(len(ODD))]
            case "another phrase":
                shown, options = draw_phrase(), draw_options(generator)
                at = int(generator.integers(len(shown)))
        place = int(generator.integers(len(shown[at]) + 1))
        yield CompletionRequest(prefix=shown[at][:place] + odd + shown[at][place:], **options)


@pytest.mark.parametrize("sequences", [60, pytest.param(10_000, marks=pytest.mark.long)])
def test_typing_at_random_gives_the_same_with_and_without_memory(
    folders: tuple[Path, Path], names: list[str], sequences: int
) -> None:
    """Completions, scores, kinds and places of matches, and whether they are proven: one by one, bit for bit."""
    generator = np.random.default_rng(SEED)
    tally: Counter[str] = Counter()

    def served(number: int) -> LoadedModel:
        return load(folders[number % 2], MEMORIES[number // 2 % len(MEMORIES)])

    def count_memory(model: LoadedModel) -> None:
        for name, cache in (("replies", model.replies), ("beginnings", model.beginnings)):
            tally.update({f"{name} found": cache.hits, f"{name} asked for": cache.hits + cache.misses})

    model = served(0)
    for _ in range(sequences):
        for request in type_at_random(generator, names):
            if generator.random() < 1 / REPLACED_EVERY:
                count_memory(model)
                tally["replacements"] += 1
                model = served(tally["replacements"])
            found, exact = answer(model, request)
            assert (found, exact) == answer(replace(model, memory=NOTHING), request), (model.name, request)
            tally.update({"compared": 1, "completions": len(found), "cut short": not exact})
    count_memory(model)
    rates = {name: tally[f"{name} found"] / tally[f"{name} asked for"] for name in ("replies", "beginnings")}
    logger.info(
        "%d sequences: %d replies compared, %d completions in them, %d replies cut short, %d models replaced; "
        "found in memory were %.1f %% of replies and %.1f %% of beginnings",
        sequences,
        *(tally[name] for name in ("compared", "completions", "cut short", "replacements")),
        *(100 * rates[name] for name in ("replies", "beginnings")),
    )
    assert all(tally[name] for name in ("completions", "cut short", "replacements"))
    assert all(0 < rate < 1 for rate in rates.values())


def test_the_two_models_differ(folders: tuple[Path, Path]) -> None:
    """So that an answer of the one in the place of the other's would be seen."""
    one, other = (load(folder, NOTHING) for folder in folders)
    assert answer(one, CompletionRequest(prefix="S")) != answer(other, CompletionRequest(prefix="S"))
