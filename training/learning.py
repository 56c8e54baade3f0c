"""The networks of a run, trained on the text that it read."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.conditions import without_symbols
from model.finished import SearchOptions
from model.memory import Reader
from model.query import exact_query
from model.search import search
from training.blending import MOST_COUNTED
from training.checkpoints import set_weights, weights_of
from training.clock import clock_of
from training.devices import described
from training.display import Display, train_shown
from training.evaluation import TorchNetwork, phrase_losses, stream_loss, torch_scorer, weighted_loss
from training.language_distillation import TaughtSteps
from training.language_models import join_networks, make_network
from training.letters import letters_of
from training.loop import Outcome, advance, start_run
from training.members import (
    Member,
    TrainedMembers,
    gather_members,
    member_of,
    seat_of,
    seconds_of_each,
    told_of_training,
)
from training.observation import LOOKED_CHARACTERS, LOOKED_TEXTS, REPORT_SECONDS, Observer, reader_of
from training.reading import ignore
from training.starting import begin_language
from training.text import Lessons, PhraseText, StreamText, encode_phrases, first_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from training.batches import Batch
    from training.language_distillation import Teaching
    from training.language_models import LanguageModel
    from training.loop import Run
    from training.settings import NetworkSettings, TrainingSettings
    from training.starting import Start

MEASURED_SHARE = 0.15  # of the time, kept for export and figures
MEASURED_SECONDS = (3.0, 60.0)  # at the least, and at the most for each network
INDEXED_SECONDS = 2e-5  # a phrase, for the counts that the figures are held against
COUNTED_SECONDS = 4e-6  # a character of running text, for n-grams counted twice
VALIDATED_CHARACTERS = 12_000  # of held-out text, at each validation


@dataclass(frozen=True, kw_only=True)
class Classroom:
    """What networks learn from, and how.

    rare: (V,) of ``text.alphabet_of``; device: where they learn; began: when the command did, by ``time.monotonic``;
    say: is told what is being done, a line each; observes: whether it is watched how a network learns; start: the model
    that they begin from, if any; teaching: who teaches them, if anybody does.
    """

    text: PhraseText | StreamText
    alphabet: Alphabet
    rare: NDArray[np.bool_]
    training: TrainingSettings
    device: torch.device
    began: float
    say: Callable[[str], None]
    observes: bool = False
    start: Start | None = None
    teaching: Teaching | None = None


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The trained network on the processor, and the members that it is made of."""

    network: LanguageModel
    members: TrainedMembers


def learn_all(room: Classroom, networks: Sequence[NetworkSettings], out: Path) -> Learned:
    """Train a network for each settings, or go on from those that a stopped run left, and join them.

    Args:
        room: where they learn.
        networks: one for each member.
        out: the model's folder, beside whose versions members are kept until they are not needed any more.
    """
    training, members = room.training, len(networks)
    seconds = seconds_of_each(learning_seconds(room, members), members, training)
    told: dict[str, JSON] = {
        "networks": [asdict(each) for each in networks],
        "training": told_of_training(training, members),
        "text": digest_of(room.text, room.alphabet),
        "torch": torch.__version__,
        "start": None if room.start is None else room.start.digest,
        "teaching": None if room.teaching is None else room.teaching.provenance,
    }
    train = partial(train_member, replace(room, say=ignore), tuple(networks), seconds)
    done = gather_members(out, told, members, train, training, observes=room.observes, say=room.say)
    letters = torch.from_numpy(letters_of(room.alphabet))
    trained = []
    for settings, (tensors, source) in zip(networks, done.sources(), strict=True):
        trained.append(make_network(settings, len(room.alphabet), letters))
        set_weights(trained[-1], tensors, source)
    return Learned(network=join_networks(trained).eval(), members=done)


def train_member(
    room: Classroom,
    networks: tuple[NetworkSettings, ...],
    seconds: float,
    watched: int | None,
    number: int,
    say: Callable[[str], None],
) -> Member:
    """Train the network of one member, counted from 0, for so many seconds at most; one of them is watched, or none."""
    seat = seat_of(room.training, number, len(networks))
    which = seat.which
    torch.manual_seed(seat.training.seed)
    # Made on the processor wherever it learns, so that it begins the same, and measured there, where it will serve.
    letters = torch.from_numpy(letters_of(room.alphabet))
    network = make_network(networks[number], len(room.alphabet), letters)
    if room.start is not None:
        say(f"{which}{begin_language(network, room.start, number)}")
    say(
        f"{which}{networks[number].cell} network of {sum(each.numel() for each in network.parameters()):,} "
        f"parameters, learning on {described(room.device)}"
    )
    observer = Observer(network) if number == watched else None
    outcome = learn(network.to(room.device), replace(room, training=seat.training), seconds, observer, seat.beside)
    say(
        f"{which}trained {outcome.epochs:.1f} epochs, {outcome.characters:,} characters in {outcome.seconds:.0f} s "
        f"(ended by {outcome.ended})"
    )
    return member_of(weights_of(network), outcome, observer)


def learning_seconds(room: Classroom, members: int) -> float:
    """Give the seconds that are left to learn in, export and measuring kept back; infinite where there is no limit."""
    clock = clock_of(room.training, room.began)
    reserve = clock.kept(MEASURED_SHARE, (MEASURED_SECONDS[0], MEASURED_SECONDS[1] * members))
    reserve += REPORT_SECONDS if room.observes else 0.0
    if isinstance(room.text, PhraseText):
        reserve += INDEXED_SECONDS * len(room.text.texts)
    else:
        reserve += COUNTED_SECONDS * min(len(room.text.text), MOST_COUNTED)
    return max(clock.left() - reserve, 0.1)


def learn(network: LanguageModel, room: Classroom, seconds: float, observer: Observer | None, name: str) -> Outcome:
    """Train the network for so many seconds of wall clock at most, showing progress.

    Args:
        network: to train.
        room: where it learns.
        seconds: to train for.
        observer: who watches, if anybody does.
        name: of the network where others learn beside it, nothing where it learns alone.
    """
    text, alphabet, training = room.text, room.alphabet, room.training
    if isinstance(text, PhraseText):
        learned = encode_phrases(alphabet, text.texts, text.counts**training.count_power)
        kept = first_characters(text.held_out_texts, VALIDATED_CHARACTERS)
        held_out = encode_phrases(alphabet, kept, text.held_out_counts[: len(kept)] ** training.count_power)
        lessons = Lessons(learned=learned, rare=room.rare, settings=training)
    else:
        lessons = Lessons(learned=alphabet.encode(text.text), rare=room.rare, settings=training)
        stream = alphabet.encode(text.held_out[: VALIDATED_CHARACTERS * 2])

    def validate() -> float:
        scorer = torch_scorer(network)
        if isinstance(text, PhraseText):
            nats = phrase_losses(scorer, held_out, alphabet)
            return weighted_loss(nats, held_out, held_out.weights).bits_per_character * math.log(2)
        return stream_loss(scorer, stream, alphabet).bits_per_character * math.log(2)

    watched = validate if observer is None else observer.watch(validate, reader_of(network, looked_at(room)))
    step: Callable[[Run[LanguageModel], Batch, Tensor | None, TrainingSettings], tuple[float, Tensor]] = advance
    if room.teaching is not None:
        teacher = room.teaching.network().to(network.device)
        step = TaughtSteps(teacher=teacher, settings=room.teaching.settings).advance
    return train_shown(
        start_run(network, training),
        lessons.batches,
        step,
        watched,
        training,
        Display(sample=sampler(network, alphabet, text, training.seed), name=name),
        epoch_characters=lessons.epoch_characters,
        seconds=seconds,
        observer=observer,
    )


def looked_at(room: Classroom) -> list[NDArray[np.int32]]:
    """Give held-out texts as ids (T,), to look at what layers give as they are read."""
    if isinstance(room.text, PhraseText):
        return [room.alphabet.encode(text) for text in room.text.held_out_texts[:LOOKED_TEXTS]]
    ids = room.alphabet.encode(room.text.held_out[: LOOKED_TEXTS * LOOKED_CHARACTERS])
    return np.split(ids, range(LOOKED_CHARACTERS, len(ids), LOOKED_CHARACTERS))


def sampler(network: LanguageModel, alphabet: Alphabet, text: PhraseText | StreamText, seed: int) -> Callable[[], str]:
    """Make the sample that is shown now and then: a held-out beginning, and how the network would finish it."""
    generator = np.random.default_rng(seed)

    def sample() -> str:
        if isinstance(text, PhraseText):
            phrase = text.held_out_texts[int(generator.integers(len(text.held_out_texts)))]
        else:
            at = int(generator.integers(max(1, len(text.held_out) - 24)))
            phrase = text.held_out[at : at + 24]
        prefix = phrase[: max(1, len(phrase) // 2)]
        options = SearchOptions(limit=1, max_characters=32, max_expansions=200)
        network.eval()
        found = search(Reader(network=TorchNetwork(network=network)), exact_query(alphabet, prefix), options).found
        network.train()
        finished = prefix + alphabet.decode(found[0].ids[len(prefix) :]) if found else prefix + "…"
        return f"{without_symbols(prefix)!r} → {without_symbols(finished)!r}"

    return sample


def digest_of(text: PhraseText | StreamText, alphabet: Alphabet) -> str:
    """Give the SHA-256 of all that networks learn from and are validated on."""
    digest = hashlib.sha256(alphabet.model)
    if isinstance(text, StreamText):
        parts: list[str | NDArray[np.float64]] = [text.text, text.held_out]
    else:
        parts = ["\n".join(text.texts), "\n".join(text.held_out_texts), text.counts, text.held_out_counts]
    for part in parts:
        content = part.encode() if isinstance(part, str) else part.tobytes()
        digest.update(f"{len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()
