"""Members that are alike are pretrained once: each goes on from the same weights, by a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.checkpoints import weights_of
from training.classifier import TextClassifier
from training.classifier_learning import lessons_of, validated_texts
from training.letters import letters_of
from training.members import Member, facts_of, keep_member, read_member
from training.pretraining import PRETRAINED_SHARE, Foreteller, first_recurrence, pretrain
from training.starting import begin_classifier
from training.text import first_characters
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.classifier_room import Room
    from training.classifier_settings import ClassifierSettings

FORETOLD_CHARACTERS = 12_000  # held out, at each validation
LEAST_CHARACTERS = 2  # of some text: one to see, one to foretell


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Members, counted from 0, that have the same settings and begin from the same network, if from any."""

    settings: ClassifierSettings
    numbers: tuple[int, ...]


def alike(room: Room, chosen: Sequence[ClassifierSettings]) -> list[Alike]:
    """Part members by what they are and what they begin from."""
    starts = 1 if room.told.start is None else len(room.told.start.settings)
    groups: dict[tuple[ClassifierSettings, int], list[int]] = {}
    for number, settings in enumerate(chosen):
        groups.setdefault((settings, number % starts), []).append(number)
    return [Alike(settings=settings, numbers=tuple(numbers)) for (settings, _), numbers in groups.items()]


def begun_network(
    room: Room, settings: ClassifierSettings, number: int, seed: int, say: Callable[[str], None]
) -> TextClassifier:
    """Make the network of a member, counted from 0, from a seed, with what fits of the one that it begins from."""
    torch.manual_seed(seed)
    letters = torch.from_numpy(letters_of(room.alphabet))
    network = TextClassifier(settings, len(room.alphabet), len(room.split.labels), letters)
    if room.told.start is not None:
        say(begin_classifier(network, room.told.start, number, room.split.labels))
    return network


def pretrain_members(
    room: Room,
    chosen: Sequence[ClassifierSettings],
    seconds: float,
    folder: Path,
) -> dict[int, Member]:
    """Let what of the members' networks can foretell characters learn that, once for all that are alike.

    Args:
        room: what from.
        chosen: the settings of each member.
        seconds: that all networks have together, of which this takes its share.
        folder: keeps it where there are several members, as it keeps those.

    Returns:
        By the number of the member: the weights to begin with, by name, and how their training went. Nothing for
        members of which no part can, where it was told not to, or where they begin from another classifier.
    """
    begun: dict[int, Member] = {}
    from_classifier = room.told.start is not None and bool(room.told.start.labels)
    if from_classifier or not room.told.sorting.pretrain:
        return begun
    for place, group in enumerate(alike(room, chosen)):
        path = folder / f"pretrained-{place}.safetensors"
        member = read_member(path) if len(chosen) > 1 else None
        if member is None:
            share = PRETRAINED_SHARE * len(group.numbers) / len(chosen)
            member = pretrain_group(room, group, seconds * share)
            if member is None:
                continue
            if len(chosen) > 1:
                keep_member(path, member)
        begun |= dict.fromkeys(group.numbers, member)
    return begun


def pretrain_group(room: Room, group: Alike, seconds: float) -> Member | None:
    """Pretrain for members that are alike, for so many seconds at most; None where no part can, or no text can be."""
    settings, longest = group.settings, group.settings.longest
    network = begun_network(room, settings, group.numbers[0], room.told.training.seed, room.say)
    layer = first_recurrence(network)
    if layer is None:
        return None
    lessons = lessons_of(room, longest)
    texts = first_characters(validated_texts(room.split)[1], FORETOLD_CHARACTERS)
    held_out = encode_texts(room.alphabet, texts, longest)
    if min(int(each.lengths.max()) for each in (lessons.texts, held_out)) < LEAST_CHARACTERS:
        return None
    model = Foreteller(network, layer, lessons.texts).to(room.device)
    outcome = pretrain(model, lessons, held_out, seconds, alphabet=room.alphabet)
    room.say(
        f"foretells characters with {outcome.held_out_bits:.3f} bits each after {outcome.epochs:.1f} epochs "
        f"in {outcome.seconds:.0f} s"
    )
    reached = {id(each) for each in (network.embedding.weight, network.letters_in, *layer.parameters())}
    learned = {name for name, each in network.named_parameters() if id(each) in reached}
    tensors = {name: value for name, value in weights_of(network.cpu()).items() if name in learned}
    return Member(tensors=dict(tensors), facts=facts_of(outcome))


def begin(network: TextClassifier, begun: Member) -> None:
    """Give a network the weights of a pretraining."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in begun.tensors.items():
            parameters[name].copy_(torch.from_numpy(np.array(value)))
