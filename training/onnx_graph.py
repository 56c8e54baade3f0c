"""ONNX graphs under construction: nodes, shared weights, and the int8 product with one fixed scale.

Legend: R rows of a matrix, C its columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from model.runtime import WEIGHTS_FILE

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8
ALIGNMENT = 4096  # bytes; a weight begins where a page of memory can
INT8_LARGEST = 127
HEADROOM = 1.1  # beyond the largest value seen, for those that were not
Port = tuple[str, int, tuple[str | int, ...]]


@dataclass(kw_only=True)
class Weights:
    """The weights of both graphs, laid one after another in one file that processes share.

    prefix: of the names of those that are added.
    """

    prefix: str = ""
    data: bytearray = field(default_factory=bytearray)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def named(self, prefix: str) -> Weights:
        """Give the same file for weights whose names begin with the prefix."""
        return Weights(prefix=prefix, data=self.data, tensors=self.tensors)

    def add(self, name: str, values: NDArray[np.generic]) -> str:
        """Put an array into the file, once, and give the name by which the graphs refer to it."""
        name = self.prefix + name
        if name in self.tensors:
            return name
        self.data.extend(bytes(-len(self.data) % ALIGNMENT))
        tensor = TensorProto(
            name=name,
            dims=values.shape,
            data_type=helper.np_dtype_to_tensor_dtype(values.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        content = np.ascontiguousarray(values).tobytes()
        for key, value in (("location", WEIGHTS_FILE), ("offset", len(self.data)), ("length", len(content))):
            tensor.external_data.add(key=key, value=str(value))
        self.data.extend(content)
        self.tensors[name] = tensor
        return name


@dataclass(kw_only=True)
class Graph:
    """Nodes and small constants of a graph under construction.

    prefix: of the names of its values; a graph inside another needs its own, as the inner sees the outer's.
    """

    prefix: str = ""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        """Append a node with one result, and give the result's name."""
        result = result or f"{self.prefix}{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [result], **attributes))
        return result

    def split(self, value: str, parts: int, axis: int) -> list[str]:
        """Cut a value into equal parts along an axis."""
        if parts == 1:
            return [value]
        results = [f"{self.prefix}split_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], results, axis=axis))
        return results

    def cut(self, value: str, sizes: list[int], axis: int) -> list[str]:
        """Cut a value into parts of such sizes along an axis."""
        if len(sizes) == 1:
            return [value]
        results = [f"{self.prefix}cut_{len(self.nodes)}_{part}" for part in range(len(sizes))]
        named = self.constant("sizes_" + "_".join(map(str, sizes)), np.array(sizes))
        self.nodes.append(helper.make_node("Split", [value, named], results, axis=axis))
        return results

    def columns(self, value: str, start: int, end: int) -> str:
        """Take the columns of a value (..., C) from ``start`` to before ``end``."""
        bounds = [self.constant(f"place_{place}", np.array([place])) for place in (start, end, -1)]
        return self.add("Slice", value, *bounds)

    def constant(self, name: str, values: NDArray[np.generic] | np.generic) -> str:
        """Name a small constant that stands in the graph itself."""
        self.constants[name] = onnx.numpy_helper.from_array(np.asarray(values), name)
        return name


def array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """Give a tensor's values as a float32 array."""
    return tensor.detach().float().cpu().numpy()


def quantise_columns(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Write a matrix (R, C) as int8 with one scale a column (C,), safe on processors that add in 16 bits.

    An x86 processor without VNNI adds the products of two neighbouring rows in 16 bits, and cuts what is larger. So
    two neighbours of one sign sum to at most 128 here: times the largest activation, 255, that is 32,640 of 32,767.
    """
    padded = np.concatenate([matrix, np.zeros((len(matrix) % 2, matrix.shape[1]), matrix.dtype)])
    pairs = padded.reshape(-1, 2, matrix.shape[1])
    rising, falling = (np.maximum(sign * pairs, 0).sum(axis=1).max(axis=0) for sign in (1, -1))  # (C,)
    # a pair includes each of its own; rounding adds at most one half to either
    scales = np.maximum(np.maximum(rising, falling), 1e-12) / INT8_LARGEST
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)


def product(graph: Graph, weights: Weights, name: str, value: str, matrix: NDArray[np.float32], scale: float) -> str:
    """Multiply a value (..., R) whose entries lie in ±127·scale by a matrix (R, C), in int8.

    Entries are rounded to steps of ``scale``, and what lies beyond the range is cut to it.
    """
    quantised, scales = quantise_columns(matrix)
    step = graph.constant(f"{weights.prefix}{name}_step", np.float32(scale))
    graph.constant("zero_point", np.uint8(128))
    rounded = graph.add("QuantizeLinear", value, step, "zero_point")
    total = graph.add("MatMulInteger", rounded, weights.add(f"{name}_weights", quantised), "zero_point")
    return graph.add(
        "Mul", graph.add("Cast", total, to=TensorProto.FLOAT), weights.add(f"{name}_scales", scales * np.float32(scale))
    )


def model_bytes(graph: Graph, weights: Weights, inputs: list[Port], outputs: list[Port]) -> bytes:
    """Serialise one graph with the weights that it refers to."""
    made = helper.make_graph(
        graph.nodes,
        "machim",
        [port(*each) for each in inputs],
        [port(*each) for each in outputs],
        initializer=[*graph.constants.values(), *weights.tensors.values()],
    )
    others = sorted({node.domain for node in graph.nodes} - {""})  # whose operators ONNX Runtime brings along
    opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in others)]
    written = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="machim")
    serialised: bytes = written.SerializeToString(deterministic=True)
    return serialised


def port(name: str, kind: int, shape: tuple[str | int, ...]) -> onnx.ValueInfoProto:
    """Describe an input or output of a graph."""
    return helper.make_tensor_value_info(name, kind, shape)
