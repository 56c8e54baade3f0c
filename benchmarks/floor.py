"""The floor under a completion: what its steps cost one at a time if nothing but weights and products took time.

Legend: N prefixes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import onnx

from benchmarks.states import cold
from model import completion, corrections, frontier
from model.completion import CompletionRequest
from model.runtime import STEP_FILE
from model.search import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.machine import Rates
    from model.finished import Found, SearchOptions
    from model.loaded import LoadedModel
    from model.memory import Reader
    from model.query import Query
    from model.search import SearchResult


def count_weights(model: LoadedModel) -> int:
    """Count the int8 weights that one step reads: bytes, and multiply-adds of one row."""
    graph = onnx.load(model.checkpoint.path(STEP_FILE), load_external_data=False).graph
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(int(np.prod(each.dims)) for each in graph.initializer if each.data_type in kinds and each.dims)


def count_expansions(model: LoadedModel, prefixes: Sequence[str]) -> NDArray[np.int64]:
    """Count the nodes that search asks the network about for each prefix (N,); the prefix itself is one of them.

    Where slips are looked for, the second search of a prefix counts, too, but for its prefix.
    """
    counts: list[int] = []

    def counted(reader: Reader, query: Query, options: SearchOptions, known: Sequence[Found] = ()) -> SearchResult:
        result = search(reader, query, options, known)
        counts[-1] += result.expansions - bool(counts[-1])
        return result

    with patch.object(completion, "search", counted), patch.object(corrections, "search", counted):
        for prefix in prefixes:
            counts.append(0)
            completion.complete(cold(model, prefix), CompletionRequest(prefix=prefix))
    return np.array(counts)


def count_steps(model: LoadedModel, prefixes: Sequence[str]) -> NDArray[np.int64]:
    """Count them (N,) for search that reads the best candidate alone, so that none is read in vain."""
    with patch.multiple(frontier, TOGETHER=1, TOGETHER_LATER=1):
        return count_expansions(model, prefixes)


def floor_ms(steps: NDArray[np.int64], weights: int, rates: Rates) -> NDArray[np.float64]:
    """Give how long so many steps (N,) take at least, ms: each the longer of reading the weights and multiplying."""
    step_seconds = max(weights / rates.bytes_per_second, weights / rates.multiply_adds_per_second)
    return steps.astype(np.float64) * step_seconds * 1000
