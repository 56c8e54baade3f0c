"""A checkpoint is written whole or not at all, whatever fails and whoever else is writing."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.checkpoint import (
    FORMAT,
    Manifest,
    check_task,
    check_writable,
    open_checkpoint,
    write_checkpoint,
)
from model.errors import InputError

FILES = {"alphabet.model": b"abc", "empty": b"", "step.onnx": bytes(range(256))}
MANIFEST = Manifest(
    format=FORMAT,
    task="text",
    created="2025-01-31T12:00:00Z",
    architecture={},
    text={},
    quantisation={},
    blend={},
    figures={},
    provenance={},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "search"


def write(folder: Path) -> Path:
    return write_checkpoint(folder, MANIFEST, FILES)


def entries(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def fail_at(call: Callable[..., Any], number: int, error: BaseException) -> Callable[..., Any]:
    """Let a call of the system through until its turn comes, counted from 1, and fail from then on."""
    calls = iter(range(1, 1000))

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(calls) >= number:
            raise error
        return call(*arguments, **options)

    return failing


FLUSHES_BEFORE_RENAMING = len(FILES) + 2  # each file, the manifest, and the hidden folder


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("name", "turn"),
    [("rename", 1), *(("fsync", turn) for turn in range(1, FLUSHES_BEFORE_RENAMING + 1))],
)
def test_a_writer_that_fails_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, turn: int, error: BaseException
) -> None:
    write(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail_at(getattr(os, name), turn, error))
        with pytest.raises((InputError, KeyboardInterrupt)) as raised:
            write(folder)
    if isinstance(error, OSError):
        assert str(raised.value) == f"--out {folder}: cannot be written: No space left on device"
    assert entries(folder) == {"0001"}
    assert write(folder).name == "0002"


def test_a_version_in_its_place_stays_when_only_the_last_flush_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(folder)
    with monkeypatch.context() as patch:
        error = OSError(errno.EIO, "Input/output error")
        patch.setattr(os, "fsync", fail_at(os.fsync, FLUSHES_BEFORE_RENAMING + 1, error))
        with pytest.raises(InputError, match="Input/output error"):
            write(folder)
    assert open_checkpoint(folder).version == "0001"


def test_a_file_system_that_flushes_no_folders_is_good_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write(folder)
    assert open_checkpoint(folder).version == "0001"


def test_the_manifest_is_flushed_last_and_before_the_renaming(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(folder)
    flushed: list[str] = []
    flush, rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        flush(descriptor)

    def noted_rename(source: Path, target: Path) -> None:
        flushed.append("renamed")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    write(folder)

    assert flushed[:4] == [*FILES, "model.json"]
    assert flushed[4].startswith(".unfinished-")
    assert flushed[5:] == ["renamed", "search"]


def test_a_folder_takes_versions_of_one_task_or_of_any_where_none_is_whole(folder: Path) -> None:
    check_task(folder, "classify")
    written = write(folder)
    check_task(folder, "text")
    with pytest.raises(InputError, match="its versions are of task text, got one of task classify: name another"):
        check_task(folder, "classify")
    (written / "empty").unlink()
    check_task(folder, "classify")


def test_writers_that_race_for_a_number_all_get_one(folder: Path) -> None:
    """Which of them collide is left to chance; the next test makes one collide for certain."""
    writers = 8
    barrier = threading.Barrier(writers, timeout=30)
    written: list[Path] = []

    def run(content: bytes) -> None:
        barrier.wait()
        written.append(write_checkpoint(folder, MANIFEST, {"content": content}))

    threads = [threading.Thread(target=run, args=(bytes([index]),)) for index in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {path.name for path in written} == {f"{number:04d}" for number in range(1, writers + 1)}
    assert {open_checkpoint(path).read("content") for path in written} == {bytes([index]) for index in range(writers)}
    assert entries(folder) == {path.name for path in written}


@pytest.mark.parametrize("as_file", [True, False])
def test_who_loses_a_number_at_the_last_moment_takes_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch, as_file: bool
) -> None:
    rename = os.rename

    def late(source: Path, target: Path) -> None:
        if target.name == "0001":
            if as_file:
                target.write_text("in the way")
            else:
                target.mkdir()
                (target / "model.json").write_text("another writer's")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert write(folder).name == "0002"


def test_a_version_has_the_mode_of_any_new_folder(folder: Path, tmp_path: Path) -> None:
    """A server that runs as another user can read what the trainer wrote."""
    (tmp_path / "ordinary").mkdir()
    assert write(folder).stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_place_that_takes_a_model_is_made_and_left_empty(folder: Path) -> None:
    check_writable(folder)
    check_writable(folder)
    assert entries(folder) == set()


WRITERS = [check_writable, write]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_take_a_model_is_refused_in_one_line(
    tmp_path: Path, writer: Callable[[Path], object]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file", tmp_path / "file" / "search", tmp_path / "file" / "a" / "b"):
        with pytest.raises(InputError) as raised:
            writer(path)
        assert str(raised.value) == f"--out {path}: cannot be written: a file stands where a folder has to be"
    with pytest.raises(InputError, match=r"cannot be written: File name too long$"):
        writer(tmp_path / ("a" * 300))
    for path in (tmp_path / ".hidden", Path("/")):
        with pytest.raises(InputError, match="must name a folder that is not hidden"):
            writer(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_that_may_only_be_read_is_refused(tmp_path: Path, writer: Callable[[Path], object]) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        writer(tmp_path / "search")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_version_is_never_written_into(folder: Path, writer: Callable[[Path], object]) -> None:
    version = write(folder)
    with pytest.raises(InputError, match="got one version of it, which never changes"):
        writer(version)
    assert entries(version) == {*FILES, "model.json"}
