"""Export: a trained network as two int8 ONNX graphs over one file of weights, one for a step and one for a sequence.

Activations have fixed scales, so a row's result does not depend on the rows beside it.

Legend: B batch, T time steps, V vocabulary size, H hidden width, S state width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from onnx import TensorProto, helper

from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE
from training.causal import CausalLanguageModel
from training.causal_graph import add_causal_step, value_scales
from training.language_models import networks_of
from training.onnx_graph import Graph, Port, Weights, array, model_bytes, port, product
from training.recurrent_graph import add_recurrent_step, state_scales

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.characters import CharacterLayers
    from training.language_models import LanguageModel, SingleModel

AT_A_TIME = 16  # numbers of the widest instructions
Widths: TypeAlias = tuple[int, int]  # S and V


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


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network of those in a graph: its weights under names of its own, and the scales that its values round to."""

    network: SingleModel
    weights: Weights
    scales: list[float]


def parts_of(network: LanguageModel, weights: Weights, sample: list[torch.Tensor]) -> list[Part]:
    """Give the networks that are exported, one or the members of an ensemble."""
    networks = networks_of(network)
    return [
        Part(
            network=each,
            weights=weights if len(networks) == 1 else weights.named(f"member_{number}_"),
            scales=scales_of(each, sample),
        )
        for number, each in enumerate(networks)
    ]


def scales_of(network: SingleModel, sample: list[torch.Tensor]) -> list[float]:
    """Give the steps that the int8 forms of a network's values count in, the one on top last."""
    if isinstance(network, CausalLanguageModel):
        return value_scales(network, sample)
    return state_scales(network, sample)


def add_step(graph: Graph, parts: list[Part]) -> list[str]:
    """Append one step from ``ids`` (B,) and ``state`` (B, S) to ``next_state`` (B, S).

    Returns:
        For each network the name of what is on top, (B, H).
    """
    if len(parts) == 1:
        return [add_part(graph, parts[0], "state", "next_state")]
    states = graph.cut("state", [part.network.state_width for part in parts], axis=1)
    results = [f"{graph.prefix}{part.weights.prefix}next_state" for part in parts]
    tops = [add_part(graph, *each) for each in zip(parts, states, results, strict=True)]
    graph.add("Concat", *results, result="next_state", axis=1)
    return tops


def add_part(graph: Graph, part: Part, state: str, result: str) -> str:
    """Append one step of one network from its state (B, S) to the next; give the name of what is on top, (B, H)."""
    if isinstance(part.network, CausalLanguageModel):
        return add_causal_step(graph, part.weights, part.network, part.scales, state, result)
    return add_recurrent_step(graph, part.weights, part.network, part.scales, state, result)


def add_output(graph: Graph, parts: list[Part], tops: list[str], shares: Shares | None, *, leading: int) -> None:
    """Append what leads from the tops (..., H) to ``log_probabilities`` (..., V), nats.

    Args:
        graph: is added to.
        parts: the networks.
        tops: what is on top of each.
        shares: of network and n-gram; None for the network alone.
        leading: axes before the last.
    """
    own = np.float32(1 if shares is None else shares.network)
    if len(parts) == 1:
        logits = add_logits(graph, parts[0], tops[0], own)
    else:
        said = [
            graph.add("LogSoftmax", add_logits(graph, part, top, np.float32(1)), axis=-1)
            for part, top in zip(parts, tops, strict=True)
        ]
        logits = add_log_sum(graph, said, parts[0].network.vocabulary_size, leading)
        if shares is not None:
            logits = graph.add("Mul", logits, graph.constant("network_share", own))
    if shares is not None:
        weighted = graph.add("Mul", "prior", graph.constant("prior_share", np.float32(shares.ngram)))
        logits = graph.add("Add", logits, weighted)
    graph.add("LogSoftmax", logits, result="log_probabilities", axis=-1)


def add_logits(graph: Graph, part: Part, top: str, share: np.float32) -> str:
    """Append the output layer of one network: logits (..., V) times a share."""
    matrix, bias = output_weights(part.network.characters)
    total = product(graph, part.weights, "output", top, matrix * share, part.scales[-1])
    return graph.add("Add", total, part.weights.add("output_bias", (bias * share).astype(np.float32)))


def add_log_sum(graph: Graph, said: list[str], vocabulary_size: int, leading: int) -> str:
    """Append log of the sum of several probabilities from their logarithms (..., V); the mean but for a constant.

    ONNX Runtime takes logarithms up to sixteen at a time, and those of the few that are left over at the end of an
    array are not always the same. So that nothing is left over, rows are filled up; a reduction, which is the same
    everywhere, took nine times as long.

    Args:
        graph: is added to.
        said: the names of the logarithms.
        vocabulary_size: V.
        leading: axes before the last.
    """
    largest = graph.add("Max", *said)
    total = graph.add("Sum", *(graph.add("Exp", graph.add("Sub", each, largest)) for each in said))
    missing = -vocabulary_size % AT_A_TIME
    if missing:
        pads = graph.constant("pads", np.array([0] * (2 * leading + 1) + [missing]))
        total = graph.add("Pad", total, pads, graph.constant("one", np.float32(1)))
    logarithm = graph.add("Log", total)
    if missing:
        logarithm = graph.columns(logarithm, 0, vocabulary_size)
    return graph.add("Add", largest, logarithm)


def step_bytes(weights: Weights, parts: list[Part], widths: Widths, shares: Shares | None) -> bytes:
    """Write the graph of one step; ``export`` states its shapes."""
    graph = Graph()
    add_output(graph, parts, add_step(graph, parts), shares, leading=1)
    state, vocabulary = widths
    prior: list[Port] = [] if shares is None else [("prior", TensorProto.FLOAT, ("B", vocabulary))]
    return model_bytes(
        graph,
        weights,
        [("ids", TensorProto.INT64, ("B",)), ("state", TensorProto.FLOAT, ("B", state)), *prior],
        [("log_probabilities", TensorProto.FLOAT, ("B", vocabulary)), ("next_state", TensorProto.FLOAT, ("B", state))],
    )


def sequence_bytes(weights: Weights, parts: list[Part], widths: Widths, shares: Shares | None) -> bytes:
    """Write the graph of a whole sequence: the same step under a Scan, then one output product for all steps."""
    state, vocabulary = widths
    body = Graph(prefix="step_")
    tops = [body.add("Identity", top, result=f"top_{number}_read") for number, top in enumerate(add_step(body, parts))]
    body.add("Identity", "next_state", result="state_read")
    hidden = [(top, part.network.settings.hidden_width) for top, part in zip(tops, parts, strict=True)]
    scanned = helper.make_graph(
        body.nodes,
        "one_step",
        [port("state", TensorProto.FLOAT, ("B", state)), port("ids", TensorProto.INT64, ("B",))],
        [
            port(name, TensorProto.FLOAT, ("B", width))
            for name, width in (("next_state", state), ("state_read", state), *hidden)
        ],
    )
    graph = Graph(constants=dict(body.constants))
    read = [f"tops_{number}" for number in range(len(parts))]
    scan = helper.make_node(
        "Scan", ["first_state", "sequence"], ["last_state", "states", *read], body=scanned, num_scan_inputs=1
    )
    graph.nodes.append(scan)
    add_output(graph, parts, read, shares, leading=2)
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
    weights = Weights()
    parts = parts_of(network, weights, list(sample))
    widths = network.state_width, network.vocabulary_size
    step, sequence = (make(weights, parts, widths, shares) for make in (step_bytes, sequence_bytes))
    scales: list[JSON] = [[*part.scales] for part in parts]
    return Exported(
        files={STEP_FILE: step, SEQUENCE_FILE: sequence, WEIGHTS_FILE: bytes(weights.data)},
        quantisation={
            "activations": "uint8",
            "weights": "int8",
            "table": "float16",
            "state_scales": scales if len(parts) > 1 else scales[0],
        },
    )
