"""Typing replayed over HTTP: people type phrases key by key, served by machim and by a route that does nothing.

Legend: R rounds, N replies.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from benchmarks.command import JSON_FILE, ROUNDS, check_file, publish
from benchmarks.machine import describe_machine
from benchmarks.report import lines, over_rounds, ratio_of_medians, table, time_figures
from benchmarks.server import serving_constant, serving_models
from benchmarks.typists import CACHES, sit_down
from machim import run
from model.errors import InputError
from training.reading import ReadingSettings, read_phrase_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.typists import Sitting
    from model.manifest import JSON

Pauses = Literal["none", "human"]


@click.command(name="benchmarks.replay", epilog="Example: python -m benchmarks.replay models test.txt --pauses human")
@click.argument("models", type=click.Path(path_type=Path))
@click.argument("test")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    multiple=True,
    default=(2, 4),
    show_default=True,
    help="Processes that serve; give it again for another number of them in the same run.",
)
@click.option("--typists", type=click.IntRange(min=1), default=8, show_default=True, help="People who type at once.")
@click.option(
    "--phrases",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    help="Lines of TEST that they type in a round, drawn with replacement.",
)
@click.option(
    "--pauses",
    type=click.Choice(["none", "human"]),
    default="none",
    show_default=True,
    help="none: the next key when the reply is there; human: when a person would press it.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of phrases and pauses.")
@ROUNDS
@JSON_FILE
def benchmark(models: Path, test: str, rounds: int, json_file: Path | None, **options: Any) -> None:
    """Type phrases of TEST into the default model of the folder MODELS, served on this machine."""
    check_file(json_file)
    most = max(options["workers"])
    if options["typists"] < most:
        raise InputError(f"--typists must be at least {most}, one a worker, got {options['typists']}")
    texts = [text for text, _ in read_phrase_lines([test], ReadingSettings())]
    figures = measure(models, texts, rounds, **options)
    publish(figures, tables_of(figures), json_file)


def measure(
    models: Path,
    texts: Sequence[str],
    rounds: int,
    *,
    workers: Sequence[int],
    typists: int,
    phrases: int,
    pauses: Pauses,
    seed: int,
) -> dict[str, JSON]:
    """Measure both servers with each number of workers, all begun anew in each of the rounds, on the same phrases.

    Args:
        models: the models folder.
        texts: phrases as often as people type them.
        rounds: R.
        workers: numbers of processes of a server, which take turns.
        typists: people who type at once.
        phrases: that they type in a round.
        pauses: none or human.
        seed: of what is drawn.

    Raises:
        InputError: there is no model to serve.
    """
    machine = describe_machine()
    sittings: dict[int, dict[str, list[Sitting]]] = {each: {"machim": [], "constant": []} for each in workers}
    for number in range(rounds):
        drawn = np.random.default_rng([seed, number]).choice(len(texts), size=phrases)
        typed = [texts[place] for place in drawn.tolist()]
        seeds = None if pauses == "none" else (seed, number)
        for each, some in sittings.items():
            with serving_models(models, each) as server:
                some["machim"].append(sit_down(server, typed, typists=typists, seeds=seeds))
            size_bytes = round(fmean(answer.size_bytes for answer in some["machim"][-1].answers))
            with serving_constant(size_bytes, each) as server:
                some["constant"].append(sit_down(server, typed, typists=typists, seeds=seeds))
    return {
        "benchmark": "replay",
        "machine": machine,
        "settings": {
            "rounds": rounds,
            "workers": list(sittings),
            "typists": typists,
            "phrases": phrases,
            "pauses": pauses,
            "seed": seed,
        },
        "by_workers": {str(each): server_figures(some) for each, some in sittings.items()},
    }


def server_figures(sittings: Mapping[str, Sequence[Sitting]]) -> dict[str, JSON]:
    """Give what both servers did with one number of workers, R sittings each."""
    times = {name: [sitting.latencies_ms() for sitting in some] for name, some in sittings.items()}
    pairs = zip(sittings["machim"], sittings["constant"], strict=True)
    return {
        "times": {name: time_figures(each) for name, each in times.items()},
        "replies": {name: reply_figures(some) for name, some in sittings.items()},
        "caches": {cache: cache_figures(sittings["machim"], cache) for cache in CACHES},
        "ratios": {
            "p50 / constant": ratio_of_medians(times["machim"], times["constant"]),
            "replies a second / constant": over_rounds([rate_of(one) / rate_of(other) for one, other in pairs]),
        },
    }


def reply_figures(sittings: Sequence[Sitting]) -> dict[str, JSON]:
    """Give what replies were like, each figure over the rounds, their number, and the connections to each worker."""
    answers = [each.answers for each in sittings]
    return {
        "replies": sum(map(len, answers)),
        "replies_per_second": over_rounds(list(map(rate_of, sittings))),
        "size_bytes": over_rounds([fmean(answer.size_bytes for answer in each) for each in answers]),
        "exact": over_rounds([fmean(answer.exact for answer in each) for each in answers]),
        "stale": over_rounds([fmean(answer.stale for answer in each) for each in answers]),
        "connections": list(sittings[0].lines),
    }


def rate_of(sitting: Sitting) -> float:
    """Give the replies a second that all typists got together."""
    return len(sitting.answers) / sitting.seconds


def cache_figures(sittings: Sequence[Sitting], cache: str) -> dict[str, JSON]:
    """Give how often what was looked for was in a cache, summed over workers and, but for the share, over rounds."""
    hits, misses = ([getattr(each, kind)[cache] for each in sittings] for kind in ("hits", "misses"))
    shares = [hit / max(hit + miss, 1) for hit, miss in zip(hits, misses, strict=True)]
    return {"hits": sum(hits), "misses": sum(misses), "hit_rate": over_rounds(shares)}


def tables_of(figures: dict[str, Any]) -> list[str]:
    """Lay the figures of ``measure`` out for people."""
    rows: dict[str, dict[str, Any]] = {}
    for workers, measured in figures["by_workers"].items():
        for title, some in measured.items():
            rows.setdefault(title, {}).update({f"{name}, workers {workers}": each for name, each in some.items()})
    return [
        lines("machine", figures["machine"]),
        lines("settings", figures["settings"]),
        *(table(title, rows[title]) for title in ("times", "replies", "caches")),
        lines("ratios", rows["ratios"]),
    ]


if __name__ == "__main__":
    run(benchmark)
