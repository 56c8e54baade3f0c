"""A recurrent network in a graph: one step of it, its products in int8.

What the first layer does with a character (embedding, input weights, both biases) is a table with a row for each, and
no product at all.

Legend: B batch, V vocabulary size, E embedding width, H hidden width, L layers, S state width, G·H widths of the gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import TensorProto

from training.networks import layer_weights
from training.onnx_graph import HEADROOM, INT8_LARGEST, Graph, Weights, array, product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from training.networks import RecurrentLanguageModel
    from training.settings import Cell


def first_inputs(network: RecurrentLanguageModel) -> NDArray[np.float32]:
    """Give what the first layer adds for each character, its biases included: (V, G·H)."""
    first = layer_weights(network.recurrent, 0)
    rows = array(first.of_input).T  # (E, G·H), or (V, G·H) one-hot
    matrix = network.characters.embedding_matrix()
    if matrix is not None:
        rows = array(matrix) @ rows
    return rows + input_bias(network.cell, first.bias_of_input, first.bias_of_state)


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


def add_recurrent_step(
    graph: Graph, weights: Weights, network: RecurrentLanguageModel, scales: list[float], state: str, result: str
) -> str:
    """Append one step from ``ids`` (B,) and a state (B, S) to the next, named ``result``; give the top state's name."""
    settings = network.settings
    parts = graph.split(state, network.state_width // settings.hidden_width, axis=1)
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
            bias = input_bias(network.cell, layered.bias_of_input, layered.bias_of_state)
            of_input = graph.add("Add", total, weights.add(f"bias_{layer}", bias))
        matrix = array(layered.of_state).T
        of_state = product(graph, weights, f"state_{layer}", hidden[layer], matrix, scales[layer])
        bias_new = ""
        if network.cell == "gru":
            bias_new = weights.add(f"bias_new_{layer}", array(layered.bias_of_state)[2 * settings.hidden_width :])
        memory = memories[layer] if network.cell == "lstm" else hidden[layer]
        after.append(add_cell(graph, network.cell, of_input, of_state, memory, bias_new))
    states = [layer[part] for part in range(len(after[0])) for layer in after]
    graph.add("Concat", *states, result=result, axis=1)
    return after[-1][0]


def state_scales(network: RecurrentLanguageModel, sample: Iterable[torch.Tensor]) -> list[float]:
    """Give each layer's state the step that its int8 form counts in.

    The states of tanh, GRU and LSTM lie in [-1, 1]; those of ReLU are measured.

    Args:
        network: whose states.
        sample: sequences of ids (T,) like those it will read; only a ReLU network reads them.
    """
    layers, hidden = network.settings.layers, network.settings.hidden_width
    if network.cell != "rnn-relu":
        return [1 / INT8_LARGEST] * layers
    largest = torch.zeros(layers)
    with torch.no_grad():
        for ids in sample:
            state = network.initial_state(1)
            for character in ids:
                _, state = network.step(character.view(1), state)
                largest = torch.maximum(largest, state.view(layers, hidden).amax(dim=1))
    return [max(float(each), 1e-3) * HEADROOM / INT8_LARGEST for each in largest]
