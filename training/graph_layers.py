"""Layers of a network that reads one text at a time, as pieces of an ONNX graph.

A text stands alone in a call, so every product rounds what it reads to int8 by the range of just that.

Legend: T places, C channels, R rows of a matrix, K its columns, F width of a filter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from onnx import TensorProto, helper
from torch import nn

from training.encoders.branches import Branches
from training.onnx_graph import array, quantise_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from training.encoders.convolution import Convolution
    from training.encoders.layer import ActivatedLayer
    from training.encoders.skip import SkipConnection
    from training.onnx_graph import Graph, Weights

TO_THE_END = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """A value (T, C) as uint8, by names in the graph: value = scale · (entries - zero_point)."""

    entries: str
    scale: str
    zero_point: str


def stored(graph: Graph, weights: Weights, kind: str, values: NDArray[np.generic]) -> str:
    """Put an array of any size into the file of weights, under a name that says of which kind it is."""
    return weights.add(f"{graph.prefix}{kind}_{len(weights.tensors)}", values)


def integers(graph: Graph, *values: int) -> str:
    """Give the name of a constant (values,) int64."""
    return graph.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))


def number(graph: Graph, value: float) -> str:
    """Give the name of a constant, one float32."""
    return graph.constant(f"number_{value!r}", np.float32(value))


def rounded(graph: Graph, value: str) -> Rounded:
    """Append the rounding of a value (..., C) to 256 steps between its least and its largest entry, 0 among them."""
    count = len(graph.nodes)
    names = [f"{graph.prefix}{part}_{count}" for part in ("entries", "scale", "zero_point")]
    graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [value], names))
    return Rounded(entries=names[0], scale=names[1], zero_point=names[2])


def add_product(
    graph: Graph, weights: Weights, value: Rounded, matrix: NDArray[np.float32], bias: NDArray[np.float32] | None = None
) -> str:
    """Append the product of a value (T, R) with a matrix (R, K) in int8, plus a bias (K,): (T, K)."""
    quantised, scales = quantise_columns(matrix)
    total = graph.add("MatMulInteger", value.entries, stored(graph, weights, "weights", quantised), value.zero_point)
    scale = graph.add("Mul", value.scale, stored(graph, weights, "scales", scales))
    multiplied = graph.add("Mul", graph.add("Cast", total, to=TensorProto.FLOAT), scale)
    return multiplied if bias is None else graph.add("Add", multiplied, stored(graph, weights, "bias", bias))


def add_linear(graph: Graph, weights: Weights, value: str, linear: nn.Linear) -> str:
    """Append a linear layer: (T, C) to (T, K)."""
    bias = None if linear.bias is None else array(linear.bias)
    return add_product(graph, weights, rounded(graph, value), array(linear.weight).T, bias)


def add_slice(graph: Graph, value: str, begin: int, end: int, axis: int, step: int = 1) -> str:
    """Append a cut along an axis."""
    bounds = (integers(graph, bound) for bound in (begin, end, axis, step))
    return graph.add("Slice", value, *bounds)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Filters of one width that slide together; matrix: (F · C, K), place by place; bias: (K,)."""

    width: int
    before: int
    after: int
    stride: int
    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]


def filters_of(convolutions: list[Convolution]) -> Filters:
    """Lay convolutions of one stride side by side: where a filter is narrower than all together see, it has zeros."""
    before = max(each.around[0] for each in convolutions)
    reach = max(each.filters.kernel_size[0] - each.around[0] for each in convolutions)
    width, matrices, biases = before + reach, [], []
    for each in convolutions:
        slid = array(each.filters.weight).transpose(2, 1, 0)  # (F, C, K)
        ahead = before - each.around[0]
        matrices.append(np.pad(slid, ((ahead, width - ahead - len(slid)), (0, 0), (0, 0))))
        biases.append(array(cast("Tensor", each.filters.bias)))
    joined = np.concatenate(matrices, axis=2)
    return Filters(
        width=width,
        before=before,
        after=max(each.around[1] for each in convolutions),
        stride=convolutions[0].filters.stride[0],
        matrix=joined.reshape(-1, joined.shape[2]),
        bias=np.concatenate(biases),
    )


def add_convolution(graph: Graph, weights: Weights, value: str, filters: Filters) -> str:
    """Append filters that slide along a value: (T, C) to (T', K).

    What each place sees is laid in one row, already rounded: (T', F · C); the rest is one product.
    """
    seen = rounded(graph, value)
    padded = seen.entries
    if filters.before or filters.after:
        around = integers(graph, filters.before, 0, filters.after, 0)
        padded = graph.add("Pad", padded, around, seen.zero_point)
    shifted = [
        add_slice(graph, padded, place, place + 1 - filters.width or TO_THE_END, 0, filters.stride)
        for place in range(filters.width)
    ]
    rows = graph.add("Concat", *shifted, axis=1) if len(shifted) > 1 else shifted[0]
    together = Rounded(entries=rows, scale=seen.scale, zero_point=seen.zero_point)
    return add_product(graph, weights, together, filters.matrix, filters.bias)


def add_norm(graph: Graph, weights: Weights, value: str, norm: nn.Module) -> str:
    """Append a layer normalisation of each place (T, C), if it is one."""
    if not isinstance(norm, nn.LayerNorm):
        return value
    gain, shift = (stored(graph, weights, "norm", array(each)) for each in (norm.weight, norm.bias))
    return graph.add("LayerNormalization", value, gain, shift, axis=-1, epsilon=norm.eps)


def add_activation(graph: Graph, value: str, activation: nn.Module) -> str:
    """Append an activation function."""
    if isinstance(activation, nn.GELU):
        # x Φ(x), and Φ(x) = (1 + erf(x / √2)) / 2
        error = graph.add("Erf", graph.add("Div", value, number(graph, math.sqrt(2))))
        twice = graph.add("Mul", value, graph.add("Add", error, number(graph, 1.0)))
        return graph.add("Mul", twice, number(graph, 0.5))
    return graph.add(type(activation).__name__.replace("ReLU", "Relu"), value)


def add_activated(graph: Graph, weights: Weights, value: str, layer: ActivatedLayer) -> str:
    """Append a matrix or filters, normalisation and activation function: (T, C) to (T', K)."""
    weighted = layer.weighted
    if isinstance(weighted, nn.Linear):
        value = add_linear(graph, weights, value, weighted)
    elif isinstance(weighted, Branches):
        branches = [cast("Convolution", each) for each in weighted.branches]
        value = add_convolution(graph, weights, value, filters_of(branches))
    else:
        value = add_convolution(graph, weights, value, filters_of([cast("Convolution", weighted)]))
    return add_activation(graph, add_norm(graph, weights, value, layer.norm), layer.activation)


def add_skip(graph: Graph, weights: Weights, around: str, through: str, skip: SkipConnection) -> str:
    """Append a connection that joins what goes around a layer (T, C) with what went through it (T, K): (T, K)."""
    if not skip.joins:
        return through
    carried = around
    if isinstance(skip.projection, nn.Linear):
        carried = add_linear(graph, weights, around, skip.projection)
    if skip.gate is None:
        return graph.add("Add", carried, through)
    gate = graph.add("Sigmoid", add_linear(graph, weights, around, skip.gate))
    # g F(x) + (1 - g) x, as x + g (F(x) - x)
    return graph.add("Add", carried, graph.add("Mul", gate, graph.add("Sub", through, carried)))
