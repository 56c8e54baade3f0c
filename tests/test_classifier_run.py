"""Real classifiers, trained in seconds: from files to answers."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from model.classification import classify
from model.classifier import ids_of, load_classifier
from model.errors import CheckpointError, InputError
from model.loaded import load_model
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_learning import network_logits
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["Seoul", "서울특별시", "San José", "a", "New Delhi " * 40]
MODELS = ["countries", "pair"]


def machim(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "machim", *arguments], input=typed, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", MODELS)
def test_what_is_served_is_what_was_trained(classifiers: Path, name: str) -> None:
    """Measured: int8 moves a logit by at most .03 here; .1 is allowed."""
    loaded = load_classifier(classifiers / name)
    rebuilt = rebuild_classifier(loaded)
    of_wide = None if rebuilt.wide is None else rebuilt.wide.logits(TEXTS)
    of_networks = [
        network_logits(each, encode_texts(loaded.alphabet, TEXTS, each.settings.longest), len(loaded.labels))
        for each in rebuilt.networks
    ]
    expected = torch.from_numpy(rebuilt.logits(of_networks, of_wide) / rebuilt.temperature).log_softmax(dim=1)
    served = np.stack([loaded.log_probabilities(text) for text in TEXTS])
    np.testing.assert_allclose(served, expected.numpy(), atol=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_labels_are_better_than_the_most_frequent_one(classifiers: Path, countries_file: Path, name: str) -> None:
    """Half of the places lie in the country that has the most; of those learned nearly all are labelled rightly."""
    loaded = load_classifier(classifiers / name)
    pairs = [line.split("\t") for line in countries_file.read_text(encoding="utf-8").splitlines()]
    _, counts = np.unique([label for label, _ in pairs], return_counts=True)
    right = np.mean([classify(loaded, text).label == label for label, text in pairs])
    assert right > 0.9
    figures = loaded.checkpoint.manifest.figures
    assert isinstance(figures["accuracy"], float)
    assert figures["accuracy"] > counts.max() / counts.sum()


def test_probabilities_sum_to_one_and_the_likeliest_comes_first(classifiers: Path) -> None:
    reply = classify(load_classifier(classifiers / "countries"), "Busan")
    values = list(reply.probabilities.values())
    assert sum(values) == pytest.approx(1, abs=1e-5)
    assert values == sorted(values, reverse=True)
    assert (reply.label, reply.probability) == next(iter(reply.probabilities.items()))


def test_a_long_text_is_cut_by_the_stated_rule(classifiers: Path) -> None:
    """The first three quarters and the last quarter of ``longest`` characters are read, and nothing between them."""
    loaded = load_classifier(classifiers / "countries")
    begin, end = "a" * (loaded.longest * 3 // 4), "b" * (loaded.longest // 4)
    longer = ids_of(loaded.alphabet, begin + "c" * 50 + end, loaded.longest)
    assert longer.tolist() == ids_of(loaded.alphabet, begin + end, loaded.longest).tolist()
    assert len(longer) == loaded.longest


@pytest.mark.parametrize("text", ["", " \t", "\n"])
def test_an_empty_text_is_refused(classifiers: Path, text: str) -> None:
    with pytest.raises(InputError, match="must have a character that is no space"):
        classify(load_classifier(classifiers / "countries"), text)


def test_a_checkpoint_of_another_task_is_refused(classifiers: Path, tiny_models: Path) -> None:
    with pytest.raises(CheckpointError, match="the task must be classify, got a model for autocomplete"):
        load_classifier(tiny_models / "tiny")
    with pytest.raises(CheckpointError, match="the task must be one of autocomplete, text, generate, got 'classify'"):
        load_model(classifiers / "countries")


def test_the_card_says_what_a_classifier_cannot_do(classifiers: Path) -> None:
    card = load_classifier(classifiers / "countries").checkpoint.read("README.md").decode()
    assert "It sorts texts by labels." in card
    assert "It knows these labels and no other" in card
    assert "the first three quarters of so many characters and the last quarter (512)" in card
    assert "never written" not in card


def test_classify_prints_labels_and_json(classifiers: Path) -> None:
    model = str(classifiers / "countries")
    plain = machim("classify", model, "Seoul", "--limit", "2")
    assert plain.returncode == 0
    assert len(plain.stdout.splitlines()) == 2
    assert plain.stdout.splitlines()[0].split()[0].endswith("%")
    lines = machim("classify", model, "-", "--json", typed="Seoul\nBusan\n")
    replies = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [reply["text"] for reply in replies] == ["Seoul", "Busan"]
    assert all(set(reply) == {"text", "label", "probability", "probabilities"} for reply in replies)


def test_a_blank_line_is_left_out_and_said(classifiers: Path) -> None:
    lines = machim("classify", str(classifiers / "countries"), "-", "--json", typed="Seoul\n \nBusan\n")
    assert lines.returncode == 0
    assert [json.loads(line)["text"] for line in lines.stdout.splitlines()] == ["Seoul", "Busan"]
    assert lines.stderr == "machim: standard input, line 2: left out, for it is blank\n"


def test_a_line_that_is_too_long_stops_with_its_number(classifiers: Path) -> None:
    stopped = machim("classify", str(classifiers / "countries"), "-", typed="Seoul\n" + "a" * 100_001 + "\n")
    assert stopped.returncode == 2
    assert "machim: standard input, line 2: a text must have at most 100,000 characters" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_train_takes_labels_for_what_they_are(countries_file: Path, tmp_path: Path) -> None:
    trained = machim(
        "train", str(countries_file), "--out", str(tmp_path / "m"), "--minutes", "0.1", "--encoder", "wide", "--json"
    )
    assert trained.returncode == 0, trained.stderr
    assert "taken for label<TAB>text" in trained.stderr
    said = json.loads(trained.stdout)
    lines = countries_file.read_text(encoding="utf-8").splitlines()
    assert said["figures"]["labels"] == len({line.split("\t")[0] for line in lines})
    inspected = json.loads(machim("inspect", str(tmp_path / "m"), "--json").stdout)
    assert inspected["task"] == "classify"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label\ttext\nx\tone\nx\ttwo\n", "texts to sort must have at least 2 different labels, got x alone"),
        ("label\ttext\nx\tone\nx\ttwo\ny\tthree\n", "every label must have at least 2 different texts, one to learn"),
        ("name\ttext\nx\tone\n", "--label-column must be told"),
    ],
)
def test_texts_that_cannot_be_sorted_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(content, encoding="utf-8")
    refused = machim("train", str(path), "--out", str(tmp_path / "m"), "--task", "classify", "--minutes", "0.1")
    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) <= 3
    assert not list((tmp_path / "m").glob("0*"))
