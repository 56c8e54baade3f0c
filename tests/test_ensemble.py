"""Several networks in one checkpoint answer by the mean of their probabilities.

Legend: N members, B batch, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load

from model.completion import CompletionRequest, complete
from model.errors import CheckpointError, InputError
from model.loaded import LoadedModel, load_model
from model.runtime import Runtime, initial_state, open_runtime
from training.checkpoints import WEIGHTS_FILE, load_network, set_weights, settings_of, weights_of
from training.display import Display
from training.ensemble import Ensemble
from training.evaluation import stream_loss, torch_scorer
from training.export import Shares, export
from training.language_models import SingleModel, make_network
from training.members import member_seed
from training.reading import ReadingSettings
from training.run import RunSettings, Trained, train_model
from training.settings import BlendSettings, LanguageCell, NetworkSettings, TextSettings, TrainingSettings
from training.text import split_stream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.loop import Progress

CELLS: tuple[LanguageCell, ...] = ("lstm", "convolution", "gru")
VOCABULARY = 23
WORDS = [f"{word} {number}" for word in ("서울", "red", "green") for number in range(80)]


def some_network(cell: LanguageCell, seed: int = 0) -> SingleModel:
    torch.manual_seed(seed)
    chosen = NetworkSettings(cell=cell, hidden_width=11 + seed, embedding_width=8, layers=2, dropout=0.0)
    network = make_network(chosen, VOCABULARY, torch.zeros(VOCABULARY, 1))
    with torch.no_grad():
        network.characters.output.weight.mul_(3.0)
        network.characters.output.bias.normal_()
    return network.eval()


def some_ids(batch: int, steps: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCABULARY, (batch, steps), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return Ensemble([some_network(cell, seed) for seed, cell in enumerate(CELLS)]).eval()


def opened(ensemble: Ensemble, folder: Path, shares: Shares | None = None) -> Runtime:
    for name, content in export(ensemble, list(some_ids(20, 12, seed=5)), shares).files.items():
        (folder / name).write_bytes(content)
    return open_runtime(folder)


@pytest.fixture(scope="module")
def runtime(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    return opened(ensemble, tmp_path_factory.mktemp("exported"))


def mean_of(networks: list[SingleModel], ids: torch.Tensor) -> NDArray[np.float64]:
    """Log of the mean of the probabilities that each network gives by itself, (B, T, V)."""
    with torch.no_grad():
        said = np.stack([network(ids)[0].double().softmax(dim=-1).numpy() for network in networks])
    mean: NDArray[np.float64] = np.log(said.mean(axis=0))
    return mean


def test_an_ensemble_says_the_mean_of_the_probabilities(ensemble: Ensemble) -> None:
    doubled, ids = Ensemble([some_network(cell, seed).double() for seed, cell in enumerate(CELLS)]), some_ids(4, 9)
    with torch.no_grad():
        said, _ = doubled(ids)
    np.testing.assert_allclose(said.numpy(), mean_of(doubled.networks, ids), rtol=0, atol=1e-10)
    alone = [network(ids)[0].log_softmax(-1) for network in doubled.networks]
    assert all(not torch.allclose(said, each, atol=0.1) for each in alone)


def test_what_one_member_holds_for_impossible_is_not(ensemble: Ensemble) -> None:
    first, second = some_network("lstm"), some_network("lstm", 1)
    with torch.no_grad():
        first.characters.output.bias[3] = -1e4
        said, _ = Ensemble([first, second])(some_ids(2, 5))
        alone = second(some_ids(2, 5))[0].log_softmax(-1)
    torch.testing.assert_close(said[..., 3], alone[..., 3] - np.log(2), rtol=0, atol=1e-4)


def test_its_steps_and_windows_equal_the_whole_sequence(ensemble: Ensemble) -> None:
    ids = some_ids(3, 12)
    with torch.no_grad():
        whole, last = ensemble(ids)
        first, between = ensemble(ids[:, :5])
        second, end = ensemble(ids[:, 5:], between)
        state = ensemble.initial_state(3)
        for step in range(12):
            said, state = ensemble.step(ids[:, step], state)
            torch.testing.assert_close(said, whole[:, step], rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-5)
    for each in (end, state):
        torch.testing.assert_close(each, last, rtol=0, atol=1e-5)
    assert last.shape == (3, ensemble.state_width)


def test_int8_says_what_float32_says(ensemble: Ensemble, runtime: Runtime) -> None:
    ids = some_ids(8, 30, seed=100)
    expected = mean_of(ensemble.networks, ids).transpose(1, 0, 2)
    said, _ = runtime.read(np.ascontiguousarray(ids.numpy().T), initial_state(runtime, 8))
    assert np.abs(said - expected).max() < 0.1
    assert (np.exp(expected) * (expected - said)).sum(axis=-1).mean() < 1e-4
    assert expected.std() > 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 17), st.integers(1, 9), st.integers(0, 99))
def test_steps_equal_the_sequence_and_a_row_alone_the_row_in_a_batch_bit_for_bit(
    runtime: Runtime, batch: int, steps: int, seed: int
) -> None:
    sequence = np.ascontiguousarray(some_ids(batch, steps, seed).numpy().T)
    said, states = runtime.read(sequence, initial_state(runtime, batch))
    state, row = initial_state(runtime, batch), seed % batch
    for step, ids in enumerate(sequence):
        log_probabilities, state = runtime.step(ids, state)
        np.testing.assert_array_equal(log_probabilities, said[step])
        np.testing.assert_array_equal(state, states[step])
    alone, states_alone = runtime.read(sequence[:, row : row + 1], initial_state(runtime))
    np.testing.assert_array_equal(alone[:, 0], said[:, row])
    np.testing.assert_array_equal(states_alone[:, 0], states[:, row])
    assert (said <= 0).all()
    np.testing.assert_allclose(np.exp(said).sum(axis=-1), 1, atol=1e-5)


def test_a_graph_with_shares_adds_the_n_gram_to_the_mean(ensemble: Ensemble, tmp_path: Path) -> None:
    shares = Shares(network=0.7, ngram=0.4)
    for name, content in export(ensemble, [], shares).files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="must ask for an n-gram where the checkpoint has one"):
        open_runtime(tmp_path)
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(tmp_path / "sequence.onnx"), providers=["CPUExecutionProvider"])
    ids = some_ids(4, 9)
    prior = np.random.default_rng(0).normal(size=(9, 4, VOCABULARY)).astype(np.float32)
    inputs = {
        "sequence": np.ascontiguousarray(ids.numpy().T),
        "first_state": np.zeros((4, ensemble.state_width), np.float32),
        "prior": prior,
    }
    said, _ = session.run(None, inputs)
    mixed = 0.7 * mean_of(ensemble.networks, ids).transpose(1, 0, 2) + 0.4 * prior
    expected = mixed - np.logaddexp.reduce(mixed, axis=2, keepdims=True)
    np.testing.assert_allclose(said, expected, atol=0.1)


# What follows trains.


@pytest.fixture(scope="module")
def words_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "words.tsv"
    path.write_text("".join(f"{word}\t{i + 1}\n" for i, word in enumerate(WORDS)), encoding="utf-8")
    return path


def run_settings(*cells: LanguageCell, **training: Any) -> RunSettings:
    first, *others = (
        NetworkSettings(cell=cell, hidden_width=16, embedding_width=8, layers=2, dropout=0.1) for cell in cells
    )
    chosen = {"minutes": 0, "epochs": 3, "batch_characters": 256, "threads": 1, "device": "cpu", **training}
    return RunSettings(
        task="autocomplete",
        reading=ReadingSettings(),
        text=TextSettings(),
        network=first,
        others=tuple(others),
        training=TrainingSettings(**chosen),
        blend=BlendSettings(ngram_order=3),
    )


def train(source: Path, out: Path, chosen: RunSettings, said: list[str] | None = None) -> Trained:
    say = (lambda _: None) if said is None else said.append
    return train_model([str(source)], out, chosen, say=say, began=time.monotonic())


@pytest.fixture(scope="module")
def trained(words_file: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Two members, a GRU and a convolution, and the n-gram beside them."""
    out = tmp_path_factory.mktemp("models") / "two"
    train(words_file, out, run_settings("gru", "convolution", members=2, seed=4))
    return load_model(out)


def weights_in(model: LoadedModel) -> dict[str, NDArray[np.generic]]:
    return load(model.checkpoint.read(WEIGHTS_FILE))


def test_members_are_what_each_seed_trains_alone(trained: LoadedModel, words_file: Path, tmp_path: Path) -> None:
    weights = weights_in(trained)
    expected: dict[str, NDArray[np.generic]] = {}
    for number, cell in enumerate(("gru", "convolution")):
        assert cell in {"gru", "convolution"}
        alone = train(words_file, tmp_path / cell, run_settings(cell, seed=member_seed(4, number)))  # type: ignore[arg-type]
        assert "members_bits_per_character" not in alone.figures
        for name, value in weights_in(load_model(tmp_path / cell)).items():
            expected[f"members.{number}.{name}"] = value
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in weights)


def test_a_checkpoint_of_members_says_what_each_is_and_what_they_reach(trained: LoadedModel) -> None:
    manifest = trained.checkpoint.manifest
    members: Any = manifest.architecture["members"]
    first, second = members
    assert (first["cell"], second["cell"], first["layers"]) == ("gru", "convolution", 2)
    network = load_network(trained)
    assert manifest.architecture["parameters"] == sum(each.numel() for each in network.parameters())
    bits: Any = manifest.figures["members_bits_per_character"]
    assert list(bits) == ["1, gru", "2, convolution", "ensemble"]
    # The mean of probabilities is at least as good as the mean of their logarithms (Jensen).
    assert bits["ensemble"] <= (bits["1, gru"] + bits["2, convolution"]) / 2
    assert bits["1, gru"] != bits["2, convolution"]
    outcomes: Any = manifest.provenance["outcome"]
    assert [each["epochs"] for each in outcomes] == [3, 3]


def test_what_is_served_is_the_mean_of_the_members_with_the_n_gram(trained: LoadedModel) -> None:
    network = load_network(trained)
    assert isinstance(network, Ensemble)
    assert trained.ngram is not None
    ids = torch.tensor([[1, *trained.alphabet.encode("서울 1")]])
    from training.evaluation import Prior  # noqa: PLC0415

    blend: Any = trained.checkpoint.manifest.blend
    shares = Shares(network=blend["network"], ngram=blend["ngram"])
    prior = Prior(ngram=trained.ngram, shares=shares).rows(ids.numpy())[0]
    mixed = shares.network * mean_of(network.networks, ids) + shares.ngram * prior
    expected = mixed - np.logaddexp.reduce(mixed, axis=2, keepdims=True)
    said, _ = trained.runtime.read(np.ascontiguousarray(ids.numpy().T), initial_state(trained.runtime))
    np.testing.assert_allclose(said[:, 0], expected[0], atol=0.05)
    found = complete(trained, CompletionRequest(prefix="서울 1")).completions
    assert any(each.text == "서울 19" for each in found)


def test_a_run_that_is_stopped_goes_on_from_the_members_done(
    trained: LoadedModel, words_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, said, out = run_settings("gru", "convolution", members=2, seed=4), list[str](), tmp_path / "m"

    def stop_in_the_second(_display: Display, progress: Progress) -> None:
        if said[-1].startswith("member 2 of 2: ") and progress.done > 0.3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Display, "show", stop_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            train(words_file, out, chosen, said)
    (kept,) = out.iterdir()
    assert kept.name.startswith(".members-")
    assert [path.name for path in kept.iterdir()] == ["0.safetensors"]
    train(words_file, tmp_path / "m", replace(chosen, note="other words, the same members"), said := [])
    assert "member 1 of 2 was trained before the run was stopped, and is used as it is" in said
    assert not any(line.startswith("member 1 of 2: ") for line in said)
    assert [path.name for path in out.iterdir()] == ["0001"]
    weights, expected = weights_in(load_model(out)), weights_in(trained)
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in weights)


def test_members_of_other_data_or_settings_are_not_used(
    words_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.tsv"
    other.write_text(words_file.read_text(encoding="utf-8").replace("red", "rad"), encoding="utf-8")
    folders = set()
    for source, seed in ((words_file, 4), (words_file, 5), (other, 4)):
        said: list[str] = []

        def stop(_display: Display, _progress: Progress, said: list[str] = said) -> None:
            if said[-1].startswith("member 2 of 2: "):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Display, "show", stop)
            with pytest.raises(KeyboardInterrupt):
                train(source, tmp_path / "m", run_settings("gru", members=2, seed=seed, epochs=1), said)
        assert not any("was trained before" in line for line in said)
        folders = {path.name for path in (tmp_path / "m").iterdir()}
    assert len(folders) == 3


def test_members_of_running_text_are_measured_alone_and_mixed(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello yellow fellow\nfollow the mellow cello\n" * 60, encoding="utf-8")
    chosen = replace(run_settings("rnn-tanh", members=2, window=16), task="text")
    trained = train(tmp_path / "text.txt", tmp_path / "m", chosen)
    figures: Any = trained.figures
    model = load_model(trained.directory)
    held_out = split_stream((tmp_path / "text.txt").read_text(encoding="utf-8")).held_out
    alone = stream_loss(torch_scorer(load_network(model)), model.alphabet.encode(held_out), model.alphabet)
    members = figures["members_bits_per_character"]
    assert list(members) == ["1, rnn-tanh", "2, rnn-tanh", "ensemble"]
    assert members["ensemble"] == pytest.approx(alone.bits_per_character, abs=1e-4)
    assert figures["bits_per_character"]["torch"] < members["ensemble"]
    assert figures["bits_per_character"]["int8"] == pytest.approx(figures["bits_per_character"]["torch"], abs=0.05)


def test_members_share_the_time(words_file: Path, tmp_path: Path) -> None:
    """Each ends when its third of what is left for learning is over, about: only that none takes it all is certain."""
    chosen = run_settings("gru", members=3, minutes=0.15, epochs=100_000)
    model = train(words_file, tmp_path / "m", chosen)
    outcomes: Any = load_model(model.directory).checkpoint.manifest.provenance["outcome"]
    assert len(outcomes) == 3
    assert all(each["ended"] in {"time", "no better on held-out text"} for each in outcomes)
    assert all(each["seconds"] < 0.15 * 60 * 0.6 for each in outcomes)


def test_one_network_is_written_as_ever(words_file: Path, tmp_path: Path) -> None:
    train(words_file, tmp_path / "m", run_settings("lstm", epochs=1))
    model = load_model(tmp_path / "m")
    layers = [
        f"recurrent.{kind}_l{layer}" for layer in (0, 1) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    letters = ["letters_in", "letters_out"]
    assert weights_in(model).keys() == {
        "embedding.weight",
        "projection.weight",
        "projection.bias",
        "output.bias",
        *letters,
        *layers,
    }
    assert model.checkpoint.manifest.architecture["cell"] == "lstm"
    assert isinstance(model.checkpoint.manifest.provenance["outcome"], dict)


def test_an_architecture_without_a_filter_width_is_read() -> None:
    """As checkpoints have it that were written before there were convolutions."""
    old: dict[str, Any] = {
        "cell": "gru",
        "layers": 2,
        "hidden_width": 5,
        "embedding_width": 4,
        "dropout": 0.1,
        "tied": True,
        "letters": True,
        "parameters": 9,
    }
    read = asdict(settings_of(old, NetworkSettings))
    assert all(read[name] == value for name, value in old.items() if name != "parameters")


def test_weights_of_other_members_are_refused_by_name(ensemble: Ensemble) -> None:
    weights = weights_of(ensemble)
    other = Ensemble([some_network(cell, seed) for seed, cell in enumerate(reversed(CELLS))])
    with pytest.raises(CheckpointError, match=r"here must fit the architecture, got others: members\.0\.recurrent"):
        set_weights(other, weights, "here")
    assert "members.1.convolutions.0.weight" in weights


def test_more_cells_than_members_are_refused(words_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="members must be at least 2, one for each cell, got 1"):
        run_settings("gru", "lstm")
    assert [each.cell for each in run_settings("gru", "lstm", members=3).networks] == ["gru", "lstm", "gru"]
    for cell, message in (
        ("lstm,gru", "members must be at least 2, one for each cell, got 1"),
        (
            "lstm,gra",
            "Invalid value for '--cell': 'gra' is not one of rnn-tanh, rnn-relu, gru, lstm, convolution.",
        ),
    ):
        command = [
            sys.executable,
            "-m",
            "machim",
            "train",
            str(words_file),
            "--out",
            str(tmp_path / "m"),
            "--cell",
            cell,
        ]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 2
        assert done.stderr.decode() == f"machim: {message}\n"
    assert not (tmp_path / "m").exists()
