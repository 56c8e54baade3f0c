"""The members of an ensemble, trained one after another or several at once, and kept on the disk until all are done."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import InputError
from training.comparison import in_places
from training.processes import run_in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.loop import Outcome
    from training.observation import Observer, TrainingRecord
    from training.settings import TrainingSettings

MOST_SEEDS = 2**63
START_SECONDS = 6.0  # until a process has imported torch, about
FACTS = "facts"  # the key under which the file of a member keeps them


@dataclass(frozen=True, kw_only=True)
class Member:
    """One trained network: its weights by name, and the facts of its training.

    record: what was observed of it, where this run trained and watched it; it is not kept.
    """

    tensors: dict[str, NDArray[np.generic]]
    facts: dict[str, JSON]
    record: TrainingRecord | None = None


def member_of(tensors: Mapping[str, NDArray[np.generic]], outcome: Outcome, observer: Observer | None) -> Member:
    """Make a member of a network's weights, of how its training went, and of what was seen of it, if anything was."""
    record = None if observer is None else observer.record
    return Member(tensors=dict(tensors), facts=facts_of(outcome), record=record)


def facts_of(outcome: Outcome) -> dict[str, JSON]:
    """Give how a training went, to be kept beside what it made."""
    return in_places(asdict(outcome))


@dataclass(frozen=True, kw_only=True)
class Seat:
    """Which member of how many a network is, counted from 0, and how it learns, with a seed of its own."""

    number: int
    members: int
    training: TrainingSettings

    @property
    def name(self) -> str:
        """What to call it, nothing where it is alone."""
        return "" if self.members == 1 else f"member {self.number + 1} of {self.members}"

    @property
    def which(self) -> str:
        """What to say before anything that is said of it."""
        return f"{self.name}: " if self.name else ""

    @property
    def beside(self) -> str:
        """What to call it where others learn at the same time, nothing where it learns alone."""
        return self.name if self.training.processes > 1 else ""


def seat_of(training: TrainingSettings, number: int, members: int) -> Seat:
    """Give a member its seed."""
    return Seat(number=number, members=members, training=replace(training, seed=member_seed(training.seed, number)))


@dataclass(frozen=True, kw_only=True)
class TrainedMembers:
    """All members of a run, and the folder that keeps them until a version holds them."""

    folder: Path
    members: tuple[Member, ...]

    @property
    def outcomes(self) -> list[dict[str, JSON]]:
        """How the training of each went."""
        return [member.facts for member in self.members]

    @property
    def records(self) -> dict[int, TrainingRecord]:
        """What was observed of a member, by its number: of the first that this run trained, where it was watched."""
        return {number: member.record for number, member in enumerate(self.members) if member.record is not None}

    def sources(self) -> Iterator[tuple[dict[str, NDArray[np.generic]], str]]:
        """Give the weights of each, and where they are kept."""
        for number, member in enumerate(self.members):
            yield member.tensors, str(path_of(self.folder, number))

    def forget(self) -> None:
        """Remove what was kept."""
        forget_members(self.folder)


def member_seed(seed: int, number: int) -> int:
    """Give the seed of a member, counted from 0: the first has that of the run, and no two runs share any other."""
    if number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8], "little") % MOST_SEEDS


def members_folder(out: Path, told: JSON) -> Path:
    """Name the hidden folder that keeps members beside a model's versions.

    Args:
        out: the model's folder.
        told: all that decides what the members become, settings and data; another folder for each.
    """
    written = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return out / f".members-{hashlib.sha256(written.encode()).hexdigest()[:16]}"


def train_members(
    folder: Path,
    members: int,
    train: Callable[[int, Callable[[str], None]], Member],
    training: TrainingSettings,
    *,
    say: Callable[[str], None],
) -> list[Member]:
    """Train the members that are not kept yet, keeping each as soon as it is done; one alone is not kept.

    Args:
        folder: of ``members_folder``, or nothing that exists yet.
        members: how many.
        train: trains the member of a number, counted from 0, and tells whom it is given what is being done; for
            several processes it is a function of a module, or ``partial`` of one.
        training: tells how many processes train them at once, with how many threads.
        say: is told what is being done, a line each.

    Raises:
        InputError: the folder cannot be written.
        MachimError: a process failed; the members that are done are kept.
    """
    done = {number: member for number in range(members) if (member := read_member(path_of(folder, number))) is not None}
    for number in done:
        say(f"member {number + 1} of {members} was trained before the run was stopped, and is used as it is")
    missing = [number for number in range(members) if number not in done]
    if training.processes > 1 and members > 1:
        task = partial(train_and_keep, folder, train)
        threads = training.threads_of_each(members)
        done |= run_in_processes(missing, task, processes=training.processes, threads=threads, say=say)
    else:
        for number in missing:
            done[number] = train(number, say) if members == 1 else train_and_keep(folder, train, number, say)
    return [done[number] for number in range(members)]


def gather_members(
    out: Path,
    told: JSON,
    members: int,
    train: Callable[[int | None, int, Callable[[str], None]], Member],
    training: TrainingSettings,
    *,
    observes: bool,
    say: Callable[[str], None],
) -> TrainedMembers:
    """Train members, or go on from those that a stopped run left.

    Args:
        out: the model's folder.
        told: all that decides what the members become.
        members: how many.
        train: as for ``train_members``, and told before all else the number of the one that is watched, if any.
        training: see ``train_members``.
        observes: whether the first that is not kept yet is watched.
        say: is told what is being done, a line each.

    Raises:
        InputError: the folder cannot be written.
        MachimError: a process failed; the members that are done are kept.
    """
    folder = members_folder(out, told)
    watched = first_missing(folder, members) if observes else None
    done = train_members(folder, members, partial(train, watched), training, say=say)
    return TrainedMembers(folder=folder, members=tuple(done))


def first_missing(folder: Path, members: int) -> int | None:
    """Give the number of the first member that is not kept; None where all are."""
    return next((number for number in range(members) if read_member(path_of(folder, number)) is None), None)


def train_and_keep(
    folder: Path, train: Callable[[int, Callable[[str], None]], Member], number: int, say: Callable[[str], None]
) -> Member:
    """Train one member, and keep it."""
    member = train(number, say)
    keep_member(path_of(folder, number), member)
    return member


def path_of(folder: Path, number: int) -> Path:
    """Name the file that keeps a member."""
    return folder / f"{number}.safetensors"


def seconds_of_each(seconds: float, members: int, training: TrainingSettings) -> float:
    """Share the seconds that there are among members, so many of which are trained at once: .1 at the least."""
    at_once = min(training.processes, members)
    rounds = math.ceil(members / at_once)
    return max((seconds - (rounds * START_SECONDS if at_once > 1 else 0)) / rounds, 0.1)


def told_of_training(training: TrainingSettings, members: int) -> dict[str, JSON]:
    """Give what of the settings decides what members become: the threads of each, not how many are trained at once."""
    told = asdict(training)
    del told["processes"]
    return {**told, "threads": training.threads_of_each(members)}


def read_member(path: Path) -> Member | None:
    """Read a member that was kept; None where there is none that can be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError):
        return None
    return Member(tensors=tensors, facts=facts) if isinstance(facts, dict) else None


def keep_member(path: Path, member: Member) -> None:
    """Write a member whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    temporary = path.with_name(f".unfinished-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(exist_ok=True)
        with temporary.open("xb") as file:
            file.write(save(member.tensors, metadata={FACTS: json.dumps(member.facts)}))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def forget_members(folder: Path) -> None:
    """Remove what was kept, once a version of the model holds it."""
    shutil.rmtree(folder, ignore_errors=True)
