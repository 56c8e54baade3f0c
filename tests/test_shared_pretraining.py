"""Members are pretrained before they learn labels, once for all that are alike."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rooms import SMALL, a_room, alone, learned_in, same, weights_of, with_training

from model.classifier import load_classifier
from training import checkpoints, classifier_members
from training.classifier_members import LearnedNetworks, learn_network
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.clock import Clock
from training.reading import ReadingSettings, ignore
from training.settings import TextSettings, TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.classifier import TextClassifier
    from training.classifier_settings import ClassifierSettings
    from training.loop import Outcome

READER = replace(SMALL, encoder="recurrent")


def pretraining_of(networks: LearnedNetworks) -> list[Any]:
    return [outcome.get("pretraining") for outcome in networks.members.outcomes]


@pytest.mark.parametrize(
    ("member", "pretrain", "foretells"), [(READER, True, True), (READER, False, False), (SMALL, True, False)]
)
def test_what_reads_characters_one_by_one_foretells_them_first_where_it_is_told_to(
    member: ClassifierSettings, pretrain: bool, foretells: bool, tmp_path: Path
) -> None:
    said: list[str] = []
    room = with_training(a_room(said), members=1)
    sorting = replace(room.told.sorting, pretrain=pretrain)
    learned = learned_in(replace(room, told=replace(room.told, members=(member,), sorting=sorting)), tmp_path / "m")
    assert (pretraining_of(learned) != [None]) == foretells
    assert any("foretells characters" in line for line in said) == foretells


def test_members_that_are_alike_are_pretrained_once_and_differ_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    begun: list[dict[str, NDArray[np.generic]]] = []

    def noting(network: TextClassifier, *others: Any) -> Outcome:
        begun.append({name: value.copy() for name, value in checkpoints.weights_of(network).items()})
        return learn_network(network, *others)

    monkeypatch.setattr(classifier_members, "learn_network", noting)
    room = a_room(said)
    told = replace(room.told, members=(READER, replace(READER, longest=7), READER))
    learned = learned_in(with_training(replace(room, told=told), members=3), tmp_path / "m")
    assert sum("foretells characters" in line for line in said) == 2
    first, other, third = pretraining_of(learned)
    assert first == third != other
    one, apart, another = begun
    foretelling = {name for name in one if name.startswith("embedding") or ".recurrences." in name}
    assert {name for name in one if np.array_equal(one[name], another[name])} - {"output.bias"} == foretelling
    assert not any(np.array_equal(one[name], apart[name]) for name in foretelling)
    assert not same(weights_of(learned.networks)[0], weights_of(learned.networks)[2])


def test_a_run_that_is_stopped_is_not_pretrained_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = replace(a_room(), told=replace(a_room().told, members=(READER, READER)))
    whole = learned_in(room, tmp_path / "whole")

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(classifier_members, "learn_network", stop)
        with pytest.raises(KeyboardInterrupt):
            learned_in(room, tmp_path / "m")
    said: list[str] = []
    again = learned_in(replace(room, say=said.append), tmp_path / "m")
    assert not any("foretells characters" in line for line in said)
    assert all(same(*pair) for pair in zip(weights_of(whole.networks), weights_of(again.networks), strict=True))


def test_foretelling_takes_at_most_its_share_of_the_time(tmp_path: Path) -> None:
    room = with_training(alone(a_room()), epochs=10_000, learning_rate=1e-5)  # gains to the end
    room = replace(room, told=replace(room.told, members=(READER,)), clock=Clock(began=time.monotonic(), seconds=5.0))
    (facts,) = learned_in(room, tmp_path / "m").members.outcomes
    before = facts["pretraining"]
    assert isinstance(before, dict)
    assert isinstance(before["seconds"], float)
    assert isinstance(facts["seconds"], float)
    assert before["seconds"] < 2.5 < facts["seconds"] + before["seconds"] < 5


def test_texts_with_nothing_to_foretell_are_learned_all_the_same(tmp_path: Path) -> None:
    """Letters with labels, to the written version: their loss is infinite, which no manifest can say."""
    path = tmp_path / "letters.tsv"
    path.write_text(
        "".join(f"{'vowel' if each in 'aeiou' else 'other'}\t{each}\n" for each in "abcdefghijklmnopqrstuvwxyz")
    )
    training = TrainingSettings(minutes=0, epochs=2, threads=1)
    told = ClassifierRun(reading=ReadingSettings(), text=TextSettings(), members=(READER,), training=training, epochs=2)
    trained = train_classifier([str(path)], tmp_path / "m", told, say=ignore, began=time.monotonic())
    assert load_classifier(trained.directory).labels == ("other", "vowel")
