"""People who type phrases key by key into a box that asks the service at every key.

Legend: N replies.
"""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np

from benchmarks.server import fetch, lines_to, worker_of
from model.errors import MachimError
from model.hangul import Composer, keystrokes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from http.client import HTTPConnection

    from numpy.typing import NDArray

    from benchmarks.server import Line, Server

PAUSE_MEDIAN_MS = 180.0
PAUSE_SPREAD = 0.4  # of the logarithm
CACHES = ("replies", "beginnings")


class Answer(NamedTuple):
    """One reply, as the typist met it.

    latency_ms: from when the key was due until the reply was there; stale: the next key was due before that.
    """

    latency_ms: float
    size_bytes: int
    exact: bool
    stale: bool


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """What typists met together.

    seconds: from the first key to the last reply; hits, misses: of each of ``CACHES``, summed over workers; lines:
    connections to each worker.
    """

    answers: tuple[Answer, ...]
    seconds: float
    hits: dict[str, int]
    misses: dict[str, int]
    lines: tuple[int, ...]

    def latencies_ms(self) -> NDArray[np.float64]:
        """Give all latencies (N,), ms."""
        return np.array([answer.latency_ms for answer in self.answers])


def boxes(phrase: str) -> Iterator[str]:
    """Give what stands in the box after every key of a phrase, on the two-set keyboard."""
    composer = Composer()
    for key in keystrokes(phrase):
        composer.press(key)
        yield composer.text


def draw_pauses(generator: np.random.Generator) -> Iterator[float]:
    """Draw the seconds between a person's keys."""
    while True:
        yield float(generator.lognormal(np.log(PAUSE_MEDIAN_MS / 1000), PAUSE_SPREAD))


def sit_down(server: Server, phrases: Sequence[str], *, typists: int, seeds: Sequence[int] | None) -> Sitting:
    """Let typists type phrases at the same time, each the next one that nobody has begun.

    Args:
        server: answers; its workers get the same number of typists each.
        phrases: to be typed.
        typists: how many there are.
        seeds: of the pauses between the keys; None to press the next key when the reply is there.

    Raises:
        MachimError: a request is refused, or a connection is not kept.
    """
    lock, begun = Lock(), iter(phrases)
    barrier = Barrier(typists)

    def next_phrases() -> Iterator[str]:
        while True:
            with lock:
                phrase = next(begun, None)
            if phrase is None:
                return
            yield phrase

    def work(number: int, line: Line) -> tuple[float, list[Answer], float]:
        pauses = None if seeds is None else draw_pauses(np.random.default_rng([*seeds, number]))
        barrier.wait()
        began = time.perf_counter()
        answers = list(type_phrases(line.connection, next_phrases(), pauses))
        return began, answers, time.perf_counter()

    with lines_to(server, typists) as lines, ThreadPoolExecutor(typists) as threads:
        for line in lines:
            fetch(line.connection, address_of(""))  # what happens once happens now
        before = counters(lines)
        done = list(threads.map(work, range(typists), lines))
        after = counters(lines)
        if any(worker_of(line.connection, server) != line.worker for line in lines):
            raise MachimError(f"port {server.port} must keep connections open, got another worker in between")
        workers = [line.worker for line in lines]
    changes = {(cache, kind): after[cache, kind] - before[cache, kind] for cache, kind in after}
    return Sitting(
        answers=tuple(answer for _, answers, _ in done for answer in answers),
        seconds=max(end for *_, end in done) - min(began for began, *_ in done),
        hits={cache: changes[cache, "hits"] for cache in CACHES},
        misses={cache: changes[cache, "misses"] for cache in CACHES},
        lines=tuple(workers.count(worker) for worker in sorted(set(workers))),
    )


def type_phrases(
    connection: HTTPConnection, phrases: Iterable[str], pauses: Iterator[float] | None
) -> Iterator[Answer]:
    """Type phrases one after the other.

    With pauses a key is due when a person would press it, whether or not the reply before it is there; one connection
    carries all, so that a late reply delays those behind it, and that counts.
    """
    following = time.perf_counter()
    for typed in (typed for phrase in phrases for typed in boxes(phrase)):
        if pauses is None:
            due, following = time.perf_counter(), math.inf
        else:
            due, following = following, following + next(pauses)
            time.sleep(max(due - time.perf_counter(), 0.0))
        body = fetch(connection, address_of(typed))
        there = time.perf_counter()
        yield Answer((there - due) * 1000, len(body), exact=b'"exact":true' in body, stale=there > following)


def address_of(typed: str) -> str:
    """Give the address that completes what was typed."""
    return f"/v1/complete?q={quote(typed)}"


def counters(lines: Iterable[Line]) -> dict[tuple[str, str], int]:
    """Sum what workers tell of their caches, each worker once: by cache, hits and misses."""
    told = {line.worker: json.loads(fetch(line.connection, "/v1/models")) for line in lines}
    memories = [
        next(model["memory"] for model in said["models"] if model["name"] == said["default"]) for said in told.values()
    ]
    return {
        (cache, kind): sum(memory[cache][kind] for memory in memories)
        for cache in CACHES
        for kind in ("hits", "misses")
    }
