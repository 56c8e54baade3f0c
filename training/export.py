"""Export: a trained network as two int8 ONNX graphs over one file of weights, one for a step and one for a sequence.

Activations have fixed scales, so a row's result does not depend on the rows beside it.

Legend: B batch, T time steps, V vocabulary size, H hidden width, S state width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE
from training.causal import CausalLanguageModel
from training.causal_graph import add_causal_step, value_scales
from training.onnx_graph import Graph, Port, Weights, array, model_bytes, port, product
from training.recurrent_graph import add_recurrent_step, state_scales

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.characters import CharacterLayers
    from training.language_models import LanguageModel


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A network ready to be served: the files of its graphs, and the scales that they round to."""

    files: dict[str, bytes]
    quantisation: dict[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How network and n-gram are mixed: log P = network * logits + ngram * log P of the n-gram, normalised."""

    network: float
    ngram: float


def output_weights(characters: CharacterLayers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the one product from what is on top to logits: its matrix (H, V) and bias (V,)."""
    matrix, bias = array(characters.output_matrix()), array(characters.output.bias)
    if characters.projection is not None:
        bias = matrix @ array(characters.projection.bias) + bias
        matrix = matrix @ array(characters.projection.weight)
    return np.ascontiguousarray(matrix.T), bias


def scales_of(network: LanguageModel, sample: Iterable[torch.Tensor]) -> list[float]:
    """Give the steps that the int8 forms of a network's values count in, the one on top last."""
    if isinstance(network, CausalLanguageModel):
        return value_scales(network, sample)
    return state_scales(network, sample)


def add_step(graph: Graph, weights: Weights, network: LanguageModel, scales: list[float]) -> str:
    """Append one step from ``ids`` (B,) and ``state`` (B, S) to ``next_state`` (B, S); name what is on top (B, H)."""
    if isinstance(network, CausalLanguageModel):
        return add_causal_step(graph, weights, network, scales, "state", "next_state")
    return add_recurrent_step(graph, weights, network, scales, "state", "next_state")


def add_output(
    graph: Graph, weights: Weights, network: LanguageModel, top: str, scale: float, shares: Shares | None
) -> None:
    """Append the output layer from what is on top (..., H) to ``log_probabilities`` (..., V), nats."""
    matrix, bias = output_weights(network.characters)
    own = np.float32(1 if shares is None else shares.network)
    logits = graph.add(
        "Add",
        product(graph, weights, "output", top, matrix * own, scale),
        weights.add("output_bias", (bias * own).astype(np.float32)),
    )
    if shares is not None:
        weighted = graph.add("Mul", "prior", graph.constant("prior_share", np.float32(shares.ngram)))
        logits = graph.add("Add", logits, weighted)
    graph.add("LogSoftmax", logits, result="log_probabilities", axis=-1)


def step_bytes(network: LanguageModel, weights: Weights, scales: list[float], shares: Shares | None) -> bytes:
    """Write the graph of one step; ``export`` states its shapes."""
    graph = Graph()
    add_output(graph, weights, network, add_step(graph, weights, network, scales), scales[-1], shares)
    state, vocabulary = network.state_width, network.vocabulary_size
    prior: list[Port] = [] if shares is None else [("prior", TensorProto.FLOAT, ("B", vocabulary))]
    return model_bytes(
        graph,
        weights,
        [("ids", TensorProto.INT64, ("B",)), ("state", TensorProto.FLOAT, ("B", state)), *prior],
        [("log_probabilities", TensorProto.FLOAT, ("B", vocabulary)), ("next_state", TensorProto.FLOAT, ("B", state))],
    )


def sequence_bytes(network: LanguageModel, weights: Weights, scales: list[float], shares: Shares | None) -> bytes:
    """Write the graph of a whole sequence: the same step under a Scan, then one output product for all steps."""
    state, vocabulary, hidden = network.state_width, network.vocabulary_size, network.settings.hidden_width
    body = Graph(prefix="step_")
    top = add_step(body, weights, network, scales)
    body.add("Identity", "next_state", result="state_read")
    body.add("Identity", top, result="top_read")
    scanned = helper.make_graph(
        body.nodes,
        "one_step",
        [port("state", TensorProto.FLOAT, ("B", state)), port("ids", TensorProto.INT64, ("B",))],
        [
            port(name, TensorProto.FLOAT, ("B", width))
            for name, width in (("next_state", state), ("state_read", state), ("top_read", hidden))
        ],
    )
    graph = Graph(constants=dict(body.constants))
    scan = helper.make_node(
        "Scan", ["first_state", "sequence"], ["last_state", "states", "tops"], body=scanned, num_scan_inputs=1
    )
    graph.nodes.append(scan)
    add_output(graph, weights, network, "tops", scales[-1], shares)
    prior: list[Port] = [] if shares is None else [("prior", TensorProto.FLOAT, ("T", "B", vocabulary))]
    return model_bytes(
        graph,
        weights,
        [("sequence", TensorProto.INT64, ("T", "B")), ("first_state", TensorProto.FLOAT, ("B", state)), *prior],
        [
            ("log_probabilities", TensorProto.FLOAT, ("T", "B", vocabulary)),
            ("states", TensorProto.FLOAT, ("T", "B", state)),
        ],
    )


def export(network: LanguageModel, sample: Iterable[torch.Tensor], shares: Shares | None = None) -> Exported:
    """Write a network as graphs that ONNX Runtime reads.

    Args:
        network: trained; its dropout plays no part.
        sample: sequences of ids (T,) to measure unbounded values on.
        shares: of network and n-gram in what is given; None for the network alone.

    Returns:
        step.onnx: ids (B,), state (B, S) -> log_probabilities (B, V), next_state (B, S);
        sequence.onnx: sequence (T, B), first_state (B, S) -> log_probabilities (T, B, V), states (T, B, S);
        both with shares also take the n-gram's log-probabilities, prior (B, V), or (T, B, V);
        int8.bin: the weights of both.
    """
    network.eval()
    scales = scales_of(network, sample)
    weights = Weights()
    step, sequence = (make(network, weights, scales, shares) for make in (step_bytes, sequence_bytes))
    return Exported(
        files={STEP_FILE: step, SEQUENCE_FILE: sequence, WEIGHTS_FILE: bytes(weights.data)},
        quantisation={"activations": "uint8", "weights": "int8", "table": "float16", "state_scales": list(scales)},
    )
