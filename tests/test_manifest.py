"""A manifest reads back as it was written, and nothing else is taken for one."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint import FORMAT, JSON, Manifest
from model.errors import CheckpointError
from model.manifest import FileRecord, _serialise, parse_manifest, serialise_manifest

MANIFEST = Manifest(
    format=FORMAT,
    task="autocomplete",
    created="2025-01-31T12:00:00+00:00",
    architecture={"cell": "lstm", "layers": 2, "tied": True, "dropout": None},
    text={"normal_form": "NFC", "sample": "샌프란시스코"},
    quantisation={"scales": [1 / 127, -0.0, 1e300]},
    blend={},
    figures={"unseen": {"bits_per_character": 2.5}},
    provenance={"seed": 2**70},
)
RECORDS = {"step.onnx": FileRecord(sha256="a" * 64, size_bytes=256)}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def content() -> dict[str, JSON]:
    """Give what is hashed of a manifest that breaks no rule."""
    whole: dict[str, JSON] = json.loads(serialise_manifest(MANIFEST, RECORDS))
    return {key: value for key, value in whole.items() if key != "sha256"}


@given(figures=st.dictionaries(st.text(), values, max_size=4), names=st.sets(st.text("aB0._-", max_size=5)))
def test_any_json_in_a_manifest_reads_back_as_it_was(figures: dict[str, JSON], names: set[str]) -> None:
    manifest = replace(MANIFEST, figures=figures)
    records = {f"f{name}": FileRecord(sha256="0" * 64, size_bytes=index) for index, name in enumerate(names)}
    assert parse_manifest(serialise_manifest(manifest, records)) == (manifest, records)


@given(data=st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError):
        parse_manifest(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"[" * 100_000, "maximum recursion depth"),
        (b'{"format":' * 100_000, "maximum recursion depth"),
        (b'{"format":' + b"[" * 900 + b"]" * 900 + b"}", "format must be a whole number, got a list"),
        (b'{"format":' + b"9" * 5000 + b"}", "must be JSON in UTF-8"),
        (b'{"format":1e999}', "format must be a whole number, got inf"),
        (b'{"format":NaN}', "must hold finite numbers only, got NaN"),
        (b'{"format":1,"format":1}', "must not give a key twice"),
        (b'{"format":"\\ud800"}', r"format must be a whole number, got '\ud800'"),
        (b'\xef\xbb\xbf{"format":1}', "must be JSON in UTF-8"),
        ('{"format":1}'.encode("utf-16"), "must be JSON in UTF-8"),
        (b'{"format":1}' + b" " * 2**24, "must be at most 16777216 bytes"),
    ],
)
def test_hostile_json_is_refused_in_one_short_line(data: bytes, message: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        parse_manifest(data)
    said = str(raised.value)
    assert said.startswith("model.json: ")
    assert message in said
    assert said.isprintable()
    assert len(said) < 500


@pytest.mark.parametrize("depth", range(50, 1000, 50))
def test_nesting_that_python_cannot_follow_is_refused(depth: int) -> None:
    nested: JSON = None
    for _ in range(depth):
        nested = [nested]
    for content in (b'{"format":%b}', b'{"format":1,"task":%b}', b"%b"):
        with pytest.raises(CheckpointError):
            parse_manifest(content % (b"[" * depth + b"]" * depth))
    try:
        data = serialise_manifest(replace(MANIFEST, figures={"nested": nested}), {})
    except CheckpointError:
        return
    assert parse_manifest(data)[0].figures == {"nested": nested}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": FORMAT + 1, "new": 1}, "format must be at most 1, got 2: upgrade machim"),
        ({"format": 0}, "format must be at least 1, got 0"),
        ({"format": True}, "format must be a whole number, got True"),
        ({"format": 1.0}, "format must be a whole number, got 1.0"),
        ({"new": 1}, "the manifest must have known keys only, got 'new'"),
        ({"task": ""}, "task must be a word, got ''"),
        ({"task": ["text"]}, "task must be a word, got a list"),
        ({"created": "yesterday"}, "created must be a time in UTC"),
        ({"created": "2025-01-31T12:00:00"}, "created must be a time in UTC"),
        ({"created": "2025-01-31T12:00:00+09:00"}, "created must be a time in UTC"),
        ({"created": 5}, "created must be a time in UTC"),
        ({"figures": []}, "figures must be a JSON object, got a list"),
        ({"blend": None}, "blend must be a JSON object, got None"),
        ({"files": []}, "files must be a JSON object, got a list"),
        ({"files": {"step.onnx": 5}}, "files, 'step.onnx' must be a JSON object, got 5"),
        ({"files": {"step.onnx": {"bytes": 1}}}, "files, 'step.onnx' must have every key, has no sha256"),
        ({"files": {"a": {"bytes": 1, "sha256": "A" * 64}}}, "sha256 must be 64 hexadecimal digits, got"),
        ({"files": {"a": {"bytes": -1, "sha256": "a" * 64}}}, "bytes must be 0 or more, got -1"),
        ({"files": {"a": {"bytes": False, "sha256": "a" * 64}}}, "bytes must be a whole number, got False"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_though_its_hash_is_right(
    change: dict[str, JSON], message: str
) -> None:
    with pytest.raises(CheckpointError) as raised:
        parse_manifest(_serialise(content() | change))
    assert message in str(raised.value)


@pytest.mark.parametrize("key", ["format", "task", "created", "figures", "provenance", "files"])
def test_a_manifest_without_one_of_its_keys_is_refused(key: str) -> None:
    with pytest.raises(CheckpointError, match=key):
        parse_manifest(_serialise({other: value for other, value in content().items() if other != key}))


def test_the_same_manifest_laid_out_otherwise_is_refused() -> None:
    whole = json.loads(serialise_manifest(MANIFEST, RECORDS))
    with pytest.raises(CheckpointError, match="layout does not match"):
        parse_manifest(json.dumps(whole, sort_keys=True, indent=4).encode())


BAD_NAMES = ["", ".", "..", "../0002/step", "/etc/hostname", "a/b", "a\\b", ".hidden", "model.json"]
BAD_NAMES += ["Model.JSON", "a\nb", "a\0b", "é", "a" * 101]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_name_that_is_not_plain_is_refused_both_ways(name: str) -> None:
    with pytest.raises(CheckpointError, match="a file's name must be"):
        serialise_manifest(MANIFEST, {name: RECORDS["step.onnx"]})
    listed: dict[str, JSON] = {"files": {name: {"sha256": "a" * 64, "bytes": 1}}}
    with pytest.raises(CheckpointError, match="a file's name must be"):
        parse_manifest(_serialise(content() | listed))


@pytest.mark.parametrize(
    "figures",
    [
        {"loss": float("nan")},
        {"loss": float("inf")},
        {"loss": (1, 2)},
        {"loss": {3: 4}},
        {"loss": {1, 2}},
        {"loss": "\ud800"},
        {"loss": 10**5000},
        {"loss": b"bytes"},
        None,
    ],
)
def test_values_that_would_not_read_back_are_not_written(figures: Any) -> None:
    with pytest.raises(CheckpointError, match=r"^model\.json: "):
        serialise_manifest(replace(MANIFEST, figures=figures), RECORDS)
