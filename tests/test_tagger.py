"""A network that tags characters: each encoder at every place, a batch as single texts, the window by hand, its graph.

Legend: T characters, C tags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from model.alphabet import train_alphabet
from model.checkpoint import open_checkpoint, write_checkpoint
from model.errors import CheckpointError, InputError
from model.loaded import ALPHABET_FILE
from model.runtime import WEIGHTS_FILE, open_session
from model.tagger import TAGGER_FILE, load_tagger, pieces
from training.classifier_settings import ClassifierSettings
from training.encoders.window import SlidingWindowEncoder
from training.joining import average
from training.tagger import TextTagger, check_tagging
from training.tagger_checkpoints import Tagger, write_tagger
from training.tagger_graph import export_tagger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

VOCABULARY, TAGS = 30, 3
FORMS: dict[str, dict[str, Any]] = {
    "branches": {"encoder": "branches"},
    "window": {"encoder": "window", "window_characters": 5, "layers": 2, "skip": "residual"},
    "one to one": {"encoder": "window", "window_characters": 1},
    "convolutions": {"encoder": "convolution", "pool_width": 1, "skip": "highway", "normalise": True},
    "causal": {"encoder": "convolution", "pool_width": 1, "padding": "causal"},
    "recurrent": {"encoder": "recurrent", "layers": 2, "cell": "gru"},
    "branches under an lstm, beside a window": {"encoder": "branches/recurrent+window", "window_characters": 4},
}


def drawn_tagger(form: str, seed: int = 1) -> TextTagger:
    """A tagger of random weights, biases included."""
    torch.manual_seed(seed)
    small = {"embedding_width": 12, "filters": 10, "hidden_width": 10, "branch_widths": "2,3"}
    settings = ClassifierSettings(**{**small, **FORMS[form]})
    check_tagging(settings)
    network = TextTagger(settings, VOCABULARY, TAGS).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.2)
        network.embedding.weight.normal_()
        network.output.weight.mul_(3.0)
    return network


def some_ids(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCABULARY, (1, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_tagged_as_single_texts_are(form: str) -> None:
    network = drawn_tagger(form)
    texts = [some_ids(length, length) for length in (1, 7, 3, 12)]
    ids = torch.cat([torch.nn.functional.pad(text, (0, 15 - text.shape[1]), value=9) for text in texts])
    with torch.no_grad():
        together = network(ids, torch.tensor([text.shape[1] for text in texts]))
        for row, text in zip(together, texts, strict=True):
            alone = network(text, torch.tensor([text.shape[1]]))[0]
            assert alone.shape == (text.shape[1], TAGS)
            torch.testing.assert_close(row[: text.shape[1]], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_reaches_every_parameter(form: str) -> None:
    network = drawn_tagger(form).train()
    network(some_ids(40), torch.tensor([40])).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_a_sliding_window_sees_the_characters_around_each_place() -> None:
    """Written out: W of all that stands from two places before to two after, zeros where there is nothing."""
    settings = ClassifierSettings(encoder="window", window_characters=5, hidden_width=4, dropout=0.0)
    torch.manual_seed(3)
    encoder = SlidingWindowEncoder(settings, 3).eval()
    values = torch.randn(1, 6, 3)
    with torch.no_grad():
        read, lengths = encoder(values, torch.tensor([6]))
    parameters = dict(encoder.named_parameters())
    weight, bias = (parameters[f"layers.0.weighted.filters.{name}"] for name in ("weight", "bias"))
    around = torch.nn.functional.pad(values[0], (0, 0, 2, 2))
    for place in range(6):
        seen = around[place : place + 5].T.flatten()  # channel by channel, as a filter has them
        wanted = torch.relu(weight.flatten(1) @ seen + bias)
        torch.testing.assert_close(read[0, place], wanted, atol=1e-5, rtol=1e-4)
    assert lengths.tolist() == [6]


def test_a_causal_tagger_does_not_look_ahead() -> None:
    network = drawn_tagger("causal")
    ids = some_ids(12)
    changed = ids.clone()
    changed[0, 8:] = (changed[0, 8:] + 1) % VOCABULARY
    with torch.no_grad():
        one, other = (network(each, torch.tensor([12]))[0] for each in (ids, changed))
    torch.testing.assert_close(one[:8], other[:8])
    assert not torch.allclose(one[8:], other[8:])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"encoder": "wide+branches"}, "encoder must have no wide part to tag characters, got 'wide.branches'"),
        ({"encoder": "convolution"}, "pool_width must be 1 to tag characters, got 2"),
        ({"encoder": "convolution", "pool_width": 1, "stride": 2}, "stride must be 1"),
        ({"encoder": "convolution", "pool_width": 1, "padding": "valid"}, "padding must be same or causal"),
    ],
)
def test_parts_that_do_not_keep_every_character_are_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_tagging(ClassifierSettings(**told))


def graph_says(networks: list[TextTagger], ids: torch.Tensor, folder: Path) -> np.ndarray[Any, Any]:
    for name, content in export_tagger(networks, 2.0).items():
        (folder / name).write_bytes(content)
    assert (folder / WEIGHTS_FILE).exists()
    session = open_session(folder / TAGGER_FILE, threads=1)
    (given,) = session.run(None, {"ids": ids[0].numpy()})
    return np.asarray(given)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [1, 4, 40])
def test_the_graph_says_what_the_network_says(form: str, length: int, tmp_path: Path) -> None:
    """Within what int8 loses, at a temperature of 2."""
    network, ids = drawn_tagger(form), some_ids(length)
    with torch.no_grad():
        logits = network(ids, torch.tensor([length]))[0] / 2
    given = graph_says([network], ids, tmp_path)
    assert given.shape == (length, TAGS)
    assert np.exp(given).sum(axis=1) == pytest.approx(np.ones(length), abs=1e-5)
    spread = float(logits.std()) if length > 1 else 1.0
    assert np.abs(given - logits.log_softmax(dim=1).numpy()).max() < 0.25 * max(spread, 0.5)


def test_members_are_averaged_in_probability(tmp_path: Path) -> None:
    ids = some_ids(20)
    networks = [drawn_tagger("branches", 1), drawn_tagger("recurrent", 2)]
    with torch.no_grad():
        members = [network(ids, torch.tensor([20]))[0].numpy() for network in networks]
    wanted = torch.from_numpy(average(members) / np.float32(2)).log_softmax(dim=1).numpy()
    given = graph_says(networks, ids, tmp_path)
    assert np.abs(given - wanted).max() < 0.2
    other = torch.from_numpy(np.mean(members, axis=0) / np.float32(2)).log_softmax(dim=1).numpy()
    assert np.abs(given - other).mean() > 2 * np.abs(given - wanted).mean()  # which the mean of logits is not


@pytest.mark.parametrize("longest", [8, 16, 50, 512])
@pytest.mark.parametrize("characters", [1, 7, 8, 9, 50, 51, 513, 2_000])
def test_pieces_keep_every_character_once_and_look_beyond_where_there_is_more(characters: int, longest: int) -> None:
    kept: list[int] = []
    for piece in pieces(characters, longest):
        assert 0 <= piece.begin <= piece.kept_begin < piece.kept_end <= piece.end <= characters
        assert piece.end - piece.begin <= longest
        assert piece.begin == 0 or piece.kept_begin - piece.begin == longest // 8
        assert piece.end == characters or piece.end - piece.kept_end == longest // 8
        kept += range(piece.kept_begin, piece.kept_end)
    assert kept == list(range(characters))


def crafted(models_folder: Path, out: Path, **changed: Any) -> Path:
    """Write a tagger's checkpoint anew, with other files, or with other entries of the manifest's text."""
    checkpoint = open_checkpoint(models_folder)
    files = {name: checkpoint.read(name) for name in checkpoint.files} | changed.pop("files", {})
    manifest = replace(checkpoint.manifest, text={**checkpoint.manifest.text, **changed})
    return write_checkpoint(out, manifest, files)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    alphabet = train_alphabet(dict.fromkeys("abcdefgh", 1.0), character_limit=20)
    torch.manual_seed(0)
    settings = ClassifierSettings(encoder="branches", embedding_width=8, filters=4, branch_widths="2")
    network = TextTagger(settings, len(alphabet), TAGS).eval()
    tagger = Tagger(tags=("a", "b", "c"), alphabet=alphabet, networks=(network,))
    return write_tagger(tmp_path_factory.mktemp("tagger"), tagger, task="tag", figures={}, provenance={})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tags": ["a"]}, "text, tags must be at least two strings"),
        ({"tags": ["a", "b", 3]}, "text, tags must be at least two strings"),
        ({"tags": ["a", "b"]}, "must give a log-probability for each of 2 tags"),
        ({"longest": "all"}, "text, longest must be a whole number, got 'all'"),
        ({"vocabulary_size": 4}, "text, vocabulary_size must be"),
        ({"files": {TAGGER_FILE: b"no graph"}}, "tag.onnx"),
    ],
)
def test_a_checkpoint_whose_parts_do_not_belong_together_is_refused(
    written: Path, changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    load_tagger(written)
    with pytest.raises(CheckpointError, match=message):
        load_tagger(crafted(written, tmp_path / "m", **changed))


def test_an_alphabet_that_is_larger_than_the_table_is_refused(written: Path, tmp_path: Path) -> None:
    larger = train_alphabet(dict.fromkeys("abcdefghijklmn", 1.0), character_limit=20)
    path = crafted(written, tmp_path / "m", vocabulary_size=len(larger), files={ALPHABET_FILE: larger.model})
    with pytest.raises(CheckpointError, match=r"tag\.onnx must have a row for each of"):
        load_tagger(path)
