"""Export: classifiers, one or several whose answers are averaged, as one int8 ONNX graph over one file of weights.

Legend: T characters, E embedding width, N n-grams of a text, F n-grams known, H hidden width, C labels, M members.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from onnx import TensorProto

from model.arrays import write_arrays
from model.classifier import ACTIVATIONS, CLASSIFIER_FILE, NGRAM_ROWS
from model.hashed_ngrams import ACROSS_SPACES, HASHED_NGRAMS_FILE
from model.pooled_filters import FILTERS_FILE
from model.runtime import WEIGHTS_FILE
from training.encoder_graphs import add_chain
from training.graph_layers import add_product, integers, number, rounded, stored
from training.onnx_graph import INT8_LARGEST, Graph, Port, Weights, array, model_bytes
from training.receptive_fields import pooled_filters_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.hashed_ngrams import HashedNgrams
    from training.classifier import TextClassifier
    from training.encoders.build import ChainEncoder
    from training.joining import Join
    from training.wide import WideLayer

LEAST_SCALE = 1e-12  # of a row of zeros


def add_network(graph: Graph, weights: Weights, network: TextClassifier, share: float, activations: str) -> str:
    """Append a network from ``ids`` (T,) to its logits times a share: (1, C), nats.

    Args:
        graph: to append to.
        weights: to store in.
        network: trained; its dropout plays no part.
        share: to multiply its logits by.
        activations: the name that the values of the first chain before pooling get, any where it is empty.
    """
    table = stored(graph, weights, "table", array(network.embedding_matrix()).astype(np.float16))
    value = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)  # (T, E)
    remembered = []
    for place, chain in enumerate(network.chains):
        name = "" if place else activations
        remembered.append(add_chain(graph, weights, value, cast("ChainEncoder", chain), name))
    together = graph.add("Concat", *remembered, axis=1) if len(remembered) > 1 else remembered[0]
    matrix, bias = (array(each) * np.float32(share) for each in (network.output.weight, network.output.bias))
    return add_product(graph, weights, rounded(graph, together), matrix.T, bias)


def row_scales(wide: WideLayer) -> NDArray[np.float32]:
    """Give the scale of each n-gram's row in int8: (F,)."""
    largest = np.abs(wide.weights).max(axis=1)
    scales: NDArray[np.float32] = np.maximum(largest / np.float32(INT8_LARGEST), np.float32(LEAST_SCALE))
    return scales


def add_wide(graph: Graph, weights: Weights, wide: WideLayer) -> str:
    """Append the wide layer from ``ngrams`` and ``values`` (N,) to its logits: (1, C), nats.

    The scales of its rows are none of the graph's business: ``values`` have them in. Without a hidden layer the rows
    chosen (N, C) are a value of the graph by name.
    """
    rows = np.rint(wide.weights / row_scales(wide)[:, None]).astype(np.int8)
    chosen = graph.add("Gather", stored(graph, weights, "rows", rows), "ngrams")  # (N, H or C)
    across = graph.add("Unsqueeze", "values", integers(graph, 0))
    named = "" if wide.output is not None else NGRAM_ROWS
    summed = graph.add("MatMul", across, graph.add("Cast", chosen, result=named, to=TensorProto.FLOAT))
    summed = graph.add("Add", summed, stored(graph, weights, "wide_bias", wide.bias))
    if wide.output is None:
        return summed
    matrix, bias = (stored(graph, weights, "wide_output", each) for each in wide.output)
    return graph.add("Add", graph.add("MatMul", graph.add("Relu", summed), matrix), bias)


def hashed_ngrams_bytes(ngrams: HashedNgrams, scales: NDArray[np.float32]) -> bytes:
    """Write the n-grams known, with scales (F,) of their rows, as ``hashed_ngrams_from`` reads them."""
    arrays = {
        "low": (ngrams.hashes & np.uint64(0xFFFFFFFF)).astype(np.uint32),
        "high": (ngrams.hashes >> np.uint64(32)).astype(np.uint32),
        "rarities": ngrams.rarities.astype(np.float32),
        "scales": scales,
    }
    return write_arrays(arrays, {"least": ngrams.least, "most": ngrams.most, ACROSS_SPACES: ngrams.across_spaces})


def add_mean(graph: Graph, members: list[str], temperature: float) -> None:
    """Append ``log_probabilities`` (C,): the log of the members' mean probability, at a temperature, normalised.

    Args:
        graph: to append to.
        members: logits (1, C) of each.
        temperature: what log-probabilities are divided by.
    """
    if len(members) == 1:
        mean = graph.add("Squeeze", members[0], integers(graph, 0))
    else:
        each = graph.add("LogSoftmax", graph.add("Concat", *members, axis=0), axis=1)  # (M, C)
        mean = graph.add("ReduceLogSumExp", each, axes=[0], keepdims=0)  # log M more than the mean, for every label
    scaled = graph.add("Mul", mean, number(graph, 1 / temperature))
    graph.add("LogSoftmax", scaled, result="log_probabilities", axis=0)


def export_classifier(
    networks: Sequence[TextClassifier], wide: WideLayer | None, joins: Sequence[Join], temperature: float
) -> dict[str, bytes]:
    """Write classifiers as one graph that ONNX Runtime reads, a text at a time.

    Args:
        networks: the members, trained, all with C labels; none where n-grams are alone.
        wide: the layer over n-grams that all members share, its n-grams' scales still ones; None for networks alone.
        joins: of each network with the wide layer.
        temperature: what the log of the mean probability is divided by before it is normalised.

    Returns:
        classify.onnx: ids (T,), with networks; ngrams and values (N,), with a wide layer; N may be 0
        -> log_probabilities (C,), nats, and with networks, for who asks, activations (T', K): the values before
        pooling of the first chain of the first network (for branches at T' = T places, the filters of the first
        width first); without a hidden layer over n-grams, for who asks, rows (N, C): what values are multiplied by;
        int8.bin: its weights; hashed_ngrams.bin: the n-grams of the wide layer, if there is one; filters.bin: what
        activations count for, if it is their largest values that do.
    """
    graph, weights, files = Graph(), Weights(), {}
    inputs: list[Port] = [("ids", TensorProto.INT64, ("T",))] if networks else []
    of_wide = ""
    if wide is not None:
        inputs += [("ngrams", TensorProto.INT64, ("N",)), ("values", TensorProto.FLOAT, ("N",))]
        of_wide = add_wide(graph, weights, wide)
        files[HASHED_NGRAMS_FILE] = hashed_ngrams_bytes(wide.ngrams, row_scales(wide))
        labels = len(wide.bias if wide.output is None else wide.output[1])
    members = [] if networks else [of_wide]
    for place, (network, join) in enumerate(zip(networks, joins, strict=True)):
        labels = len(network.output.bias)
        inside = replace(graph, prefix=f"member_{place}_")  # the same nodes and constants
        member = add_network(inside, weights, network, join.network, "" if place else ACTIVATIONS)
        if of_wide:
            member = graph.add("Add", member, graph.add("Mul", of_wide, number(graph, join.wide)))
        members.append(member)
    add_mean(graph, members, temperature)
    outputs: list[Port] = [("log_probabilities", TensorProto.FLOAT, (labels,))]
    if networks:
        outputs.append(
            (ACTIVATIONS, TensorProto.FLOAT, ("places", cast("ChainEncoder", networks[0].chains[0]).output_width))
        )
        filters = pooled_filters_bytes(networks[0])
        if filters is not None:
            files[FILTERS_FILE] = filters
    if wide is not None and wide.output is None:
        outputs.append((NGRAM_ROWS, TensorProto.FLOAT, ("N", labels)))
    files[CLASSIFIER_FILE] = model_bytes(graph, weights, inputs, outputs)
    return files | {WEIGHTS_FILE: bytes(weights.data)}
