"""How a classifier begins and what is refused before it learns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import torch

from model.alphabet import train_alphabet
from model.errors import InputError
from training.classifier import TextClassifier
from training.classifier_learning import begin_with_machines
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings
from training.reading import ReadingSettings
from training.settings import TextSettings, TrainingSettings
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["seoul", "busan", "tokyo", "osaka", "kyoto", "daegu", "sapporo", "incheon"] * 40


def small_run(**chosen: object) -> ClassifierRun:
    """Give a run of seconds."""
    settings: dict[str, object] = {
        "embedding_width": 8,
        "filters": 4,
        "hidden_width": 6,
        "window_characters": 6,
        **chosen,
    }
    return ClassifierRun(
        reading=ReadingSettings(),
        text=TextSettings(),
        members=(ClassifierSettings(**settings),),  # type: ignore[arg-type]
        training=TrainingSettings(minutes=0, batch_characters=2048, threads=1),
        epochs=1,
    )


def test_machines_set_the_layers_of_a_window_and_their_error_falls() -> None:
    torch.manual_seed(0)
    alphabet = train_alphabet({character: 1.0 for word in WORDS for character in word}, character_limit=100)
    settings = ClassifierSettings(
        encoder="window+recurrent",
        embedding_width=8,
        hidden_width=6,
        layers=2,
        window_characters=6,
        activation="sigmoid",
    )
    network = TextClassifier(settings, len(alphabet), 2)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    errors = begin_with_machines(network, encode_texts(alphabet, WORDS, 20), torch.Generator().manual_seed(0))
    assert len(errors) == 2
    assert errors[0][-1] < errors[0][0]
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert {name.rpartition(".")[2] for name in changed} == {"weight", "bias"}
    assert all(name.startswith("chains.0.") for name in changed)
    assert network.training


def test_a_run_says_what_its_machines_came_to(countries_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    told = small_run(encoder="window", initialise="rbm", layers=2)
    train_classifier([str(countries_file)], tmp_path / "m", told, say=said.append, began=time.monotonic())
    (line,) = [each for each in said if each.startswith("reconstruction error")]
    assert len(line.partition(": ")[2].split(", ")) == 2


def test_convolutions_that_leave_no_place_are_refused_with_the_arithmetic(countries_file: Path, tmp_path: Path) -> None:
    told = small_run(encoder="wide+convolution", padding="valid", filter_width=60)
    with pytest.raises(InputError, match=r"filter_width must leave a place: \(\d+ - 60 \+ 0\) / 1 \+ 1 = "):
        train_classifier([str(countries_file)], tmp_path / "m", told, say=lambda _: None, began=time.monotonic())


def test_machines_need_a_window() -> None:
    with pytest.raises(
        InputError, match="initialise may be rbm only where a window is among the parts, got 'branches'"
    ):
        ClassifierSettings(encoder="branches", initialise="rbm")
