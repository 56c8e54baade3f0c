"""The networks of a classifier's members: one after another, kept when a run is stopped, decided by the seed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from rooms import LABELS, SMALL, a_room, alone, learned_in, planted_texts, same, weights_of, with_training

from model.alphabet import train_alphabet
from model.classification import classify
from model.classifier import load_classifier
from training import classifier_members
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_learning import network_logits
from training.classifier_members import learn_networks, train_member
from training.classifier_room import ClassifierRun, Room
from training.classifier_run import train_classifier
from training.clock import Clock
from training.members import member_seed
from training.reading import ReadingSettings, ignore
from training.settings import TextSettings, TrainingSettings
from training.targets import Targets, Taught
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from pathlib import Path

    from training.classifier import TextClassifier
    from training.loop import Outcome


def test_what_came_before_takes_nothing_from_networks_twice(tmp_path: Path) -> None:
    """Most of the time went by with texts and n-grams: the networks have what is left of it, but for what is kept."""
    members = (replace(SMALL, encoder="wide+branches"),)
    room = a_room(clock=Clock(began=time.monotonic() - 600, seconds=1000))
    room = with_training(room, members=1, epochs=60, learning_rate=1e-5)  # gains to the end
    room = replace(room, told=replace(room.told, members=members))
    (outcome,) = learned_in(room, tmp_path / "m").members.outcomes
    assert outcome["ended"] != "time"
    (tmp_path / "kept").mkdir()
    (outcome,) = learn_networks(room, tmp_path / "kept", 400).members.outcomes
    assert outcome["ended"] == "time"


@pytest.mark.parametrize(("seconds", "warned"), [(0.0, True), (60.0, False)])
def test_a_network_that_has_not_read_every_text_says_so(seconds: float, warned: bool) -> None:
    told: list[str] = []
    train_member(alone(a_room()), seconds, {}, None, 0, told.append)
    assert told[-1].startswith("it has not read every text once") == warned


def test_a_network_beside_ngrams_learns_within_the_minutes_told(countries_file: Path, tmp_path: Path) -> None:
    """Six seconds, and as many again for a busy machine."""
    training = TrainingSettings(minutes=0.1, batch_characters=512, learning_rate=1e-5, threads=1)  # gains to the end
    member = replace(SMALL, encoder="wide+branches", ngram_most=3)
    told = ClassifierRun(
        reading=ReadingSettings(), text=TextSettings(), members=(member,), training=training, epochs=10_000
    )
    began = time.monotonic()
    train_classifier([str(countries_file)], tmp_path / "m", told, say=ignore, began=began)
    assert time.monotonic() - began < 12
    outcomes = load_classifier(tmp_path / "m").checkpoint.manifest.provenance["outcomes"]
    assert isinstance(outcomes, list)
    (outcome,) = outcomes
    assert isinstance(outcome, dict)
    assert outcome["ended"] == "time"
    assert isinstance(outcome["epochs"], float)
    assert outcome["epochs"] > 1


def accuracy_of(network: TextClassifier, room: Room) -> float:
    texts = encode_texts(room.alphabet, room.split.held_out_texts, SMALL.longest)
    return float((network_logits(network, texts, 2).argmax(axis=1) == room.split.held_out_numbers).mean())


def test_the_same_seed_gives_the_same_weights_and_members_differ(tmp_path: Path) -> None:
    once = weights_of(learned_in(a_room(), tmp_path).networks)
    again = weights_of(learned_in(a_room(), tmp_path / "other").networks)
    assert [same(one, other) for one, other in zip(once, again, strict=True)] == [True, True]
    assert not any(np.array_equal(once[0][name], once[1][name]) for name in once[0])


def test_the_second_member_is_the_first_of_a_run_with_its_seed_and_no_neighbour_of_the_run(tmp_path: Path) -> None:
    room = a_room()
    first, second = weights_of(learned_in(room, tmp_path).networks)
    seeds = member_seed(room.told.training.seed, 1), room.told.training.seed + 1
    (other_first, _), (neighbour, _) = (
        weights_of(learned_in(with_training(room, seed=seed), tmp_path).networks) for seed in seeds
    )
    assert same(second, other_first)
    assert not same(first, other_first)
    assert not same(second, neighbour)


def stop_at(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Interrupt the run when it begins to train the member of a number; gives what was begun, as it comes."""
    learn_network, begun = classifier_members.learn_network, list[int]()

    def learn(*arguments: Any) -> Outcome:
        begun.append(len(begun))
        if begun[-1] == number:
            raise KeyboardInterrupt
        return learn_network(*arguments)

    monkeypatch.setattr(classifier_members, "learn_network", learn)
    return begun


def test_a_run_that_was_stopped_in_the_second_member_goes_on_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And comes to the weights of a run that was not; what was kept is gone when the version is written."""
    whole = weights_of(learned_in(a_room(), tmp_path / "whole").networks)
    out = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        stop_at(1, patched)
        with pytest.raises(KeyboardInterrupt):
            learned_in(a_room(), out)
    assert len(list(out.glob(".members-*/*.safetensors"))) == 1
    told: list[str] = []
    with monkeypatch.context() as patched:
        begun = stop_at(-1, patched)
        learned = learned_in(a_room(told), out)
    assert len(begun) == 1
    assert any(line.startswith("member 1 of 2 was trained before") for line in told)
    assert [same(one, other) for one, other in zip(weights_of(learned.networks), whole, strict=True)] == [True, True]
    learned.members.forget()
    assert not list(out.glob(".members-*"))


@pytest.mark.parametrize("changed", ["seed", "alphabet", "held out", "targets", "encoder"])
def test_members_of_another_run_are_not_taken(tmp_path: Path, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another alphabet reads other ids, and other held-out texts choose other weights."""
    room = a_room()
    learned_in(room, tmp_path)
    match changed:
        case "seed":
            room = with_training(room, seed=5)
        case "alphabet":
            room = replace(room, alphabet=train_alphabet(dict.fromkeys("abcde", 1.0), character_limit=100))
        case "held out":
            other = [*room.split.held_out_texts[:-1], "dddd"]
            room = replace(room, split=replace(room.split, held_out_texts=other))
        case "targets":
            room = replace(room, targets=likely(room, 0.95))
        case _:
            room = replace(room, told=replace(room.told, members=(SMALL, replace(SMALL, encoder="window"))))
    begun = stop_at(-1, monkeypatch)
    learned_in(room, tmp_path)
    assert len(begun) == 2


def likely(room: Room, probability: float) -> Targets:
    """A teacher's, who holds every label that a text has for so likely."""
    own = np.log(np.where(room.split.numbers[:, None] == [0, 1], probability, 1 - probability)).astype(np.float32)
    taught = Taught(logits=own, temperature=1.0, truth=np.zeros(len(own), np.float32))
    return replace(room.targets, taught=taught)


def doubt_of(network: TextClassifier, room: Room) -> float:
    """The mean probability of the label that is not said."""
    texts = encode_texts(room.alphabet, room.split.texts, SMALL.longest)
    return float(torch.from_numpy(network_logits(network, texts, 2)).softmax(dim=1).amin(dim=1).mean())


def test_a_network_learns_what_its_targets_say_and_how_surely(tmp_path: Path) -> None:
    """Targets of .7 and .3 leave it in doubt, and those that are turned around make it wrong."""
    room = alone(a_room())
    sure = learned_in(room, tmp_path).networks[0]
    assert accuracy_of(sure, room) > 0.9
    assert doubt_of(sure, room) < 0.1
    unsure = learned_in(replace(room, targets=likely(room, 0.7)), tmp_path).networks[0]
    assert accuracy_of(unsure, room) > 0.9
    assert 0.25 < doubt_of(unsure, room) < 0.45
    turned = replace(room.split, held_out_numbers=1 - room.split.held_out_numbers)
    others = replace(room.held_out, numbers=turned.held_out_numbers)
    wrong = learned_in(replace(room, targets=likely(room, 0.01), held_out=others, split=turned), tmp_path).networks[0]
    assert accuracy_of(wrong, room) < 0.1


def test_texts_that_weigh_nothing_are_not_learned(tmp_path: Path) -> None:
    """Of the second label none weighs anything: all is said to be of the first."""
    room = alone(a_room())
    weights = np.where(room.split.numbers == 0, 1.0, 1e-9)
    network = learned_in(replace(room, text_weights=weights), tmp_path).networks[0]
    texts = encode_texts(room.alphabet, room.split.held_out_texts, SMALL.longest)
    assert (network_logits(network, texts, 2).argmax(axis=1) == 0).all()


def test_members_of_ngrams_alone_have_no_network_and_a_model_with_some_is_rebuilt(tmp_path: Path) -> None:
    """As ``--encoder wide,branches`` makes it: of two members one reads characters."""
    texts, numbers = planted_texts()
    path = tmp_path / "data.tsv"
    rows = [f"{LABELS[number]}\t{text}\n" for text, number in zip(texts, numbers, strict=True)]
    path.write_text("".join(rows), encoding="utf-8")
    run = a_room().told
    run = replace(run, members=(replace(SMALL, encoder="wide"), SMALL), epochs=2)
    trained = train_classifier([str(path)], tmp_path / "model", run, say=ignore, began=time.monotonic())
    loaded = load_classifier(trained.directory)
    rebuilt = rebuild_classifier(loaded)
    assert [network.settings for network in rebuilt.networks] == [SMALL]
    assert rebuilt.wide is not None
    assert classify(loaded, "cabd").label == "last"
