"""The networks are the recurrences of the textbook, read at once or one character at a time.

Legend: B batch, T time steps, V vocabulary size, H hidden width, L layers.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from model.errors import InputError
from training.batches import IGNORED, Batch
from training.loop import loss_nats
from training.networks import RecurrentLanguageModel
from training.settings import Cell, NetworkSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS: tuple[Cell, ...] = get_args(Cell)
FORMS: dict[str, dict[str, Any]] = {
    "embedded": {"embedding_width": 5, "tied": False},
    "one-hot": {"embedding_width": 0},
    "tied": {"embedding_width": 7},
    "tied through a projection": {"embedding_width": 5},
}
VOCABULARY = 6


def network_of(cell: Cell, layers: int = 2, form: str = "embedded", **others: Any) -> RecurrentLanguageModel:
    """A small network in float64, every parameter of it drawn, biases included."""
    settings = NetworkSettings(
        **{"cell": cell, "layers": layers, "hidden_width": 7, "dropout": 0.0, **FORMS[form], **others}
    )
    generator = torch.Generator().manual_seed(1)
    network = RecurrentLanguageModel(settings, VOCABULARY).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return network


def some_ids(batch: int = 3, steps: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCABULARY, (batch, steps), generator=torch.Generator().manual_seed(seed))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def gate(weights: dict[str, NDArray[np.float64]], layer: int, row: int, x: list[float], h: list[float]) -> list[float]:
    """The two sums of one row of a layer's weights: over what it reads, and over its state, a bias in each."""
    of_input = float(weights[f"bias_ih_l{layer}"][row])
    of_state = float(weights[f"bias_hh_l{layer}"][row])
    for i, each in enumerate(x):
        of_input += float(weights[f"weight_ih_l{layer}"][row, i]) * each
    for i, each in enumerate(h):
        of_state += float(weights[f"weight_hh_l{layer}"][row, i]) * each
    return [of_input, of_state]


def written_out(
    cell: Cell, weights: dict[str, NDArray[np.float64]], layer: int, x: list[float], h: list[float], c: list[float]
) -> tuple[list[float], list[float]]:
    """One step of one layer, unit by unit, from the equations."""
    width = len(h)
    new_h, new_c = [0.0] * width, [0.0] * width
    for unit in range(width):
        rows = {g: gate(weights, layer, g * width + unit, x, h) for g in range({"gru": 3, "lstm": 4}.get(cell, 1))}
        if cell == "rnn-tanh":  # h = tanh(W x + b + U h + d)
            new_h[unit] = math.tanh(sum(rows[0]))
        elif cell == "rnn-relu":
            new_h[unit] = max(0.0, sum(rows[0]))
        elif cell == "gru":  # n = tanh(W x + b + r (U h + d)), h = (1 - z) n + z h
            r, z = sigmoid(sum(rows[0])), sigmoid(sum(rows[1]))
            n = math.tanh(rows[2][0] + r * rows[2][1])
            new_h[unit] = (1 - z) * n + z * h[unit]
        else:  # c = f c + i g, h = o tanh(c)
            i, f, o = sigmoid(sum(rows[0])), sigmoid(sum(rows[1])), sigmoid(sum(rows[3]))
            new_c[unit] = f * c[unit] + i * math.tanh(sum(rows[2]))
            new_h[unit] = o * math.tanh(new_c[unit])
    return new_h, new_c


@pytest.mark.parametrize("cell", CELLS)
def test_two_layers_compute_the_recurrence_as_it_is_written(cell: Cell) -> None:
    network = network_of(cell)
    assert network.characters.embedding is not None
    weights = {name: each.detach().numpy() for name, each in network.recurrent.named_parameters()}
    embedding, output = (
        network.characters.embedding.weight.detach().numpy(),
        network.characters.output.weight.detach().numpy(),
    )
    ids = some_ids(batch=2, steps=6)
    with torch.no_grad():
        logits, state = network(ids)
    for row, sequence in enumerate(ids.tolist()):
        h, c = [[0.0] * 7, [0.0] * 7], [[0.0] * 7, [0.0] * 7]
        for step, character in enumerate(sequence):
            value = [float(each) for each in embedding[character]]
            for layer in (0, 1):
                h[layer], c[layer] = written_out(cell, weights, layer, value, h[layer], c[layer])
                value = h[layer]
            expected = output @ np.array(value) + network.characters.output.bias.detach().numpy()
            np.testing.assert_allclose(logits[row, step].numpy(), expected, rtol=0, atol=1e-10)
        remembered = [*h[0], *h[1], *c[0], *c[1]] if cell == "lstm" else [*h[0], *h[1]]
        np.testing.assert_allclose(state[row].numpy(), remembered, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("cell", "layers", "form"), list(itertools.product(CELLS, (1, 2), FORMS)))
def test_one_step_at_a_time_equals_the_whole_sequence(cell: Cell, layers: int, form: str) -> None:
    network = network_of(cell, layers, form)
    ids = some_ids()
    with torch.no_grad():
        logits, last = network(ids)
        state = network.initial_state(len(ids))
        for step in range(ids.shape[1]):
            stepped, state = network.step(ids[:, step], state)
            torch.testing.assert_close(stepped, logits[:, step], rtol=0, atol=1e-12)
    assert state.shape == (3, network.state_width)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_cut_in_two_is_read_as_one(cell: Cell) -> None:
    network = network_of(cell)
    ids = some_ids()
    with torch.no_grad():
        logits, last = network(ids)
        first, between = network(ids[:, :4])
        second, end = network(ids[:, 4:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("changed", range(1, 9))
def test_future_characters_never_change_the_past(cell: Cell, changed: int) -> None:
    network = network_of(cell)
    ids, other = some_ids(), some_ids(seed=1)
    mixed = torch.cat([ids[:, :changed], other[:, changed:]], dim=1)
    assert not torch.equal(mixed, ids)
    with torch.no_grad():
        before, after = network(ids)[0], network(mixed)[0]
    torch.testing.assert_close(before[:, :changed], after[:, :changed], rtol=0, atol=1e-12)
    assert not torch.allclose(before[:, changed:], after[:, changed:])


@pytest.mark.parametrize("cell", CELLS)
def test_padding_at_the_end_changes_nothing_before_it_nor_the_loss(cell: Cell) -> None:
    network = network_of(cell)
    ids, weights = some_ids().numpy(), np.array([1.0, 3.0, 0.5], np.float32)
    padded = np.pad(ids, ((0, 0), (0, 4)), constant_values=2)
    ignored = np.pad(ids, ((0, 0), (0, 4)), constant_values=IGNORED)
    with torch.no_grad():
        short, long = network(torch.from_numpy(ids))[0], network(torch.from_numpy(padded))[0]
    torch.testing.assert_close(long[:, : short.shape[1]], short, rtol=0, atol=1e-12)
    total, characters = loss_nats(short, Batch(inputs=ids, targets=ids, weights=weights))
    total_padded, characters_padded = loss_nats(long, Batch(inputs=padded, targets=ignored, weights=weights))
    assert float(characters) == float(characters_padded) == 4.5 * 9
    torch.testing.assert_close(total_padded, total)


def test_the_loss_weighs_each_row_as_its_repeats() -> None:
    logits = torch.zeros(2, 3, VOCABULARY)
    logits[1, :, 0] = 2.0
    targets = np.array([[1, 2, IGNORED], [0, IGNORED, IGNORED]])
    batch = Batch(inputs=np.zeros_like(targets), targets=targets, weights=np.array([3.0, 5.0], np.float32))
    total, characters = loss_nats(logits, batch)
    of_second = math.log(math.exp(2) + 5) - 2
    assert float(characters) == 3 * 2 + 5
    assert float(total) == pytest.approx(6 * math.log(VOCABULARY) + 5 * of_second)


@pytest.mark.parametrize(("cell", "form"), list(itertools.product(CELLS, FORMS)))
def test_every_parameter_gets_a_gradient(cell: Cell, form: str) -> None:
    torch.manual_seed(0)  # of few ReLUs, all can begin dead
    network = RecurrentLanguageModel(NetworkSettings(cell=cell, layers=2, hidden_width=7, **FORMS[form]), VOCABULARY)
    ids = some_ids(batch=4, steps=12)
    logits, _ = network(ids[:, :-1])
    functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "form", [{}, {"embedding_width": 0}, {"tied": False}, {"embedding_width": 384}, {"layers": 2}], ids=str
)
def test_the_loss_before_training_is_near_that_of_the_uniform_distribution(cell: Cell, form: dict[str, Any]) -> None:
    """At the widths of the defaults, within 5 %."""
    torch.manual_seed(0)
    vocabulary = 1000
    network = RecurrentLanguageModel(NetworkSettings(cell=cell, **form), vocabulary).eval()
    ids = torch.randint(vocabulary, (8, 17))
    with torch.no_grad():
        logits, _ = network(ids[:, :-1])
        loss = float(functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))
    assert loss == pytest.approx(math.log(vocabulary), rel=0.05)


def test_dropout_drops_the_same_units_at_every_step_of_a_sequence_and_none_when_predicting() -> None:
    """Of 4 sequences of 1,000 units: the chance that a share of .25 comes out beyond .25 ± .05 is below 1e-12."""
    network = network_of("lstm", dropout=0.25)
    values = torch.ones(4, 3, 1000)
    dropped = network.train().characters.drop(values)
    assert torch.equal(dropped[:, :1].expand_as(dropped), dropped)
    assert not torch.equal(dropped[0], dropped[1])
    assert sorted({round(value, 4) for value in dropped.flatten().tolist()}) == [0.0, round(1 / 0.75, 4)]
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.05
    assert network.characters.drop(values[:, 0]).shape == (4, 1000)
    assert torch.equal(network.eval().characters.drop(values), values)


def test_an_lstm_begins_by_remembering() -> None:
    network = RecurrentLanguageModel(NetworkSettings(hidden_width=4, layers=2), VOCABULARY)
    for layer in (0, 1):
        bias = getattr(network.recurrent, f"bias_ih_l{layer}")
        assert (bias[4:8] == 1).all()
        assert (bias[:4].abs() < 1).all()


@pytest.mark.parametrize("form", ["tied", "tied through a projection"])
def test_tied_weights_are_one_parameter_that_both_ends_change(form: str) -> None:
    network = network_of("lstm", form=form)
    assert network.characters.embedding is not None
    assert network.characters.output.weight is network.characters.embedding.weight
    assert (network.characters.projection is None) == (form == "tied")
    with torch.no_grad():
        network.characters.embedding.weight[3] += 1.0
        ids = torch.tensor([[1, 2]])
        before, _ = network(ids)
        network.characters.embedding.weight[3] += 1.0
        after, _ = network(ids)
    assert not torch.allclose(before[..., 3], after[..., 3])
    torch.testing.assert_close(before[..., :3], after[..., :3])


def test_one_hot_has_nothing_to_tie() -> None:
    network = network_of("lstm", form="one-hot", tied=True)
    assert network.characters.output.weight.shape == (VOCABULARY, 7)
    assert network.characters.projection is None


def test_untied_weights_are_two_parameters() -> None:
    network = network_of("lstm", embedding_width=7)
    assert network.characters.embedding is not None
    assert network.characters.output.weight.data_ptr() != network.characters.embedding.weight.data_ptr()
    tied = network_of("lstm", form="tied")
    sizes = [sum(each.numel() for each in one.parameters()) for one in (network, tied)]
    assert sizes[0] - sizes[1] == VOCABULARY * 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cell": "rwkv"}, "cell must be one of rnn-tanh, rnn-relu, gru, lstm, convolution, got 'rwkv'"),
        ({"layers": 33}, "layers must be in [0, 32], got 33"),
        ({"filter_width": 1}, "filter_width must be in [2, 64], got 1"),
        ({"hidden_width": 0}, "hidden_width must be in [1, 8192], got 0"),
        ({"embedding_width": -1}, "embedding_width must be in [0, 8192], got -1"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), got 1.0"),
        ({"dropout": -0.1}, "dropout must be in [0, 1), got -0.1"),
        ({"dropout": math.nan}, "dropout must be in [0, 1), got nan"),
    ],
)
def test_settings_that_make_no_network_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        NetworkSettings(**values)
    assert str(caught.value) == message


def test_a_convolution_is_no_recurrence() -> None:
    with pytest.raises(InputError, match="cell must be a recurrence, got 'convolution'"):
        RecurrentLanguageModel(NetworkSettings(cell="convolution"), VOCABULARY)
