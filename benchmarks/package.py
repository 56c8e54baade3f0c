"""The package query-autocomplete beside machim: the same phrases, the same prefixes, one thread.

Legend: N prefixes.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.command import JSON_FILE, ROUNDS, check_file, publish
from benchmarks.report import lines, ratio_of_medians, table, time_figures
from benchmarks.rounds import Contender, race
from machim import run
from model.errors import InputError
from training.commands import need_training_libraries
from training.protocol import COMPLETIONS, ProtocolSettings
from training.reading import ReadingSettings, read_phrase_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from model.loaded import LoadedModel
    from model.manifest import JSON


@click.command(
    name="benchmarks.package", epilog="Example: python -m benchmarks.package models/ko test.txt --train train.txt"
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("test")
@click.option(
    "--train", required=True, help="The phrases that MODEL was trained on, one a line: of the package's index."
)
@click.option("--prefixes", default=1000, show_default=True, help="Phrases of TEST that are drawn, cut and completed.")
@click.option(
    "--edits",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help="Most edits of a prefix that the package tries; 2, its own default, takes 30 s and more for some of Hangul.",
)
@ROUNDS
@JSON_FILE
def benchmark(
    model: Path, test: str, train: str, prefixes: int, edits: int, rounds: int, json_file: Path | None
) -> None:
    """Time and score the checkpoint MODEL and query-autocomplete on phrases of TEST, cut as Kim 2019 does."""
    check_file(json_file)
    need_package()
    settings = ProtocolSettings(protocol="kim", phrases=prefixes)
    need_training_libraries()
    from benchmarks.states import load_phrase_model  # noqa: PLC0415 - it needs what was just looked for
    from training.evaluate import draw_tests  # noqa: PLC0415

    loaded = load_phrase_model(model)
    known = phrases_of(train)
    tests = draw_tests(read_phrase_lines([test], ReadingSettings()), frozenset(known), settings)
    figures = measure(loaded, tests, known, edits, rounds)
    publish(figures, tables_of(figures), json_file)


def need_package() -> None:
    """Refuse to begin without the package.

    Raises:
        InputError: it is missing.
    """
    if importlib.util.find_spec("query_autocomplete") is None:
        raise InputError("this benchmark needs query-autocomplete: run pip install 'machim[bench]'")


def phrases_of(train: str) -> list[str]:
    """Read the phrases of training, each as often as it stands there.

    Raises:
        InputError: they have counts, of which the package knows nothing.
    """
    phrases = read_phrase_lines([train], ReadingSettings())
    if any(count != 1 for _, count in phrases):
        raise InputError(f"--train must be a phrase a line, as often as it was seen, got counts in {train}")
    return [text for text, _ in phrases]


def index_of(phrases: Sequence[str], edits: int) -> Contender[list[str]]:
    """Make a contender of the package, which tries so many edits of a prefix that it does not know.

    Its words are what stands between white space, as it stands: by default it keeps Latin letters and digits only, in
    small letters, and could give back neither Hangul nor a phrase as it was written. It keeps completions that begin
    with others, for those count here.
    """
    from query_autocomplete import Autocomplete, BuildConfig, SuggestConfig  # noqa: PLC0415 - it is optional
    from query_autocomplete.config import NormalizationConfig  # noqa: PLC0415

    words = NormalizationConfig(lowercase=False, unicode_nfkc=False, strip_punctuation=False, split_sentences=False)
    index = Autocomplete.create(
        phrases,
        build_config=BuildConfig(normalization=words),
        suggest_config=SuggestConfig(collapse_prefix_ladders=False, max_edit_distance=edits),
    )
    index.warm()

    def prepare(prefix: str) -> Callable[[], list[str]]:
        return lambda: index.suggest(prefix, topk=COMPLETIONS)

    return Contender(name="query_autocomplete", prepare=prepare)


def measure(
    model: LoadedModel, tests: Mapping[str, Sequence[tuple[str, str]]], phrases: Sequence[str], edits: int, rounds: int
) -> dict[str, JSON]:
    """Measure both.

    Args:
        model: was trained on the phrases.
        tests: phrases with their prefixes by set: seen, unseen, all (N,).
        phrases: of the package's index.
        edits: that the package tries.
        rounds: in which each is asked all prefixes.

    Raises:
        InputError: there is nothing to test.
    """
    from benchmarks.machine import describe_machine  # noqa: PLC0415
    from benchmarks.states import cold, in_state, typed  # noqa: PLC0415
    from training.comparison import System, ask_model, completion_figures  # noqa: PLC0415

    if not tests["all"]:
        raise InputError("TEST must hold at least one phrase longer than its shortest prefix, got none")
    machine = describe_machine()
    began = time.perf_counter()
    package = index_of(phrases, edits)
    index_seconds = time.perf_counter() - began
    states = [in_state(model, state) for state in (cold, typed)]
    contenders: list[Contender[Any]] = [*states, package]
    prefixes = [prefix for _, prefix in tests["all"]]
    for _ in range(rounds):
        race(contenders, prefixes)
    answers = dict(zip(prefixes, package.replies, strict=True))
    systems = [ask_model("machim", cold(model, "")), System(name=package.name, complete=answers.__getitem__)]
    return {
        "benchmark": "package",
        "machine": machine,
        "settings": {
            "model": f"{model.name} {model.version}",
            "phrases": len(phrases),
            "edits": edits,
            "index_seconds": index_seconds,
            "prefixes": len(prefixes),
            "rounds": rounds,
        },
        "times": {contender.name: time_figures(contender.times) for contender in contenders},
        "ratios": {
            f"query_autocomplete / {state.name}, p{percent}": ratio_of_medians(package.times, state.times, percent)
            for state in states
            for percent in (50, 95)
        },
        "completion": completion_figures(tests, systems),
    }


def tables_of(figures: dict[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    scores = {
        f"{system}, {name}": each for name, some in figures["completion"].items() for system, each in some.items()
    }
    return [
        lines("machine", figures["machine"]),
        lines("settings", figures["settings"]),
        table("times", figures["times"]),
        lines("ratios", figures["ratios"]),
        table("completions", scores),
    ]


if __name__ == "__main__":
    run(benchmark)
