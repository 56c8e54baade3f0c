"""The recurrence by hand for hello: one-hot letters, h_t = tanh(W_hh h + W_xh x), and which letter comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from training.batches import Batch
from training.lectures.lesson import Lecture, Result, numbers_table
from training.loop import advance, start_run
from training.networks import RecurrentLanguageModel, layer_weights
from training.onnx_graph import array
from training.settings import NetworkSettings, TrainingSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.lectures.lesson import Scale

LETTERS, WORD = "helo", "hello"
STEPS = 300
SETTINGS = NetworkSettings(cell="rnn-tanh", layers=1, hidden_width=4, embedding_width=0, dropout=0.0)


def run(_scale: Scale) -> Result:
    """Teach the word to a network of four hidden units, then compute each state by hand beside it."""
    torch.manual_seed(0)
    network = RecurrentLanguageModel(SETTINGS, len(LETTERS))
    training = TrainingSettings(minutes=0, learning_rate=0.05, weight_decay=0.0, precision="float32")
    ids = np.array([[LETTERS.index(letter) for letter in WORD]], np.int64)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    batch = Batch(inputs=inputs, targets=targets, weights=np.ones(1, np.float32), continues=False)
    learning = start_run(network, training)
    for _ in range(STEPS):
        advance(learning, batch, None, training)
    network.eval()
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(inputs), None)
        probabilities = logits[0].softmax(dim=1).numpy()
    weights = layer_weights(network.recurrent, 0)
    of_input, of_state = array(weights.of_input), array(weights.of_state)
    bias = array(weights.bias_of_input) + array(weights.bias_of_state)
    state, numbers = np.zeros(SETTINGS.hidden_width, np.float32), {}
    with torch.no_grad():
        states, _ = network.recurrent(torch.eye(len(LETTERS))[torch.from_numpy(inputs)])
    for place, letter in enumerate(inputs[0]):
        state = np.tanh(of_state @ state + of_input @ np.eye(len(LETTERS), dtype=np.float32)[letter] + bias)
        numbers[f"{place + 1}: {LETTERS[letter]}"] = {
            **{f"h{unit + 1}": float(value) for unit, value in enumerate(state)},
            **{f"P({each})": float(probabilities[place, number]) for number, each in enumerate(LETTERS)},
            "farthest from machim's h": float(np.abs(state - states[0, place].numpy()).max()),
        }

    def draw(axes: Axes) -> None:
        axes.imshow(probabilities, cmap="Greys", vmin=0, vmax=1)
        axes.set_xticks(range(len(LETTERS)), list(LETTERS))
        axes.set_yticks(range(len(WORD) - 1), [f"{WORD[: place + 1]}…" for place in range(len(WORD) - 1)])
        axes.set_xlabel("probability of the next letter")

    return Result(table=numbers_table("letter read", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="hello", question="How does a recurrence of four units spell hello?", run=run)
