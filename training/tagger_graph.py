"""Export: taggers, one or several whose answers are averaged, as one int8 ONNX graph over one file of weights.

Legend: T characters, E embedding width, C tags, M members.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from model.runtime import WEIGHTS_FILE
from model.tagger import TAGGER_FILE
from training.encoder_graphs import add_parts
from training.graph_layers import add_linear, integers, number, stored
from training.onnx_graph import Graph, Port, Weights, array, model_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.tagger import TextTagger


def add_tagger(graph: Graph, weights: Weights, network: TextTagger) -> str:
    """Append a network from ``ids`` (T,) to its logits (T, C), nats; its dropout plays no part."""
    table = stored(graph, weights, "table", array(network.embedding_matrix()).astype(np.float16))
    value = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)  # (T, E)
    seen = [add_parts(graph, weights, value, chain) for chain in network.stacks]
    together = graph.add("Concat", *seen, axis=1) if len(seen) > 1 else seen[0]
    return add_linear(graph, weights, together, network.output)


def export_tagger(networks: Sequence[TextTagger], temperature: float) -> dict[str, bytes]:
    """Write taggers as one graph that ONNX Runtime reads, a text at a time.

    Args:
        networks: the members, trained, all with C tags.
        temperature: what the log of the mean probability is divided by before it is normalised.

    Returns:
        tag.onnx: ids (T,), T at least 1 -> log_probabilities (T, C), nats; int8.bin: its weights.
    """
    graph, weights = Graph(), Weights()
    members = [
        add_tagger(replace(graph, prefix=f"member_{place}_"), weights, network)
        for place, network in enumerate(networks)
    ]
    if len(members) > 1:
        each = [graph.add("Unsqueeze", graph.add("LogSoftmax", one, axis=1), integers(graph, 0)) for one in members]
        # log M more than the mean, for every tag
        mean = graph.add("ReduceLogSumExp", graph.add("Concat", *each, axis=0), axes=[0], keepdims=0)
    else:
        mean = members[0]
    scaled = graph.add("Mul", mean, number(graph, 1 / temperature))
    graph.add("LogSoftmax", scaled, result="log_probabilities", axis=1)
    tags = networks[0].output.out_features
    asks: list[Port] = [("ids", TensorProto.INT64, ("T",))]
    gives: list[Port] = [("log_probabilities", TensorProto.FLOAT, ("T", tags))]
    return {TAGGER_FILE: model_bytes(graph, weights, asks, gives), WEIGHTS_FILE: bytes(weights.data)}
