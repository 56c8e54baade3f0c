"""ONNX Runtime, as machim opens it, leaves nothing behind on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from training.export import export
from training.networks import RecurrentLanguageModel
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from pathlib import Path

OPENED_BY_US = """
import sys
from pathlib import Path
import numpy as np
from model.runtime import initial_state, open_runtime
runtime = open_runtime(Path(sys.argv[1]))
for _ in range(3):
    runtime.step(np.array([1]), initial_state(runtime))
    runtime.read(np.array([[1], [3]]), initial_state(runtime))
"""
OPENED_BARE = """
import sys
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1] + "/step.onnx", providers=["CPUExecutionProvider"])
"""


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    network = RecurrentLanguageModel(NetworkSettings(hidden_width=4, embedding_width=3), 6)
    folder = tmp_path / "exported"
    folder.mkdir()
    for name, content in export(network, []).files.items():
        (folder / name).write_bytes(content)
    return folder


def files_left_by(program: str, exported: Path, home: Path) -> list[Path]:
    """Run a program in a home of its own, and list what it wrote there."""
    home.mkdir()
    places = {name: str(home / name.lower()) for name in os.environ if name.startswith("XDG_")}
    places |= {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run(
        [sys.executable, "-c", program, str(exported)],
        env=kept | places | {"HOME": str(home), "TMPDIR": str(home)},
        cwd=home,
        check=True,
        timeout=60,
    )
    return sorted(path for path in home.rglob("*") if path.is_file())


def test_a_runtime_writes_no_file(exported: Path, tmp_path: Path) -> None:
    assert files_left_by(OPENED_BY_US, exported, tmp_path / "ours") == []


def test_the_bare_library_would_write_one(exported: Path, tmp_path: Path) -> None:
    """Else the test above could not fail, and the switch would be for nothing."""
    if not files_left_by(OPENED_BARE, exported, tmp_path / "bare"):
        pytest.skip("this build of ONNX Runtime writes nothing anyway")
