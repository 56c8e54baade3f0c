"""Keep versions of a model on disk: each is written whole or not at all, and read whole or not at all."""

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EEXIST, EINVAL, ENOTDIR, ENOTEMPTY, ENOTSUP
from io import BufferedReader
from pathlib import Path

from model.errors import CheckpointError, InputError
from model.manifest import (
    FORMAT,
    JSON,
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    FileRecord,
    Manifest,
    parse_manifest,
    serialise_manifest,
)
from model.versions import (
    hint_of_models,
    is_version,
    list_models,
    list_versions,
    named,
    number_of_next_version,
)

__all__ = [
    "FORMAT",
    "JSON",
    "Checkpoint",
    "FileRecord",
    "Manifest",
    "check_task",
    "check_writable",
    "list_models",
    "open_checkpoint",
    "write_checkpoint",
]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One version of a model, every listed file of which had the right size and SHA-256 when it was opened.

    Args:
        name: of the model, which is the name of its folder.
        version: the name of the version's folder, such as ``0003``.
        directory: the version's folder.
        manifest: what the model is.
        files: what each listed file must be; a file that is not listed is never read.
        passed_over: one line for each newer version that is damaged, the newest first.
    """

    name: str
    version: str
    directory: Path
    manifest: Manifest
    files: Mapping[str, FileRecord]
    passed_over: tuple[str, ...]

    def read(self, file_name: str) -> bytes:
        """Read a listed file, and verify what was read: it may have changed since the checkpoint was opened.

        Raises:
            CheckpointError: the file is not listed, cannot be read, or is not what was written.
        """
        path = self.path(file_name)
        record = self.files[file_name]
        try:
            with _opened(path) as file:
                content = file.read(record.size_bytes + 1)
            _require_match(file_name, record, len(content), hashlib.sha256(content).hexdigest())
        except CheckpointError as error:
            raise CheckpointError(f"{self.directory}: {error}") from error
        return content

    def path(self, file_name: str) -> Path:
        """Name a listed file for a reader that maps it into memory; it was verified when it was opened.

        Raises:
            CheckpointError: the file is not listed.
        """
        if file_name not in self.files:
            listed = ", ".join(sorted(self.files)) or "none"
            raise CheckpointError(f"{self.directory}: its files are {listed}, got {file_name!r}")
        return self.directory / file_name


def write_checkpoint(model_directory: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write the next version of a model, and return its folder.

    It is written beside its place under a hidden name, and renamed when every byte of it is on the disk. A
    process that is killed leaves at most the hidden folder, which no reader looks at.

    Raises:
        CheckpointError: the manifest or a file's name breaks a rule; nothing was written.
        InputError: the folder cannot be written. Nothing is left behind, unless the version was in its place
            and only the flush of the folder around it failed; then it stays.
    """
    records = {
        name: FileRecord(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in files.items()
    }
    manifest_content = serialise_manifest(manifest, records)
    with _write_errors_named(model_directory):
        _make_model_directory(model_directory)
        temporary = _temporary_path(model_directory)
        try:
            temporary.mkdir()
            # The manifest comes last: a folder without one is no checkpoint.
            for name, content in (*files.items(), (MANIFEST_NAME, manifest_content)):
                _write_to_disk(temporary / name, content)
            _sync_directory(temporary)
            directory = _rename_to_next_version(temporary, model_directory)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _sync_directory(model_directory)
    return directory


def check_writable(model_directory: Path) -> None:
    """Make a model's folder and show that a version could be written there, before hours of training.

    Raises:
        InputError: the folder cannot be made or written, or is not one for a model.
    """
    with _write_errors_named(model_directory):
        _make_model_directory(model_directory)
        temporary = _temporary_path(model_directory)
        temporary.mkdir()
        temporary.rmdir()


def check_task(model_directory: Path, task: str) -> None:
    """See that the versions in a model's folder, if any is whole, are of a task: who serves it asks for that.

    Raises:
        InputError: they are of another.
    """
    try:
        held = open_checkpoint(model_directory).manifest.task
    except (InputError, CheckpointError):
        return
    if held != task:
        raise InputError(
            f"--out {model_directory}: its versions are of task {held}, got one of task {task}: name another folder"
        )


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the newest version of a model that verifies, or the one version whose folder is given.

    Raises:
        InputError: there is no such folder, or no version in it.
        CheckpointError: the version, or every version, is damaged.
    """
    path = named(path)
    versions = list_versions(path)
    if is_version(path, versions):
        try:
            return _verify(path, passed_over=())
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
    if not versions:
        raise InputError(f"{path}: must hold a version of a model, such as 0001{hint_of_models(path)}")
    damaged: list[str] = []
    for version in reversed(versions):
        try:
            return _verify(path / version, passed_over=tuple(damaged))
        except CheckpointError as error:
            damaged.append(f"{version}: {error}")
    raise CheckpointError(f"{path}: no version of it is whole: {'; '.join(damaged)}")


def _verify(directory: Path, passed_over: tuple[str, ...]) -> Checkpoint:
    with _opened(directory / MANIFEST_NAME) as file:
        manifest, files = parse_manifest(file.read(MAX_MANIFEST_BYTES + 1))
    for name, record in files.items():
        with _opened(directory / name) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            # A wrong size says enough, and spares the reading.
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if size_bytes == record.size_bytes else ""
        _require_match(name, record, size_bytes, sha256)
    return Checkpoint(
        name=named(directory.parent).name,
        version=directory.name,
        directory=directory,
        manifest=manifest,
        files=files,
        passed_over=passed_over,
    )


def _require_match(name: str, record: FileRecord, size_bytes: int, sha256: str) -> None:
    if size_bytes != record.size_bytes:
        raise CheckpointError(f"{name}: must be {record.size_bytes} bytes, got {size_bytes}")
    if sha256 != record.sha256:
        raise CheckpointError(f"{name}: SHA-256 {sha256} does not match the manifest's {record.sha256}")


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file, and turn whatever the system says against it into a ``CheckpointError``."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError(f"{path.name}: must be a file, got a folder, a pipe or a device")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name}: is missing") from error
    except OSError as error:
        raise CheckpointError(f"{path.name}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _write_errors_named(model_directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file stands where a folder has to be" if in_the_way else error.strerror or error
        raise InputError(f"--out {model_directory}: cannot be written: {reason}") from error


def _make_model_directory(path: Path) -> None:
    """Make a model's folder and those above it, each of them lasting on the disk."""
    name = named(path).name
    if not name or name.startswith("."):
        raise InputError(f"--out {path}: must name a folder that is not hidden, such as models/search")
    if os.path.lexists(path / MANIFEST_NAME):
        raise InputError(f"--out {path}: must be a model's folder, got one version of it, which never changes")
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        _sync_directory(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path))


def _temporary_path(model_directory: Path) -> Path:
    """Name a hidden folder, to be made with the usual mode: servers of other users read what it becomes."""
    return model_directory / f".unfinished-{secrets.token_hex(8)}"


def _rename_to_next_version(temporary: Path, model_directory: Path) -> Path:
    while True:
        directory = model_directory / f"{number_of_next_version(model_directory):04d}"
        try:
            return temporary.rename(directory)
        except OSError as error:
            # Another writer took the number in between; the next turn sees its folder and counts on from it.
            if error.errno not in {EEXIST, ENOTEMPTY, ENOTDIR} or not os.path.lexists(directory):
                raise


def _write_to_disk(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems keep folders by themselves and know no such request.
        if error.errno not in {EINVAL, ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
