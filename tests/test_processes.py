"""Real members trained by two processes are those that one trains, one after another."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from safetensors.numpy import load_file

from training.checkpoints import WEIGHTS_FILE
from training.classifier_run import train_classifier
from training.display import Display
from training.loop import Progress
from training.reading import ReadingSettings
from training.run import train_model
from training.told import classifier_run, language_run

if TYPE_CHECKING:
    from pathlib import Path

READING = ReadingSettings()
SMALL: dict[str, Any] = {
    "minutes": 0.0,
    "epochs": 1,
    "members": 2,
    "batch_characters": 512,
    "embedding_width": 8,
    "hidden_width": 8,
}
WAYS: list[dict[str, int]] = [{"threads": 1}, {"threads": 2, "processes": 2}]


def same_weights(folders: list[Path]) -> bool:
    one, other = (load_file(folder / WEIGHTS_FILE) for folder in folders)
    networks = [name for name in one if name.startswith("members.")]
    assert networks
    return all((one[name] == other[name]).all() for name in networks)


def test_members_of_a_classifier(countries_file: Path, tmp_path: Path) -> None:
    """And what was observed of the first comes back for the report."""
    made, report = [], tmp_path / "report.html"
    for number, way in enumerate(WAYS):
        run = classifier_run({**SMALL, **way, "encoder": "branches,recurrent", "filters": 4}, READING, "")
        said: list[str] = []
        out = tmp_path / str(number)
        began = time.monotonic()
        trained = train_classifier([str(countries_file)], out, run, say=said.append, began=began, report=report)
        made.append(trained.directory)
        page = report.read_text(encoding="utf-8")
        assert "member 1 of 2" in page
        report.unlink()
        assert sum(line.startswith("member 2 of 2: trained 1.0 epochs") for line in said) == 1
        assert [path.name for path in out.iterdir()] == ["0001"]
    assert same_weights(made)


def test_members_of_a_language_model(hello_file: Path, tmp_path: Path) -> None:
    made = []
    for number, way in enumerate(WAYS):
        run = language_run("text", {**SMALL, **way, "cell": ("gru", "convolution"), "layers": 1}, READING, "")
        out = tmp_path / str(number)
        made.append(train_model([str(hello_file)], out, run, say=lambda _: None, began=time.monotonic()).directory)
    assert same_weights(made)


def test_lines_of_members_that_learn_at_once_are_told_apart() -> None:
    """And none of them draws a bar over those of the others, on a terminal either."""
    progress = Progress(
        done=0.5, seconds_left=1.0, epoch=1, bits_per_character=1.0, held_out_bits=None, characters_per_second=9.0
    )
    for name, first in (("", "\r"), ("member 2 of 3", "member 2 of 3: training  50%")):
        console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
        with Display(sample=lambda: "a sample", name=name, sampled_at=0.0, console=console) as display:
            display.show(progress)
            assert (display.bars is None) == bool(name)
        assert isinstance(console.file, io.StringIO)
        shown = console.file.getvalue()
        assert first in shown
    assert shown.splitlines()[1] == "member 2 of 3: a sample"
