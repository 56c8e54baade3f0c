"""The networks of a classifier's members, trained one after another.

Legend: C labels.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.classifier import ids_of
from training.checkpoints import set_weights, weights_of
from training.classification_metrics import accuracy
from training.classifier import TextClassifier
from training.classifier_learning import begin_with_machines, lessons_of, mean_loss, network_logits, validated_texts
from training.devices import described
from training.display import Display, train_shown
from training.letters import letters_of
from training.loop import Outcome, start_run
from training.members import (
    Member,
    TrainedMembers,
    gather_members,
    member_of,
    members_folder,
    seat_of,
    seconds_of_each,
    told_of_training,
)
from training.observation import LOOKED_TEXTS, REPORT_SECONDS, Observer, reader_of
from training.reading import ignore
from training.shared_pretraining import begin, begun_network, pretrain_members
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from model.manifest import JSON
    from training.classifier_room import Room

MEASURED_SHARE = 0.08  # of the time, kept for export and figures
MEASURED_SECONDS = (1.0, 60.0)  # at the least and at the most


@dataclass(frozen=True, kw_only=True)
class LearnedNetworks:
    """The trained networks on the processor, and the members that they are of."""

    networks: tuple[TextClassifier, ...]
    members: TrainedMembers


def learn_networks(room: Room, out: Path, kept_seconds: float = 0.0) -> LearnedNetworks:
    """Train the network of every member that has one, or go on from those that a stopped run left.

    Args:
        room: what from.
        out: the model's folder.
        kept_seconds: for what is to be learned after them.
    """
    told = room.told
    chosen = [each for each in told.members if each.reads_characters]
    if not chosen:
        return LearnedNetworks(networks=(), members=TrainedMembers(folder=members_folder(out, None), members=()))
    reserve = room.clock.kept(MEASURED_SHARE, MEASURED_SECONDS)
    reserve += kept_seconds + (REPORT_SECONDS if room.observes else 0.0)
    known = told_of(room, len(chosen))
    begun = pretrain_members(room, chosen, room.clock.left() - reserve, members_folder(out, known))
    seconds = seconds_of_each(room.clock.left() - reserve, len(chosen), told.training)
    train = partial(train_member, replace(room, say=ignore), seconds, begun)
    done = gather_members(out, known, len(chosen), train, told.training, observes=room.observes, say=room.say)
    letters = torch.from_numpy(letters_of(room.alphabet))
    networks = []
    for settings, (tensors, source) in zip(chosen, done.sources(), strict=True):
        network = TextClassifier(settings, len(room.alphabet), len(room.split.labels), letters)
        set_weights(network, tensors, source)
        networks.append(network.eval())
    return LearnedNetworks(networks=tuple(networks), members=done)


def train_member(
    room: Room,
    seconds: float,
    begun: Mapping[int, Member],
    watched: int | None,
    number: int,
    say: Callable[[str], None],
) -> Member:
    """Train the network of one member.

    Args:
        room: what from.
        seconds: to train for, at most.
        begun: weights to begin with, by the number of the member.
        watched: the number of the member that is watched, or None.
        number: of this one, counted from 0.
        say: is told what is being done, a line each.
    """
    told = room.told
    chosen = [each for each in told.members if each.reads_characters]
    settings, seat = chosen[number], seat_of(told.training, number, len(chosen))
    which = seat.which
    network = begun_network(room, settings, number, seat.training.seed, lambda message: say(which + message))
    if number in begun:
        begin(network, begun[number])
    say(
        f"{which}{settings.encoder} of {sum(each.numel() for each in network.parameters()):,} parameters, "
        f"learning on {described(room.device)}"
    )
    if settings.initialise == "rbm" and (told.start is None or not told.start.labels):
        texts = encode_texts(room.alphabet, room.split.texts, settings.longest)
        errors = begin_with_machines(network, texts, torch.Generator().manual_seed(seat.training.seed))
        say(
            "reconstruction error of each layer's machine in its first and its last pass: "
            + ", ".join(f"{layer[0]:.4f} {layer[-1]:.4f}" for layer in errors)
        )
    observer = Observer(network) if number == watched else None
    own_room = replace(room, told=replace(told, training=seat.training))
    outcome = learn_network(network.to(room.device), own_room, seconds, observer, seat.beside)
    say(f"{which}trained {outcome.epochs:.1f} epochs in {outcome.seconds:.0f} s (ended by {outcome.ended})")
    if outcome.epochs < 1:
        say(f"{which}it has not read every text once: more --minutes, or fewer or smaller members, would do it good")
    member = member_of(weights_of(network.cpu()), outcome, observer)
    return replace(member, facts={**member.facts, "pretraining": begun[number].facts}) if number in begun else member


def told_of(room: Room, members: int) -> JSON:
    """Give all that decides what members become, as JSON."""
    split = room.split
    texts = hashlib.sha256(room.alphabet.model)
    for part in (split.texts, split.held_out_texts):
        texts.update("\n".join([str(len(part)), *part, ""]).encode())
    for values in (*room.targets.arrays, *room.held_out.arrays, room.text_weights, room.held_out_weights):
        texts.update(values.tobytes())
    return {
        "members": [asdict(each) for each in room.told.members],
        "training": told_of_training(room.told.training, members),
        "sorting": asdict(room.told.sorting),
        "labels": list(split.labels),
        "texts": texts.hexdigest(),
        "torch": torch.__version__,
        "start": None if room.told.start is None else room.told.start.digest,
    }


def learn_network(network: TextClassifier, room: Room, seconds: float, observer: Observer | None, name: str) -> Outcome:
    """Train a network for so many seconds of wall clock at most, showing progress.

    Args:
        network: to train.
        room: what from.
        seconds: to train for.
        observer: who watches, if anybody does.
        name: of the network where others learn beside it, nothing where it learns alone.
    """
    split, training = room.split, room.told.training
    longest = network.settings.longest
    lessons = lessons_of(room, longest)
    seen, texts = validated_texts(split)
    held_out = encode_texts(room.alphabet, texts, longest)
    numbers, known = split.held_out_numbers[seen], room.held_out.known()[seen]

    def validate() -> float:
        logits = network_logits(network, held_out, len(split.labels))
        loss_nats = mean_loss(logits, known, room.held_out_weights[seen])
        if observer is not None:
            observer.validated(loss_nats, accuracy(numbers, logits.argmax(axis=1)))
            looked_at = [ids_of(room.alphabet, text, longest) for text in texts[:LOOKED_TEXTS]]
            observer.look(reader_of(network, looked_at))
        return loss_nats

    return train_shown(
        start_run(network, training),
        lessons.batches,
        lessons.advance,
        validate,
        training,
        Display(sample=sampler(network, room), unit="text", name=name),
        epoch_characters=lessons.epoch_characters,
        seconds=seconds,
        observer=observer,
    )


def sampler(network: TextClassifier, room: Room) -> Callable[[], str]:
    """Make the sample that is shown now and then: a held-out text, and the label that the network gives it."""
    generator = np.random.default_rng(room.told.training.seed)
    split = room.split

    def sample() -> str:
        place = int(generator.integers(len(split.held_out_texts)))
        text = encode_texts(room.alphabet, [split.held_out_texts[place]], network.settings.longest)
        said = split.labels[int(network_logits(network, text, len(split.labels)).argmax())]
        return f"{split.held_out_texts[place][:60]!r} → {said} ({split.labels[split.held_out_numbers[place]]})"

    return sample
