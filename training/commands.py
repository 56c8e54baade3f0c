"""``machim train``, and what the commands that need torch share; torch itself is imported when one of them runs."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model.command_options import settings_from, settings_options, told_options
from model.errors import InputError
from model.tagger import TAGGER_TASKS
from model.transducer import TRANSDUCE_TASK
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.labelled import looks_labelled
from training.reading import ReadingSettings
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings
from training.told import classifier_run, language_run, tagger_run, transducer_run

if TYPE_CHECKING:
    from model.manifest import JSON
    from training.run import Trained
    from training.starting import Start

BEGUN_ANEW = {  # tasks whose models begin from no other, and are not reported on
    **dict.fromkeys(TAGGER_TASKS, "models that tag characters"),
    TRANSDUCE_TASK: "models that turn texts into others",
}


def say(message: str) -> None:
    """Tell what is being done, on standard error."""
    click.echo(message, err=True)


def need_training_libraries() -> None:
    """Refuse a command that needs torch where it is not installed, and prepare for its import.

    OpenMP, which torch computes with, looks at the environment once, when it is loaded. Left alone its threads spin
    long while they wait for one another: on a machine that somebody else uses too, that made training twenty times
    slower, and sleeping at once makes it a quarter slower on a quiet one (decisions/0004-threads-that-wait.md).

    Raises:
        InputError: torch is missing.
    """
    missing = [name for name in ("torch", "onnx", "safetensors", "rich") if importlib.util.find_spec(name) is None]
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if missing:
        raise InputError(f"this command needs {', '.join(missing)}: run pip install 'machim[train]'")


NOTE_OPTION = click.option("--note", default="", help="A credit or remark for the model card.")
TRAINED_AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print the version's folder and its figures as JSON."
)


@click.command(epilog="Example: machim train phrases.tsv --out models/search --minutes 10")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The model's folder, such as models/search."
)
@click.option(
    "--task",
    type=click.Choice(["auto", "autocomplete", "text", "classify", "spacing", "tag", "transduce", "generate"]),
    default="auto",
    show_default=True,
    help="autocomplete learns phrases, a line each; text learns running text; classify learns to sort texts with"
    " labels; spacing learns where spaces stand in text that has them; tag learns a tag for each character"
    " (character<TAB>tag, a blank line after each text); transduce learns what a text becomes (text<TAB>what it"
    " becomes); generate learns to write texts of a label, from texts with labels;"
    " auto is one of the first three, by the data.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="A model to begin from: a classifier takes the characters and the recurrence of a language model, or what fits"
    " of another classifier; a language model goes on from one of its shape. The alphabet is that model's, and so are"
    " settings that are not told.",
)
@settings_options(
    ReadingSettings,
    TextSettings,
    NetworkSettings,
    TrainingSettings,
    BlendSettings,
    ClassifierSettings,
    SortingSettings,
)
@NOTE_OPTION
@TRAINED_AS_JSON
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write what was seen of the training to this HTML file: losses, gradients and activations layer by layer (of"
    " the first member), and of a classifier confusion, calibration and worst mistakes.",
)
@click.pass_context
def train(
    context: click.Context,
    /,
    data: tuple[str, ...],
    out: Path,
    task: Any,
    source: Path | None,
    note: str,
    as_json: bool,
    report: Path | None,
    **options: Any,
) -> None:
    """Train a model on DATA: files, folders, globs, or - for standard input.

    Each run makes a new version in the folder --out. A twentieth of the phrases or a tenth of the texts of every
    label (fewer where there are many), chosen by hash, or the last tenth of running text, is held out to measure on.
    """
    began = time.monotonic()
    reading = settings_from(ReadingSettings, options)
    need_training_libraries()
    if report is not None:
        need_report_libraries(report)
    from training.devices import choose_device  # noqa: PLC0415

    choose_device(options["device"])  # one that is not there is missed before a file is looked at
    if task == "auto" and (reason := looks_labelled(data, reading)) is not None:
        say(f"taken for texts with labels, since {reason}; --task autocomplete takes each line for a phrase")
        task = "classify"
    told = told_options(context)
    if task in BEGUN_ANEW:
        refuse_told(source, report, BEGUN_ANEW[task])
    start = None if source is None else start_of(source, told)
    if task in TAGGER_TASKS:
        from training.tagger_run import train_tagger  # noqa: PLC0415

        trained = train_tagger(data, out, tagger_run(task, told, reading, note), say=say, began=began)
    elif task == TRANSDUCE_TASK:
        from training.transducer_run import train_transducer  # noqa: PLC0415

        trained = train_transducer(data, out, transducer_run(told, reading, note), say=say, began=began)
    elif task == "classify":
        from training.classifier_run import train_classifier  # noqa: PLC0415

        run = classifier_run(told, reading, note, start)
        trained = train_classifier(data, out, run, say=say, began=began, report=report)
    else:
        from training.run import train_model  # noqa: PLC0415

        settings = language_run(task, told, reading, note, start)
        trained = train_model(data, out, settings, say=say, began=began, report=report)
    print_trained(trained, as_json=as_json)


def refuse_told(source: Path | None, report: Path | None, what: str) -> None:
    """Refuse ``--from`` and ``--report`` where nothing comes of them.

    Raises:
        InputError: one was told.
    """
    for flag, told in (("--from", source), ("--report", report)):
        if told is not None:
            raise InputError(f"{flag} changes nothing of {what}: leave it out")


def print_trained(trained: Trained, *, as_json: bool) -> None:
    """Print what a run made: its figures and the version's folder."""
    if as_json:
        click.echo(json.dumps({"checkpoint": str(trained.directory), "figures": trained.figures}, ensure_ascii=False))
    else:
        print_figures(trained.figures)
        click.echo(str(trained.directory))


def start_of(source: Path, told: dict[str, Any]) -> Start:
    """Open the model to begin from.

    Raises:
        InputError: there is none, or the alphabet was told, which is that model's.
    """
    if "characters" in told:
        raise InputError(f"--characters must not be told where the alphabet is that of another model, {source}")
    from training.starting import open_start  # noqa: PLC0415

    return open_start(source)


def print_figures(figures: dict[str, JSON]) -> None:
    """Print the figures as the tables of the model card."""
    from training.tables import figures_text  # noqa: PLC0415

    click.echo(figures_text(figures))


def need_report_libraries(report: Path, flag: str = "--report") -> None:
    """Refuse a report or a picture that could not be written, before minutes are spent on what it is to show.

    Raises:
        InputError: matplotlib is missing, or the folder that the report is for, or the file cannot be written.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(f"{flag} needs matplotlib: run pip install 'machim[train]'")
    try:
        is_new = not report.exists()
        if report.is_dir() or not report.absolute().parent.is_dir():
            raise InputError(f"{flag} must name a file in a folder that exists, got {report}")
        report.open("ab").close()
        if is_new:
            report.unlink()
    except OSError as error:
        raise InputError(f"{flag} must name a file that can be written, got {report}: {error.strerror}") from error
