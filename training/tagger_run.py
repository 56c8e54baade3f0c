"""A training run of a tagger, from files to a finished, measured checkpoint.

Legend: N characters of all held-out texts, C tags.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import count_characters, train_alphabet
from model.spacing import JOINED, SPACING_TASK, spaced
from model.tagging import tagged_line
from training.checkpoints import set_weights, weights_of
from training.clock import clock_of
from training.devices import described
from training.display import Display, train_shown
from training.joining import fit_temperature
from training.letters import letters_of
from training.loop import start_run
from training.members import (
    Member,
    TrainedMembers,
    gather_members,
    member_of,
    seat_of,
    seconds_of_each,
    told_of_training,
)
from training.provenance import Told, told_facts
from training.run import Trained, prepare
from training.tagged import read_spacing, read_tagged, split_tagged
from training.tagger import TextTagger, check_tagging
from training.tagger_checkpoints import Tagger, write_tagger
from training.tagger_figures import likeliest_scores, tag_scores, without_tags
from training.tagger_learning import TagLessons, encode_tagged, mean_nats, tag_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from training.classifier_settings import ClassifierSettings
    from training.loop import Outcome
    from training.settings import TrainingSettings
    from training.tagged import TaggedTexts

MEASURED_SHARE, MEASURED_SECONDS = 0.08, (1.0, 60.0)  # of the time, kept for export and figures
VALIDATED_CHARACTERS = 60_000  # held out, at each validation
SCORED_A_SECOND, LEAST_SCORED = 20_000, 20_000  # held-out characters, at the end, by each member
MOST_SCORED = 50_000_000  # numbers kept: characters times tags times members
LEARNED_CHARACTERS, LEAST_EPOCHS, MOST_EPOCHS = 30_000_000, 3, 60


@dataclass(frozen=True, kw_only=True)
class TaggerRun(Told):
    """All that a run is told: the task, spacing or tag, the settings of each member, and how they learn.

    epochs: None for as many as the texts ask for.
    """

    task: str
    members: tuple[ClassifierSettings, ...]
    epochs: int | None = None

    def __post_init__(self) -> None:
        for each in self.members:
            check_tagging(each)


@dataclass(frozen=True, kw_only=True)
class TagRoom:
    """What networks learn from, and how."""

    told: TaggerRun
    learned: TaggedTexts
    held_out: TaggedTexts
    alphabet: Alphabet
    device: torch.device


def train_tagger(
    sources: Sequence[str], out: Path, told: TaggerRun, *, say: Callable[[str], None], began: float
) -> Trained:
    """Read, train, export, measure and write; in the time that was given.

    Args:
        sources: files, folders, globs or ``-``.
        out: the model's folder; a new version is made in it.
        told: how.
        say: is told what is being done, a line each.
        began: when the command began, by ``time.monotonic``.

    Raises:
        InputError: the texts or a setting break a rule, there is no such device, or the folder cannot take the model.
    """
    device = prepare(told.training, out, told.task)
    read = (read_spacing if told.task == SPACING_TASK else read_tagged)(sources, told.reading, say)
    learned, held_out = split_tagged(read)
    characters = sum(map(len, learned.texts))
    say(
        f"read {len(read.texts):,} texts of {sum(map(len, read.texts)):,} characters with {len(read.tags):,} tags, "
        f"{len(held_out.texts):,} of them held out"
    )
    epochs = told.epochs or round(min(max(LEARNED_CHARACTERS / characters, LEAST_EPOCHS), MOST_EPOCHS))
    told = replace(told, training=replace(told.training, epochs=epochs))
    counts = count_characters(learned.texts, np.ones(len(learned.texts)))
    alphabet = train_alphabet(counts, character_limit=told.text.characters)
    room = TagRoom(told=told, learned=learned, held_out=held_out, alphabet=alphabet, device=device)
    clock = clock_of(told.training, began)
    done = learn_members(room, out, clock.left() - clock.kept(MEASURED_SHARE, MEASURED_SECONDS), say)
    networks = []
    for settings, (tensors, source) in zip(told.members, done.sources(), strict=True):
        network = network_of(room, settings)
        set_weights(network, tensors, source)
        networks.append(network.eval())
    tagger = Tagger(tags=read.tags, alphabet=alphabet, networks=tuple(networks))
    characters_measured = characters_for(clock.left(), len(read.tags), len(networks))
    measured = first_texts(held_out, characters_measured)
    figures, temperature = measure(tagger, measured, learned, spaces=told.task == SPACING_TASK)
    provenance: dict[str, JSON] = {
        "data": {
            "sources": list(sources),
            "texts": len(learned.texts),
            "held_out_texts": len(held_out.texts),
            "characters": characters,
            "skipped_lines": read.skipped,
        },
        **told_facts(told, device),
        "outcomes": list(done.outcomes),
    }
    directory = write_tagger(
        out, replace(tagger, temperature=temperature), task=told.task, figures=figures, provenance=provenance
    )
    done.forget()
    return Trained(directory=directory, figures=figures)


def characters_for(seconds: float, tags: int, members: int) -> int:
    """Choose how many held-out characters are measured, of what time and memory are left."""
    in_time = max(seconds, 1.0) / 2 * SCORED_A_SECOND / members
    return int(min(max(in_time, LEAST_SCORED), MOST_SCORED / (tags * members)))


def network_of(room: TagRoom, settings: ClassifierSettings) -> TextTagger:
    """Make the network of a member, with weights drawn anew."""
    letters = torch.from_numpy(letters_of(room.alphabet))
    return TextTagger(settings, len(room.alphabet), len(room.learned.tags), letters)


def learn_members(room: TagRoom, out: Path, seconds: float, say: Callable[[str], None]) -> TrainedMembers:
    """Train the network of every member, or go on from those that a stopped run left."""
    told, members = room.told, len(room.told.members)
    each = seconds_of_each(seconds, members, told.training)
    return gather_members(
        out, told_of(room), members, partial(train_member, room, each), told.training, observes=False, say=say
    )


def told_of(room: TagRoom) -> JSON:
    """Give all that decides what members become, as JSON."""
    told, texts = room.told, hashlib.sha256(room.alphabet.model)
    for part in (room.learned, room.held_out):
        texts.update("\n".join([str(len(part.texts)), *part.texts, *part.tags, ""]).encode())
        texts.update(np.concatenate(part.numbers).tobytes())
    return {
        "task": told.task,
        "members": [asdict(each) for each in told.members],
        "training": told_of_training(told.training, len(told.members)),
        "texts": texts.hexdigest(),
        "torch": torch.__version__,
    }


def train_member(
    room: TagRoom, seconds: float, _watched: int | None, number: int, say: Callable[[str], None]
) -> Member:
    """Train the network of one member, counted from 0, for so many seconds at most."""
    told = room.told
    settings, seat = told.members[number], seat_of(told.training, number, len(told.members))
    torch.manual_seed(seat.training.seed)
    network = network_of(room, settings)
    say(
        f"{seat.which}{settings.encoder} of {sum(each.numel() for each in network.parameters()):,} parameters, "
        f"learning on {described(room.device)}"
    )
    outcome = learn_network(network.to(room.device), room, seat.training, seconds, seat.beside)
    say(f"{seat.which}trained {outcome.epochs:.1f} epochs in {outcome.seconds:.0f} s (ended by {outcome.ended})")
    return member_of(weights_of(network.cpu()), outcome, None)


def learn_network(network: TextTagger, room: TagRoom, training: TrainingSettings, seconds: float, name: str) -> Outcome:
    """Train a network for so many seconds of wall clock at most, showing progress."""
    longest, tags = network.settings.longest, len(room.learned.tags)
    lessons = TagLessons(tagged=encode_tagged(room.alphabet, room.learned, longest), settings=training)
    seen = encode_tagged(room.alphabet, first_texts(room.held_out, VALIDATED_CHARACTERS), longest)
    return train_shown(
        start_run(network, training),
        lessons.batches,
        lessons.advance,
        lambda: mean_nats(tag_logits(network, seen, tags), seen.tags),
        training,
        Display(sample=sampler(network, room), name=name),
        epoch_characters=lessons.epoch_characters,
        seconds=seconds,
        observer=None,
    )


def first_texts(texts: TaggedTexts, characters: int) -> TaggedTexts:
    """Give the first texts, in an order of chance, that fill so many characters; at least one."""
    order = np.random.default_rng(0).permutation(len(texts.texts))
    lengths = np.cumsum([len(texts.texts[place]) for place in order])
    kept = order[: max(1, int(np.searchsorted(lengths, characters)))]
    return replace(texts, texts=[texts.texts[at] for at in kept], numbers=[texts.numbers[at] for at in kept])


def sampler(network: TextTagger, room: TagRoom) -> Callable[[], str]:
    """Make the sample that is shown now and then: the beginning of a held-out text, and how it is tagged."""
    generator = np.random.default_rng(room.told.training.seed)

    def sample() -> str:
        place = int(generator.integers(len(room.held_out.texts)))
        chosen = replace(
            room.held_out, texts=[room.held_out.texts[place][:40]], numbers=[room.held_out.numbers[place][:40]]
        )
        tagged = encode_tagged(room.alphabet, chosen, network.settings.longest)
        numbers = tag_logits(network, tagged, len(chosen.tags)).argmax(axis=1)
        if room.told.task == SPACING_TASK:
            return spaced(chosen.texts[0], numbers)
        return tagged_line(chosen.texts[0], [chosen.tags[number] for number in numbers])

    return sample


def measure(
    tagger: Tagger, held_out: TaggedTexts, learned: TaggedTexts, *, spaces: bool
) -> tuple[dict[str, JSON], float]:
    """Measure a tagger on held-out texts beside always the likeliest tag; give also the temperature that fits them."""
    logits = tagger.logits(held_out)
    wanted = np.concatenate(held_out.numbers)
    temperature = fit_temperature(logits, wanted)
    ends = np.cumsum([len(each) for each in held_out.numbers])[:-1]
    said: list[NDArray[np.int64]] = np.split(logits.argmax(axis=1), ends)
    counts = np.bincount(np.concatenate(learned.numbers), minlength=len(tagger.tags))
    likeliest = JOINED if spaces else int(counts.argmax())
    always = likeliest_scores(held_out.numbers, tagger.tags, likeliest, spaces=spaces)
    figures: dict[str, JSON] = {
        "texts": len(held_out.texts),
        "characters": len(wanted),
        **tag_scores(held_out.numbers, said, tagger.tags, spaces=spaces),
        "loss_nats": round(mean_nats(logits / np.float32(temperature), wanted), 5),
        "always": {"tag": tagger.tags[likeliest], **without_tags(always)},
    }
    return figures, temperature
