"""Number formats of a model's network beside one another: the time of a step, and how well it predicts and completes.

Legend: R rounds, N prefixes, B batch, V vocabulary size, S state width.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.command import JSON_FILE, ROUNDS, check_file, publish
from benchmarks.report import lines, ratio_of_medians, table, time_figures
from benchmarks.rounds import Contender, race
from machim import run
from model.alphabet import BEGIN_ID, SYMBOLS
from model.errors import InputError
from model.runtime import initial_state
from training.commands import need_training_libraries
from training.protocol import ProtocolSettings, evaluate_completions
from training.reading import ReadingSettings, merge_counts, read_phrase_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from benchmarks.number_formats import NumberFormat
    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from model.runtime import Runtime

    Feeds = dict[str, NDArray[np.generic]]

BATCHES = (1, 8, 16)  # one beginning, and as many as search reads together
# What int8 may cost beside float32: bits per character more, in percent, and MRR@10 less.
MOST_PERCENT, MOST_MRR = 0.3, 0.001


@click.command(name="benchmarks.formats", epilog="Example: python -m benchmarks.formats models/ko test.txt")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("test")
@click.option(
    "--prefixes",
    default=1000,
    show_default=True,
    help="Phrases of TEST that are drawn, cut, stepped from and completed.",
)
@ROUNDS
@JSON_FILE
def benchmark(model: Path, test: str, prefixes: int, rounds: int, json_file: Path | None) -> None:
    """Time and score the network of the checkpoint MODEL in int8, float32 and bfloat16 on phrases of TEST."""
    check_file(json_file)
    settings = ProtocolSettings(protocol="kim", phrases=prefixes)
    need_training_libraries()
    from benchmarks.number_formats import number_formats  # noqa: PLC0415 - it needs what was just looked for
    from benchmarks.states import load_phrase_model  # noqa: PLC0415
    from training.evaluate import draw_tests  # noqa: PLC0415

    loaded = load_phrase_model(model)
    phrases = read_phrase_lines([test], ReadingSettings())
    cut = draw_tests(phrases, None, settings)["all"]
    with TemporaryDirectory() as folder:
        formats = number_formats(loaded, Path(folder))
        figures = measure(loaded, formats, list(merge_counts(phrases)), cut, rounds)
    publish(figures, tables_of(figures), json_file)


def measure(
    model: LoadedModel,
    formats: Mapping[str, NumberFormat],
    phrases: Sequence[str],
    test: Sequence[tuple[str, str]],
    rounds: int,
) -> dict[str, JSON]:
    """Measure a model's network in every format.

    Args:
        model: has all but the network.
        formats: of the network, int8 and float32 among them.
        phrases: to predict, each once.
        test: phrases with their prefixes (N,), to complete and to step on from.
        rounds: R.

    Raises:
        InputError: there is nothing to test.
    """
    from benchmarks.machine import describe_machine  # noqa: PLC0415
    from benchmarks.plain import one_thread  # noqa: PLC0415

    if not test:
        raise InputError("TEST must hold at least one phrase longer than its shortest prefix, got none")
    machine = describe_machine()
    with one_thread():
        times = time_steps(formats, model.alphabet, [prefix for _, prefix in test], rounds)
        quality = {
            name: quality_of(replace(model, runtime=each.runtime), phrases, test) for name, each in formats.items()
        }
    int8, float32 = quality["int8"], quality["float32"]
    return {
        "benchmark": "formats",
        "machine": machine,
        "settings": {
            "model": f"{model.name} {model.version}",
            "phrases": len(phrases),
            "prefixes": len(test),
            "rounds": rounds,
        },
        "times": {
            name: {str(batch): time_figures(each) for batch, each in some.items()} for name, some in times.items()
        },
        "ratios_p50": {
            f"int8 / {name}": {
                str(batch): ratio_of_medians(times["int8"][batch], times[name][batch]) for batch in BATCHES
            }
            for name in formats
            if name != "int8"
        },
        "quality": {name: {**each} for name, each in quality.items()},
        "sizes": {
            name: {"weight_bytes": each.weight_bytes, "step_bytes": each.step_bytes} for name, each in formats.items()
        },
        "costs_of_int8": {
            "bits_per_character_percent": beside_the_most(
                100 * (int8["bits_per_character"] / float32["bits_per_character"] - 1), MOST_PERCENT
            ),
            "mrr_10": beside_the_most(float32["mrr_10"] - int8["mrr_10"], MOST_MRR),
        },
    }


def time_steps(
    formats: Mapping[str, NumberFormat], alphabet: Alphabet, prefixes: Sequence[str], rounds: int
) -> dict[str, dict[int, list[NDArray[np.float64]]]]:
    """Time the network's part of a step, without the n-gram's: by format and batch, R arrays (N,), ms."""

    @cache
    def read(prefix: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return read_prefix(formats["int8"].runtime, alphabet, prefix)

    def contender(name: str, runtime: Runtime, batch: int) -> Contender[None]:
        def prepare(prefix: str) -> Callable[[], None]:
            feeds = step_feeds(runtime, *read(prefix), batch)

            def step() -> None:  # keeps nothing of what it gives
                runtime.step_session.run(None, feeds)

            return step

        return Contender(name=name, prepare=prepare)

    contenders = {batch: [contender(name, each.runtime, batch) for name, each in formats.items()] for batch in BATCHES}
    for _ in range(rounds):
        for some in contenders.values():
            race(some, prefixes)
    return {
        name: {batch: some[place].times for batch, some in contenders.items()} for place, name in enumerate(formats)
    }


def read_prefix(runtime: Runtime, alphabet: Alphabet, prefix: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read a prefix: all characters (V - symbols,), those that likely come next first, and the state there (1, S)."""
    sequence = np.array([BEGIN_ID, *alphabet.encode(prefix)], dtype=np.int64)[:, None]
    log_probabilities, states = runtime.read(sequence, initial_state(runtime))
    return SYMBOLS + np.argsort(-log_probabilities[-1, 0, SYMBOLS:]), states[-1]


def step_feeds(runtime: Runtime, characters: NDArray[np.int64], state: NDArray[np.float32], batch: int) -> Feeds:
    """Give what the graph of a step takes to go on from a state (1, S) with so many of the characters that follow."""
    ids, states = np.resize(characters[:batch], batch), np.repeat(state, batch, axis=0)
    own = runtime.graph_state_width
    feeds: Feeds = {"ids": ids, "state": np.ascontiguousarray(states[:, :own])}
    if runtime.ngram is not None:
        feeds["prior"], _ = runtime.ngram.step(ids, states[:, own:])
    return feeds


def quality_of(model: LoadedModel, phrases: Sequence[str], test: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Score a model: bits per character of phrases, ends counted, and MRR@10 of its completions of a test (N,)."""
    from training.comparison import ask_model  # noqa: PLC0415
    from training.evaluation import network_scorer, phrase_losses, weighted_loss  # noqa: PLC0415
    from training.text import encode_phrases  # noqa: PLC0415

    encoded = encode_phrases(model.alphabet, list(phrases), np.ones(len(phrases)))
    nats = phrase_losses(network_scorer(model.runtime), encoded, model.alphabet)
    return {
        "bits_per_character": weighted_loss(nats, encoded, encoded.weights).bits_per_character,
        "mrr_10": evaluate_completions(test, ask_model(model.name, model)).mrr,
    }


def beside_the_most(cost: float, most: float) -> dict[str, JSON]:
    """Say what something costs beside the most that it may."""
    cost = round(cost, 9)  # what is the most itself is not above it
    return {"cost": cost, "at_most": most, "kept": "yes" if cost <= most else "no"}


def tables_of(figures: dict[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    times = {
        f"{name}, batch {batch}": figures["times"][name][batch]
        for batch in map(str, BATCHES)
        for name in figures["times"]
    }
    formats = {name: figures["quality"][name] | figures["sizes"][name] for name in figures["quality"]}
    return [
        lines("machine", figures["machine"]),
        lines("settings", figures["settings"]),
        table("times of a step", times),
        table("ratios of p50, by batch", figures["ratios_p50"]),
        table("formats", formats),
        table("int8 beside float32", figures["costs_of_int8"]),
    ]


if __name__ == "__main__":
    run(benchmark)
