"""A causal convolutional network in a graph: one step of it, its products in int8.

What is read of a character (embedding, entrance) is a table with a row for each, and no product at all.

Legend: B batch, V vocabulary size, H hidden width, L layers, W filter width, D dilation, S state width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import TensorProto

from training.onnx_graph import HEADROOM, INT8_LARGEST, Graph, Weights, array, product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from training.causal import CausalLanguageModel

LEAST_RANGE = 1e-3  # of values, so that they can be divided by it


def table_of_values(network: CausalLanguageModel) -> NDArray[np.float16]:
    """Give what the first layer reads of each character, to be looked up: (V, H)."""
    rows = array(network.entrance.weight).T  # (E, H), or (V, H) one-hot
    matrix = network.characters.embedding_matrix()
    if matrix is not None:
        rows = array(matrix) @ rows
    return (rows + array(network.entrance.bias)).astype(np.float16)


def add_causal_step(
    graph: Graph, weights: Weights, network: CausalLanguageModel, scales: list[float], state: str, result: str
) -> str:
    """Append one step from ``ids`` (B,) and a state (B, S) to the next, named ``result``; name the top (B, H)."""
    hidden = network.settings.hidden_width
    table = weights.add("table", table_of_values(network))
    value = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)
    befores = graph.cut(state, [vectors * hidden for vectors in network.remembered], axis=1)
    after: list[str] = []
    for number, (layer, before, vectors, dilation) in enumerate(
        zip(network.layers, befores, network.remembered, network.dilations, strict=True)
    ):
        # Every D-th vector of those before, and what is read now; of those before all but the first are kept.
        seen = [graph.columns(before, at * hidden, (at + 1) * hidden) for at in range(0, vectors, dilation)]
        places = graph.add("Concat", *seen, value, axis=1)  # (B, W·H)
        total = product(graph, weights, f"convolution_{number}", places, array(layer.weight).T, scales[number])
        both = graph.split(graph.add("Add", total, weights.add(f"bias_{number}", array(layer.bias))), 2, axis=1)
        after += [graph.columns(before, hidden, vectors * hidden), value]
        added = graph.add("Mul", graph.add("Tanh", both[0]), graph.add("Sigmoid", both[1]))
        value = graph.add("Add", value, added)
    graph.add("Concat", *after, result=result, axis=1)
    return value


def value_scales(network: CausalLanguageModel, sample: Iterable[torch.Tensor]) -> list[float]:
    """Give the steps that the int8 forms of what each layer reads, and of what the last gives, count in: L + 1.

    What is read of characters is known, and each layer adds at most 1; within that, what is seen in a sample counts.

    Args:
        network: whose values.
        sample: sequences of ids (T,) like those it will read.
    """
    largest = float(np.abs(table_of_values(network)).max())
    seen = np.zeros(network.settings.layers + 1)
    with torch.no_grad():
        for ids in sample:
            values, _ = network.layer_values(ids[None], network.initial_state(1))
            seen = np.maximum(seen, [float(value.abs().max()) for value in values])
    bounds = largest + np.arange(len(seen))
    ranges = np.minimum(np.where(seen > 0, seen * HEADROOM, bounds), bounds)
    ranges[0] = largest
    return [float(max(each, LEAST_RANGE)) / INT8_LARGEST for each in ranges]
