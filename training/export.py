"""Export: a trained network as two int8 ONNX graphs over one file of weights, one for a step and one for a sequence.

Activations have fixed scales, so a row's result does not depend on the rows beside it. What the first layer does with
a character (embedding, input weights, both biases) is a table with a row for each, and no product at all.

Legend: B batch, T time steps, V vocabulary size, H hidden width, L layers, S state width, G·H widths of the gates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import TensorProto, helper

from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE
from training.networks import RecurrentLanguageModel, layer_weights
from training.onnx_graph import INT8_LARGEST, Graph, Port, Weights, model_bytes, port, product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.settings import Cell

HEADROOM = 1.1  # beyond the largest state seen, for those that were not


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


def array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """Give a tensor's values as a float32 array."""
    return tensor.detach().float().cpu().numpy()


def first_inputs(network: RecurrentLanguageModel) -> NDArray[np.float32]:
    """Give what the first layer adds for each character, its biases included: (V, G·H)."""
    first = layer_weights(network.recurrent, 0)
    rows = array(first.of_input).T  # (E, G·H), or (V, G·H) one-hot
    matrix = network.embedding_matrix()
    if matrix is not None:
        rows = array(matrix) @ rows
    return rows + input_bias(network.settings.cell, first.bias_of_input, first.bias_of_state)


def table_of_inputs(network: RecurrentLanguageModel) -> NDArray[np.float16]:
    """Round ``first_inputs`` to the table (V, G·H) that is looked up."""
    return first_inputs(network).astype(np.float16)


def input_bias(cell: Cell, of_input: torch.Tensor, of_state: torch.Tensor) -> NDArray[np.float32]:
    """Join both biases, but for the GRU's last: that one is inside the product that the reset gate scales."""
    joined = array(of_input) + array(of_state)
    if cell == "gru":
        last = slice(2 * len(joined) // 3, None)
        joined[last] = array(of_input)[last]
    return joined


def output_weights(network: RecurrentLanguageModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the one product from top state to logits: its matrix (H, V) and bias (V,)."""
    matrix, bias = array(network.output_matrix()), array(network.output.bias)
    if network.projection is not None:
        bias = matrix @ array(network.projection.bias) + bias
        matrix = matrix @ array(network.projection.weight)
    return np.ascontiguousarray(matrix.T), bias


def add_cell(graph: Graph, cell: Cell, of_input: str, of_state: str, memory: str, bias_new: str) -> tuple[str, ...]:
    """Append what the recurrence does with its two products; the equations of ``networks.cell_step``."""
    if cell in {"rnn-tanh", "rnn-relu"}:
        return (graph.add("Tanh" if cell == "rnn-tanh" else "Relu", graph.add("Add", of_input, of_state)),)
    if cell == "lstm":
        gates = graph.split(graph.add("Add", of_input, of_state), 4, axis=1)
        enter, forget, leave = (graph.add("Sigmoid", gates[gate]) for gate in (0, 1, 3))
        kept = graph.add("Mul", forget, memory)
        after = graph.add("Add", kept, graph.add("Mul", enter, graph.add("Tanh", gates[2])))
        return graph.add("Mul", leave, graph.add("Tanh", after)), after
    inputs, states = graph.split(of_input, 3, axis=1), graph.split(of_state, 3, axis=1)
    reset, update = (graph.add("Sigmoid", graph.add("Add", inputs[gate], states[gate])) for gate in (0, 1))
    scaled = graph.add("Mul", reset, graph.add("Add", states[2], bias_new))
    new = graph.add("Tanh", graph.add("Add", inputs[2], scaled))
    # (1 - update) * new + update * h, as new + update * (h - new)
    return (graph.add("Add", new, graph.add("Mul", update, graph.add("Sub", memory, new))),)


def add_step(graph: Graph, weights: Weights, network: RecurrentLanguageModel, scales: list[float]) -> str:
    """Append one step from ``ids`` (B,) and ``state`` (B, S) to ``next_state`` (B, S); give the top state's name."""
    settings = network.settings
    parts = graph.split("state", network.state_width // settings.hidden_width, axis=1)
    hidden, memories = parts[: settings.layers], parts[settings.layers :]
    after: list[tuple[str, ...]] = []
    for layer in range(settings.layers):
        layered = layer_weights(network.recurrent, layer)
        if layer == 0:
            table = weights.add("table", table_of_inputs(network))
            of_input = graph.add("Cast", graph.add("Gather", table, "ids"), to=TensorProto.FLOAT)
        else:
            matrix = array(layered.of_input).T
            total = product(graph, weights, f"input_{layer}", after[-1][0], matrix, scales[layer - 1])
            bias = input_bias(settings.cell, layered.bias_of_input, layered.bias_of_state)
            of_input = graph.add("Add", total, weights.add(f"bias_{layer}", bias))
        matrix = array(layered.of_state).T
        of_state = product(graph, weights, f"state_{layer}", hidden[layer], matrix, scales[layer])
        bias_new = ""
        if settings.cell == "gru":
            bias_new = weights.add(f"bias_new_{layer}", array(layered.bias_of_state)[2 * settings.hidden_width :])
        memory = memories[layer] if settings.cell == "lstm" else hidden[layer]
        after.append(add_cell(graph, settings.cell, of_input, of_state, memory, bias_new))
    states = [layer[part] for part in range(len(after[0])) for layer in after]
    graph.nodes.append(helper.make_node("Concat", states, ["next_state"], axis=1))
    return after[-1][0]


def add_output(
    graph: Graph, weights: Weights, network: RecurrentLanguageModel, top: str, scale: float, shares: Shares | None
) -> None:
    """Append the output layer from the top state (..., H) to ``log_probabilities`` (..., V), nats."""
    matrix, bias = output_weights(network)
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


def state_scales(network: RecurrentLanguageModel, sample: Iterable[torch.Tensor]) -> list[float]:
    """Give each layer's state the step that its int8 form counts in.

    The states of tanh, GRU and LSTM lie in [-1, 1]; those of ReLU are measured.

    Args:
        network: whose states.
        sample: sequences of ids (T,) like those it will read; only a ReLU network reads them.
    """
    layers, hidden = network.settings.layers, network.settings.hidden_width
    if network.settings.cell != "rnn-relu":
        return [1 / INT8_LARGEST] * layers
    largest = torch.zeros(layers)
    with torch.no_grad():
        for ids in sample:
            state = network.initial_state(1)
            for character in ids:
                _, state = network.step(character.view(1), state)
                largest = torch.maximum(largest, state.view(layers, hidden).amax(dim=1))
    return [max(float(each), 1e-3) * HEADROOM / INT8_LARGEST for each in largest]


def step_bytes(network: RecurrentLanguageModel, weights: Weights, scales: list[float], shares: Shares | None) -> bytes:
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


def sequence_bytes(
    network: RecurrentLanguageModel, weights: Weights, scales: list[float], shares: Shares | None
) -> bytes:
    """Write the graph of a whole sequence: the same step under a Scan, then one output product for all steps."""
    state, vocabulary, hidden = network.state_width, network.vocabulary_size, network.settings.hidden_width
    body = Graph(prefix="step_")
    add_step(body, weights, network, scales)
    body.add("Identity", "next_state", result="state_read")
    scanned = helper.make_graph(
        body.nodes,
        "one_step",
        [port("state", TensorProto.FLOAT, ("B", state)), port("ids", TensorProto.INT64, ("B",))],
        [port("next_state", TensorProto.FLOAT, ("B", state)), port("state_read", TensorProto.FLOAT, ("B", state))],
    )
    graph = Graph(constants=dict(body.constants))
    graph.nodes.append(
        helper.make_node("Scan", ["first_state", "sequence"], ["last_state", "states"], body=scanned, num_scan_inputs=1)
    )
    top = network.settings.layers * hidden
    bounds = [
        graph.constant(name, np.array([at])) for name, at in (("top_from", top - hidden), ("top_to", top), ("axis", 2))
    ]
    add_output(graph, weights, network, graph.add("Slice", "states", *bounds), scales[-1], shares)
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


def export(network: RecurrentLanguageModel, sample: Iterable[torch.Tensor], shares: Shares | None = None) -> Exported:
    """Write a network as graphs that ONNX Runtime reads.

    Args:
        network: trained; its dropout plays no part.
        sample: sequences of ids (T,) to measure unbounded states on.
        shares: of network and n-gram in what is given; None for the network alone.

    Returns:
        step.onnx: ids (B,), state (B, S) -> log_probabilities (B, V), next_state (B, S);
        sequence.onnx: sequence (T, B), first_state (B, S) -> log_probabilities (T, B, V), states (T, B, S);
        both with shares also take the n-gram's log-probabilities, prior (B, V), or (T, B, V);
        int8.bin: the weights of both.
    """
    network.eval()
    scales = state_scales(network, sample)
    weights = Weights()
    step, sequence = (make(network, weights, scales, shares) for make in (step_bytes, sequence_bytes))
    return Exported(
        files={STEP_FILE: step, SEQUENCE_FILE: sequence, WEIGHTS_FILE: bytes(weights.data)},
        quantisation={"activations": "uint8", "weights": "int8", "table": "float16", "state_scales": list(scales)},
    )
