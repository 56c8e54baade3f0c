"""The demo's second model: what it learns from, and that rare labels can be left out of any data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.errors import InputError
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.demo import LEAST_NAMES
from training.label_split import split_labelled, without_rare_labels
from training.labelled import LabelledTexts, read_labelled
from training.places import places_path
from training.reading import ReadingSettings
from training.settings import TextSettings, TrainingSettings
from training.wide import STRENGTHS

if TYPE_CHECKING:
    from pathlib import Path

READ = LabelledTexts(
    texts=["a", "b", "c", "a", "a", "b", "d"],
    labels=["much", "much", "much", "twice", "twice", "two", "two"],
    lines=7,
    skipped=0,
    disputed=2,
)


def test_countries_are_the_labels_of_the_embedded_names_and_populations_are_passed_over() -> None:
    said: list[str] = []
    read = read_labelled([str(places_path())], ReadingSettings(label_column="country"), said.append)
    assert said[0] == "labels from the column 'country' (243 different), texts from 'name'"
    assert read.skipped == 0
    kept = without_rare_labels(read, LEAST_NAMES, said.append)
    assert said[-1] == "labels with fewer than 20 different texts are left out: 97, with 529 texts"
    split = split_labelled(kept)
    assert len(split.labels) == 146
    assert {"South Korea", "Spain", "Iceland"} & set(split.labels) == {"South Korea", "Spain"}
    assert len(split.texts) + len(split.held_out_texts) == len(read.texts) - 529
    assert np.bincount(split.held_out_numbers, minlength=146).min() >= 1
    assert {"서울", "San Francisco"} <= set(split.all_texts)


@pytest.mark.parametrize(("least", "labels"), [(0, {"much", "twice", "two"}), (2, {"much", "two"}), (3, {"much"})])
def test_labels_with_too_few_different_texts_are_left_out_with_their_texts(least: int, labels: set[str]) -> None:
    said: list[str] = []
    kept = without_rare_labels(READ, least, said.append)
    expected = [(text, label) for text, label in zip(READ.texts, READ.labels, strict=True) if label in labels]
    assert list(zip(kept.texts, kept.labels, strict=True)) == expected
    assert bool(said) == (least > 0)


def test_labels_that_would_all_be_left_out_are_refused() -> None:
    with pytest.raises(InputError, match="least_texts must be at most 3, the texts of much, got 4"):
        without_rare_labels(READ, 4, print)
    with pytest.raises(InputError, match="least_texts must be at least 0, got -1"):
        SortingSettings(least_texts=-1)


def test_a_run_without_time_learns_ngrams_with_the_first_strength_alone(countries_file: Path, tmp_path: Path) -> None:
    """The others, each of which begins where the one before ended, would be better, but they are past the end."""
    told = ClassifierRun(
        reading=ReadingSettings(),
        text=TextSettings(),
        members=(ClassifierSettings(encoder="wide", ngram_most=2),),
        training=TrainingSettings(minutes=0.0001, threads=1),
    )
    train_classifier([str(countries_file)], tmp_path / "m", told, say=lambda _: None, began=time.monotonic())
    card = (tmp_path / "m" / "0001" / "model.json").read_text(encoding="utf-8")
    assert f'"ngram_strength": {STRENGTHS[0]}' in card
