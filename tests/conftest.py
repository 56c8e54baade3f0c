"""Real models, trained once for the whole test session: one of phrases, one of running text."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from model.loaded import LoadedModel, load_model
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings
from training.places import places_path
from training.reading import ReadingSettings
from training.run import RunSettings, train_model
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

COUNTRY_PLACES = 40
PLACES = 1500  # of the table's first lines: the largest cities, in Latin script and in Hangul


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For matrices so small that they would wait for a second thread longer than they use it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def places_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first lines of the embedded table."""
    path = tmp_path_factory.mktemp("data") / "places.tsv"
    lines = places_path().read_text(encoding="utf-8").split("\n")[: PLACES + 1]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def hello_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lecture's word, over and over."""
    path = tmp_path_factory.mktemp("data") / "hello.txt"
    path.write_text("hello\n" * 200, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory, places_file: Path, hello_file: Path) -> Path:
    """A models folder with ``tiny`` (autocomplete, place names) and ``hello`` (text, a one-hot plain RNN)."""
    folder = tmp_path_factory.mktemp("models")
    tiny = RunSettings(
        task="autocomplete",
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(hidden_width=64, embedding_width=32, dropout=0.0),
        training=TrainingSettings(minutes=0, epochs=12, batch_characters=512, learning_rate=0.01, threads=1),
    )
    hello = RunSettings(
        task="text",
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(cell="rnn-tanh", hidden_width=16, embedding_width=0, dropout=0.0),
        training=TrainingSettings(minutes=0, epochs=60, batch_characters=256, window=32, learning_rate=0.02, threads=1),
    )
    for name, source, settings in (("tiny", places_file, tiny), ("hello", hello_file, hello)):
        train_model([str(source)], folder / name, settings, say=lambda _: None, began=time.monotonic())
    return folder


@pytest.fixture(scope="session")
def phrases(tiny_models: Path) -> LoadedModel:
    """The tiny model of phrases, loaded."""
    return load_model(tiny_models / "tiny")


@pytest.fixture(scope="session")
def running(tiny_models: Path) -> LoadedModel:
    """The tiny model of running text, loaded."""
    return load_model(tiny_models / "hello")


@pytest.fixture(scope="session")
def countries_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Places of the embedded table with their country, of the countries that have many."""
    rows = [line.split("\t") for line in places_path().read_text(encoding="utf-8").split("\n")[1:] if line]
    counts = Counter(country for _, _, country in rows[:PLACES])
    path = tmp_path_factory.mktemp("data") / "countries.tsv"
    lines = [f"{country}\t{name}\n" for name, _, country in rows[:PLACES] if counts[country] >= COUNTRY_PLACES]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory: pytest.TempPathFactory, countries_file: Path) -> Path:
    """A models folder with ``countries``: n-grams, branches and a recurrence; ``pair``: two members, one of each."""
    folder = tmp_path_factory.mktemp("classifiers")
    small = ClassifierSettings(
        encoder="wide+branches+recurrent",
        embedding_width=16,
        filters=8,
        hidden_width=8,
        branch_widths="2,3",
        ngram_most=3,
    )
    runs = {
        "countries": (small,),
        "pair": (replace(small, encoder="branches"), replace(small, encoder="wide+recurrent", cell="gru")),
    }
    for name, members in runs.items():
        told = ClassifierRun(
            reading=ReadingSettings(),
            text=TextSettings(),
            members=members,
            training=TrainingSettings(
                minutes=0, batch_characters=512, learning_rate=0.01, threads=1, members=len(members)
            ),
            epochs=4,
        )
        train_classifier([str(countries_file)], folder / name, told, say=lambda _: None, began=time.monotonic())
    return folder


@pytest.fixture(scope="session")
def all_models(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, classifiers: Path) -> Path:
    """A models folder with all of these: ``countries``, ``hello``, ``pair``, ``tiny``."""
    folder = tmp_path_factory.mktemp("models")
    for models in (tiny_models, classifiers):
        shutil.copytree(models, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def train_phrases(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LoadedModel]:
    """Give what trains a small model of phrases with counts, seen often enough or not; in about a second."""

    def train(counts: Iterable[tuple[str, int]], *, least_count: float) -> LoadedModel:
        folder = tmp_path_factory.mktemp("phrases")
        lines = "".join(f"{phrase}\t{count}\n" for phrase, count in counts)
        (folder / "phrases.tsv").write_text(lines, encoding="utf-8")
        settings = RunSettings(
            task="autocomplete",
            reading=ReadingSettings(),
            text=TextSettings(),
            network=NetworkSettings(hidden_width=32, embedding_width=16, dropout=0.0),
            training=TrainingSettings(minutes=0, epochs=5, batch_characters=256, learning_rate=0.01, threads=1),
            blend=BlendSettings(ngram_order=3, least_count=least_count),
        )
        train_model([str(folder / "phrases.tsv")], folder / "model", settings, say=lambda _: None, began=0.0)
        return load_model(folder / "model")

    return train
