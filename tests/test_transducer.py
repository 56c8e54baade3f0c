"""A network that turns texts into others: its attention written out, step by step as at once, and its graphs.

Legend: T characters read, U written.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from model.alphabet import BEGIN_ID, END_ID, train_alphabet
from model.checkpoint import open_checkpoint, write_checkpoint
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from model.runtime import open_session
from model.transducer import READ_FILE, SOURCE_ALPHABET_FILE, WRITE_FILE, Reading, WritingNetwork, load_transducer
from training.batches import IGNORED
from training.classifier_settings import ClassifierSettings
from training.settings import TrainingSettings
from training.transducer import Transducer, check_transducing
from training.transducer_checkpoints import write_transducer
from training.transducer_graph import export_transducer
from training.transducer_learning import PairSet, pair_loss

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

SOURCES, TARGETS = 20, 12
FORMS: dict[str, dict[str, Any]] = {
    "lstm": {"encoder": "recurrent"},
    "gru": {"encoder": "recurrent", "cell": "gru"},
    "rnn": {"encoder": "branches/recurrent+window", "cell": "rnn-tanh", "window_characters": 3},
    "convolutions": {"encoder": "convolution", "pool_width": 1},
}


def drawn_transducer(form: str = "lstm", seed: int = 1) -> Transducer:
    """A transducer of random weights, biases included."""
    torch.manual_seed(seed)
    small = {"embedding_width": 12, "filters": 10, "hidden_width": 10, "branch_widths": "2,3"}
    settings = ClassifierSettings(**{**small, **FORMS[form]})
    check_transducing(settings)
    network = Transducer(settings, SOURCES, TARGETS).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.2)
        network.embedding.weight.normal_()
        network.target_embedding.weight.normal_()
    return network


def some_ids(length: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(4, size, (1, length), generator=torch.Generator().manual_seed(seed))


def test_attention_is_the_written_out_one() -> None:
    network = drawn_transducer()
    memory, states = torch.randn(1, 5, network.memory_width), torch.randn(1, 1, 10)
    with torch.no_grad():
        logits, weights = network.attend(states, memory, torch.tensor([3]))
    keys = memory[0, :3] @ network.key.weight.T
    raised = torch.exp(keys @ states[0, 0] / math.sqrt(10))
    wanted = raised / raised.sum()
    torch.testing.assert_close(weights[0, 0], torch.cat([wanted, torch.zeros(2)]), atol=1e-6, rtol=1e-4)
    seen = torch.cat([wanted @ memory[0, :3], states[0, 0]])
    mixed = torch.tanh(network.mix.weight @ seen + network.mix.bias)
    expected = network.target_embedding.weight @ mixed + network.output_bias
    torch.testing.assert_close(logits[0, 0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_step_by_step_is_as_at_once(form: str) -> None:
    network, ids = drawn_transducer(form), some_ids(6, SOURCES)
    targets = torch.cat([torch.tensor([[BEGIN_ID]]), some_ids(4, TARGETS, 3)], dim=1)
    with torch.no_grad():
        logits, weights = network(ids, torch.tensor([6]), targets)
        memory, state = network.read(ids, torch.tensor([6])), torch.zeros(1, network.state_width)
        for place, each in enumerate(targets[0]):
            said, state, looked = network.step(each[None], state, memory)
            torch.testing.assert_close(said[0], logits[0, place], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(looked[0], weights[0, place], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_loses_what_its_pairs_lose_alone(form: str) -> None:
    network, training = drawn_transducer(form), TrainingSettings(precision="float32")
    pairs = PairSet(
        sources=[some_ids(size, SOURCES, size)[0].int().numpy() for size in (1, 7, 3)],
        targets=[some_ids(size, TARGETS, size)[0].int().numpy() for size in (5, 1, 2)],
    )
    together = pairs.batch(np.arange(3))
    assert together.targets.tolist()[1][1:] == [END_ID] + [IGNORED] * 4
    assert together.inputs[:, 0].tolist() == [BEGIN_ID] * 3
    with torch.no_grad():
        total, characters = pair_loss(network, together, training)
        alone = [float(pair_loss(network, pairs.batch(np.array([place])), training)[0]) for place in range(3)]
    assert characters == 5 + 1 + 2 + 3
    assert float(total) == pytest.approx(sum(alone), rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_reaches_every_parameter(form: str) -> None:
    network = drawn_transducer(form).train()
    logits, _ = network(some_ids(30, SOURCES), torch.tensor([30]), some_ids(20, TARGETS))
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            {"encoder": "recurrent", "cell": "rnn-relu"},
            "cell must be one of rnn-tanh, gru, lstm to write, got 'rnn-relu'",
        ),
        ({"encoder": "wide+recurrent"}, "encoder must have no wide part"),
    ],
)
def test_what_cannot_write_is_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_transducing(ClassifierSettings(**told))


@pytest.mark.parametrize("form", FORMS)
def test_the_graphs_say_what_the_network_says(form: str, tmp_path: Path) -> None:
    """Within what int8 loses; a row is the same whatever stands beside it."""
    network, ids = drawn_transducer(form), some_ids(9, SOURCES)
    for name, content in export_transducer(network).items():
        (tmp_path / name).write_bytes(content)
    reading, writing = (open_session(tmp_path / name, threads=1) for name in (READ_FILE, WRITE_FILE))
    memory, keys = reading.run(["memory", "keys"], {"ids": ids[0].numpy()})
    served = WritingNetwork(session=writing, reading=Reading(memory=memory, keys=keys), state_width=network.state_width)
    sequence = torch.cat([torch.tensor([[BEGIN_ID]]), some_ids(6, TARGETS, 5)], dim=1)
    rows, states, attention = served.follow(
        sequence[0].numpy()[:, None], np.zeros((1, network.state_width), np.float32)
    )
    with torch.no_grad():
        logits, weights = network(ids, torch.tensor([9]), sequence)
    assert np.abs(rows[:, 0] - logits[0].log_softmax(dim=1).numpy()).max() < 0.25
    assert np.abs(attention[:, 0] - weights[0].numpy()).max() < 0.06
    assert attention.sum(axis=2) == pytest.approx(np.ones((7, 1)), abs=1e-5)
    many, _, _ = served.write(np.array([5, 6, 7]), np.tile(states[3], (3, 1)))
    one, _, _ = served.write(np.array([6]), states[3])
    np.testing.assert_array_equal(many[1], one[0])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = (train_alphabet(dict.fromkeys(letters, 1.0), character_limit=20) for letters in ("abcdef", "xyz"))
    torch.manual_seed(0)
    settings = ClassifierSettings(encoder="recurrent", embedding_width=8, hidden_width=6)
    network = Transducer(settings, len(source), len(target)).eval()
    out = tmp_path_factory.mktemp("transducer")
    return write_transducer(out, network, (source, target), figures={}, provenance={})


def crafted(path: Path, out: Path, text: dict[str, Any], files: dict[str, bytes]) -> Path:
    """Write a checkpoint anew, with other files, or with other entries of the manifest's text."""
    checkpoint = open_checkpoint(path)
    own = {name: checkpoint.read(name) for name in checkpoint.files}
    manifest = replace(checkpoint.manifest, text={**checkpoint.manifest.text, **text})
    return write_checkpoint(out, manifest, own | files)


def test_a_checkpoint_whose_parts_do_not_belong_together_is_refused(written: Path, tmp_path: Path) -> None:
    load_transducer(written)
    larger = train_alphabet(dict.fromkeys("abcdefghijkl", 1.0), character_limit=20)
    reading = (written / READ_FILE).read_bytes()
    cases: list[tuple[dict[str, Any], dict[str, bytes], str]] = [
        ({"vocabulary_size": 3}, {}, "text, vocabulary_size must be"),
        ({"source_vocabulary_size": 3}, {}, "text, source_vocabulary_size must be"),
        ({"source_vocabulary_size": len(larger)}, {SOURCE_ALPHABET_FILE: larger.model}, "must fit each other"),
        ({"vocabulary_size": len(larger)}, {ALPHABET_FILE: larger.model}, "must fit each other"),
        ({}, {WRITE_FILE: reading}, "write.onnx must ask for ids, state, memory and keys"),
        ({}, {READ_FILE: b"no graph"}, "read.onnx"),
    ]
    for number, (text, files, message) in enumerate(cases):
        with pytest.raises(CheckpointError, match=message):
            load_transducer(crafted(written, tmp_path / str(number), text, files))
