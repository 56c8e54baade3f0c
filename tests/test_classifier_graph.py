"""The exported graph of classifiers says of every text what the torch networks say, within what int8 loses.

Legend: T characters, C labels, M members, N n-grams of a text.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import onnx
import pytest
import torch

from model.arrays import open_arrays
from model.classifier import CLASSIFIER_FILE
from model.hashed_ngrams import HASHED_NGRAMS_FILE, hashed_ngrams_from
from model.pooled_filters import FILTERS_FILE
from model.runtime import WEIGHTS_FILE, open_session
from training.classifier import TextClassifier
from training.classifier_graph import export_classifier
from training.classifier_settings import Activation, ClassifierSettings, Padding, Pooling, Skip
from training.encoders.build import ChainEncoder
from training.joining import Join
from training.ngram_occurrences import known_ngrams
from training.settings import Cell
from training.wide import WideLayer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

pytestmark = pytest.mark.usefixtures("one_thread")

VOCABULARY, LABELS = 60, 5
LENGTHS = (1, 2, 3, 4, 7, 12, 25, 40, 40, 40, 80, 200)
# Of the spread of the logits over texts: how much int8 may change any, and all in the root of the mean square. Found
# were .10 and .032; with stacked convolutions, four layers or more whose roundings add up, .24 and .09.
TOLERANCES, TOLERANCES_STACKED = (0.12, 0.04), (0.3, 0.11)
SMALL: dict[str, Any] = {"embedding_width": 24, "filters": 20, "hidden_width": 22, "branch_widths": "2,1,5,4"}


def drawn_network(seed: int = 1, **changed: Any) -> TextClassifier:
    """A network whose weights, biases included, are about as large as those of a trained one."""
    torch.manual_seed(seed)
    network = TextClassifier(ClassifierSettings(**SMALL | changed), VOCABULARY, LABELS).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape) * 0.2)
            if network.settings.activation == "sigmoid" and "chains" in name:
                parameter.mul_(8.0)  # or a second layer of it sees next to nothing of a text
            if "recurrences" in name and network.settings.cell != "rnn-relu":
                parameter.mul_(1.4)
        network.embedding.weight.normal_()
        network.output.weight.mul_(3.0)
    return network


def some_ids(lengths: Sequence[int] = LENGTHS, seed: int = 0) -> list[NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return [generator.integers(VOCABULARY, size=length) for length in lengths]


def some_texts(lengths: Sequence[int] = LENGTHS, seed: int = 0) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list("abcde "), length)) for length in lengths]


def drawn_wide(hidden: int = 0, seed: int = 0) -> WideLayer:
    """A wide layer over the n-grams of texts like those that will be read, its rows of all sizes."""
    generator = np.random.default_rng(seed)
    ngrams = known_ngrams(some_texts(seed=1), 1, 4, 2, 10_000, across_spaces=True)
    sizes = generator.lognormal(0.0, 1.5, (len(ngrams.hashes), 1))
    weights = generator.normal(size=(len(ngrams.hashes), hidden or LABELS)) * sizes
    output = None
    if hidden:
        output = (
            generator.normal(size=(hidden, LABELS)).astype(np.float32),
            generator.normal(size=LABELS).astype(np.float32),
        )
    bias = generator.normal(size=hidden or LABELS).astype(np.float32)
    return WideLayer(ngrams=ngrams, weights=weights.astype(np.float32), bias=bias, output=output)


def opened(files: dict[str, bytes], directory: Path) -> InferenceSession:
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return open_session(directory / CLASSIFIER_FILE, threads=1)


def read_by_torch(network: TextClassifier, texts: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Logits (D, C) of texts, each alone."""
    with torch.no_grad():
        rows = [network(torch.from_numpy(ids)[None], torch.tensor([len(ids)])) for ids in texts]
    return torch.cat(rows).numpy()


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    exact = logits.astype(np.float64)
    normalised: NDArray[np.float64] = exact - np.log(np.exp(exact).sum(axis=-1, keepdims=True))
    return normalised


def losses(said: NDArray[np.floating], expected: NDArray[np.floating]) -> tuple[float, float]:
    """The largest difference of logits and the root of their mean square, both over the spread over texts."""
    said, expected = (each - each.mean(axis=1, keepdims=True) for each in (said, expected))
    spread = (expected - expected.mean(axis=0)).std()
    assert spread > 0.15  # texts are told apart
    return float(np.abs(said - expected).max() / spread), float(np.sqrt(((said - expected) ** 2).mean()) / spread)


def assert_int8_says_it(said: NDArray[np.floating], expected: NDArray[np.floating], *, stacked: bool) -> None:
    most, mean = TOLERANCES_STACKED if stacked else TOLERANCES
    largest, root_of_mean_square = losses(said, expected)
    assert largest < most
    assert root_of_mean_square < mean


def cases() -> Iterator[dict[str, Any]]:
    for padding, (stride, filter_width, pool_width) in itertools.product(
        get_args(Padding), [(1, 3, 2), (1, 4, 1), (2, 3, 2), (2, 2, 1), (1, 1, 3), (3, 2, 1)]
    ):
        yield {
            "encoder": "convolution",
            "padding": padding,
            "stride": stride,
            "filter_width": filter_width,
            "pool_width": pool_width,
        }
    for encoder, pooling in itertools.product(
        [
            "branches",
            "recurrent",
            "convolution",
            "convolution/recurrent",
            "recurrent/convolution",
            "recurrent/branches",
        ],
        get_args(Pooling),
    ):
        yield {"encoder": encoder, "pooling": pooling}
    for cell, (layers, bidirectional), pooling in itertools.product(
        get_args(Cell), [(1, False), (1, True), (2, True)], ["last", "max"]
    ):
        yield {
            "encoder": "recurrent",
            "cell": cell,
            "layers": layers,
            "bidirectional": bidirectional,
            "pooling": pooling,
        }
    for encoder, skip in itertools.product(["branches", "recurrent", "convolution", "window"], get_args(Skip)[1:]):
        yield {"encoder": encoder, "skip": skip, "layers": 2}
        yield {"encoder": encoder, "skip": skip, "layers": 2, "embedding_width": 20, "hidden_width": 10}
    for encoder, activation, normalise in itertools.product(
        ["branches", "convolution", "window"], get_args(Activation), [False, True]
    ):
        yield {"encoder": encoder, "activation": activation, "normalise": normalise}
    yield {"encoder": "recurrent", "normalise": True, "layers": 2}
    yield {"encoder": "window", "window_characters": 1}
    yield {"encoder": "branches", "branch_widths": "7"}
    yield {"encoder": "window+branches+convolution/recurrent+recurrent+convolution"}


@pytest.mark.parametrize("changed", list(cases()), ids=lambda changed: "-".join(map(str, changed.values())))
def test_int8_says_what_float32_says(changed: dict[str, Any], tmp_path: Path) -> None:
    network, texts = drawn_network(**changed), some_ids()
    session = opened(export_classifier([network], None, [Join(network=1.0, wide=0.0)], 1.0), tmp_path)
    said = np.stack([session.run(["log_probabilities"], {"ids": ids})[0] for ids in texts])
    assert said.shape == (len(texts), LABELS)
    np.testing.assert_allclose(np.exp(said).sum(axis=1), 1, atol=1e-5)
    assert_int8_says_it(said, read_by_torch(network, texts), stacked="convolution" in network.settings.encoder)


@pytest.mark.parametrize("hidden", [None, 0, 6])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_members_are_averaged_in_probability(hidden: int | None, temperature: float, tmp_path: Path) -> None:
    """Two networks of different kinds, each joined with the wide layer in its own way."""
    networks = [drawn_network(encoder="branches"), drawn_network(2, encoder="convolution/recurrent", cell="gru")]
    joins = [Join(network=0.7, wide=0.4), Join(network=1.2, wide=0.1)]
    wide = None if hidden is None else drawn_wide(hidden)
    ids, texts = some_ids(), some_texts()
    session = opened(export_classifier(networks, wide, joins, temperature), tmp_path)
    assert {port.name for port in session.get_inputs()} == {"ids"} | ({"ngrams", "values"} if wide else set())
    ngrams = None if wide is None else hashed_ngrams_from(open_arrays(tmp_path / HASHED_NGRAMS_FILE))
    said = []
    for characters, text in zip(ids, texts, strict=True):
        inputs: dict[str, NDArray[np.generic]] = {"ids": characters}
        if ngrams is not None:
            inputs["ngrams"], inputs["values"] = ngrams.of_text(text)
        said.append(session.run(["log_probabilities"], inputs)[0])
    of_wide = 0.0 if wide is None else wide.logits(texts)
    members = [
        log_softmax(join.network * read_by_torch(network, ids) + join.wide * of_wide)
        for network, join in zip(networks, joins, strict=True)
    ]
    expected = log_softmax(np.log(np.exp(members).mean(axis=0)) / temperature)
    assert_int8_says_it(np.stack(said), expected, stacked=True)
    np.testing.assert_allclose(np.exp(said).sum(axis=1), 1, atol=1e-5)
    members_alone = [log_softmax(each / temperature) for each in members]
    assert min(losses(each, expected)[0] for each in members_alone) > TOLERANCES_STACKED[0]  # both count


@pytest.mark.parametrize("encoder", ["branches+recurrent", "convolution/recurrent", "convolution", "window"])
def test_values_before_pooling_can_be_asked_for(encoder: str, tmp_path: Path) -> None:
    """Those of the first network's first chain, place by place; who does not ask gets the same answer."""
    networks = [drawn_network(encoder=encoder), drawn_network(2, encoder="branches")]
    session = opened(export_classifier(networks, None, [Join(network=1.0, wide=0.0)] * 2, 1.0), tmp_path)
    chain = networks[0].chains[0]
    assert isinstance(chain, ChainEncoder)
    for ids in some_ids((1, 6, 40)):
        lengths = torch.tensor([len(ids)])
        with torch.no_grad():
            values = networks[0].embed(torch.from_numpy(ids)[None], lengths)
            for part in chain.parts:
                values, lengths = part(values, lengths)
        log_probabilities, activations = session.run(["log_probabilities", "activations"], {"ids": ids})
        expected = values[0].numpy()
        assert activations.shape == expected.shape
        np.testing.assert_allclose(activations, expected, rtol=0, atol=0.2 * np.abs(expected).max())
        assert np.sqrt(((activations - expected) ** 2).mean()) < 0.05 * expected.std()
        np.testing.assert_array_equal(log_probabilities, session.run(["log_probabilities"], {"ids": ids})[0])


def test_letters_are_added_to_the_embedding_at_export(tmp_path: Path) -> None:
    torch.manual_seed(0)
    letters = torch.randint(0, 2, (VOCABULARY, 9)).float()
    network = TextClassifier(ClassifierSettings(encoder="branches", **SMALL), VOCABULARY, LABELS, letters).eval()
    assert network.letters_in is not None
    with torch.no_grad():
        network.letters_in.normal_()
    session = opened(export_classifier([network], None, [Join(network=1.0, wide=0.0)], 1.0), tmp_path)
    texts = some_ids()
    said = np.stack([session.run(["log_probabilities"], {"ids": ids})[0] for ids in texts])
    assert_int8_says_it(said, read_by_torch(network, texts), stacked=False)


def test_the_weights_stand_in_one_file_in_int8_and_are_the_same_every_time() -> None:
    settings: dict[str, Any] = dict.fromkeys(("embedding_width", "filters", "hidden_width"), 128)
    networks = [drawn_network(seed, encoder="branches+recurrent", **settings) for seed in (1, 2)]
    files = export_classifier(networks, drawn_wide(), [Join(network=1.0, wide=1.0)] * 2, 1.0)
    assert set(files) == {CLASSIFIER_FILE, WEIGHTS_FILE, HASHED_NGRAMS_FILE, FILTERS_FILE}
    assert files == export_classifier(networks, drawn_wide(), [Join(network=1.0, wide=1.0)] * 2, 1.0)
    assert len(files[CLASSIFIER_FILE]) < 20_000
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    assert len(files[WEIGHTS_FILE]) < 1.6 * weights  # narrow filters are filled up to the widest


def test_no_name_in_the_graph_hides_another() -> None:
    networks = [drawn_network(encoder="branches+recurrent", skip="highway"), drawn_network(2, encoder="window")]
    files = export_classifier(networks, drawn_wide(6), [Join(network=1.0, wide=1.0)] * 2, 2.0)
    graph = onnx.load_from_string(files[CLASSIFIER_FILE]).graph
    names = [each.name for each in (*graph.input, *graph.initializer)]
    names += [name for node in graph.node for name in node.output]
    assert len(names) == len(set(names))
