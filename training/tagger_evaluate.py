"""A tagger measured on texts that it was not trained on, as it is served and as it was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from model.errors import InputError
from model.spacing import JOINED
from model.tagger import load_tagger
from model.tagging import tag
from training.sources import one_line
from training.tagged import read_spacing, read_tagged
from training.tagger_checkpoints import rebuild_tagger
from training.tagger_figures import likeliest_scores, tag_scores, without_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.manifest import JSON
    from model.tagger import LoadedTagger
    from training.reading import ReadingSettings
    from training.tagged import TaggedTexts

TIMED_TEXTS = 2_000  # asked one at a time for their times


def evaluate_tagger(
    path: Path, data: Sequence[str], reading: ReadingSettings, *, say: Callable[[str], None]
) -> dict[str, JSON]:
    """Measure a tagger on texts with their tags.

    Args:
        path: of the model, or of one version.
        data: sources to measure on.
        reading: how they are read.
        say: is told what was left out, a line each.

    Raises:
        InputError: there is no such model, a source cannot be read, or a tag is none of the model's.
        CheckpointError: the model is damaged, or of another task.
    """
    loaded = load_tagger(path)
    tagger = rebuild_tagger(loaded)
    read = read_spacing(data, reading, say) if loaded.spaces else known_tags(read_tagged(data, reading, say), loaded)
    served, elapsed_ms = ask(loaded, read.texts)
    ends = np.cumsum([len(each) for each in read.numbers])[:-1]
    trained: list[NDArray[np.int64]] = np.split(tagger.logits(read).argmax(axis=1), ends)
    counts = np.bincount(np.concatenate(read.numbers), minlength=len(loaded.tags))
    likeliest = JOINED if loaded.spaces else int(counts.argmax())
    spaces, tags = loaded.spaces, loaded.tags
    int8 = tag_scores(read.numbers, served, tags, spaces=spaces)
    torch = tag_scores(read.numbers, trained, tags, spaces=spaces)
    always = likeliest_scores(read.numbers, tags, likeliest, spaces=spaces)
    median, last = np.percentile(elapsed_ms, [50, 99])
    of_characters = [len(text) for text in read.texts[: len(elapsed_ms)]]
    return {
        "texts": len(read.texts),
        "characters": int(counts.sum()),
        "skipped_lines": read.skipped,
        **int8,
        "torch": without_tags(torch),
        "always": {"tag": tags[likeliest], **without_tags(always)},
        "tagging_ms": {
            "p50": round(float(median), 3),
            "p99": round(float(last), 3),
            "mean_characters": round(float(np.mean(of_characters)), 1),
        },
    }


def known_tags(read: TaggedTexts, loaded: LoadedTagger) -> TaggedTexts:
    """Number tags as the model does.

    Raises:
        InputError: one is none of the model's.
    """
    if strange := sorted(set(read.tags) - set(loaded.tags)):
        raise InputError(
            f"tags must be among the {len(loaded.tags):,} that {loaded.name} knows, got {one_line(strange[0])}"
        )
    places = np.array([loaded.tags.index(each) for each in read.tags])
    return replace(read, tags=loaded.tags, numbers=[places[numbers] for numbers in read.numbers])


def ask(loaded: LoadedTagger, texts: Sequence[str]) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Ask what is served, one text at a time on one thread.

    Returns:
        The numbers of the tags (T,) of each text, and the time of each of the first answers, ms.
    """
    tag(loaded, texts[0])  # the first answer also waits for memory that later ones have
    number_of = {name: number for number, name in enumerate(loaded.tags)}
    replies = [tag(loaded, text) for text in texts[:TIMED_TEXTS]]
    said = [np.array([number_of[name] for name in reply.tags], np.int64) for reply in replies]
    said += [loaded.log_probabilities(text).argmax(axis=1) for text in texts[TIMED_TEXTS:]]
    return said, np.array([reply.elapsed_ms for reply in replies])
