"""How far weights over n-grams may go, chosen on held-out texts, which they learn when all is measured."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from training.classifier_learning import mean_loss
from training.joining import fit_temperature
from training.label_split import label_weights
from training.wide import LearnedWide, learn_again, learn_wide, plans_for
from training.wide_lesson import Lesson, prepare_lesson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from training.classifier_room import Room
    from training.wide import WideLayer

WIDE_SHARE = 0.3  # of the time that is left when n-grams are found, at most, for their weights
AGAIN_SHARE = 0.3  # of the time that is left, at most, kept to learn them from all texts
ADDED_SHARE = 0.04  # of all texts, held out: where they are as many, learning them is always worth the time


def choose_wide(room: Room) -> LearnedWide:
    """Learn the weights over n-grams step by step, until their loss on held-out texts rises; give those of least.

    A step is a strength more, or a pass more over the texts; where both are tried, what is better is chosen.
    """
    split, settings = room.split, next(each for each in room.told.members if each.is_wide)
    lesson = Lesson(texts=split.texts, targets=room.targets, text_weights=room.text_weights)
    known = room.held_out.known()
    began = time.monotonic()
    prepared = prepare_lesson(lesson, settings)
    deadline = room.clock.deadline(WIDE_SHARE)
    best: tuple[float, LearnedWide, NDArray[np.float32]] | None = None
    for plan in plans_for(prepared):
        before = math.inf
        for learned in learn_wide(prepared, plan, room.told.training.seed, deadline):
            logits = learned.layer.logits(split.held_out_texts)
            temperature = fit_temperature(logits, known, room.held_out_weights)
            loss = mean_loss(logits / temperature, known, room.held_out_weights)
            if best is None or loss < best[0]:
                best = (loss, learned, logits)
            if loss > before or time.monotonic() >= deadline:
                break
            before = loss
        if time.monotonic() >= deadline:
            break
    assert best is not None  # noqa: S101 - there is a first step
    _, chosen, logits = best
    right = float((logits.argmax(axis=1) == split.held_out_numbers).mean())
    room.say(
        f"{len(chosen.layer.ngrams.hashes):,} n-grams learned in {time.monotonic() - began:.0f} s: "
        f"alone they label {right:.1%} of the held-out texts rightly"
    )
    return chosen


def seconds_again(room: Room, measured: LearnedWide) -> float:
    """Foretell how many seconds ``relearn_wide`` needs: as many for each text as before, when that was finished."""
    return measured.seconds * len(room.split.all_texts) / len(room.split.texts)


def seconds_kept(room: Room, measured: LearnedWide) -> float:
    """Give the seconds that networks leave to ``relearn_wide``: none where they need them more.

    Where learning was cut short, as much time again would not do. And texts so many that those held out are few among
    them gain less from these than networks from a large share of the time that is left.
    """
    seconds, split = seconds_again(room, measured), room.split
    is_short = seconds <= AGAIN_SHARE * room.clock.left()
    adds_much = len(split.held_out_texts) >= ADDED_SHARE * len(split.all_texts)
    return seconds if measured.finished and (is_short or adds_much) else 0.0


def relearn_wide(room: Room, measured: LearnedWide) -> WideLayer:
    """Learn the weights over n-grams anew, from the held-out texts, too: what was to be measured on them is.

    Where time does not suffice, those that were measured are kept: half learned ones may be worse than their figures.
    """
    split, settings = room.split, next(each for each in room.told.members if each.is_wide)
    if room.clock.left() > seconds_again(room, measured):
        targets = room.targets.with_more(room.held_out)
        weights = label_weights(targets.numbers, targets.labels, room.told.sorting.balance)[targets.numbers]
        lesson = Lesson(texts=split.all_texts, targets=targets, text_weights=weights)
        deadline, seed = room.clock.deadline(), room.told.training.seed
        learned = learn_again(prepare_lesson(lesson, settings), measured.plan, seed, deadline)
        if learned.finished:
            return learned.layer
    room.say("no time is left to learn the n-grams of the held-out texts, too: those that were measured are kept")
    return measured.layer
