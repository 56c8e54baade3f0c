"""The members of an ensemble, trained one after another, and kept on the disk until all of them are done."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from model.manifest import JSON

MOST_SEEDS = 2**63
FACTS = "facts"  # the key under which the file of a member keeps them


@dataclass(frozen=True, kw_only=True)
class Member:
    """One trained network: its weights by name, and the facts of its training."""

    tensors: dict[str, NDArray[np.generic]]
    facts: dict[str, JSON]


def member_seed(seed: int, number: int) -> int:
    """Give the seed of a member, counted from 0: that of the run, and those after it."""
    return (seed + number) % MOST_SEEDS


def members_folder(out: Path, told: JSON) -> Path:
    """Name the hidden folder that keeps members beside a model's versions.

    Args:
        out: the model's folder.
        told: all that decides what the members become, settings and data; another folder for each.
    """
    written = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return out / f".members-{hashlib.sha256(written.encode()).hexdigest()[:16]}"


def train_members(
    folder: Path, members: int, train: Callable[[int], Member], *, say: Callable[[str], None]
) -> list[Member]:
    """Train the members that are not kept yet, keeping each as soon as it is done; one alone is not kept.

    Args:
        folder: of ``members_folder``, or nothing that exists yet.
        members: how many.
        train: trains the member of a number, counted from 0.
        say: is told which were kept.

    Raises:
        InputError: the folder cannot be written.
    """
    done = []
    for number in range(members):
        path = folder / f"{number}.safetensors"
        member = read_member(path)
        if member is None:
            member = train(number)
            if members > 1:
                keep_member(path, member)
        else:
            say(f"member {number + 1} of {members} was trained before the run was stopped, and is used as it is")
        done.append(member)
    return done


def read_member(path: Path) -> Member | None:
    """Read a member that was kept; None where there is none that can be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()[FACTS])
            return Member(tensors={name: file.get_tensor(name) for name in file.keys()}, facts=facts)  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None


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
