"""The members of an ensemble, trained one after another or several at once, and kept on the disk until all are done."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import InputError
from training.processes import run_in_processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from model.manifest import JSON
    from training.observation import TrainingRecord
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
