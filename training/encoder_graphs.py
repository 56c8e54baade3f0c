"""Encoders as pieces of an ONNX graph that reads one text at a time.

Legend: T places, C channels, H hidden width, D directions, G gates (1 RNN, 3 GRU, 4 LSTM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from onnx import TensorProto
from torch import nn

from training.encoders.branches import BranchesEncoder
from training.encoders.convolution import ConvolutionEncoder
from training.encoders.recurrent import RecurrentEncoder
from training.encoders.window import SlidingWindowEncoder, WindowEncoder
from training.graph_layers import (
    TO_THE_END,
    add_activated,
    add_linear,
    add_norm,
    add_skip,
    add_slice,
    integers,
    stored,
)
from training.networks import layer_weights
from training.onnx_graph import array, quantise_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from training.encoders.build import ChainEncoder, Encoder, StackedParts
    from training.encoders.layer import ActivatedLayer
    from training.encoders.pooling import PoolingLayer
    from training.encoders.recurrent import RecurrentLayer
    from training.encoders.skip import SkipConnection
    from training.onnx_graph import Graph, Weights

# ONNX's gates, by their places among torch's: input, output, forget, new of an LSTM; update, reset, new of a GRU.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
MICROSOFT = "com.microsoft"


def add_skipped(graph: Graph, weights: Weights, value: str, layer: nn.Module, skip: nn.Module) -> str:
    """Append an ``ActivatedLayer`` and the ``SkipConnection`` around it: (T, C) to (T', K)."""
    through = add_activated(graph, weights, value, cast("ActivatedLayer", layer))
    return add_skip(graph, weights, value, through, cast("SkipConnection", skip))


def add_convolutions(graph: Graph, weights: Weights, value: str, encoder: ConvolutionEncoder) -> str:
    """Append stacked convolutions and max pooling: (T, C) to (T', filters); a short text gets zeros at its end."""
    length = graph.add("Shape", value, end=1)
    missing = graph.add("Sub", integers(graph, encoder.least_characters), length)
    missing = graph.add("Max", missing, integers(graph, 0))
    around = graph.add("Concat", integers(graph, 0, 0), missing, integers(graph, 0), axis=0)
    value = graph.add("Pad", value, around)
    for place, (layer, skip) in enumerate(zip(encoder.layers, encoder.skips, strict=True)):
        value = add_skipped(graph, weights, value, layer, skip)
        if (place + 1) % encoder.convolutions == 0 and encoder.pooling.width > 1:
            value = add_max_pooling(graph, value, encoder.pooling.width)
    return value


def add_max_pooling(graph: Graph, value: str, width: int) -> str:
    """Append max pooling of neighbouring places (T, C), as a picture of T by C: (T', C)."""
    picture = graph.add("Unsqueeze", value, integers(graph, 0, 1))
    pooled = graph.add("MaxPool", picture, kernel_shape=[width, 1], strides=[width, 1])
    return graph.add("Squeeze", pooled, integers(graph, 0, 1))


def add_branches(graph: Graph, weights: Weights, value: str, encoder: BranchesEncoder) -> str:
    """Append filters of several widths side by side: (T, C) to (T, widths · filters)."""
    return add_skipped(graph, weights, value, encoder.layer, encoder.skip)


def add_window(graph: Graph, weights: Weights, value: str, encoder: WindowEncoder) -> str:
    """Append plain layers over the first characters, zeros where there are none: (T, C) to (1, H)."""
    padded = graph.add("Pad", value, integers(graph, 0, 0, encoder.characters, 0))
    value = graph.add("Reshape", add_slice(graph, padded, 0, encoder.characters, 0), integers(graph, 1, -1))
    for layer, skip in zip(encoder.layers, encoder.skips, strict=True):
        value = add_skipped(graph, weights, value, layer, skip)
    return value


def add_recurrent(graph: Graph, weights: Weights, value: str, encoder: RecurrentEncoder) -> str:
    """Append recurrent layers: (T, C) to (T, D · H)."""
    for layer, norm, skip in zip(encoder.layers, encoder.norms, encoder.skips, strict=True):
        read = add_recurrence(graph, weights, value, cast("RecurrentLayer", layer))
        read = add_norm(graph, weights, read, norm)
        value = add_skip(graph, weights, value, read, cast("SkipConnection", skip))
    return value


def in_order(tensor: Tensor, gates: tuple[int, ...]) -> NDArray[np.float32]:
    """Put the gates of a matrix (G·H, C) or bias (G·H,) into ONNX's order."""
    parts = np.split(array(tensor), len(gates))
    return np.concatenate([parts[gate] for gate in gates])


def add_recurrence(graph: Graph, weights: Weights, value: str, layer: RecurrentLayer) -> str:
    """Append one recurrence, or one from each end: (T, C) to (T, D · H).

    An LSTM's products are in int8, in half the time; for the other cells ONNX Runtime has float32 only.
    """
    recurrences = [cast("nn.RNNBase", each) for each in layer.recurrences]
    first = recurrences[0]
    kind = type(first).__name__
    gates = GATES[kind]
    directions = [layer_weights(each, 0) for each in recurrences]
    matrices = [
        np.stack([in_order(each, gates) for each in side])  # (D, G·H, C), and of the state (D, G·H, H)
        for side in ([each.of_input for each in directions], [each.of_state for each in directions])
    ]
    biases = [in_order(side, gates) for each in directions for side in (each.bias_of_input, each.bias_of_state)]
    bias = stored(graph, weights, "recurrent_bias", np.concatenate(biases).reshape(len(directions), -1))
    attributes: dict[str, Any] = {
        "hidden_size": first.hidden_size,
        "direction": "bidirectional" if len(directions) > 1 else "forward",
    }
    sequence = graph.add("Unsqueeze", value, integers(graph, 1))
    if kind == "LSTM":
        names, scales = zip(*(quantised_matrices(graph, weights, each) for each in matrices), strict=True)
        inputs = (sequence, *names, bias, "", "", "", "", *scales[0], *scales[1])
        states = graph.add("DynamicQuantizeLSTM", *inputs, domain=MICROSOFT, **attributes)
    else:
        halves = [stored(graph, weights, "recurrent", each.astype(np.float16)) for each in matrices]
        whole = [graph.add("Cast", each, to=TensorProto.FLOAT) for each in halves]
        if kind == "GRU":
            attributes["linear_before_reset"] = 1
        elif isinstance(first, nn.RNN):
            attributes["activations"] = [first.nonlinearity.capitalize()] * len(directions)
        states = graph.add(kind, sequence, *whole, bias, **attributes)
    return graph.add("Reshape", states, integers(graph, 0, -1))  # (T, D, 1, H) before


def quantised_matrices(graph: Graph, weights: Weights, matrices: NDArray[np.float32]) -> tuple[str, tuple[str, str]]:
    """Store matrices (D, K, C), one a direction, as int8 (D, C, K); give also their scales and zero points (D, K)."""
    pairs = [quantise_columns(np.ascontiguousarray(each.T)) for each in matrices]
    quantised, scales = (np.stack(each) for each in zip(*pairs, strict=True))
    zeros = stored(graph, weights, "zero_points", np.zeros(scales.shape, np.int8))
    return stored(graph, weights, "recurrent", quantised), (stored(graph, weights, "scales", scales), zeros)


def add_encoder(graph: Graph, weights: Weights, value: str, encoder: Encoder) -> str:
    """Append one part: (T, C) to (T', its output width)."""
    match encoder:
        case ConvolutionEncoder():
            return add_convolutions(graph, weights, value, encoder)
        case BranchesEncoder():
            return add_branches(graph, weights, value, encoder)
        case RecurrentEncoder():
            return add_recurrent(graph, weights, value, encoder)
        case WindowEncoder():
            return add_window(graph, weights, value, encoder)
        case SlidingWindowEncoder():
            for layer, skip in zip(encoder.layers, encoder.skips, strict=True):
                value = add_skipped(graph, weights, value, layer, skip)
            return value


def add_pooling(graph: Graph, weights: Weights, value: str, pooling: PoolingLayer) -> str:
    """Append what a text is remembered by: (T, C) to (1, C)."""
    if pooling.attention is not None:
        activated = graph.add("Tanh", add_linear(graph, weights, value, pooling.attention.matrix))
        vector = stored(graph, weights, "vector", array(pooling.attention.vector.weight).T)
        shares = graph.add("Softmax", graph.add("MatMul", activated, vector), axis=0)  # (T, 1)
        return graph.add("MatMul", graph.add("Transpose", shares, perm=[1, 0]), value)
    match pooling.kind:
        case "max":
            return graph.add("ReduceMax", value, axes=[0])
        case "mean":
            return graph.add("ReduceMean", value, axes=[0])
        case _:
            onward = add_slice(graph, add_slice(graph, value, -1, TO_THE_END, 0), 0, pooling.forward_width, 1)
            backward = add_slice(graph, add_slice(graph, value, 0, 1, 0), pooling.forward_width, TO_THE_END, 1)
            return graph.add("Concat", onward, backward, axis=1)


def add_parts(graph: Graph, weights: Weights, value: str, stacked: StackedParts) -> str:
    """Append parts one on top of another: (T, C) to (T', their output width)."""
    for part in stacked.parts:
        value = add_encoder(graph, weights, value, cast("Encoder", part))
    return value


def add_chain(graph: Graph, weights: Weights, value: str, chain: ChainEncoder, activations: str) -> str:
    """Append parts one on top of another, and what a text is remembered by on top: (T, C) to (1, its output width).

    Args:
        graph: to append to.
        weights: to store in.
        value: what the first part reads.
        chain: the parts.
        activations: the name that the values before pooling get, any where it is empty.
    """
    value = add_parts(graph, weights, value, chain)
    if activations:  # the last node gives the value, which nothing reads yet: its name can change
        value = graph.nodes[-1].output[0] = activations
    return add_pooling(graph, weights, value, chain.pooling)
