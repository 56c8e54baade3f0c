"""What ``model.json`` says of one version of a model, and the only bytes in which it may say it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import NoReturn, TypeAlias

from model.errors import CheckpointError

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None

FORMAT = 1
MANIFEST_NAME = "model.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a checkpoint is; its dictionaries hold JSON values only, and nobody changes them.

    Args:
        format: of the checkpoint's layout, from 1 to ``FORMAT``.
        task: what the model is for, such as ``autocomplete``; whoever loads it decides what it can use.
        created: ISO 8601 in UTC, such as ``2025-01-31T12:00:00+00:00``.
        architecture: what the network is.
        text: how text becomes ids.
        quantisation: the scales of the int8 form.
        blend: the weights of what is mixed with the network.
        figures: what was measured on held-out text.
        provenance: how it was trained; loading never interprets it.
    """

    format: int
    task: str
    created: str
    architecture: dict[str, JSON]
    text: dict[str, JSON]
    quantisation: dict[str, JSON]
    blend: dict[str, JSON]
    figures: dict[str, JSON]
    provenance: dict[str, JSON]


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What one file of a checkpoint must be: its size, and its SHA-256 as 64 hexadecimal digits."""

    sha256: str
    size_bytes: int


_KEYS = tuple(field.name for field in fields(Manifest))


def serialise_manifest(manifest: Manifest, files: Mapping[str, FileRecord]) -> bytes:
    """Write a manifest as the bytes of ``model.json``.

    Raises:
        CheckpointError: a field breaks its rule, a file's name is not plain, or a value is not JSON and would
            not read back as the same: a tuple, an array, NaN, a key that is not a string.
    """
    try:
        content: dict[str, JSON] = {key: getattr(manifest, key) for key in _KEYS}
        content["files"] = {
            name: {"sha256": record.sha256, "bytes": record.size_bytes} for name, record in files.items()
        }
        data = _serialise(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{MANIFEST_NAME}: must hold JSON values only: {error}") from error
    if parse_manifest(data) != (manifest, dict(files)):
        raise CheckpointError(
            f"{MANIFEST_NAME}: must read back as what was written, got a tuple or a key that is not a string"
        )
    return data


def parse_manifest(data: bytes) -> tuple[Manifest, dict[str, FileRecord]]:
    """Read the bytes of ``model.json``, accepting none but those that ``serialise_manifest`` writes.

    The hash covers what they mean; that they are exactly our own bytes covers the rest, down to one space.

    Raises:
        CheckpointError: anything is wrong with the bytes, or their format is newer than this machim.
    """
    content = _parse_object(data)
    # Before all else: a newer format may have other keys and another rule for the hash.
    version = _whole_number(content.get("format"), "format")
    if version > FORMAT:
        _refuse(f"format must be at most {FORMAT}, got {version}: upgrade machim to read it")
    if version < 1:
        _refuse(f"format must be at least 1, got {version}")
    _require_keys(content, {*_KEYS, "files", "sha256"}, "the manifest")
    _require_own_bytes(content, data)
    manifest = Manifest(
        format=version,
        task=_task(content["task"]),
        created=_utc_time(content["created"]),
        architecture=_object(content["architecture"], "architecture"),
        text=_object(content["text"], "text"),
        quantisation=_object(content["quantisation"], "quantisation"),
        blend=_object(content["blend"], "blend"),
        figures=_object(content["figures"], "figures"),
        provenance=_object(content["provenance"], "provenance"),
    )
    files = _object(content["files"], "files")
    return manifest, {_plain_name(name): _file_record(name, record) for name, record in files.items()}


def _serialise(content: dict[str, JSON]) -> bytes:
    """Indent the content for people, and add the SHA-256 of its canonical form, which has no space in it."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    text = json.dumps(content | {"sha256": sha256}, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _parse_object(data: bytes) -> dict[str, JSON]:
    if len(data) > MAX_MANIFEST_BYTES:
        _refuse(f"must be at most {MAX_MANIFEST_BYTES} bytes, got more")
    try:
        content: JSON = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object_of_pairs, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{MANIFEST_NAME}: must be JSON in UTF-8: {error}") from error
    return _object(content, "the manifest")


def _object_of_pairs(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    content = dict(pairs)
    if len(content) != len(pairs):
        _refuse("must not give a key twice in one object")
    return content


def _refuse_constant(constant: str) -> NoReturn:
    _refuse(f"must hold finite numbers only, got {constant}")


def _require_own_bytes(content: dict[str, JSON], data: bytes) -> None:
    try:
        expected = _serialise({key: value for key, value in content.items() if key != "sha256"})
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{MANIFEST_NAME}: must hold values that can be written: {error}") from error
    if data != expected:
        _refuse("SHA-256 of its own content or its layout does not match; it was changed after it was written")


def _file_record(name: str, value: JSON) -> FileRecord:
    record = _object(value, f"files, {name!r}")
    _require_keys(record, {"sha256", "bytes"}, f"files, {name!r}")
    sha256, size_bytes = record["sha256"], _whole_number(record["bytes"], f"files, {name!r}, bytes")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        _refuse(f"files, {name!r}, sha256 must be 64 hexadecimal digits, got {_shown(sha256)}")
    if size_bytes < 0:
        _refuse(f"files, {name!r}, bytes must be 0 or more, got {size_bytes}")
    return FileRecord(sha256=sha256, size_bytes=size_bytes)


def _plain_name(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name) or name.casefold() == MANIFEST_NAME:
        _refuse(
            "a file's name must be 1 to 100 of A-Z a-z 0-9 . _ -, begin with a letter or a digit, "
            f"and not be {MANIFEST_NAME}, got {name!r:.120}"
        )
    return name


def _task(value: JSON) -> str:
    if not isinstance(value, str) or not value:
        _refuse(f"task must be a word, got {_shown(value)}")
    return value


def _utc_time(value: JSON) -> str:
    try:
        offset = datetime.fromisoformat(value).utcoffset() if isinstance(value, str) else None
    except ValueError:
        offset = None
    if not isinstance(value, str) or offset is None or offset:
        _refuse(f"created must be a time in UTC as ISO 8601 writes it, got {_shown(value)}")
    return value


def _object(value: JSON, what: str) -> dict[str, JSON]:
    if not isinstance(value, dict):
        _refuse(f"{what} must be a JSON object, got {_shown(value)}")
    return value


def _whole_number(value: JSON, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(f"{what} must be a whole number, got {_shown(value)}")
    return value


def _require_keys(content: dict[str, JSON], expected: set[str], what: str) -> None:
    if missing := sorted(expected - content.keys()):
        _refuse(f"{what} must have every key, has no {', '.join(missing)}")
    if unknown := sorted(content.keys() - expected):
        _refuse(f"{what} must have known keys only, got {', '.join(map(ascii, unknown))}"[:300])


def _shown(value: JSON) -> str:
    """Show a value in a message: short, on one line, and never by walking into a nested one."""
    return f"a {type(value).__name__}" if isinstance(value, list | dict) else ascii(value)[:80]


def _refuse(reason: str) -> NoReturn:
    raise CheckpointError(f"{MANIFEST_NAME}: {reason}")
