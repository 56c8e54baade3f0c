"""Measuring a checkpoint on data that is brought to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.loaded import load_model
from training.checkpoints import load_network
from training.figures import bits_of_phrases, bits_of_stream, completion_figures
from training.popularity import PopularCompletions
from training.protocol import cut_phrases, draw_by_count
from training.reading import read_phrases, read_running_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from model.manifest import JSON
    from training.reading import ReadingSettings


def evaluate_model(
    path: Path, data: Sequence[str], train_data: Sequence[str], reading: ReadingSettings, *, number: int, seed: int
) -> dict[str, JSON]:
    """Measure a checkpoint on phrases or running text, as its task asks.

    Args:
        path: of the model, or of one version.
        data: sources to measure on.
        train_data: sources that it was trained on, to tell seen from unseen and for the baselines; may be none.
        reading: how all of them are read.
        number: of phrases to complete, drawn by count.
        seed: of the draw.
    """
    model = load_model(path)
    network = load_network(model)
    if model.task == "text":
        return bits_of_stream(network, model, read_running_text(data, reading))
    phrases = read_phrases(data, reading)
    trained = read_phrases(train_data, reading) if train_data else None
    train_texts = trained.texts if trained is not None else []
    figures = bits_of_phrases(network, model, phrases.texts, phrases.counts, train_texts)
    if not cut_phrases(phrases.texts):
        return figures  # every phrase is too short to be typed in part
    drawn = draw_by_count(phrases.texts, phrases.counts, number, np.random.default_rng(seed))
    tests: dict[str, Sequence[str]] = {}
    if trained is not None:
        known = set(trained.texts)
        tests["seen"] = [phrase for phrase in drawn if phrase in known]
        tests["unseen"] = [phrase for phrase in drawn if phrase not in known]
    tests["all"] = drawn
    popular = None if trained is None else PopularCompletions(trained.texts, trained.counts)
    return {**figures, "completion": completion_figures(model, tests, popular)}
