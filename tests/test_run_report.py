"""A run that is told to writes down what was seen of it, and becomes the same model as without."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from model.checkpoint import open_checkpoint
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings
from training.observation import TrainingRecord, recorded
from training.reading import ReadingSettings, ignore
from training.run import RunSettings, Task, train_model
from training.settings import NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path

OF_TRAINING = ["Loss", "Learning rate", "Gradient norm by layer", "Activations by layer"]
OF_SORTING = ["Confusion matrix", "Reliability diagram", "Worst mistakes"]
SMALL = ClassifierSettings(
    encoder="wide+branches+recurrent",
    embedding_width=8,
    filters=4,
    hidden_width=4,
    branch_widths="2",
    ngram_most=2,
)


def headings(page: Path) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page.read_text(encoding="utf-8"))


def title(page: Path) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", page.read_text(encoding="utf-8"))
    return str(found)


def sorted_by(encoder: str, members: int = 1) -> ClassifierRun:
    return ClassifierRun(
        reading=ReadingSettings(),
        text=TextSettings(),
        members=(replace(SMALL, encoder=encoder),) * members,
        training=TrainingSettings(minutes=0, batch_characters=512, learning_rate=0.01, threads=1, members=members),
        epochs=2,
    )


def train(told: ClassifierRun, source: Path, out: Path, report: Path | None) -> bytes:
    """Train, and give the weights."""
    trained = train_classifier([str(source)], out, told, say=ignore, began=time.monotonic(), report=report)
    return open_checkpoint(trained.directory).read("weights.safetensors")


def test_a_classifier_that_is_watched_becomes_the_same_and_is_reported(countries_file: Path, tmp_path: Path) -> None:
    told = sorted_by("branches")
    alone = train(told, countries_file, tmp_path / "alone", None)
    assert not list(tmp_path.glob("*.html"))
    assert train(told, countries_file, tmp_path / "watched", tmp_path / "r.html") == alone
    expected = [OF_TRAINING[0], "Accuracy", *OF_TRAINING[1:], "Dead ReLU units", *OF_SORTING]
    assert headings(tmp_path / "r.html") == expected
    assert title(tmp_path / "r.html") == "Training of watched 0001"


def test_of_several_members_the_first_is_shown(countries_file: Path, tmp_path: Path) -> None:
    train(sorted_by("branches", members=2), countries_file, tmp_path / "two", tmp_path / "r.html")
    assert title(tmp_path / "r.html") == "Training of two 0001, member 1 of 2"
    assert headings(tmp_path / "r.html").count("Loss") == 1


def test_ngrams_alone_have_no_curves(countries_file: Path, tmp_path: Path) -> None:
    train(sorted_by("wide"), countries_file, tmp_path / "wide", tmp_path / "r.html")
    assert headings(tmp_path / "r.html") == OF_SORTING


@pytest.mark.parametrize(("task", "members"), [("autocomplete", 2), ("text", 1)])
def test_a_language_model_that_is_watched_becomes_the_same_and_is_reported(
    places_file: Path, hello_file: Path, tmp_path: Path, task: Task, members: int
) -> None:
    source = hello_file
    if task == "autocomplete":
        source = tmp_path / "few.tsv"
        source.write_text("\n".join(places_file.read_text(encoding="utf-8").split("\n")[:201]), encoding="utf-8")
    settings = RunSettings(
        task=task,
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(hidden_width=16, embedding_width=8, dropout=0.1),
        training=TrainingSettings(minutes=0, epochs=2, batch_characters=512, threads=1, members=members),
    )
    weights = {}
    for name, report in (("alone", None), ("watched", tmp_path / "r.html")):
        trained = train_model(
            [str(source)], tmp_path / name, settings, say=ignore, began=time.monotonic(), report=report
        )
        weights[name] = open_checkpoint(trained.directory).read("weights.safetensors")
    assert weights["alone"] == weights["watched"]
    assert headings(tmp_path / "r.html") == OF_TRAINING
    assert title(tmp_path / "r.html") == "Training of watched 0001" + (", member 1 of 2" if members == 2 else "")
    assert "bits per character at first" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_member_that_was_kept_was_not_watched() -> None:
    record = TrainingRecord()
    assert recorded({1: record}, 3, "of x") == (record, "of x, member 2 of 3")
    assert recorded({}, 3, "of x") == (TrainingRecord(), "of x")


def test_a_report_that_cannot_be_written_is_refused_before_training(countries_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    command = [sys.executable, "-m", "machim", "train", str(countries_file), "--out", str(out), "--report"]
    for name in (str(tmp_path), str(tmp_path / "absent" / "r.html"), str(tmp_path / ("x" * 300))):
        refused = subprocess.run([*command, name], capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert refused.stderr.startswith("machim: --report must name a file ")
        assert not out.exists()
