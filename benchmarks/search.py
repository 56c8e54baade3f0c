"""Search alone, one thread, no HTTP: beside the plain way with the same weights, and beside the floor.

Legend: R rounds, N prefixes.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.command import JSON_FILE, ROUNDS, check_file, publish
from benchmarks.report import lines, over_rounds, ratio_of_medians, table, time_figures
from machim import run
from training.commands import need_training_libraries
from training.protocol import ProtocolSettings, evaluate_completions
from training.reading import ReadingSettings, read_phrase_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.rounds import Contender
    from model.loaded import LoadedModel
    from model.manifest import JSON


@click.command(name="benchmarks.search", epilog="Example: python -m benchmarks.search models/ko test.txt")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("test")
@click.option("--prefixes", default=1000, show_default=True, help="Phrases of TEST that are drawn, cut and completed.")
@click.option("--plain/--no-plain", default=True, help="Ask the plain way, too, which takes by far the longest.")
@ROUNDS
@JSON_FILE
def benchmark(model: Path, test: str, prefixes: int, rounds: int, json_file: Path | None, *, plain: bool) -> None:
    """Time how the checkpoint MODEL completes phrases of TEST, cut as Kim 2019 does."""
    check_file(json_file)
    settings = ProtocolSettings(protocol="kim", phrases=prefixes)
    need_training_libraries()
    from benchmarks.states import load_phrase_model  # noqa: PLC0415 - it needs what was just looked for
    from training.evaluate import draw_tests  # noqa: PLC0415

    loaded = load_phrase_model(model)
    cut = draw_tests(read_phrase_lines([test], ReadingSettings()), None, settings)["all"]
    figures = measure(loaded, cut, rounds, plain=plain)
    publish(figures, tables_of(figures), json_file)


def measure(model: LoadedModel, test: Sequence[tuple[str, str]], rounds: int, *, plain: bool) -> dict[str, JSON]:
    """Measure a model on phrases with their prefixes (N,), in so many rounds.

    Raises:
        InputError: there is nothing to test.
    """
    from benchmarks.floor import count_expansions, count_steps, count_weights, floor_ms  # noqa: PLC0415
    from benchmarks.machine import describe_machine, measure_rates  # noqa: PLC0415
    from benchmarks.plain import one_thread, plain_way  # noqa: PLC0415
    from benchmarks.rounds import race  # noqa: PLC0415
    from benchmarks.states import again, cold, in_state, typed  # noqa: PLC0415
    from training.comparison import ask_model  # noqa: PLC0415

    machine = describe_machine()
    prefixes = [prefix for _, prefix in test]
    mrr: dict[str, JSON] = {"machim": evaluate_completions(test, ask_model("machim", cold(model, ""))).mrr}
    expansions, steps, weights = count_expansions(model, prefixes), count_steps(model, prefixes), count_weights(model)
    states = [in_state(model, state) for state in (cold, typed, again)]
    contenders: list[Contender[Any]] = [*states]
    if plain:
        contenders.append(plain_way(model))
    rates = []
    with one_thread():
        for _ in range(rounds):
            rates.append(measure_rates(weights))
            race(contenders, prefixes)
    floor = [floor_ms(steps, weights, each) for each in rates]
    times = {contender.name: contender.times for contender in contenders}
    ratios: dict[str, JSON] = {f"{state.name} / floor": ratio_of_medians(state.times, floor) for state in states}
    if plain:
        answers = dict(zip(prefixes, contenders[-1].replies, strict=True))
        mrr["plain"] = evaluate_completions(test, answers.__getitem__).mrr
        ratios |= {f"plain / {state.name}": ratio_of_medians(times["plain"], state.times) for state in states}
    return {
        "benchmark": "search",
        "machine": machine,
        "rates": {
            "weight_bytes": weights,
            "gigabytes_per_second": over_rounds([each.bytes_per_second / 1e9 for each in rates]),
            "giga_multiply_adds_per_second": over_rounds([each.multiply_adds_per_second / 1e9 for each in rates]),
        },
        "settings": {
            "model": f"{model.name} {model.version}",
            "parameters": model.checkpoint.manifest.architecture.get("parameters"),
            "prefixes": len(prefixes),
            "rounds": rounds,
        },
        "times": {name: time_figures(each) for name, each in (times | {"floor": floor}).items()},
        "ratios_p50": ratios,
        "mrr_10": mrr,
        "exact": {state.name: fmean(reply.exact for reply in state.replies) for state in states},
        "expansions": {
            name: {"mean": float(counts.mean()), "p99": float(np.percentile(counts, 99)), "sum": int(counts.sum())}
            for name, counts in (("search", expansions), ("one_at_a_time", steps))
        },
    }


def tables_of(figures: dict[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    return [
        lines("machine", figures["machine"] | figures["rates"]),
        lines("settings", figures["settings"]),
        table("times", figures["times"]),
        lines("ratios of p50", figures["ratios_p50"]),
        lines("MRR@10", figures["mrr_10"]),
        lines("share exact", figures["exact"]),
        table("expansions", figures["expansions"]),
    ]


if __name__ == "__main__":
    run(benchmark)
