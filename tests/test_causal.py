"""The causal convolutional network is the equations written out, read at once or one character at a time.

Legend: B batch, T time steps, V vocabulary size, E embedding width, H hidden width, L layers, W filter width,
D dilation.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from test_search_kinds import CHARACTERS, FEW, LONGEST, expected, mixture_of, probabilities_of_all
from torch.nn import functional

from model.alphabet import count_characters, train_alphabet
from model.finished import SearchOptions
from model.keys import alphabet_keys
from model.loaded import folded_ids, load_model
from model.memory import Reader
from model.runtime import open_runtime
from model.search import search
from model.typed import typed_query
from training.causal import CausalLanguageModel
from training.checkpoints import WEIGHTS_FILE, load_network
from training.evaluation import network_scorer
from training.export import export
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from pathlib import Path

FORMS: dict[str, dict[str, Any]] = {
    "embedded": {"embedding_width": 3, "tied": False},
    "one-hot": {"embedding_width": 0},
    "tied": {"embedding_width": 4},
    "tied through a projection": {"embedding_width": 3},
}
SHAPES = [(1, 2), (2, 3), (3, 2), (6, 3)]  # layers and filter width; the sixth layer's dilation is not 32 but 16
VOCABULARY = 6


def network_of(layers: int = 3, filter_width: int = 3, form: str = "embedded", **others: Any) -> CausalLanguageModel:
    """A small network in float64, every parameter of it drawn, biases included."""
    chosen = {"layers": layers, "filter_width": filter_width, "hidden_width": 4, "dropout": 0.0, **FORMS[form]}
    network = CausalLanguageModel(NetworkSettings(cell="convolution", **{**chosen, **others}), VOCABULARY).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return network


def some_ids(batch: int = 2, steps: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCABULARY, (batch, steps), generator=torch.Generator().manual_seed(seed))


def written_out(network: CausalLanguageModel, ids: list[int]) -> list[list[float]]:
    """Logits (T, V) of one sequence, unit by unit and place by place, from the equations."""
    settings = network.settings
    weights = {name: each.detach().numpy() for name, each in network.named_parameters()}
    width, filters = settings.hidden_width, settings.filter_width
    values = [
        [
            float(weights["entrance.bias"][unit])
            + sum(
                float(weights["entrance.weight"][unit, i]) * float(each)
                for i, each in enumerate(weights["characters.embedding.weight"][character])
            )
            for unit in range(width)
        ]
        for character in ids
    ]
    for layer in range(settings.layers):
        matrix, bias = weights[f"convolutions.{layer}.weight"], weights[f"convolutions.{layer}.bias"]
        dilation = [1, 2, 4, 8, 16, 16][layer]
        after = []
        for t, value in enumerate(values):
            sums = [float(each) for each in bias]
            for row, place, i in itertools.product(range(2 * width), range(filters), range(width)):
                back = t - (filters - 1 - place) * dilation
                sums[row] += float(matrix[row, place * width + i]) * (values[back][i] if back >= 0 else 0.0)
            gates = [1 / (1 + math.exp(-sums[width + unit])) for unit in range(width)]
            after.append([value[unit] + math.tanh(sums[unit]) * gates[unit] for unit in range(width)])
        values = after
    output, bias = weights["characters.output.weight"], weights["characters.output.bias"]
    return [[float(output[row] @ np.array(value) + bias[row]) for row in range(VOCABULARY)] for value in values]


@pytest.mark.parametrize(("layers", "filter_width"), SHAPES)
def test_the_layers_compute_the_equations(layers: int, filter_width: int) -> None:
    network, ids = network_of(layers, filter_width), some_ids()
    with torch.no_grad():
        logits, _ = network(ids)
    for row, sequence in enumerate(ids.tolist()):
        np.testing.assert_allclose(logits[row].numpy(), written_out(network, sequence), rtol=0, atol=1e-10)


def test_a_layer_is_the_dilated_convolution_that_torch_knows() -> None:
    """With the same weights (2·H, H, W), zeros before the text and none after it."""
    network, ids = network_of(3, 3), some_ids()
    with torch.no_grad():
        values, _ = network.layer_values(ids, network.initial_state(2))
        for number, (layer, dilation) in enumerate(zip(network.layers, (1, 2, 4), strict=True)):
            weight = layer.weight.view(8, 3, 4).permute(0, 2, 1)
            padded = functional.pad(values[number].transpose(1, 2), (2 * dilation, 0))
            a, b = functional.conv1d(padded, weight, layer.bias, dilation=dilation).transpose(1, 2).chunk(2, dim=-1)
            torch.testing.assert_close(
                values[number + 1], values[number] + torch.tanh(a) * torch.sigmoid(b), rtol=0, atol=1e-12
            )


@pytest.mark.parametrize(("shape", "form"), list(itertools.product(SHAPES, FORMS)))
def test_one_step_at_a_time_equals_the_whole_sequence(shape: tuple[int, int], form: str) -> None:
    network, ids = network_of(*shape, form), some_ids()
    with torch.no_grad():
        logits, last = network(ids)
        state = network.initial_state(len(ids))
        for step in range(ids.shape[1]):
            stepped, state = network.step(ids[:, step], state)
            torch.testing.assert_close(stepped, logits[:, step], rtol=0, atol=1e-12)
    assert state.shape == (2, network.state_width)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 5, 39])
def test_the_state_carries_over_windows(window: int) -> None:
    network, ids = network_of(), some_ids()
    with torch.no_grad():
        logits, last = network(ids)
        state, read = None, []
        for part in torch.split(ids, window, dim=1):
            said, state = network(part, state)
            read.append(said)
    torch.testing.assert_close(torch.cat(read, dim=1), logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-12)


@pytest.mark.parametrize("changed", [1, 2, 17, 39])
def test_future_characters_never_change_the_past(changed: int) -> None:
    network, ids, other = network_of(), some_ids(), some_ids(seed=1)
    mixed = torch.cat([ids[:, :changed], other[:, changed:]], dim=1)
    with torch.no_grad():
        before, after = network(ids)[0], network(mixed)[0]
    torch.testing.assert_close(before[:, :changed], after[:, :changed], rtol=0, atol=0)
    assert not torch.allclose(before[:, changed:], after[:, changed:])


@pytest.mark.parametrize(("layers", "filter_width", "field"), [(1, 2, 2), (1, 3, 3), (3, 3, 15), (3, 2, 8)])
def test_a_character_counts_as_long_as_the_layers_reach_back(layers: int, filter_width: int, field: int) -> None:
    """1 + (W - 1)(1 + 2 + 4 + ...) characters, the newest one of them."""
    network, ids = network_of(layers, filter_width), some_ids()
    other = ids.clone()
    other[:, 10] = (ids[:, 10] + 1) % VOCABULARY
    with torch.no_grad():
        differs = (network(ids)[0] != network(other)[0]).any(dim=2)[0]
    assert differs.nonzero().flatten().tolist() == list(range(10, 10 + field))
    assert network.state_width == (field - 1) * 4


@pytest.mark.parametrize("form", FORMS)
def test_every_parameter_gets_a_gradient(form: str) -> None:
    network, ids = network_of(form=form, dropout=0.25).train(), some_ids(batch=4)
    logits, _ = network(ids[:, :-1])
    functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    "form", [{}, {"embedding_width": 0}, {"tied": False}, {"layers": 8}, {"embedding_width": 384}], ids=str
)
def test_the_loss_before_training_is_near_that_of_the_uniform_distribution(form: dict[str, Any]) -> None:
    """At the widths of the defaults, within 5 %."""
    torch.manual_seed(0)
    network = CausalLanguageModel(NetworkSettings(cell="convolution", **form), 1000).eval()
    ids = torch.randint(1000, (8, 17))
    with torch.no_grad():
        loss = float(functional.cross_entropy(network(ids[:, :-1])[0].flatten(0, 1), ids[:, 1:].flatten()))
    assert loss == pytest.approx(math.log(1000), rel=0.05)


def test_dropout_drops_what_a_layer_adds_for_a_whole_sequence_and_nothing_when_predicting() -> None:
    network, ids = network_of(layers=2, form="one-hot", dropout=0.5), some_ids()
    torch.manual_seed(0)
    with torch.no_grad():
        values, _ = network.train().layer_values(ids, network.initial_state(2))
        dropped = (values[1] == values[0]).flatten(1, 1)  # (B, T, H)
        kept, _ = network.eval().layer_values(ids, network.initial_state(2))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0 < float(dropped.double().mean()) < 1
    assert not (kept[1] == kept[0]).any()


def test_layers_are_one_recurrent_or_four_convolutions_unless_told() -> None:
    assert [NetworkSettings(cell=cell).layers for cell in ("lstm", "convolution")] == [1, 4]
    assert NetworkSettings(cell="convolution", layers=1).layers == 1


def test_search_with_it_finds_what_trying_every_string_finds(tmp_path: Path) -> None:
    """Over its exported graphs, counts, and every kind of match."""
    alphabet = train_alphabet(count_characters([CHARACTERS], np.ones(1)), character_limit=20)
    torch.manual_seed(0)
    chosen = NetworkSettings(cell="convolution", hidden_width=8, embedding_width=6, layers=2)
    network = CausalLanguageModel(chosen, len(alphabet))
    with torch.no_grad():
        network.characters.output.weight.mul_(4.0)
        network.characters.output.bias[1] += 2.0  # the end, or hardly any string would be finished
    for name, content in export(network, [torch.arange(len(alphabet))]).files.items():
        (tmp_path / name).write_bytes(content)
    runtime = open_runtime(tmp_path)
    alone = probabilities_of_all(runtime, alphabet)
    mixture = mixture_of(alphabet, {"각나기": 3.0, "가기": 2.0, "rk": 1.0}, 0.5)
    for typed in ("", "가", "ㄱ", "rk", "A"):
        query = typed_query(typed, alphabet, alphabet_keys(alphabet))
        options = SearchOptions(
            limit=4,
            max_characters=LONGEST - len(typed),
            max_expansions=10**6,
            mixture=mixture,
            folded=folded_ids(alphabet),
        )
        found = search(Reader(network=runtime), query, options).found
        wanted = expected(query, mixture, alone, options, alphabet)
        np.testing.assert_allclose([each.score for each in found], wanted, atol=FEW)


def test_few_rows_at_a_time_are_scored_where_states_are_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of().float()
    for name, content in export(network, list(some_ids())).files.items():
        (tmp_path / name).write_bytes(content)
    runtime, ids = open_runtime(tmp_path), some_ids(batch=7).numpy()
    scorer = network_scorer(runtime)
    whole = scorer(ids[:, :-1], ids[:, 1:], None)
    monkeypatch.setattr("training.evaluation.STATE_NUMBERS", 3 * 39 * runtime.state_width)
    parts = scorer(ids[:, :-1], ids[:, 1:], None)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(np.unique(whole[1], axis=0)) == 7


def test_a_convolution_is_trained_and_completes_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "phrases.txt").write_text("".join(f"서울 {i}\t{i}\n" for i in range(1, 200)), encoding="utf-8")

    def machim(*arguments: str) -> str:
        command = [sys.executable, "-m", "machim", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    options = {"cell": "convolution", "hidden-width": 16, "embedding-width": 8, "filter-width": 2, "layers": 3}
    told = [f"--{name}={value}" for name, value in {**options, "epochs": 3, "minutes": 0}.items()]
    machim("train", str(tmp_path / "phrases.txt"), "--out", str(tmp_path / "m"), *told)
    said = json.loads(machim("complete", str(tmp_path / "m"), "서울 1", "--json"))
    assert said["completions"]
    assert all(each["text"].startswith("서울 1") for each in said["completions"] if each["match"] == "exact")
    model = load_model(tmp_path / "m")
    architecture = model.checkpoint.manifest.architecture
    assert [architecture[name] for name in ("cell", "layers", "filter_width")] == ["convolution", 3, 2]
    network = load_network(model)
    assert isinstance(network, CausalLanguageModel)
    assert network.state_width == (1 + 2 + 4) * 16
    assert WEIGHTS_FILE in model.checkpoint.files
