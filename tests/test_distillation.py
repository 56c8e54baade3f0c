"""Real students of real teachers, trained in seconds.

Legend: D texts to learn from, M held out, C labels.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from model.classifier import load_classifier
from model.errors import CheckpointError, InputError
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_room import ClassifierRun
from training.classifier_settings import ClassifierSettings, DistillationSettings, SortingSettings
from training.clock import Clock
from training.distillation import distill_classifier, read_material, teacher_logits, without_held_out
from training.label_split import split_labelled
from training.labelled import read_labelled
from training.reading import ReadingSettings
from training.settings import TextSettings, TrainingSettings
from training.tables import as_mapping
from training.targets import Targets
from training.wide import learn_again, plan_of
from training.wide_lesson import Lesson, prepare_lesson

if TYPE_CHECKING:
    from pathlib import Path

    from model.manifest import JSON
    from training.run import Trained


def unhurried() -> Clock:
    """A run without an end."""
    return Clock(began=time.monotonic(), seconds=math.inf)


def student_of(encoder: str = "branches", least_texts: int = SortingSettings.least_texts) -> ClassifierRun:
    return ClassifierRun(
        reading=ReadingSettings(),
        text=TextSettings(),
        members=(ClassifierSettings(encoder=encoder, embedding_width=16, filters=16, branch_widths="2,3,4"),),
        training=TrainingSettings(minutes=0, batch_characters=512, learning_rate=0.01, threads=1),
        epochs=4,
        sorting=SortingSettings(least_texts=least_texts),
    )


def distilled(
    teacher: Path,
    sources: list[Path],
    out: Path,
    *,
    encoder: str = "branches",
    teaching: DistillationSettings | None = None,
) -> Trained:
    told = student_of(encoder)
    return distill_classifier(
        teacher,
        [str(source) for source in sources],
        out,
        told,
        teaching or DistillationSettings(),
        say=lambda _: None,
        began=time.monotonic(),
    )


def beside_the_teacher(trained: Trained) -> dict[str, float]:
    figures = trained.figures["teacher"]
    assert isinstance(figures, dict)
    return {name: figure for name, figure in figures.items() if isinstance(figure, float)}


@pytest.fixture(scope="module")
def texts_file(countries_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The texts of the places without their labels, and some more."""
    path = tmp_path_factory.mktemp("data") / "texts.txt"
    lines = [line.split("\t")[1] for line in countries_file.read_text(encoding="utf-8").splitlines()]
    path.write_text("\n".join([*lines, "New Seoul", "San Busan"]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("encoder", ["wide", "wide+branches"])
def test_a_student_of_an_ensemble_is_as_good_as_its_teacher(
    classifiers: Path, countries_file: Path, tmp_path: Path, encoder: str
) -> None:
    """On texts that neither had learned from, of which there are 81."""
    trained = distilled(classifiers / "pair", [countries_file], tmp_path / "student", encoder=encoder)
    student, teacher = load_classifier(tmp_path / "student"), load_classifier(classifiers / "pair")
    assert student.labels == teacher.labels
    asked = beside_the_teacher(trained)
    assert isinstance(trained.figures["accuracy"], float)
    assert trained.figures["accuracy"] > asked["accuracy"] - 0.05
    assert asked["agreement"] > 0.8
    split = split_labelled(read_labelled([str(countries_file)], ReadingSettings()))
    for checkpoint in (student.checkpoint, teacher.checkpoint):
        data = checkpoint.manifest.provenance["data"]
        assert isinstance(data, dict)
        assert data["held_out_digest"] == split.held_out_digest
    assert student.checkpoint.manifest.provenance["teacher"] == {"name": "pair", "version": "0001"}


def test_of_texts_alone_only_the_teacher_speaks(classifiers: Path, texts_file: Path, tmp_path: Path) -> None:
    """Nobody knows whether the student is right, only how often it says what the teacher says."""
    trained = distilled(classifiers / "pair", [texts_file], tmp_path / "student", encoder="wide+branches")
    assert set(trained.figures) == {"texts", "labels", "teacher"}
    asked = beside_the_teacher(trained)
    assert set(asked) == {"agreement"}
    assert asked["agreement"] > 0.8


def test_a_sure_teacher_is_believed_before_the_labels(classifiers: Path, countries_file: Path, tmp_path: Path) -> None:
    """Labels are turned around: a student of the teacher alone does not see it, one of the labels alone does."""
    lines = countries_file.read_text(encoding="utf-8").splitlines()
    labels = sorted({line.split("\t")[0] for line in lines})
    turned = dict(zip(labels, labels[1:] + labels[:1], strict=True))
    path = tmp_path / "turned.tsv"
    path.write_text(
        "".join(f"{turned[label]}\t{text}\n" for label, text in (line.split("\t") for line in lines)), encoding="utf-8"
    )
    agreements = []
    for share in (0.0, 1.0):
        teaching = DistillationSettings(truth_share=share)
        trained = distilled(
            classifiers / "pair", [path], tmp_path / f"student-{share}", encoder="wide", teaching=teaching
        )
        agreements.append(beside_the_teacher(trained)["agreement"])
    assert agreements[0] > 0.8
    assert agreements[1] < 0.2


def test_texts_that_are_held_out_with_their_labels_are_not_learned_without_them(
    classifiers: Path, countries_file: Path, texts_file: Path
) -> None:
    teacher = load_classifier(classifiers / "pair")
    material = read_material([str(countries_file), str(texts_file)], student_of(), teacher, lambda _: None)
    split = split_labelled(read_labelled([str(countries_file)], ReadingSettings()))
    assert material.split.texts == [*split.texts, "New Seoul", "San Busan"]
    assert material.split.held_out_texts == split.held_out_texts
    assert material.labelled.tolist() == [True] * len(split.texts) + [False, False]
    names = [material.split.labels[number] for number in material.split.held_out_numbers]
    assert names == [split.labels[number] for number in split.held_out_numbers]


def test_the_teacher_knows_no_held_out_text_by_heart_while_it_teaches(classifiers: Path, countries_file: Path) -> None:
    """As served it does: its n-grams learned them after they were measured, and is as good then as it was measured."""
    loaded = load_classifier(classifiers / "pair")
    material = read_material([str(countries_file)], student_of(), loaded, lambda _: None)
    served = rebuild_classifier(loaded)
    taught = without_held_out(served, loaded, material, unhurried(), lambda _: None)
    texts, known = material.split.held_out_texts, material.split.held_out_numbers
    right = [
        float((teacher_logits(each, texts, torch.device("cpu")).argmax(axis=1) == known).mean())
        for each in (served, taught)
    ]
    assert right[0] > 0.95
    assert right[1] == pytest.approx(loaded.checkpoint.manifest.figures["accuracy"], abs=0.03)


@pytest.mark.parametrize("plan", [{"ngram_passes": 2}, {"ngram_strength": 0.5}])
def test_the_teacher_is_learned_by_the_plan_that_made_it(
    classifiers: Path, countries_file: Path, plan: dict[str, JSON]
) -> None:
    """With the seed that made it, too, which decides the order of texts in passes."""
    loaded = load_classifier(classifiers / "pair")
    manifest = loaded.checkpoint.manifest
    kept = {name: each for name, each in manifest.provenance.items() if not name.startswith("ngram_")}
    kept["training"] = {**as_mapping(kept["training"]), "seed": 3}
    made = replace(loaded, checkpoint=replace(loaded.checkpoint, manifest=replace(manifest, provenance=kept | plan)))
    material = read_material([str(countries_file)], student_of(), loaded, lambda _: None)
    served = rebuild_classifier(loaded)
    taught = without_held_out(served, made, material, unhurried(), lambda _: None)
    numbers = material.split.numbers
    targets = Targets(numbers=numbers, labels=len(material.split.labels))
    lesson = Lesson(texts=material.split.texts, targets=targets, text_weights=np.ones(len(numbers)))
    prepared = prepare_lesson(lesson, next(each for each in served.settings if each.is_wide))
    expected = plan_of(plan)
    assert expected is not None
    learned = learn_again(prepared, expected, 3, math.inf)
    assert taught.wide is not None
    np.testing.assert_array_equal(taught.wide.weights, learned.layer.weights)


def test_a_teacher_that_there_is_no_time_to_learn_again_is_taken_as_it_is(
    classifiers: Path, countries_file: Path
) -> None:
    loaded, said = load_classifier(classifiers / "pair"), list[str]()
    material = read_material([str(countries_file)], student_of(), loaded, lambda _: None)
    served = rebuild_classifier(loaded)
    late = Clock(began=time.monotonic(), seconds=0.0)
    assert without_held_out(served, loaded, material, late, said.append) is served
    assert "the figures of both are too good" in said[-1]


def test_the_teacher_of_other_texts_is_taken_as_it_is_and_that_is_said(
    classifiers: Path, countries_file: Path, tmp_path: Path
) -> None:
    path, said = tmp_path / "fewer.tsv", list[str]()
    path.write_text(
        "".join(countries_file.read_text(encoding="utf-8").splitlines(keepends=True)[::2]), encoding="utf-8"
    )
    loaded = load_classifier(classifiers / "pair")
    material = read_material([str(path)], student_of(), loaded, lambda _: None)
    served = rebuild_classifier(loaded)
    assert without_held_out(served, loaded, material, unhurried(), said.append) is served
    assert "the figures of both are too good" in said[0]


def test_the_teacher_says_to_many_texts_what_it_is_served_with(classifiers: Path) -> None:
    """As in int8 as far as int8 goes: measured .03, .1 is allowed."""
    loaded, texts = load_classifier(classifiers / "pair"), ["Seoul", "서울특별시", "San José", "New Delhi " * 40]
    logits = torch.from_numpy(teacher_logits(rebuild_classifier(loaded), texts, torch.device("cpu")))
    served = np.stack([loaded.log_probabilities(text) for text in texts])
    np.testing.assert_allclose(logits.log_softmax(dim=1), served, atol=0.1)


def test_labels_that_the_teacher_does_not_know_are_refused(
    classifiers: Path, countries_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "more.tsv"
    path.write_text(countries_file.read_text(encoding="utf-8") + "Atlantis\tPoseidonis\nAtlantis\tCerne\n")
    with pytest.raises(InputError, match=r"labels must be those that the teacher pair knows, got others: Atlantis$"):
        distilled(classifiers / "pair", [path], tmp_path / "student")


def test_rare_labels_can_be_left_out_as_they_were_for_the_teacher(
    classifiers: Path, countries_file: Path, tmp_path: Path
) -> None:
    path, said = tmp_path / "more.tsv", list[str]()
    path.write_text(countries_file.read_text(encoding="utf-8") + "Atlantis\tPoseidonis\nAtlantis\tCerne\n")
    teacher = load_classifier(classifiers / "pair")
    material = read_material([str(path)], student_of(least_texts=3), teacher, said.append)
    assert material.split.labels == teacher.labels
    assert not {"Poseidonis", "Cerne"} & set(material.split.all_texts)


def test_one_text_is_too_few(classifiers: Path, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Seoul\n")
    with pytest.raises(InputError, match="texts must be at least 2 different ones, got 1"):
        distilled(classifiers / "pair", [tmp_path / "one.txt"], tmp_path / "student")


def test_a_teacher_of_another_task_is_refused(tiny_models: Path, countries_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="the task must be classify, got a model for autocomplete"):
        distilled(tiny_models / "tiny", [countries_file], tmp_path / "student")


@pytest.mark.parametrize("told", [{"distill_temperature": 0.0}, {"truth_share": 1.5}])
def test_settings_out_of_range_are_refused(told: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(told))} must be in"):
        DistillationSettings(**told)


def test_the_command_gives_the_figures_of_both(classifiers: Path, countries_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "machim", "distill", str(classifiers / "pair"), str(countries_file)]
    told = ["--out", str(tmp_path / "student"), "--minutes", "2", "--encoder", "wide", "--json"]
    trained = subprocess.run([*command, *told], capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)["figures"]
    assert 0.5 < figures["teacher"]["accuracy"] < 1
    assert "the teacher pair 0001 said what it thinks of" in trained.stderr
    card = (tmp_path / "student" / "0001" / "README.md").read_text(encoding="utf-8")
    assert "accuracy of the teacher" in card
