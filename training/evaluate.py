"""Measuring a checkpoint on data that is brought to it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from model.loaded import MemorySettings, load_model
from model.ngram import NgramNetwork, ngram_from
from training.blending import ORDERS, is_large
from training.checkpoints import load_network
from training.comparison import (
    Evaluation,
    ask_counts,
    ask_model,
    completion_figures,
    latency_figures,
    observe,
    typed_figures,
)
from training.conditioned import read_measured
from training.figures import bits_of_phrases, bits_of_stream
from training.kneser_ney import build_kneser_ney
from training.ngram_file import ngram_bytes
from training.protocol import cut_phrases, draw_by_count, sample_test_phrases
from training.reading import merge_counts, read_phrase_lines, read_phrases, read_running_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from model.loaded import LoadedModel
    from training.comparison import System
    from training.protocol import ProtocolSettings
    from training.reading import Phrases, ReadingSettings

NO_MEMORY = MemorySettings(beginnings_bytes=0, completions=0)  # so that the time of one prefix says nothing of others
HARDLY_ANY = 1e-30  # of the probability, for a model that only fills up what counts leave empty


def evaluate_model(
    path: Path,
    data: Sequence[str],
    train_data: Sequence[str],
    reading: ReadingSettings,
    settings: ProtocolSettings,
    kinds: frozenset[str],
) -> Evaluation:
    """Measure a checkpoint on phrases or running text, as its task asks.

    What is typed is never a whole phrase here, and no completion of itself; most popular completion offers it all the
    same, as published.

    Args:
        path: of the model, or of one version.
        data: sources to measure on.
        train_data: sources that it was trained on, to tell seen from unseen and for the baselines; may be none.
        reading: how all of them are read.
        settings: which phrases are drawn and how they are typed.
        kinds: of match that the model may make.

    Raises:
        InputError: there is no such model, or a source cannot be read.
        CheckpointError: the model is damaged.
    """
    model = load_model(path, NO_MEMORY)
    network = load_network(model)
    name = f"{model.name} {model.version}"
    if model.task == "text":
        bits = bits_of_stream(network, model, read_running_text(data, reading))
        return Evaluation(model=name, figures=bits, observed={})
    if model.labels:
        known = read_measured(data, reading, model.labels)
        figures = bits_of_phrases(network, model, list(known), np.array(list(known.values()), np.float64))
        return Evaluation(model=name, figures=figures, observed={})
    lines = read_phrase_lines(data, reading)
    counts = merge_counts(lines)
    trained = read_phrases(train_data, reading) if train_data else None
    figures = bits_of_phrases(network, model, list(counts), np.array(list(counts.values())))
    tests = draw_tests(lines, None if trained is None else frozenset(trained.texts), settings)
    if not tests["all"]:
        return Evaluation(model=name, figures=figures, observed={})  # every phrase is too short to be typed in part
    proven: list[bool] = []
    systems = systems_of(model, trained, kinds, proven.append)
    figures["completion"] = completion_figures(tests, systems, settings.keystroke_phrases)
    if settings.typed_phrases:
        figures["typed"] = typed_figures(tests, systems, settings.typed_phrases)
    observed = {system.name: observe(tests["all"], system, settings.keystroke_phrases) for system in systems}
    figures["latency_ms"] = latency_figures(observed)
    figures["exact_replies"] = {"replies": len(proven), "share": round(float(np.mean(proven)), 4)}
    return Evaluation(model=name, figures=figures, observed=observed)


def draw_tests(
    lines: Sequence[tuple[str, float]], known: frozenset[str] | None, settings: ProtocolSettings
) -> dict[str, Sequence[tuple[str, str]]]:
    """Draw test phrases, cut them, and part those seen in training from the others.

    Args:
        lines: phrases as read, repeats too, each with its count.
        known: the phrases of training; None if they are not at hand, and then there is only ``all``.
        settings: how many are drawn, in which way, and where they are cut.

    Returns:
        Phrases with their prefixes by set: seen, unseen, all.
    """
    least = settings.least_prefix
    if settings.protocol == "kim":
        drawn = sample_test_phrases([text for text, _ in lines], settings.phrases, least)
    else:
        counts = merge_counts(lines)
        weights = np.array(list(counts.values()))
        generator = np.random.default_rng(settings.seed)
        usable = bool(cut_phrases(list(counts), least))
        drawn = draw_by_count(list(counts), weights, settings.phrases, generator, least) if usable else ()
    test = cut_phrases(drawn, least)
    if known is None:
        return {"all": test}
    return {
        "seen": [cut for cut in test if cut[0] in known],
        "unseen": [cut for cut in test if cut[0] not in known],
        "all": test,
    }


def baselines(model: LoadedModel, trained: Phrases) -> Iterator[tuple[str, LoadedModel]]:
    """Give the model with parts of it exchanged, so that all else is the same: search, automata, alphabet.

    ``counts`` has no model to speak of, so what was seen comes first, by its count. ``ngram`` has no network, but an
    n-gram of the training phrases, each as often as it was seen, of the order of ``baseline_order`` and with nothing
    left out of it. To it counts are worth nothing, but slips are looked for in the index as the model looks for them,
    and what was typed is not offered again.
    """
    mixture = model.mixture
    if mixture is not None:
        yield "counts", replace(model, mixture=replace(mixture, model_share=HARDLY_ANY))
        mixture = replace(mixture, model_share=1.0, total=math.inf)
    ids, offsets = model.alphabet.encode_many(trained.texts)
    repeats = np.maximum(np.rint(trained.counts), 1).astype(np.int64)
    order, vocabulary_size = baseline_order(model), len(model.alphabet)
    counted = build_kneser_ney(ids, offsets, order=order, vocabulary_size=vocabulary_size, repeats=repeats)
    ngram = NgramNetwork(ngram=ngram_from(ngram_bytes(counted)))
    yield "ngram", replace(model, runtime=ngram, mixture=mixture)


def baseline_order(model: LoadedModel) -> int:
    """Give the order of the n-gram that a model is held against: that of its own, else the default of its alphabet.

    The defaults were chosen on held-out phrases: decisions/0006-counts-and-an-n-gram-beside-the-network.md.
    """
    order = model.checkpoint.manifest.blend.get("ngram_order")
    return order if isinstance(order, int) and order else ORDERS[is_large(model.alphabet)]


def systems_of(
    model: LoadedModel, trained: Phrases | None, kinds: frozenset[str], proven: Callable[[bool], object]
) -> list[System]:
    """Give the completers to compare, the model first.

    Args:
        model: is asked for ten completions.
        trained: for the baselines; None leaves them out.
        kinds: of match that the model may make.
        proven: told of each reply of the model whether it is exact.
    """
    systems = [ask_model("model", model, kinds, proven)]
    if trained is not None:
        systems += [ask_model(name, each, kinds) for name, each in baselines(model, trained)]
        systems.append(ask_counts(trained.texts, trained.counts))
    return systems
