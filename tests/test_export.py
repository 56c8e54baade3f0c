"""The exported graphs say what the network says, and the same of a row in every company.

Legend: B batch, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from model.errors import CheckpointError
from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE, Runtime, initial_state, open_runtime
from training.causal import CausalLanguageModel
from training.export import export
from training.language_models import LanguageModel, SingleModel, make_network
from training.networks import RecurrentLanguageModel, layer_weights
from training.onnx_graph import quantise_columns
from training.settings import LanguageCell, NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.usefixtures("one_thread")

CELLS: tuple[LanguageCell, ...] = get_args(LanguageCell)
FORMS: dict[str, dict[str, Any]] = {
    "embedded": {"embedding_width": 16, "tied": False},
    "one-hot": {"embedding_width": 0},
    "tied": {"embedding_width": 37},
    "tied through a projection": {"embedding_width": 16},
}
VOCABULARY = 53
# Between int8 and float32, nats: the largest difference of any log-probability, and the mean Kullback-Leibler
# divergence. Found were .05 and 5e-5; for rnn-tanh, whose states wander furthest, .09 and 2e-4; for convolutions,
# whose values reach beyond 1, .10 and 2e-4.
TOLERANCES: dict[LanguageCell, tuple[float, float]] = {
    "rnn-tanh": (0.15, 3e-4),
    "rnn-relu": (0.07, 1e-4),
    "gru": (0.07, 1e-4),
    "lstm": (0.07, 1e-4),
    "convolution": (0.15, 3e-4),
}


def inner_parameters(network: LanguageModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Those of the layers between the characters that are read and those that are foretold."""
    return ((name, each) for name, each in network.named_parameters() if not name.startswith("characters."))


def network_of(cell: LanguageCell, layers: int = 1, form: str = "embedded", hidden_width: int = 37) -> SingleModel:
    """A network whose states and logits are as large as those of a trained one."""
    torch.manual_seed(4)
    chosen = NetworkSettings(cell=cell, layers=layers, hidden_width=hidden_width, **FORMS[form])
    network = make_network(chosen, VOCABULARY, torch.zeros(VOCABULARY, 1))
    with torch.no_grad():
        network.characters.output.weight.mul_(3.0)
        network.characters.output.bias.normal_()
        if isinstance(network, CausalLanguageModel) and network.settings.ties:
            network.entrance.weight.div_(3.0)  # which reads the output weights, too
        for name, parameter in inner_parameters(network):
            if "weight" in name and cell not in {"rnn-relu", "convolution"}:
                parameter.mul_(1.5)
    return network.eval()


def some_ids(steps: int, batch: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(VOCABULARY, size=(steps, batch))


def opened(network: LanguageModel, directory: Path) -> Runtime:
    sample = torch.from_numpy(some_ids(8, 40))
    for name, content in export(network, list(sample)).files.items():
        (directory / name).write_bytes(content)
    return open_runtime(directory)


def read_by_torch(network: LanguageModel, sequence: NDArray[np.int64]) -> NDArray[np.float32]:
    """Log-probabilities (T, B, V), nats, by the step form in float32."""
    state, said = network.initial_state(sequence.shape[1]), []
    with torch.no_grad():
        for ids in torch.from_numpy(sequence):
            logits, state = network.step(ids, state)
            said.append(logits.log_softmax(-1).numpy())
    return np.stack(said)


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[LanguageCell, int], Runtime]:
    """Two layers of each cell, of an even and an odd width."""
    return {
        (cell, width): opened(network_of(cell, 2, hidden_width=width), tmp_path_factory.mktemp("exported"))
        for cell, width in itertools.product(CELLS, (37, 64))
    }


@pytest.mark.parametrize(("cell", "layers", "form"), list(itertools.product(CELLS, (1, 2), FORMS)))
def test_int8_says_what_float32_says(cell: LanguageCell, layers: int, form: str, tmp_path: Path) -> None:
    network = network_of(cell, layers, form)
    sequence = some_ids(30, 8, seed=100)
    expected = read_by_torch(network, sequence)
    said, _ = opened(network, tmp_path).read(sequence, np.zeros((8, network.state_width), np.float32))
    divergence = (np.exp(expected) * (expected - said)).sum(axis=-1).mean()
    most_nats, most_divergence = TOLERANCES[cell]
    assert np.abs(said - expected).max() < most_nats
    assert divergence < most_divergence
    assert expected.std() > 0.5  # there was something to say


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(itertools.product(CELLS, (37, 64)))), st.integers(1, 33), st.integers(1, 6), st.integers(0, 99)
)
def test_a_row_alone_equals_the_row_in_any_batch_bit_for_bit(
    runtimes: dict[tuple[LanguageCell, int], Runtime],
    which: tuple[LanguageCell, int],
    batch: int,
    steps: int,
    seed: int,
) -> None:
    runtime, sequence = runtimes[which], some_ids(steps, batch, seed)
    generator = np.random.default_rng(seed)
    state = generator.uniform(-1, 1, (batch, runtime.state_width)).astype(np.float32)
    together, states = runtime.read(sequence, state)
    row = int(generator.integers(batch))
    alone, states_alone = runtime.read(sequence[:, row : row + 1], state[row : row + 1])
    np.testing.assert_array_equal(alone[:, 0], together[:, row])
    np.testing.assert_array_equal(states_alone[:, 0], states[:, row])
    stepped, after = runtime.step(sequence[0], state)
    stepped_alone, after_alone = runtime.step(sequence[0, row : row + 1], state[row : row + 1])
    np.testing.assert_array_equal(stepped_alone[0], stepped[row])
    np.testing.assert_array_equal(after_alone[0], after[row])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(itertools.product(CELLS, (37, 64)))), st.integers(1, 33), st.integers(1, 9), st.integers(0, 99)
)
def test_steps_equal_the_sequence_bit_for_bit(
    runtimes: dict[tuple[LanguageCell, int], Runtime],
    which: tuple[LanguageCell, int],
    batch: int,
    steps: int,
    seed: int,
) -> None:
    runtime, sequence = runtimes[which], some_ids(steps, batch, seed)
    said, states = runtime.read(sequence, initial_state(runtime, batch))
    state = initial_state(runtime, batch)
    for step, ids in enumerate(sequence):
        log_probabilities, state = runtime.step(ids, state)
        np.testing.assert_array_equal(log_probabilities, said[step])
        np.testing.assert_array_equal(state, states[step])
    np.testing.assert_allclose(np.exp(said).sum(axis=-1), 1, atol=1e-5)
    assert (said <= 0).all()


def test_threads_that_ask_at_once_get_the_same_answer(runtimes: dict[tuple[LanguageCell, int], Runtime]) -> None:
    runtime = runtimes["lstm", 64]
    sequences = [some_ids(12, 5, seed) for seed in range(40)]

    def ask(sequence: NDArray[np.int64]) -> NDArray[np.float32]:
        return runtime.read(sequence, initial_state(runtime, 5))[0]

    expected = [ask(sequence) for sequence in sequences]
    with ThreadPoolExecutor(8) as pool:
        for answer, other in zip(pool.map(ask, sequences), expected, strict=True):
            np.testing.assert_array_equal(answer, other)


def test_a_runtime_knows_its_widths(runtimes: dict[tuple[LanguageCell, int], Runtime]) -> None:
    assert runtimes["lstm", 37].state_width == 4 * 37
    assert runtimes["gru", 37].state_width == 2 * 37
    assert {runtime.vocabulary_size for runtime in runtimes.values()} == {VOCABULARY}


@pytest.mark.parametrize("cell", CELLS)
def test_both_graphs_share_one_file_of_weights_and_hold_none(cell: LanguageCell, tmp_path: Path) -> None:
    network = network_of(cell, 2, hidden_width=256)
    files = export(network, [torch.arange(VOCABULARY)]).files
    assert set(files) == {STEP_FILE, SEQUENCE_FILE, WEIGHTS_FILE}
    assert len(files[STEP_FILE]) < 6000
    assert len(files[SEQUENCE_FILE]) < 6000
    weights = sum(each.numel() for _, each in inner_parameters(network)) + network.characters.output.weight.numel()
    assert len(files[WEIGHTS_FILE]) < 1.5 * weights + 2 * VOCABULARY * 4 * 256
    for name in (STEP_FILE, SEQUENCE_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes(files[name])
    for name in (STEP_FILE, SEQUENCE_FILE):
        onnx.checker.check_model(str(tmp_path / name), full_check=True)


def names_defined(graph: onnx.GraphProto) -> list[str]:
    """Every name that a graph gives, those of the graphs inside it too."""
    names = [*(each.name for each in graph.input), *(each.name for each in graph.initializer)]
    for node in graph.node:
        names.extend(node.output)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                names.extend(names_defined(attribute.g))
    return names


@pytest.mark.parametrize("cell", CELLS)
def test_no_name_in_a_graph_hides_another(cell: LanguageCell) -> None:
    for name, content in export(network_of(cell), [torch.arange(5)]).files.items():
        if name != WEIGHTS_FILE:
            names = names_defined(onnx.load_from_string(content).graph)
            assert len(names) == len(set(names))


def test_exporting_twice_gives_the_same_bytes() -> None:
    network = network_of("gru", 2)
    assert export(network, []) == export(network, [])


@pytest.mark.parametrize("cell", ["rnn-tanh", "gru", "lstm"])
def test_the_scale_of_a_bounded_state_is_known(cell: LanguageCell) -> None:
    assert export(network_of(cell, 2), []).quantisation["state_scales"] == [1 / 127, 1 / 127]


def test_the_scale_of_a_relu_state_is_measured(tmp_path: Path) -> None:
    """States reach far beyond 1 here; with the scale of the bounded cells they would be cut to it."""
    network = network_of("rnn-relu", 2)
    assert isinstance(network, RecurrentLanguageModel)
    with torch.no_grad():
        layer_weights(network.recurrent, 0).of_input.mul_(8.0)
        layer_weights(network.recurrent, 1).of_input.mul_(3.0)
    sample = list(torch.from_numpy(some_ids(8, 40)))
    largest = np.zeros(2)
    with torch.no_grad():
        for ids in sample:
            state = network.initial_state(1)
            for each in ids:
                _, state = network.step(each[None], state)
                largest = np.maximum(largest, state.view(2, -1).amax(dim=1).numpy())
    assert (largest > 2).all()
    scales = export(network, sample).quantisation["state_scales"]
    assert scales == pytest.approx((largest * 1.1 / 127).tolist(), rel=1e-6)
    sequence = some_ids(30, 8, seed=100)
    said, _ = opened(network, tmp_path).read(sequence, np.zeros((8, network.state_width), np.float32))
    assert np.abs(said - read_by_torch(network, sequence)).max() < 0.2


def test_the_scales_of_a_convolution_are_what_its_values_reach_and_at_most_what_they_can() -> None:
    network = network_of("convolution", 3)
    assert isinstance(network, CausalLanguageModel)
    sample = list(torch.from_numpy(some_ids(8, 40)))
    with torch.no_grad():
        values = [network.layer_values(ids[None], network.initial_state(1))[0] for ids in sample]
        read = network.entrance(network.characters.inputs(torch.arange(VOCABULARY)))
    seen = [max(float(each[layer].abs().max()) for each in values) for layer in range(4)]
    scales = np.array(export(network, sample).quantisation["state_scales"]) * 127
    assert scales[0] == pytest.approx(float(read.abs().max()), rel=1e-3)
    np.testing.assert_allclose(scales[1:], np.minimum(np.array(seen[1:]) * 1.1, scales[0] + [1, 2, 3]), rtol=1e-3)
    unseen = np.array(export(network, []).quantisation["state_scales"]) * 127
    np.testing.assert_allclose(unseen, scales[0] + np.arange(4), rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**32))
def test_int8_weights_cannot_overflow_where_products_are_added_in_16_bits(rows: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.standard_t(3, (rows, columns)).astype(np.float32)
    quantised, scales = quantise_columns(matrix)
    np.testing.assert_allclose(quantised * scales, matrix, atol=float(scales.max()) * 0.51)
    pairs = np.pad(quantised, ((0, rows % 2), (0, 0))).astype(np.int64).reshape(-1, 2, columns)
    worst = 255 * np.maximum(pairs, 0).sum(axis=1), 255 * np.minimum(pairs, 0).sum(axis=1)
    assert worst[0].max() <= 32767
    assert worst[1].min() >= -32768


def test_a_column_of_zeros_stays_zero() -> None:
    quantised, scales = quantise_columns(np.zeros((3, 2), np.float32))
    assert not quantised.any()
    assert (scales > 0).all()


@pytest.mark.parametrize("damaged", [STEP_FILE, SEQUENCE_FILE, WEIGHTS_FILE])
def test_a_runtime_without_one_of_its_files_is_refused(damaged: str, tmp_path: Path) -> None:
    opened(network_of("lstm"), tmp_path)
    (tmp_path / damaged).unlink()
    with pytest.raises(CheckpointError, match=r"must be a graph that ONNX Runtime can open, got: "):
        open_runtime(tmp_path)


def test_graphs_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    opened(network_of("lstm"), tmp_path)
    (tmp_path / STEP_FILE).write_bytes(export(network_of("gru"), []).files[STEP_FILE])
    with pytest.raises(CheckpointError):
        open_runtime(tmp_path)


@pytest.mark.parametrize("file", [STEP_FILE, SEQUENCE_FILE])
@pytest.mark.parametrize("result", ["log_probabilities", "states"])
def test_a_graph_that_gives_less_than_it_says_is_found_out(tmp_path: Path, file: str, result: str) -> None:
    """What it declares is not what it does: the compiled core would read beyond what it gave."""
    network = network_of("lstm")
    opened(network, tmp_path)
    result = "next_state" if (file, result) == (STEP_FILE, "states") else result
    model = onnx.load(tmp_path / file, load_external_data=False)
    for node in model.graph.node:
        for names in (node.input, node.output):
            renamed = ["whole" if name == result else name for name in names]
            names[:] = renamed
    # As many as there are rows, which ONNX Runtime cannot know beforehand.
    model.graph.node.append(helper.make_node("Shape", [model.graph.input[0].name], ["to"], end=1))
    bounds = {"from": [0], "along": [-1]}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(at), name) for name, at in bounds.items())
    model.graph.node.append(helper.make_node("Slice", ["whole", "from", "to", "along"], [result]))
    (tmp_path / file).write_bytes(model.SerializeToString())
    runtime = open_runtime(tmp_path)
    ids = some_ids(3, 2)
    state = initial_state(runtime, 2)
    with pytest.raises(CheckpointError, match="must give 53 log-probabilities"):
        _ = runtime.step(ids[0], state) if file == STEP_FILE else runtime.read(ids, state)
