"""A network learns where it is told to, and all that it meets there is there, too.

Tests of CUDA itself are skipped where torch sees none.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.alphabet import BEGIN_ID, Alphabet, count_characters, train_alphabet
from model.errors import InputError
from training.batches import IGNORED, Batch
from training.devices import choose_device, described, uses_bfloat16
from training.evaluation import TorchNetwork, phrase_losses, torch_scorer, weighted_loss
from training.language_models import LanguageModel, make_network
from training.loop import advance, carried, loss_nats, start_run
from training.networks import RecurrentLanguageModel
from training.reading import ReadingSettings
from training.run import RunSettings, train_model
from training.settings import Cell, LanguageCell, NetworkSettings, TextSettings, TrainingSettings
from training.text import Lessons, encode_phrases

if TYPE_CHECKING:
    from pathlib import Path

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
CELLS: tuple[Cell, ...] = get_args(Cell)
CPU, CUDA, META = (torch.device(name) for name in ("cpu", "cuda", "meta"))
VOCABULARY = 6
FORMS: dict[str, dict[str, Any]] = {
    "embedded": {"embedding_width": 5, "tied": False},
    "one-hot": {"embedding_width": 0},
    "tied through a projection": {"embedding_width": 5},
}


def some_network(**settings: Any) -> LanguageModel:
    """A small network whose characters share two letters."""
    torch.manual_seed(0)
    letters = torch.arange(VOCABULARY)[:, None] % 2 == torch.arange(2)
    chosen = NetworkSettings(**{"hidden_width": 7, "layers": 2, "embedding_width": 5, **settings})
    return make_network(chosen, VOCABULARY, letters.float())


def some_batch() -> Batch:
    """Two rows that go on, one that begins anew; the last of one is padding."""
    inputs = np.array([[4, 5, 3], [BEGIN_ID, 4, 4], [3, 3, 5]])
    targets = np.array([[5, 3, 4], [4, 4, IGNORED], [3, 5, 3]])
    return Batch(inputs=inputs, targets=targets, weights=np.array([1, 2, 1], np.float32), continues=True)


def test_auto_is_cuda_where_torch_sees_it_else_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for seen, found in ((True, CUDA), (False, CPU)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda seen=seen: seen)
        assert choose_device("auto") == found
        assert choose_device("cpu") == CPU
    assert described(CPU) == "cpu"


def test_cuda_without_cuda_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"got cuda where torch .* sees no GPU: leave --device out to train on the"):
        choose_device("cuda")


def test_bfloat16_is_what_was_asked_for_or_what_the_device_itself_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, has=has: has or including_emulation
        )
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: {"amx_bf16": not has})
        assert uses_bfloat16("auto", CUDA) == has
        assert uses_bfloat16("auto", CPU) != has
        for device in (CPU, CUDA):
            assert uses_bfloat16("bfloat16", device)
            assert not uses_bfloat16("float32", device)


class Devices(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes where every tensor is that torch makes, but for arrays taken for tensors as they are."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func is not torch.ops.aten.lift_fresh.default:
            self.seen |= {each.device.type for each in tree_leaves(made) if isinstance(each, torch.Tensor)}
        return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", get_args(LanguageCell))
def test_all_that_a_step_makes_is_where_the_network_is(cell: LanguageCell, form: str) -> None:
    """On torch's device without memory, which like a GPU takes nothing from the processor unless it is moved there."""
    network = some_network(cell=cell, **FORMS[form]).to(META)
    ids = torch.empty(3, 3, dtype=torch.int64, device=META)
    assert network.device == META
    with Devices() as devices:
        for state in (None, torch.ones(3, network.state_width, device=META)):
            logits, last = network(ids, carried(state, some_batch()))
            total, characters = loss_nats(logits, some_batch())
            (total / characters).backward()  # type: ignore[no-untyped-call]
            assert {logits.device, last.device, total.device, characters.device} == {META}
        network.step(ids[:, 0], last)
    assert devices.seen == {"meta"}
    assert all(each.grad is not None and each.grad.device == META for each in network.parameters())


def some_words() -> tuple[Alphabet, list[str]]:
    words = [f"{first} {second}" for first in ("서울", "부산", "red", "green") for second in ("apple", "pear", "사과")]
    return train_alphabet(count_characters(words, np.ones(len(words))), character_limit=100), words


def held_out_bits(network: RecurrentLanguageModel) -> float:
    alphabet, words = some_words()
    phrases = encode_phrases(alphabet, words, np.ones(len(words)))
    nats = phrase_losses(torch_scorer(network), phrases, alphabet)
    return weighted_loss(nats, phrases, phrases.weights).bits_per_character


def learned_on(device: torch.device, cell: Cell, **settings: Any) -> RecurrentLanguageModel:
    """A network that read the words forty times; it begins with the same weights wherever it learns."""
    alphabet, words = some_words()
    torch.manual_seed(0)
    letters = torch.ones(len(alphabet), 1)
    chosen = NetworkSettings(cell=cell, hidden_width=32, embedding_width=16, dropout=0.0)
    network = RecurrentLanguageModel(chosen, len(alphabet), letters).to(device).train()
    training = TrainingSettings(**{"learning_rate": 0.01, "batch_characters": 64, "precision": "float32", **settings})
    phrases = encode_phrases(alphabet, words, np.ones(len(words)))
    lessons = Lessons(learned=phrases, rare=np.zeros(len(alphabet), np.bool_), settings=training)
    run = start_run(network, training)
    for epoch in range(40):
        for batch in lessons.batches(epoch):
            loss, state = advance(run, batch, None, training)
    assert np.isfinite(loss)
    assert state.dtype == (torch.float32 if device.type == "cuda" else state.dtype)
    return network.eval()


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_network_learns_on_cuda_what_it_learns_on_the_processor(cell: Cell, precision: str) -> None:
    """Rounding differs, so what is learned does a little; the same weights measure the same on both."""
    network = learned_on(CUDA, cell, precision=precision)
    there = held_out_bits(network)
    assert there == pytest.approx(held_out_bits(network.cpu()), abs=2e-3)
    assert there == pytest.approx(held_out_bits(learned_on(CPU, cell)), abs=0.1)
    assert there < 1.5


@needs_cuda
@pytest.mark.parametrize("cell", CELLS)
def test_a_network_on_cuda_can_be_searched(cell: Cell) -> None:
    network = some_network(cell=cell).eval()
    state = np.linspace(-1, 1, 2 * network.state_width, dtype=np.float32).reshape(2, -1)
    scored, after = TorchNetwork(network=network).step(np.array([3, 4]), state)
    scored_there, after_there = TorchNetwork(network=network.to(CUDA)).step(np.array([3, 4]), state)
    np.testing.assert_allclose(scored_there, scored, atol=1e-4)
    np.testing.assert_allclose(after_there, after, atol=1e-4)


@needs_cuda
@pytest.mark.parametrize("task", ["autocomplete", "text"])
def test_a_run_on_cuda_makes_a_checkpoint_as_any_other(task: Any, places_file: Path, tmp_path: Path) -> None:
    settings = RunSettings(
        task=task,
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(hidden_width=64, embedding_width=32),
        training=TrainingSettings(minutes=0, epochs=4, learning_rate=0.01, device="cuda"),
    )
    told: list[str] = []
    trained = train_model([str(places_file)], tmp_path / "m", settings, say=told.append, began=time.monotonic())
    bits = json.loads(json.dumps(trained.figures))["bits_per_character"]
    assert bits["int8"] == pytest.approx(bits["torch"], abs=0.05)
    provenance = json.loads((trained.directory / "model.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["training"]["device"] == "cuda"
    assert provenance["device"].startswith("cuda, ")
    assert any(provenance["device"] in line for line in told)
