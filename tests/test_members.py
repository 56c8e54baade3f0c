"""Members that are done are kept, and used as they are when the run goes on."""

from __future__ import annotations

import os
import signal
import struct
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from model.checkpoint import list_models
from model.errors import InputError, MachimError
from model.versions import list_versions
from training import members
from training.members import (
    FACTS,
    START_SECONDS,
    Member,
    forget_members,
    keep_member,
    member_seed,
    members_folder,
    read_member,
    seconds_of_each,
    told_of_training,
    train_members,
)
from training.reading import ignore
from training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


ALONE, AT_ONCE = TrainingSettings(), TrainingSettings(processes=2, threads=2)


def drawn(number: int, say: Callable[[str], None]) -> Member:
    """Stands for any training: of a number come always the same weights."""
    weights = np.random.default_rng(number).normal(size=(3, 2)).astype(np.float32)
    return Member(tensors={"a": weights, "b.c": np.arange(number, dtype=np.int64)}, facts={"bits": number / 3})


def same(one: Member, other: Member) -> bool:
    return (
        one.facts == other.facts
        and list(one.tensors) == list(other.tensors)
        and all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    )


def noting(trained: list[int], stop_at: int = -1) -> Callable[[int, Callable[[str], None]], Member]:
    def train(number: int, say: Callable[[str], None]) -> Member:
        if number == stop_at:
            raise KeyboardInterrupt
        trained.append(number)
        return drawn(number, say)

    return train


def test_what_was_trained_before_a_stop_is_not_trained_again(tmp_path: Path) -> None:
    folder, trained, said = members_folder(tmp_path, {"seed": 3}), list[int](), list[str]()
    with pytest.raises(KeyboardInterrupt):
        train_members(folder, 4, noting(trained, stop_at=2), ALONE, say=said.append)
    assert said == []
    given = train_members(folder, 4, noting(trained), ALONE, say=said.append)
    assert trained == [0, 1, 2, 3]
    assert all(same(member, drawn(number, ignore)) for number, member in enumerate(given))
    assert said == [
        f"member {number} of 4 was trained before the run was stopped, and is used as it is" for number in (1, 2)
    ]


def test_they_are_hidden_beside_the_versions_and_go_when_they_are_forgotten(tmp_path: Path) -> None:
    folder = members_folder(tmp_path / "model", {})
    folder.parent.mkdir()
    train_members(folder, 2, drawn, ALONE, say=ignore)
    assert sorted(path.name for path in folder.iterdir()) == ["0.safetensors", "1.safetensors"]
    assert list_versions(folder.parent) == []
    assert list_models(tmp_path) == ()
    forget_members(folder)
    assert list(folder.parent.iterdir()) == []
    forget_members(folder)


def test_one_alone_is_not_kept(tmp_path: Path) -> None:
    train_members(members_folder(tmp_path, {}), 1, drawn, ALONE, say=ignore)
    assert list(tmp_path.iterdir()) == []


def test_other_settings_have_another_folder(tmp_path: Path) -> None:
    told: list[dict[str, object]] = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}]
    first, again, other = (members_folder(tmp_path, each) for each in told)  # type: ignore[arg-type]
    assert first == again != other


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_member_whose_file_is_cut_is_trained_again(tmp_path: Path, share: float) -> None:
    keep_member(tmp_path / "0.safetensors", drawn(5, ignore))
    whole = (tmp_path / "0.safetensors").read_bytes()
    (tmp_path / "0.safetensors").write_bytes(whole[: int(len(whole) * share)])
    trained: list[int] = []
    train_members(tmp_path, 2, noting(trained), ALONE, say=ignore)
    assert trained == [0, 1]
    kept = read_member(tmp_path / "0.safetensors")
    assert kept is not None
    assert same(kept, drawn(0, ignore))


@pytest.mark.parametrize(
    "metadata", [None, {}, {"other": "{}"}, {FACTS: ""}, {FACTS: '{"a": '}, {FACTS: "[1]"}, {FACTS: "[" * 100_000}]
)
def test_a_member_whose_facts_cannot_be_read_is_none(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    (tmp_path / "0.safetensors").write_bytes(save({"a": np.ones(2, np.float32)}, metadata=metadata))
    assert read_member(tmp_path / "0.safetensors") is None


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_member_that_may_not_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    keep_member(tmp_path / "0.safetensors", drawn(1, ignore))
    monkeypatch.setattr(members, "safe_open", refuse)
    assert read_member(tmp_path / "0.safetensors") is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/0.safetensors: cannot be written: "):
        train_members(tmp_path / "file", 2, drawn, ALONE, say=ignore)


def test_runs_of_neighbouring_seeds_share_no_member() -> None:
    """The first member of each has the run's own seed; seeds are the same whenever they are asked for."""
    runs = [*range(20), 2**63 - 1]
    seeds = [[member_seed(run, number) for number in range(10)] for run in runs]
    assert [run[0] for run in seeds] == runs
    assert len({seed for run in seeds for seed in run}) == 10 * len(runs)
    assert all(0 <= seed < 2**63 for run in seeds for seed in run)
    assert member_seed(7, 1) == 8153540708738543978


def told_drawn(number: int, say: Callable[[str], None]) -> Member:
    """Say in which process and with how many threads a member is drawn."""
    say(f"{number} in {os.getpid()} with {torch.get_num_threads()}")
    return drawn(number, say)


def failing(number: int, say: Callable[[str], None]) -> Member:
    """Refuse the first, break at the second, be killed at the third; the fourth is drawn."""
    match number:
        case 0:
            raise InputError("loss must stay a number, got nan")
        case 1:
            raise ValueError("a fault")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return drawn(number, say)


def test_processes_give_the_members_that_one_gives(tmp_path: Path) -> None:
    folder, said = members_folder(tmp_path, {}), list[str]()
    folder.mkdir()
    keep_member(folder / "1.safetensors", drawn(1, ignore))
    given = train_members(folder, 4, told_drawn, AT_ONCE, say=said.append)
    assert all(same(member, drawn(number, ignore)) for number, member in enumerate(given))
    assert said[0].startswith("member 2 of 4 was trained before")
    told = [line.split() for line in said[1:]]
    assert sorted(line[0] for line in told) == ["0", "2", "3"]
    assert len({line[2] for line in told} | {str(os.getpid())}) == 4
    assert {line[4] for line in told} == {"1"}


def killed_while_it_speaks(number: int, say: Callable[[str], None]) -> Member:
    """Of the first, write the length of a message and not all of it, as a process does that is killed then."""
    connections = [cell.cell_contents for cell in say.__closure__ or () if isinstance(cell.cell_contents, Connection)]
    if number == 0:
        os.write(connections[0].fileno(), struct.pack("!i", 100) + b"cut")
        os.kill(os.getpid(), signal.SIGKILL)
    return drawn(number, say)


def test_a_process_killed_within_a_message_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachimError, match="member 1 failed: its process ended with code -9; the members that are done"):
        train_members(tmp_path, 2, killed_while_it_speaks, AT_ONCE, say=ignore)


@pytest.mark.parametrize(
    ("first", "kind", "message"),
    [
        (0, MachimError, "member 1 failed: loss must stay a number, got nan; the members that are done are kept"),
        (1, RuntimeError, "member 2 failed: ValueError: a fault"),
        (2, MachimError, "member 3 failed: its process ended with code -9"),
    ],
)
def test_a_member_that_fails_is_named_and_those_beside_it_are_kept(
    tmp_path: Path, first: int, kind: type[Exception], message: str
) -> None:
    for number in range(first):  # as if they were done before
        keep_member(tmp_path / f"{number}.safetensors", drawn(number, ignore))
    for number in range(first + 1, 3):
        keep_member(tmp_path / f"{number}.safetensors", drawn(number, ignore))
    with pytest.raises(kind, match=message):
        train_members(tmp_path, 4, failing, AT_ONCE, say=ignore)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{number}.safetensors" for number in range(4) if number != first
    ]


def test_time_and_threads_are_shared_among_members() -> None:
    """Three members by two processes take two rounds; what each begins with takes time, too."""
    assert seconds_of_each(90.0, 3, ALONE) == 30
    assert seconds_of_each(90.0, 3, AT_ONCE) == 45 - START_SECONDS
    assert seconds_of_each(90.0, 1, AT_ONCE) == 90
    assert seconds_of_each(1.0, 3, AT_ONCE) == 0.1
    assert [TrainingSettings(threads=8, processes=3).threads_of_each(members) for members in (1, 2, 5)] == [8, 4, 2]
    assert told_of_training(TrainingSettings(threads=1), 2) == told_of_training(AT_ONCE, 2)
    assert told_of_training(TrainingSettings(threads=1), 1) != told_of_training(AT_ONCE, 1)
