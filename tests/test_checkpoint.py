"""A checkpoint is read as it was written, and refused when one bit of it is not."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from model.checkpoint import FORMAT, Manifest, list_models, open_checkpoint, write_checkpoint
from model.errors import CheckpointError, InputError

FILES = {"alphabet.model": b"abc", "empty": b"", "step.onnx": bytes(range(256))}
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "search"


def write(folder: Path, number: int = 1) -> Path:
    """Write the version of this number, whatever the numbers below it."""
    if number > 1:
        (folder / f"{number - 1:04d}").mkdir(parents=True, exist_ok=True)
    return write_checkpoint(folder, MANIFEST, FILES)


def entries(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def test_what_was_written_is_read_back(folder: Path) -> None:
    version = write_checkpoint(folder, MANIFEST, FILES)

    checkpoint = open_checkpoint(folder)

    assert version == folder / "0001" == checkpoint.directory
    assert (checkpoint.name, checkpoint.version, checkpoint.passed_over) == ("search", "0001", ())
    assert checkpoint.manifest == MANIFEST
    assert {name: checkpoint.read(name) for name in checkpoint.files} == FILES
    assert checkpoint.path("step.onnx").read_bytes() == FILES["step.onnx"]
    assert entries(version) == {*FILES, "model.json"}
    assert entries(folder) == {"0001"}


def test_a_version_is_opened_by_its_own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    write(folder)

    def names(path: str) -> tuple[str, str]:
        checkpoint = open_checkpoint(Path(path))
        return checkpoint.name, checkpoint.version

    assert names(str(folder / "0001")) == ("search", "0001")
    monkeypatch.chdir(folder)
    assert names("0001") == ("search", "0001")
    assert names(".") == ("search", "0002")
    monkeypatch.chdir(folder / "0001")
    assert names(".") == ("search", "0001")
    assert names("..") == ("search", "0002")
    assert names("../0002") == ("search", "0002")


@pytest.mark.parametrize(("older", "newer"), [(9, 10), (9999, 10000)])
def test_versions_follow_their_numbers_and_not_their_letters(folder: Path, older: int, newer: int) -> None:
    assert write(folder, older).name == f"{older:04d}"
    assert write(folder, newer).name == f"{newer:04d}"
    assert open_checkpoint(folder).version == f"{newer:04d}"


def test_a_damaged_newer_version_is_passed_over_by_name(folder: Path) -> None:
    for _ in range(3):
        write(folder)
    (folder / "0002" / "model.json").unlink()
    (folder / "0003" / "step.onnx").write_bytes(bytes(256))

    checkpoint = open_checkpoint(folder)

    assert checkpoint.version == "0001"
    assert len(checkpoint.passed_over) == 2
    assert checkpoint.passed_over[0].startswith("0003: step.onnx: SHA-256 5341e6b2")
    assert checkpoint.passed_over[1] == "0002: model.json: is missing"
    with pytest.raises(CheckpointError, match=r"0003: step\.onnx: SHA-256"):
        open_checkpoint(folder / "0003")
    (folder / "0001" / "empty").write_bytes(b"!")
    with pytest.raises(CheckpointError, match=r"0003: step.*; 0002: model.*; 0001: empty: must be 0 bytes"):
        open_checkpoint(folder)


def test_a_damaged_older_version_is_not_spoken_of(folder: Path) -> None:
    write(folder)
    write(folder)
    (folder / "0001" / "empty").unlink()
    assert open_checkpoint(folder).passed_over == ()


def test_every_cut_and_every_flipped_bit_is_refused(folder: Path) -> None:
    """Exhaustive: each file cut at each byte, and each bit of each byte flipped; 15,000 damages."""
    version = write(folder)
    for name in (*FILES, "model.json"):
        path = version / name
        whole = path.read_bytes()
        cuts = [whole[:length] for length in range(len(whole))]
        flips = [
            whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            for place in range(len(whole))
            for bit in range(8)
        ]
        for damaged in (*cuts, *flips, whole + b"\n", whole + b"\0"):
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                open_checkpoint(version)
        path.write_bytes(whole)
    open_checkpoint(version)


def test_scattered_damage_is_refused(folder: Path) -> None:
    """Many bytes overwritten, cut out, moved or doubled; 200 seeded draws, but those that change nothing."""
    version = write(folder)
    draw = random.Random(2)  # noqa: S311 (a seeded draw, no secret)
    for _ in range(200):
        path = version / draw.choice(["model.json", "model.json", "step.onnx", "alphabet.model"])
        whole = path.read_bytes()
        start, end = sorted(draw.choices(range(len(whole) + 1), k=2))
        damaged = draw.choice(
            [
                whole[:start] + draw.randbytes(end - start) + whole[end:],
                whole[:start] + whole[end:],
                whole[start:] + whole[:start],
                whole[:start] + whole[start:end] * 2 + whole[end:],
            ]
        )
        if damaged != whole:
            path.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                open_checkpoint(folder)
            path.write_bytes(whole)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "must be a file"),
        (os.mkfifo, "must be a file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.symlink_to("nowhere"), "is missing"),
    ],
)
def test_a_file_that_is_no_file_is_refused(folder: Path, make: Callable[[Path], None], message: str) -> None:
    path = write(folder) / "step.onnx"
    path.unlink()
    make(path)
    with pytest.raises(CheckpointError, match=f"0001: step.onnx: {message}"):
        open_checkpoint(folder)


def test_files_may_be_links_and_unlisted_ones_are_left_alone(folder: Path, tmp_path: Path) -> None:
    version = write(folder)
    (version / "step.onnx").rename(tmp_path / "elsewhere")
    (version / "step.onnx").symlink_to(tmp_path / "elsewhere")
    (version / "notes.txt").write_text("ours")
    (version / "0007").mkdir()

    checkpoint = open_checkpoint(version)

    assert checkpoint.read("step.onnx") == FILES["step.onnx"]
    for name in ("notes.txt", "model.json", "../0001/empty", "Empty"):
        with pytest.raises(CheckpointError, match=r"its files are alphabet\.model, empty, step\.onnx, got"):
            checkpoint.read(name)
        with pytest.raises(CheckpointError):
            checkpoint.path(name)


@pytest.mark.parametrize("content", [b"abd", b"ab", b"abcd", b"", None])
def test_a_change_after_opening_is_caught_in_reading(folder: Path, content: bytes | None) -> None:
    checkpoint = open_checkpoint(write(folder))
    path = checkpoint.path("alphabet.model")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"0001: alphabet\.model: "):
        checkpoint.read("alphabet.model")


def test_a_path_that_holds_no_model_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="got nothing there; machim train makes models"):
        open_checkpoint(tmp_path / "nowhere")
    with pytest.raises(InputError, match="must be a folder, got a file"):
        open_checkpoint(tmp_path / "file")
    with pytest.raises(InputError, match=r"must hold a version of a model, such as 0001$"):
        open_checkpoint(tmp_path)
    write(tmp_path / "search")
    write(tmp_path / "books")
    with pytest.raises(InputError, match="it holds the models books, search: give one of them"):
        open_checkpoint(tmp_path)


def test_the_models_of_a_folder_are_those_with_a_version(tmp_path: Path) -> None:
    for name in ("search/0001", "2024/0001", "books/10000", ".hidden/0001", "empty", "three/001", "a/.0001"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "linked").symlink_to(tmp_path / "search")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "0001").write_text("no folder")

    assert [path.name for path in list_models(tmp_path)] == ["2024", "books", "linked", "search"]
    assert list_models(tmp_path / "empty") == ()
    with pytest.raises(InputError, match="must be a folder, got nothing there"):
        list_models(tmp_path / "nowhere")


def test_a_model_may_be_named_by_a_number(tmp_path: Path) -> None:
    write(tmp_path / "2024")
    checkpoint = open_checkpoint(tmp_path / "2024")
    assert (checkpoint.name, checkpoint.version) == ("2024", "0001")


def test_a_link_that_leads_round_hides_no_version(folder: Path) -> None:
    write(folder)
    (folder / "0002").symlink_to("0002")
    assert open_checkpoint(folder).version == "0001"
    assert write(folder).name == "0003"
