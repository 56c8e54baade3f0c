"""Filters see the characters that they are said to see, and no others.

Legend: B batch, T places, K filters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from test_classifier_graph import LABELS, drawn_network, drawn_wide, some_texts
from test_classifier_runtime import LONGEST, Trained, written

from model.alphabet import train_alphabet
from model.arrays import arrays_from, write_arrays
from model.classifier import ACTIVATIONS, CLASSIFIER_FILE, NGRAM_ROWS, load_classifier
from model.errors import CheckpointError
from model.pooled_filters import FILTERS_FILE, PooledFilters, pooled_filters_from
from training.classifier import TextClassifier
from training.classifier_settings import ClassifierSettings
from training.encoders.build import ChainEncoder
from training.receptive_fields import pooled_filters_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LENGTH = 60


def filters_of(network: TextClassifier) -> PooledFilters:
    content = pooled_filters_bytes(network)
    assert content is not None
    chain = network.chains[0]
    assert isinstance(chain, ChainEncoder)
    file = arrays_from(np.frombuffer(content, np.uint8), FILTERS_FILE)
    return pooled_filters_from(file, chain.output_width, LABELS)


@pytest.mark.parametrize(
    "changed",
    [
        {"encoder": "branches"},
        {"encoder": "branches", "skip": "residual"},
        *(
            {"encoder": "convolution", "padding": padding, "stride": stride, "filter_width": width, "pool_width": pool}
            for padding in ("same", "valid", "causal")
            for stride, width, pool in ((1, 3, 2), (1, 4, 1), (2, 3, 2), (1, 2, 3))
        ),
    ],
    ids=lambda changed: "-".join(map(str, changed.values())),
)
def test_a_value_hangs_on_the_characters_that_its_filter_sees(changed: dict[str, Any]) -> None:
    """By the gradient: zero outside, and not zero at the ends of what is seen, in some text or other."""
    network = drawn_network(1, blocks=2, convolutions=1, activation="gelu", **changed)
    chain, filters = network.chains[0], filters_of(network)
    assert isinstance(chain, ChainEncoder)
    torch.manual_seed(0)
    values = torch.randn(12, LENGTH, network.settings.embedding_width, requires_grad=True)  # (B, T, E)
    given = values
    lengths = torch.full((len(values),), LENGTH)
    for part in chain.parts:
        given, lengths = part(given, lengths)  # (B, T', K)
    place = given.shape[1] // 2
    for number in range(0, given.shape[2], 7):
        (gradient,) = torch.autograd.grad(given[:, place, number].sum(), values, retain_graph=True)
        seen = np.flatnonzero(gradient.abs().sum(dim=(0, 2)).numpy())
        middle = place * filters.stride
        assert seen.min() == middle - filters.before[number]
        assert seen.max() == middle + filters.after[number]


def test_weights_are_those_of_the_graph() -> None:
    network = drawn_network(encoder="branches+recurrent")
    weights = network.output.weight.detach().numpy().T  # (K, C) of both chains
    filters = filters_of(network)
    assert len(filters.weights) < len(weights)
    step = np.abs(weights).max() / 50
    np.testing.assert_allclose(filters.weights, weights[: len(filters.weights)], atol=step)


@pytest.mark.parametrize(
    ("encoder", "pooling", "there"),
    [
        ("branches", "max", True),
        ("recurrent", "max", True),
        ("convolution/recurrent", "max", True),
        ("branches", "mean", False),
        ("branches", "attention", False),
        ("recurrent", "last", False),
        ("window+branches", "max", False),
    ],
)
def test_only_largest_values_are_placed(encoder: str, pooling: str, there: bool) -> None:
    assert (pooled_filters_bytes(drawn_network(encoder=encoder, pooling=pooling)) is not None) == there


def test_states_of_a_recurrence_stand_at_their_places() -> None:
    filters = filters_of(drawn_network(encoder="recurrent"))
    assert not filters.before.any()
    assert not filters.after.any()
    activations = np.zeros((5, len(filters.before)), np.float32)
    activations[3] = 2.0
    fired = filters.fired(activations, 5)
    assert set(fired.begins) == {3}
    assert set(fired.ends) == {4}
    np.testing.assert_allclose(fired.logits, 2 * filters.weights)


@pytest.fixture(scope="module")
def alone() -> Trained:
    alphabet = train_alphabet(dict.fromkeys("abcde ", 1.0), character_limit=100)
    torch.manual_seed(0)
    settings = ClassifierSettings(encoder="branches", embedding_width=16, filters=16)
    network = TextClassifier(settings, len(alphabet), LABELS).eval()
    return Trained(network=network, wide=drawn_wide(), alphabet=alphabet)


def test_a_checkpoint_without_the_file_still_answers(alone: Trained, tmp_path: Path) -> None:
    files = alone.files()
    whole = load_classifier(written(tmp_path / "whole", files))
    del files[FILTERS_FILE]
    older = load_classifier(written(tmp_path / "older", files))
    assert whole.filters is not None
    assert older.filters is None
    for text in some_texts((3, LONGEST + 5)):
        np.testing.assert_array_equal(older.log_probabilities(text), whole.log_probabilities(text))


@pytest.mark.parametrize(
    ("arrays", "stride", "message"),
    [
        (("weights", "before"), 1, "got a file without 'after'"),
        *[
            (
                ("weights", "before", "after"),
                stride,
                "filters.bin: stride must be a whole number from 1 to 2147483648, got",
            )
            for stride in (0, 1.5, 1e300, math.inf, math.nan)
        ],
        (("before", "before", "after"), 1, "got a file without 'weights'"),
    ],
)
def test_filters_that_do_not_fit_are_refused(
    alone: Trained, tmp_path: Path, arrays: tuple[str, ...], stride: float, message: str
) -> None:
    held = {
        "weights": np.zeros(64 * LABELS, np.float32),
        "before": np.zeros(64, np.uint32),
        "after": np.zeros(64, np.uint32),
    }
    content = write_arrays({name: held[name] for name in arrays}, {"stride": stride})
    with pytest.raises(CheckpointError, match=message):
        load_classifier(written(tmp_path / "sorter", alone.files() | {FILTERS_FILE: content}))


def test_as_many_weights_as_filters_and_labels_are_wanted(alone: Trained, tmp_path: Path) -> None:
    short = {"weights": np.zeros(5, np.float32), "before": np.zeros(64, np.uint32), "after": np.zeros(64, np.uint32)}
    content = write_arrays(short, {"stride": 1})
    with pytest.raises(CheckpointError, match="must hold 64 filters for 5 labels, got others"):
        load_classifier(written(tmp_path / "sorter", alone.files() | {FILTERS_FILE: content}))


@pytest.mark.parametrize("name", ["weights", "before", "after"])
def test_filters_that_are_no_numbers_are_refused(alone: Trained, tmp_path: Path, name: str) -> None:
    held: dict[str, NDArray[np.generic]] = {
        "weights": np.zeros(64 * LABELS, np.float32),
        "before": np.zeros(64, np.uint32),
        "after": np.zeros(64, np.uint32),
    }
    content = write_arrays(held | {name: np.full(len(held[name]), np.nan, np.float32)}, {"stride": 1})
    with pytest.raises(CheckpointError, match="must hold finite weights and whole numbers of characters, got others"):
        load_classifier(written(tmp_path / "sorter", alone.files() | {FILTERS_FILE: content}))


@pytest.mark.parametrize("name", [ACTIVATIONS, NGRAM_ROWS])
def test_a_graph_that_gives_a_row_for_a_matrix_is_refused(alone: Trained, tmp_path: Path, name: str) -> None:
    """It has log-probabilities where values of filters, or rows of n-grams' weights, are looked for."""
    files = alone.files() if name == ACTIVATIONS else alone.files(with_network=False)
    model = onnx.ModelProto()
    model.ParseFromString(files[CLASSIFIER_FILE])
    for node in model.graph.node:
        for ports in (node.input, node.output):
            ports[:] = ["elsewhere" if port == name else port for port in ports]
    model.graph.node.append(onnx.helper.make_node("Identity", ["log_probabilities"], [name]))
    given = next(port for port in model.graph.output if port.name == name)
    given.CopyFrom(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [LABELS]))
    with pytest.raises(CheckpointError, match=f"must give {name} as a matrix, got"):
        load_classifier(written(tmp_path / "sorter", files | {CLASSIFIER_FILE: model.SerializeToString()}))
