"""What a run says of the text that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.reading import ReadingSettings
from training.run import RunSettings, read_text
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("least_count", "said"),
    [
        (
            1.0,
            ["1,234 of 1,300 phrases have a count below --least-count 1: the model suggests them, the counts do not"],
        ),
        (
            2.5,
            ["1,300 of 1,300 phrases have a count below --least-count 2.5: the model suggests them, the counts do not"],
        ),
        (0.25, []),
    ],
)
def test_counts_too_small_to_suggest_a_phrase_are_told_of(tmp_path: Path, least_count: float, said: list[str]) -> None:
    """As a column of popularity has them, between 0 and 1; a count of 1 is not below 1."""
    path = tmp_path / "popular.tsv"
    lines = (f"phrase {number}\t{0.25 if number < 1234 else 1}\n" for number in range(1300))
    path.write_text("".join(lines), encoding="utf-8")
    settings = RunSettings(
        task="autocomplete",
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(),
        training=TrainingSettings(),
        blend=BlendSettings(least_count=least_count),
    )
    told: list[str] = []
    read_text([str(path)], settings, told.append)
    assert [line for line in told if "count" in line] == said
