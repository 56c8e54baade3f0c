"""Members that are done are kept, and used as they are when the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.checkpoint import list_models
from model.errors import InputError
from model.versions import list_versions
from training.members import (
    Member,
    forget_members,
    keep_member,
    member_seed,
    members_folder,
    read_member,
    train_members,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def drawn(number: int) -> Member:
    """Stands for any training: of a number come always the same weights."""
    weights = np.random.default_rng(number).normal(size=(3, 2)).astype(np.float32)
    return Member(tensors={"a": weights, "b.c": np.arange(number, dtype=np.int64)}, facts={"bits": number / 3})


def same(one: Member, other: Member) -> bool:
    return (
        one.facts == other.facts
        and list(one.tensors) == list(other.tensors)
        and all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    )


def noting(trained: list[int], stop_at: int = -1) -> Callable[[int], Member]:
    def train(number: int) -> Member:
        if number == stop_at:
            raise KeyboardInterrupt
        trained.append(number)
        return drawn(number)

    return train


def test_what_was_trained_before_a_stop_is_not_trained_again(tmp_path: Path) -> None:
    folder, trained, said = members_folder(tmp_path, {"seed": 3}), list[int](), list[str]()
    with pytest.raises(KeyboardInterrupt):
        train_members(folder, 4, noting(trained, stop_at=2), say=said.append)
    assert said == []
    members = train_members(folder, 4, noting(trained), say=said.append)
    assert trained == [0, 1, 2, 3]
    assert all(same(member, drawn(number)) for number, member in enumerate(members))
    assert said == [
        f"member {number} of 4 was trained before the run was stopped, and is used as it is" for number in (1, 2)
    ]


def test_they_are_hidden_beside_the_versions_and_go_when_they_are_forgotten(tmp_path: Path) -> None:
    folder = members_folder(tmp_path / "model", {})
    folder.parent.mkdir()
    train_members(folder, 2, drawn, say=lambda _: None)
    assert sorted(path.name for path in folder.iterdir()) == ["0.safetensors", "1.safetensors"]
    assert list_versions(folder.parent) == []
    assert list_models(tmp_path) == ()
    forget_members(folder)
    assert list(folder.parent.iterdir()) == []
    forget_members(folder)


def test_one_alone_is_not_kept(tmp_path: Path) -> None:
    train_members(members_folder(tmp_path, {}), 1, drawn, say=lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_other_settings_have_another_folder(tmp_path: Path) -> None:
    told: list[dict[str, object]] = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}]
    first, again, other = (members_folder(tmp_path, each) for each in told)  # type: ignore[arg-type]
    assert first == again != other


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_member_whose_file_is_cut_is_trained_again(tmp_path: Path, share: float) -> None:
    keep_member(tmp_path / "0.safetensors", drawn(5))
    whole = (tmp_path / "0.safetensors").read_bytes()
    (tmp_path / "0.safetensors").write_bytes(whole[: int(len(whole) * share)])
    trained: list[int] = []
    train_members(tmp_path, 2, noting(trained), say=lambda _: None)
    assert trained == [0, 1]
    kept = read_member(tmp_path / "0.safetensors")
    assert kept is not None
    assert same(kept, drawn(0))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/0.safetensors: cannot be written: "):
        train_members(tmp_path / "file", 2, drawn, say=lambda _: None)


def test_seeds_go_on_from_that_of_the_run() -> None:
    assert [member_seed(7, number) for number in range(3)] == [7, 8, 9]
    assert member_seed(2**63 - 1, 1) == 0
