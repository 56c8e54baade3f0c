"""Export: a transducer as two int8 ONNX graphs over one file of weights, one that reads a text and one that writes.

Legend: B batch, T characters of the source, V target vocabulary size, E embedding width, H hidden width, S state width,
M width of what the encoder sees at a place, G·H widths of the gates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from model.runtime import WEIGHTS_FILE
from model.transducer import READ_FILE, WRITE_FILE
from training.encoder_graphs import add_parts
from training.graph_layers import add_linear, number, stored
from training.networks import layer_weights
from training.onnx_graph import INT8_LARGEST, Graph, Port, Weights, array, model_bytes, product
from training.recurrent_graph import add_cell, input_bias

if TYPE_CHECKING:
    from training.transducer import Transducer

BOUNDED = 1 / INT8_LARGEST  # the step in which values of [-1, 1] are counted


def reading_graph(weights: Weights, network: Transducer) -> bytes:
    """Write the graph that reads: ids (T,), T at least 1 -> memory (T, M) and keys (T, H)."""
    graph = Graph(prefix="read_")
    table = stored(graph, weights, "table", array(network.embedding_matrix()).astype(np.float16))
    value = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)  # (T, E)
    seen = [add_parts(graph, weights, value, chain) for chain in network.stacks]
    memory = graph.add("Concat", *seen, result="memory", axis=1)
    keys = add_linear(graph, weights, memory, network.key)
    graph.add("Identity", keys, result="keys")
    widths = network.memory_width, network.settings.hidden_width
    gives: list[Port] = [
        (name, TensorProto.FLOAT, ("T", width)) for name, width in zip(("memory", "keys"), widths, strict=True)
    ]
    return model_bytes(graph, weights, [("ids", TensorProto.INT64, ("T",))], gives)


def writing_graph(weights: Weights, network: Transducer) -> bytes:
    """Write the graph that writes: ids (B,), state (B, S), memory (T, M), keys (T, H) -> log_probabilities (B, V),
    next_state (B, S) and attention (B, T).

    Products of what lies in [-1, 1] are in int8, rounded by one step whatever stands beside it, so that a row does not
    depend on the batch; the mixture of what was attended to has no bound, and is small: its matrix is float16.
    """  # noqa: D205
    settings, graph = network.settings, Graph(prefix="write_")
    layer = layer_weights(network.decoder, 0)
    parts = graph.split("state", network.state_width // settings.hidden_width, axis=1)
    bias = input_bias(settings.cell, layer.bias_of_input, layer.bias_of_state)
    inputs = array(network.target_embedding.weight) @ array(layer.of_input).T + bias  # (V, G·H)
    table = stored(graph, weights, "table", inputs.astype(np.float16))
    of_input = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)
    of_state = product(graph, weights, "write_state", parts[0], array(layer.of_state).T, BOUNDED)
    bias_new = ""
    if settings.cell == "gru":
        bias_new = stored(graph, weights, "bias_new", array(layer.bias_of_state)[2 * settings.hidden_width :])
    after = add_cell(graph, settings.cell, of_input, of_state, parts[-1], bias_new)
    graph.add("Concat", *after, result="next_state", axis=1)
    scores = graph.add("MatMul", after[0], graph.add("Transpose", "keys", perm=[1, 0]))  # (B, T)
    scaled = graph.add("Mul", scores, number(graph, 1 / math.sqrt(settings.hidden_width)))
    attention = graph.add("Softmax", scaled, result="attention", axis=1)
    seen = graph.add("Concat", graph.add("MatMul", attention, "memory"), after[0], axis=1)
    half = stored(graph, weights, "mix", array(network.mix.weight).T.astype(np.float16))
    mixed = graph.add("MatMul", seen, graph.add("Cast", half, to=TensorProto.FLOAT))
    mixed = graph.add("Tanh", graph.add("Add", mixed, stored(graph, weights, "mix_bias", array(network.mix.bias))))
    logits = product(graph, weights, "write_output", mixed, array(network.target_embedding.weight).T, BOUNDED)
    logits = graph.add("Add", logits, stored(graph, weights, "output_bias", array(network.output_bias)))
    graph.add("LogSoftmax", logits, result="log_probabilities", axis=1)
    asks: list[Port] = [
        ("ids", TensorProto.INT64, ("B",)),
        ("state", TensorProto.FLOAT, ("B", network.state_width)),
        ("memory", TensorProto.FLOAT, ("T", network.memory_width)),
        ("keys", TensorProto.FLOAT, ("T", settings.hidden_width)),
    ]
    gives: list[Port] = [
        ("log_probabilities", TensorProto.FLOAT, ("B", network.target_size)),
        ("next_state", TensorProto.FLOAT, ("B", network.state_width)),
        ("attention", TensorProto.FLOAT, ("B", "T")),
    ]
    return model_bytes(graph, weights, asks, gives)


def export_transducer(network: Transducer) -> dict[str, bytes]:
    """Write a trained transducer as read.onnx and write.onnx; int8.bin has the weights of both."""
    data = bytearray()
    reading = reading_graph(Weights(data=data), network)
    writing = writing_graph(Weights(data=data), network)
    return {READ_FILE: reading, WRITE_FILE: writing, WEIGHTS_FILE: bytes(data)}
