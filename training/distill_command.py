"""The command distill; torch itself is imported when it runs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from model.checkpoint import open_checkpoint
from model.classifier import CLASSIFIER_TASK
from model.command_options import settings_from, settings_options, told_options
from model.errors import InputError
from training.classifier_settings import ClassifierSettings, DistillationSettings, SortingSettings
from training.commands import (
    NOTE_OPTION,
    TRAINED_AS_JSON,
    need_training_libraries,
    print_trained,
    say,
    start_of,
)
from training.reading import ReadingSettings
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings
from training.told import STUDENT, classifier_run, language_run

TEACHERS = ("autocomplete", "text", CLASSIFIER_TASK)


@click.command(epilog="Example: machim distill models/five reviews.tsv more.txt --out models/small --minutes 10")
@click.argument("teacher", type=click.Path(path_type=Path))
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The student's folder, such as models/small."
)
@settings_options(
    DistillationSettings,
    ReadingSettings,
    TextSettings,
    NetworkSettings,
    TrainingSettings,
    BlendSettings,
    ClassifierSettings,
    SortingSettings,
    **STUDENT,
)
@NOTE_OPTION
@TRAINED_AS_JSON
@click.pass_context
def distill(
    context: click.Context,
    /,
    teacher: Path,
    data: tuple[str, ...],
    out: Path,
    note: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a small student on what TEACHER, a model of one member or several, says of DATA.

    DATA are files, folders, globs, or - for standard input. A model that sorts texts teaches by texts with labels, as
    for train, or by texts alone, a line each, of which only the teacher speaks; any other teaches by phrases or running
    text, as it learned them, what it says after every character. What the teacher was trained on is parted as it was
    then, so that neither has learned from the texts that both are measured on.
    """
    began = time.monotonic()
    reading = settings_from(ReadingSettings, options)
    teaching = settings_from(DistillationSettings, options)
    told = told_options(context)
    task = open_checkpoint(teacher).manifest.task
    if task not in TEACHERS:
        raise InputError(f"a teacher must complete phrases, write running text or sort texts, got a model for {task}")
    need_training_libraries()
    if task == CLASSIFIER_TASK:
        from training.distillation import distill_classifier  # noqa: PLC0415

        run = classifier_run({**STUDENT, **told}, reading, note)
        trained = distill_classifier(teacher, data, out, run, teaching, say=say, began=began)
    else:
        from training.language_distillation import Teaching  # noqa: PLC0415
        from training.run import train_model  # noqa: PLC0415

        taught = Teaching(teacher=start_of(teacher, told), settings=teaching)
        student = replace(
            language_run("text" if task == "text" else "autocomplete", told, reading, note), teaching=taught
        )
        trained = train_model(data, out, student, say=say, began=began)
    print_trained(trained, as_json=as_json)
