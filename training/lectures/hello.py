"""The recurrence by hand for hello: one-hot letters, h_t = tanh(W_hh h + W_xh x), and which letter comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from model.generation import softmax
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
IDS = np.array([LETTERS.index(letter) for letter in WORD], np.int64)
STEPS = 300
SETTINGS = NetworkSettings(cell="rnn-tanh", layers=1, hidden_width=4, embedding_width=0, dropout=0.0)


def taught(settings: NetworkSettings, steps: int) -> RecurrentLanguageModel:
    """Teach the word, letter by letter, to a network that reads one-hot letters."""
    torch.manual_seed(0)
    network = RecurrentLanguageModel(settings, len(LETTERS))
    training = TrainingSettings(minutes=0, learning_rate=0.05, weight_decay=0.0, precision="float32")
    batch = Batch(inputs=IDS[None, :-1], targets=IDS[None, 1:], weights=np.ones(1, np.float32), continues=False)
    learning = start_run(network, training)
    for _ in range(steps):
        advance(learning, batch, None, training)
    return network.eval()


def run(_scale: Scale) -> Result:
    """Teach the word to a network of four hidden units, then compute states and probabilities by hand beside it."""
    network = taught(SETTINGS, STEPS)
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(IDS[None, :-1]), None)
    said = logits[0].softmax(dim=1).numpy()  # by machim
    weights = layer_weights(network.recurrent, 0)
    of_input, of_state = array(weights.of_input), array(weights.of_state)
    bias = array(weights.bias_of_input) + array(weights.bias_of_state)
    output = network.characters.output
    state, numbers = np.zeros(SETTINGS.hidden_width, np.float32), {}
    drawn = []
    for place, letter in enumerate(IDS[:-1]):
        one_hot = np.eye(len(LETTERS), dtype=np.float32)[letter]
        state = np.tanh(of_state @ state + of_input @ one_hot + bias)
        probabilities = softmax(array(output.weight) @ state + array(output.bias))
        drawn.append(np.concatenate([state, probabilities]))
        numbers[f"{place + 1}: {LETTERS[letter]}"] = {
            **{f"h{unit + 1}": float(value) for unit, value in enumerate(state)},
            **{f"P({each})": float(probabilities[number]) for number, each in enumerate(LETTERS)},
            "farthest from machim's P": float(np.abs(probabilities - said[place]).max()),
        }

    def draw(axes: Axes) -> None:
        axes.imshow(np.array(drawn), cmap="RdBu", vmin=-1, vmax=1)
        units = [f"h{unit + 1}" for unit in range(SETTINGS.hidden_width)]
        axes.set_xticks(range(len(units) + len(LETTERS)), units + [f"P({letter})" for letter in LETTERS])
        axes.axvline(len(units) - 0.5, color="black")
        axes.set_yticks(range(len(WORD) - 1), [f"{WORD[: place + 1]}…" for place in range(len(WORD) - 1)])
        axes.set_xlabel("hidden units, and probabilities of the next letter: red is -1, white 0, blue 1")

    return Result(table=numbers_table("letter read", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="hello", question="How does a recurrence of four units spell hello?", run=run)
