"""How far weights over n-grams may go is chosen on held-out texts; half learned ones replace no measured ones."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from model.alphabet import count_characters, train_alphabet
from training.classifier_room import ClassifierRun, Room
from training.classifier_settings import ClassifierSettings
from training.clock import Clock
from training.label_split import SplitTexts
from training.reading import ReadingSettings
from training.settings import TextSettings, TrainingSettings
from training.targets import Targets
from training.wide import PASSES, Plan, learn_again
from training.wide_choice import choose_wide, relearn_wide, seconds_again, seconds_kept
from training.wide_lesson import Lesson, PreparedLesson, prepare_lesson

if TYPE_CHECKING:
    from training.wide import WideLayer

TEXTS, LEARNED = 300, 240
MEASURED = "no time is left to learn the n-grams of the held-out texts, too: those that were measured are kept"


def a_room(told: list[str], noise: float = 0.0, seconds: float = math.inf) -> Room:
    """Random words to sort by whether "ab" is in them, so many of them labelled by chance; ``told`` gets what is said.

    Args:
        told: lines.
        noise: share of the texts.
        seconds: from now on.
    """
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abcd"), int(generator.integers(3, 9)))) for _ in range(TEXTS)]
    numbers = np.array([int("ab" in text) for text in texts])
    chance = generator.random(TEXTS) < noise
    numbers[chance] = generator.integers(2, size=int(chance.sum()))
    split = SplitTexts(
        labels=("first", "last"),
        texts=texts[:LEARNED],
        numbers=numbers[:LEARNED],
        held_out_texts=texts[LEARNED:],
        held_out_numbers=numbers[LEARNED:],
    )
    return Room(
        told=ClassifierRun(
            reading=ReadingSettings(),
            text=TextSettings(),
            members=(ClassifierSettings(encoder="wide", ngram_most=3),),
            training=TrainingSettings(minutes=0, threads=1),
        ),
        split=split,
        alphabet=train_alphabet(count_characters(split.texts, np.ones(LEARNED)), character_limit=100),
        device=torch.device("cpu"),
        clock=Clock(began=time.monotonic(), seconds=seconds),
        targets=Targets(numbers=split.numbers, labels=2),
        held_out=Targets(numbers=split.held_out_numbers, labels=2),
        text_weights=np.ones(LEARNED),
        held_out_weights=np.ones(TEXTS - LEARNED),
        say=told.append,
    )


def right_of_held_out(layer: WideLayer, room: Room) -> float:
    said = layer.logits(room.split.held_out_texts).argmax(axis=1)
    return float((said == room.split.held_out_numbers).mean())


def test_held_out_texts_are_learned_when_all_is_measured() -> None:
    told: list[str] = []
    room = a_room(told, noise=0.5)
    chosen = choose_wide(room)
    assert chosen.finished
    again = relearn_wide(room, chosen)
    assert right_of_held_out(again, room) > right_of_held_out(chosen.layer, room)
    assert MEASURED not in told


@pytest.mark.parametrize("left", [0.0, 1e-4])
def test_weights_that_were_cut_short_replace_none_that_were_measured(left: float) -> None:
    """With no time at all, and with time that ends before the descent does."""
    told: list[str] = []
    room = a_room(told)
    chosen = choose_wide(room)
    assert relearn_wide(replace(room, clock=Clock(began=time.monotonic(), seconds=left)), chosen) is chosen.layer
    assert told[-1] == MEASURED


@pytest.mark.parametrize(("noise", "strength"), [(0.1, 0.5), (0.5, 2.0)])
def test_the_strength_is_the_best_on_held_out_texts_and_not_the_last(noise: float, strength: float) -> None:
    """The one after it was worse: by .005 nats at the least."""
    assert choose_wide(a_room([], noise=noise)).plan == Plan(strengths=(strength,))


@pytest.mark.parametrize("passes", [False, True])
def test_what_was_best_on_held_out_texts_is_done_again_with_all(monkeypatch: pytest.MonkeyPatch, passes: bool) -> None:
    """Of texts labelled by chance, half of them, each pass after the first is learned by heart."""
    if passes:
        monkeypatch.setattr("training.wide.MOST_WEIGHTS_AT_ONCE", 1)
        monkeypatch.setattr("training.wide_passes.TEXTS_AT_ONCE", 16)
        monkeypatch.setattr("training.wide_passes.RATE", 0.5)
    room = a_room([], noise=0.5)
    chosen = choose_wide(room)
    assert chosen.finished
    assert 1 <= chosen.plan.passes < PASSES if passes else chosen.plan.strengths
    again = relearn_wide(room, chosen)
    assert right_of_held_out(again, room) > right_of_held_out(chosen.layer, room)
    texts, targets = room.split.all_texts, room.targets.with_more(room.held_out)
    prepared = prepare_lesson(
        Lesson(texts=texts, targets=targets, text_weights=np.ones(len(texts))), room.told.members[0]
    )
    np.testing.assert_array_equal(again.weights, learn_again(prepared, chosen.plan, 0, math.inf).layer.weights)


@pytest.mark.parametrize(("rate", "better"), [(0.5, "strengths"), (0.05, "passes")])
def test_where_both_are_tried_the_better_is_chosen(monkeypatch: pytest.MonkeyPatch, rate: float, better: str) -> None:
    """Passes of large steps go wrong, and descents that may not go far go nowhere."""
    monkeypatch.setattr("training.wide.MOST_PRODUCTS", 1)
    monkeypatch.setattr("training.wide_passes.TEXTS_AT_ONCE", 16)
    monkeypatch.setattr("training.wide_passes.RATE", rate)
    if better == "passes":
        monkeypatch.setattr("training.wide.STRENGTHS", (1e-6,))
    chosen = choose_wide(a_room([], noise=0.1))
    assert bool(chosen.plan.passes) == (better == "passes")


def test_n_grams_that_took_long_to_find_are_learned_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time is gone when they are found; a share of what is left is for their weights."""
    monkeypatch.setattr("training.wide.MOST_WEIGHTS_AT_ONCE", 1)
    really, gone = time.monotonic, [0.0]

    def slowly(lesson: Lesson, settings: ClassifierSettings) -> PreparedLesson:
        gone[0] += 50
        return prepare_lesson(lesson, settings)

    monkeypatch.setattr("training.clock.time.monotonic", lambda: really() + gone[0])
    monkeypatch.setattr("training.wide_choice.prepare_lesson", slowly)
    chosen = choose_wide(a_room([], seconds=100))
    assert chosen.plan.passes > 1
    assert chosen.finished


def test_time_is_kept_to_learn_again_unless_that_takes_much_and_adds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the texts is held out; learning again takes 10 seconds, then 5, of 30."""
    room = a_room([])
    chosen = replace(choose_wide(room), seconds=8.0)
    hurried = replace(room, clock=Clock(began=time.monotonic(), seconds=30.0))
    assert seconds_kept(hurried, chosen) == 10.0
    assert seconds_kept(room, replace(chosen, finished=False)) == 0.0
    monkeypatch.setattr("training.wide_choice.ADDED_SHARE", 0.25)
    assert seconds_kept(room, chosen) == 10.0
    assert seconds_kept(hurried, chosen) == 0.0
    assert seconds_kept(hurried, replace(chosen, seconds=4.0)) == 5.0


def test_learning_again_is_foretold_from_the_chosen_strength_and_not_skipped_for_it() -> None:
    """A fifth is held out, so that a quarter more texts are learned then."""
    told: list[str] = []
    room = a_room(told)
    chosen = choose_wide(room)
    assert seconds_again(room, replace(chosen, seconds=8.0)) == 10.0
    assert chosen.seconds > 0
    slow = replace(chosen, seconds=80.0)
    short = replace(room, clock=Clock(began=time.monotonic(), seconds=90.0))
    assert relearn_wide(short, slow) is chosen.layer
    assert told[-1] == MEASURED
