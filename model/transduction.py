"""One text to be turned into another, and the reply.

Legend: T characters of the source, U of the target, ends included.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.classifier import normalised
from model.errors import InputError
from model.finished import SearchOptions
from model.letters import joined, spelled
from model.memory import Reader
from model.query import exact_query
from model.search import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.manifest import JSON
    from model.transducer import LoadedTransducer, WritingNetwork

MOST_CHARACTERS = 200  # read, and written
MOST_EXPANSIONS = 2_000
KEPT_NUMBERS = 20_000_000  # log-probabilities that search may keep of one text: fewer expansions of a large alphabet


@dataclass(frozen=True, kw_only=True)
class Attention:
    """What was looked at while the likeliest text was written.

    read: (T,) characters or letters of the source; written: (U,) those of the target, the last its end; weights:
    (U, T), each row adds up to 1.
    """

    read: tuple[str, ...]
    written: tuple[str, ...]
    weights: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Transduction:
    """What a text becomes: the likeliest texts with their probabilities, likeliest first.

    exact: whether none that is missing could stand among them; attention: of the first, None where nobody asked.
    """

    text: str
    results: tuple[tuple[str, float], ...]
    exact: bool
    attention: Attention | None
    elapsed_ms: float


def transduce(
    loaded: LoadedTransducer, text: str, limit: int = 1, *, attention: bool = False, deadline_ms: float = 0.0
) -> Transduction:
    """Turn a text into what it becomes, by best-first search; what that does not finish is written letter by letter.

    Args:
        loaded: the model.
        text: of at most 200 characters, letters of Hangul counted each.
        limit: how many results are wanted.
        attention: whether it is told what was looked at.
        deadline_ms: when to give the best that was found, milliseconds; 0 for no end.

    Raises:
        InputError: the text is empty or too long, or the limit is below 1.
    """
    began = time.perf_counter()
    if limit < 1:
        raise InputError(f"limit must be at least 1, got {limit}")
    source = spelled(normalised(text))
    if len(source) > MOST_CHARACTERS:
        raise InputError(f"a text must have at most {MOST_CHARACTERS} characters, letters counted, got {len(source)}")
    network = loaded.network_for(source)
    options = SearchOptions(
        limit=limit,
        max_characters=MOST_CHARACTERS,
        max_expansions=min(MOST_EXPANSIONS, max(1, KEPT_NUMBERS // len(loaded.alphabet))),
        deadline=began + deadline_ms / 1000 if deadline_ms else math.inf,
    )
    result = search(Reader(network=network), exact_query(loaded.alphabet, ""), options)
    results = [(each.ids, each.score) for each in result.found] or [written_greedily(network)]
    found = [(joined(loaded.alphabet.decode(ids)), float(np.exp(score))) for ids, score in results]
    shown = attention_of(network, source, results[0][0], loaded) if attention else None
    return Transduction(
        text=text,
        results=tuple(found),
        exact=result.exact,
        attention=shown,
        elapsed_ms=(time.perf_counter() - began) * 1000,
    )


def written_greedily(network: WritingNetwork) -> tuple[tuple[int, ...], float]:
    """Write the likeliest letter, and again, up to the end or the most letters; give the ids and log P, nats."""
    ids: list[int] = []
    state, score = np.zeros((1, network.state_width), np.float32), 0.0
    while True:
        rows, state = network.step(np.array([ids[-1] if ids else BEGIN_ID]), state)
        rows[0, [BEGIN_ID, UNKNOWN_ID]] = -np.inf
        best = int(rows[0].argmax())
        if len(ids) == MOST_CHARACTERS:
            best = END_ID
        score += float(rows[0, best])
        if best == END_ID:
            return tuple(ids), score
        ids.append(best)


def attention_of(network: WritingNetwork, source: str, ids: Sequence[int], loaded: LoadedTransducer) -> Attention:
    """Tell what was looked at while a target of such ids was written."""
    sequence = np.array([BEGIN_ID, *ids], np.int64)[:, None]
    _, _, weights = network.follow(sequence, np.zeros((1, network.state_width), np.float32))
    written = tuple(loaded.alphabet.decode([each]) for each in ids)
    return Attention(read=tuple(source), written=(*written, ""), weights=weights[:, 0])


def as_json_transduction(reply: Transduction) -> dict[str, JSON]:
    """Give a reply as the JSON object that scripts read."""
    said: dict[str, JSON] = {
        "text": reply.text,
        "results": [{"text": text, "probability": round(probability, 6)} for text, probability in reply.results],
        "exact": reply.exact,
    }
    if reply.attention is not None:
        weights: list[JSON] = [[round(float(each), 4) for each in row] for row in reply.attention.weights]
        said["attention"] = {
            "read": list(reply.attention.read),
            "written": list(reply.attention.written),
            "weights": weights,
        }
    return said
