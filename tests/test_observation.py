"""What is observed of a run is what happens in it, and observing changes nothing."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_loop import CHARACTERS, WORDS, small_network, words_as_ids
from torch import Tensor, nn

from training import observation
from training.batches import phrase_batches
from training.classifier import TextClassifier
from training.classifier_settings import ClassifierSettings
from training.loop import Outcome, advance, start_run, train_network
from training.observation import EVERY, LayerValues, Observer, reader_of, thin
from training.settings import TrainingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.networks import RecurrentLanguageModel

V, C = 9, 3
STEPS = 36
FIRST_LAYER, LAST_LAYER = "chains.0.parts.0.layers.0.weighted", "chains.0.parts.0.layers.9.weighted"


def some_texts(number: int = 60, longest: int = 7) -> tuple[list[NDArray[np.int64]], Tensor]:
    """Texts of the ids 4 to V - 1, and their classes: the first character's id, modulo C."""
    generator = np.random.default_rng(0)
    texts = [generator.integers(4, V, generator.integers(1, longest + 1)) for _ in range(number)]
    return texts, torch.tensor([int(text[0]) % C for text in texts])


def a_classifier(**told: Any) -> TextClassifier:
    torch.manual_seed(0)
    small = {
        "encoder": "convolution",
        "filters": 8,
        "hidden_width": 8,
        "embedding_width": 6,
        "pool_width": 1,
        "dropout": 0.1,
    }
    return TextClassifier(ClassifierSettings(**{**small, **told}), V, C)


def padded(texts: list[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    ids = nn.utils.rnn.pad_sequence([torch.from_numpy(text) for text in texts], batch_first=True)
    return ids, torch.tensor([len(text) for text in texts])


def loss_of(network: TextClassifier) -> Tensor:
    texts, classes = some_texts()
    return nn.functional.cross_entropy(network(*padded(texts)), classes)


def train(network: TextClassifier, observer: Observer | None, steps: int = STEPS) -> list[float]:
    """Learn some steps, look twice, and give the loss of each step."""
    torch.manual_seed(1)
    texts, classes = some_texts()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.02)
    losses = []
    for step in range(steps):
        loss = loss_of(network)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        if observer is not None:
            observer.step(loss, done=step / steps, epoch=step / 8, learning_rate=0.02)
        optimiser.step()
        if observer is not None and step in {steps // 2, steps - 1}:
            network.eval()
            with torch.no_grad():
                logits = network(*padded(texts))
            network.train()
            right = float((logits.argmax(dim=1) == classes).float().mean())
            observer.validated(float(nn.functional.cross_entropy(logits, classes)), right)
            observer.look(reader_of(network, texts))
    return losses


def test_what_is_noted_of_steps_is_what_they_were() -> None:
    """A loss is the mean since the point before; the network learns, so the points are told apart."""
    network = a_classifier()
    observer = Observer(network)
    losses = train(network, observer)
    curve = observer.record.curve
    assert [each.step for each in curve] == list(range(0, STEPS, EVERY))
    assert [each.done for each in curve] == [step / STEPS for step in range(0, STEPS, EVERY)]
    assert [each.epoch for each in curve] == [step / 8 for step in range(0, STEPS, EVERY)]
    assert curve[0].loss_nats == pytest.approx(losses[0])
    for before, after in zip(range(0, STEPS, EVERY), curve[1:], strict=False):
        assert after.loss_nats == pytest.approx(np.mean(losses[before + 1 : before + 1 + EVERY]), rel=1e-5)
    assert losses[-1] < losses[0] * 0.7
    assert [each.step for each in observer.record.validations] == [STEPS // 2 + 1, STEPS]
    accuracy = observer.record.validations[-1].accuracy
    assert accuracy is not None
    assert accuracy > 0.6


@pytest.mark.parametrize("encoder", ["convolution", "branches/recurrent", "window"])
def test_a_run_that_is_observed_is_the_run_that_is_not(encoder: str) -> None:
    """Bit for bit, dropout included."""
    alone, observed = a_classifier(encoder=encoder), a_classifier(encoder=encoder)
    assert train(alone, None) == train(observed, Observer(observed))
    for one, other in zip(alone.parameters(), observed.parameters(), strict=True):
        assert torch.equal(one, other)
    assert observed.training
    assert not any(module._forward_hooks for module in observed.modules())  # noqa: SLF001 - torch shows them nowhere else


def test_gradient_norms_are_those_of_the_gradients_by_layer() -> None:
    network = a_classifier(encoder="convolution/recurrent", normalise=True, skip="highway")
    observer = Observer(network)
    loss = loss_of(network)
    loss.backward()  # type: ignore[no-untyped-call]
    observer.step(loss, done=0.0, epoch=0.0, learning_rate=0.1)
    squares: dict[str, float] = {}
    for name, weights in network.named_parameters():
        owner, _, parameter = name.rpartition(".")
        layer = f"{owner}.0" if "_l0" in parameter else owner
        assert weights.grad is not None
        squares[layer] = squares.get(layer, 0.0) + float(weights.grad.double().square().sum())
    norms = observer.record.gradient_norms
    assert list(norms) == list(squares)
    assert "chains.0.parts.1.layers.0.recurrences.1.0" in norms
    for name, square in squares.items():
        [(step, norm)] = norms[name]
        assert step == 0
        assert norm == pytest.approx(math.sqrt(square), rel=1e-5)


def test_recurrent_layers_of_one_module_are_told_apart_and_tied_weights_count_twice() -> None:
    network = small_network(layers=2, tied="yes", embedding_width=16)
    observer = Observer(network)
    logits, _ = network(torch.tensor([[2, 4, 5]]))
    loss = logits.square().mean()
    loss.backward()
    observer.step(loss, done=0.0, epoch=0.0, learning_rate=0.1)
    norms = {name: points[0][1] for name, points in observer.record.gradient_norms.items()}
    assert list(norms) == ["embedding", "recurrent.0", "recurrent.1", "output"]
    bias = network.characters.output.bias.grad
    assert bias is not None
    assert norms["output"] == pytest.approx(math.hypot(norms["embedding"], float(bias.norm())), rel=1e-5)


def test_a_layer_that_no_gradient_reaches_has_norm_0() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    loss = network[1](torch.ones(1, 2)).sum()
    loss.backward()
    observer = Observer(network)
    observer.step(loss, done=0.0, epoch=0.0, learning_rate=0.1)
    assert observer.record.gradient_norms["0"] == [(0, 0.0)]
    assert observer.record.gradient_norms["1"][0][1] == pytest.approx(math.sqrt(3))


def first_over_last(**told: Any) -> float:
    """Divide the gradient norm of the first of ten plain layers by that of the last."""
    network = a_classifier(encoder="window", window_characters=7, layers=10, hidden_width=32, dropout=0.0, **told)
    observer = Observer(network)
    loss = loss_of(network)
    loss.backward()  # type: ignore[no-untyped-call]
    observer.step(loss, done=0.0, epoch=0.0, learning_rate=0.1)
    norms = observer.record.gradient_norms
    return norms[FIRST_LAYER][0][1] / norms[LAST_LAYER][0][1]


def test_gradients_vanish_through_ten_sigmoids_and_not_through_relu_after_he() -> None:
    """Each sigmoid lets at most a quarter through: 4 to the power of -9 is 4e-6."""
    assert first_over_last(activation="sigmoid", initialise="xavier") < 1e-5
    assert 0.1 < first_over_last(activation="relu", initialise="he") < 10


def test_a_unit_that_is_forced_dead_is_counted_and_no_other() -> None:
    network = a_classifier(convolutions=2, blocks=1)
    texts, _ = some_texts(200)
    layers = [f"chains.0.parts.0.layers.{number}" for number in range(2)]
    observer = Observer(network)
    observer.look(reader_of(network, texts))
    filters = network.get_submodule(f"{layers[1]}.weighted.filters")
    assert isinstance(filters, nn.Conv1d)
    assert filters.bias is not None
    with torch.no_grad():
        filters.bias[:3] = -100.0
    observer.steps = 7
    observer.look(reader_of(network, texts))
    dead = observer.record.dead_shares
    assert list(dead) == layers
    assert dead[layers[0]] == [(0, 0.0), (7, 0.0)]
    assert dead[layers[1]] == [(0, 0.0), (7, 3 / 8)]


def test_only_relu_has_dead_units_and_histograms_are_those_of_texts_alone() -> None:
    """No value beyond the end of a text is in them; both directions of a recurrence are seen."""
    network = a_classifier(encoder="branches/recurrent", branch_widths="1,2", activation="sigmoid")
    texts, _ = some_texts()
    observer = Observer(network)
    observer.look(reader_of(network, texts))
    assert observer.record.dead_shares == {}
    units = {
        "chains.0.parts.0.layer": 16,
        "chains.0.parts.1.layers.0.recurrences.0": 8,
        "chains.0.parts.1.layers.0.recurrences.1": 8,
    }
    assert list(observer.record.activations) == list(units)
    characters = sum(map(len, texts))
    for name, histogram in observer.record.activations.items():
        assert sum(histogram.counts) == characters * units[name]
        assert (0 if units[name] == 16 else -1) <= histogram.edges[0] < histogram.edges[-1] <= 1


@given(
    parts=st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20), min_size=1, max_size=4),
)
@settings(deadline=None)
def test_a_histogram_counts_every_value_in_its_bin_whatever_came_before(parts: list[list[float]]) -> None:
    """A value on an edge may be counted on either side of it, as its place is rounded."""
    values = LayerValues(is_rectified=False)
    for part in parts:
        values.add(torch.tensor(part).unsqueeze(1))
    histogram = values.histogram()
    everything = np.sort(np.concatenate(parts))
    assert sum(histogram.counts) == len(everything)
    assert histogram.counts[0] > 0 or not everything.any()
    assert len(histogram.edges) == len(histogram.counts) + 1
    margin = 1e-5 * (histogram.edges[-1] - histogram.edges[0] + abs(histogram.edges[0]))
    below = np.cumsum(histogram.counts)
    for edge, counted in zip(histogram.edges[1:], below, strict=True):
        assert (everything < edge - margin).sum() <= counted <= (everything <= edge + margin).sum()


def test_values_that_are_no_numbers_are_left_out_of_a_histogram() -> None:
    values = LayerValues(is_rectified=False)
    values.add(torch.tensor([[math.nan, math.inf, 0.75]]))
    assert sum(values.histogram().counts) == 1


def test_a_look_at_which_nothing_was_read_shows_nothing() -> None:
    observer = Observer(a_classifier())
    observer.look(lambda: None)
    assert observer.record.activations == {}
    assert observer.record.dead_shares == {}


def test_a_look_that_fails_leaves_the_network_as_it_was() -> None:
    network = a_classifier()

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Observer(network).look(fail)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())  # noqa: SLF001 - torch shows them nowhere else


@given(st.lists(st.integers(), min_size=2))
def test_thinning_keeps_the_first_the_last_and_every_second(points: list[int]) -> None:
    kept = list(points)
    thin(kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert kept[:-1] == points[:-1:2]


def test_a_long_run_is_held_in_few_points_at_equal_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "MOST_POINTS", 21)
    network = nn.Linear(1, 1)
    loss = network(torch.ones(1, 1)).sum()
    loss.backward()
    observer = Observer(network)
    for step in range(2000):
        observer.step(loss, done=step / 2000, epoch=0.0, learning_rate=0.1)
        observer.validated(1.0)
        assert len(observer.record.curve) < 21
    steps = [each.step for each in observer.record.curve]
    assert steps == list(range(0, 2000, observer.every))
    assert observer.every == EVERY * 2**5
    assert [step for step, _ in observer.record.gradient_norms["weight"]] == steps
    validations = [each.step for each in observer.record.validations]
    assert len(validations) < 21
    assert (validations[0], validations[-1]) == (1, 2000)


def test_a_language_model_is_observed_by_the_loop_and_learns_the_same() -> None:
    phrases = words_as_ids(WORDS)
    chosen = TrainingSettings(minutes=0.0, precision="float32", learning_rate=0.02, epochs=12, gradient_limit=0.01)
    texts = [phrases.ids[start:end] for start, end in pairwise(phrases.offsets)]
    networks = [small_network(cell="rnn-relu", layers=2) for _ in range(2)]
    observer = Observer(networks[1])

    def learn(network: RecurrentLanguageModel, watcher: Observer | None) -> Outcome:
        validate = iter(np.linspace(2, 1, 40).tolist()).__next__
        return train_network(
            start_run(network, chosen),
            lambda epoch: phrase_batches(phrases, batch_characters=8, seed=0, epoch=epoch),
            advance,
            validate if watcher is None else watcher.watch(validate, reader_of(network, texts)),
            chosen,
            epoch_characters=CHARACTERS,
            seconds=math.inf,
            report=lambda _: None,
            observer=watcher,
        )

    outcomes = [learn(networks[0], None), learn(networks[1], observer)]
    assert outcomes[0].steps == outcomes[1].steps == observer.steps
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(one, other)
    record = observer.record
    assert [each.step for each in record.curve] == list(range(0, observer.steps, EVERY))
    assert record.curve[0].done == 0.0
    assert 0.5 < record.curve[-1].done < 1
    assert (
        record.curve[0].learning_rate < max(each.learning_rate for each in record.curve) == pytest.approx(0.02, rel=0.1)
    )
    assert record.validations[-1].loss_nats == pytest.approx(outcomes[1].held_out_bits * math.log(2))
    assert min(norm for _, norm in record.gradient_norms["output"]) > 0.01  # before gradients are clipped
    assert record.validations[-1].accuracy is None
    assert len(record.dead_shares["recurrent"]) == len(record.validations)
    assert sum(record.activations["recurrent"].counts) == len(phrases.ids) * 16
