"""Restricted Boltzmann machines learn by contrastive divergence, and set the layers of a window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from test_encoders_convolution import drawn

from training.classifier_settings import ClassifierSettings
from training.encoders.window import WindowEncoder
from training.rbm import (
    PASSES,
    BoltzmannMachine,
    contrastive_divergence,
    linears,
    pretrain_window,
    train_machine,
    unit_scale,
)

if TYPE_CHECKING:
    from training.classifier_settings import Activation


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def some_words(count: int = 256, seed: int = 0) -> list[torch.Tensor]:
    """Batches of texts (B, 6, 3) of four words with noise, the longer ones cut at random: something to learn."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randn(4, 6, 3, generator=generator, dtype=torch.float64)
    values = words[torch.randint(4, (count,), generator=generator)]
    values = values + 0.1 * torch.randn(count, 6, 3, generator=generator, dtype=torch.float64)
    lengths = torch.randint(3, 7, (count, 1, 1), generator=generator)
    return list(torch.split(values * (torch.arange(6).view(1, 6, 1) < lengths), 32))


def window_of(activation: Activation = "sigmoid") -> WindowEncoder:
    return drawn(
        WindowEncoder(ClassifierSettings(activation=activation, layers=3, hidden_width=8, window_characters=6), 3)
    )


def test_one_step_of_contrastive_divergence_computes_what_is_written() -> None:
    """Unit by unit, with the chances planted: two texts, three visible units, two hidden units."""
    generator = torch.Generator().manual_seed(2)
    weights, of_visible, of_hidden, visible, chances = (
        torch.rand(shape, generator=generator, dtype=torch.float64) for shape in ((2, 3), (3,), (2,), (2, 3), (2, 2))
    )
    chances[0] = torch.tensor([0.0, 0.999])  # one on, one off
    machine = BoltzmannMachine(weights=weights - 0.5, of_visible=of_visible - 0.5, of_hidden=of_hidden - 0.5)
    change, error = contrastive_divergence(machine, visible, chances)

    w, b, c = machine.weights.numpy(), machine.of_visible.numpy(), machine.of_hidden.numpy()
    expected_w, expected_b, expected_c, squares = np.zeros((2, 3)), np.zeros(3), np.zeros(2), 0.0
    for text in range(2):
        v = visible[text].tolist()
        p = [sigmoid(c[j] + sum(w[j, i] * v[i] for i in range(3))) for j in range(2)]
        h = [1.0 if float(chances[text, j]) < p[j] else 0.0 for j in range(2)]
        again = [sigmoid(b[i] + sum(w[j, i] * h[j] for j in range(2))) for i in range(3)]
        p_again = [sigmoid(c[j] + sum(w[j, i] * again[i] for i in range(3))) for j in range(2)]
        for j in range(2):
            expected_c[j] += (p[j] - p_again[j]) / 2
            for i in range(3):
                expected_w[j, i] += (p[j] * v[i] - p_again[j] * again[i]) / 2
        for i in range(3):
            expected_b[i] += (v[i] - again[i]) / 2
            squares += (v[i] - again[i]) ** 2 / 6
        assert text or h == [1.0, 0.0]
    np.testing.assert_allclose(change.weights.numpy(), expected_w, rtol=0, atol=1e-10)
    np.testing.assert_allclose(change.of_visible.numpy(), expected_b, rtol=0, atol=1e-10)
    np.testing.assert_allclose(change.of_hidden.numpy(), expected_c, rtol=0, atol=1e-10)
    assert float(error) == pytest.approx(squares, abs=1e-10)


def test_the_reconstruction_error_of_every_layer_falls() -> None:
    """By a fifth at least, though biases know the means before the first pass."""
    errors = pretrain_window(window_of(), some_words(), torch.Generator().manual_seed(0))
    assert [len(each) for each in errors] == [PASSES] * 3
    for of_layer in errors:
        assert of_layer[-1] < of_layer[0] * 4 / 5


def test_layers_of_sigmoids_give_the_probabilities_of_their_machines() -> None:
    """The same machines, trained here from the same generator; of texts of which no value was cut."""
    window, batches = window_of(), some_words()
    pretrain_window(window, batches, torch.Generator().manual_seed(0))
    scale, generator = unit_scale(batches), torch.Generator().manual_seed(0)
    rows = [scale(batch).flatten(1) for batch in batches]
    seen = torch.cat(rows)
    whole = ((seen > 0) & (seen < 1)).all(dim=1)
    assert whole.sum() > 10
    for number in range(3):
        machine, _ = train_machine(rows, 8, generator)
        rows = [machine.hidden(row) for row in rows]
        if number == 0:
            assert float((torch.cat(rows).std(dim=0)).max()) > 0.1  # it tells texts apart
    values = torch.cat(batches)
    with torch.no_grad():
        read, _ = window(values, torch.full((len(values),), 6))
    torch.testing.assert_close(read[whole, 0], torch.cat(rows)[whole], rtol=0, atol=1e-10)


def test_values_become_probabilities_with_the_mean_at_one_half() -> None:
    batches = [torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 3.0], [1.0, 3.0]])]  # mean 2, deviation 1
    scale = unit_scale(batches)
    assert scale(torch.tensor([2.0, 0.0, 4.0, 3.0, -7.0, 9.0])).tolist() == [0.5, 0.0, 1.0, 0.75, 0.0, 1.0]


def test_all_matrices_and_biases_are_set_and_nothing_else_is() -> None:
    window = drawn(WindowEncoder(ClassifierSettings(layers=2, hidden_width=8, window_characters=6, normalise=True), 3))
    before = {name: each.detach().clone() for name, each in window.named_parameters()}
    pretrain_window(window, some_words(64), torch.Generator().manual_seed(0))
    assert len(list(linears(window))) == 2
    for name, each in window.named_parameters():
        assert torch.equal(before[name], each) != ("weighted" in name), name
