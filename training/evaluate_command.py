"""``machim evaluate``: a model of any task, measured on data that it was not trained on."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model.checkpoint import open_checkpoint
from model.classifier import CLASSIFIER_TASK
from model.command_options import settings_from, settings_options, told_options
from model.commands import KIND_OPTION
from model.conditions import GENERATE_TASK
from model.errors import InputError
from model.tagger import TAGGER_TASKS
from model.transducer import TRANSDUCE_TASK
from training.commands import need_report_libraries, need_training_libraries, print_figures, say
from training.protocol import ProtocolSettings
from training.reading import ReadingSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from model.manifest import JSON


@click.command(epilog="Example: machim evaluate models/search test.tsv --train phrases.tsv --report report.html")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", nargs=-1, required=True)
@click.option("--train", "train_data", multiple=True, help="The training data again: for seen, unseen and baselines.")
@settings_options(ProtocolSettings, ReadingSettings)
@KIND_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="Write tables and pictures to this HTML file.")
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    model: Path,
    data: tuple[str, ...],
    train_data: tuple[str, ...],
    kinds: tuple[str, ...],
    as_json: bool,
    report: Path | None,
    **options: Any,
) -> None:
    """Measure the checkpoint MODEL on DATA that it was not trained on.

    Bits per character of the torch network in float32 and of the int8 graphs that are served. For phrases also
    MRR@10, PMRR@10, hits, MRL, keystrokes saved, the time of a completion and the share of replies proven exact, and
    the same phrases half typed, in the other case, as initials, on the wrong keyboard and with a slip. With --train
    also apart for phrases seen and unseen, beside most popular completion, counts and a character n-gram.

    For a classifier, on texts with labels: accuracy, macro F1, loss and calibration error of both forms, how often
    their labels differ, the time of a text on one thread, and precision, recall and F1 of every label. For a tagger, on
    texts with tags or with spaces: accuracy and macro F1 of characters, words found where spaces are told, both forms.
    For a transducer, on pairs: how often it is right at once and among five, and errors in characters; with --train
    also looking the nearest text up.
    """
    reading = settings_from(ReadingSettings, options)
    settings = settings_from(ProtocolSettings, options)
    need_training_libraries()
    if report is not None:
        need_report_libraries(report)
    task = open_checkpoint(model).manifest.task
    if task == CLASSIFIER_TASK:
        refuse_phrase_options(told_options(context), "sorts texts")
        figures = measure_classifier(model, data, reading, report)
    elif task in TAGGER_TASKS:
        refuse_phrase_options(told_options(context), "tags characters")
        figures = measure_tagger(model, data, reading, report)
    elif task == TRANSDUCE_TASK:
        refuse_phrase_options(told_options(context).keys() - {"train_data"}, "turns texts into others")
        figures = measure_transducer(model, data, train_data, reading, report)
    else:
        if task == GENERATE_TASK:
            refuse_phrase_options(told_options(context), "writes texts of labels")
            refuse_report(report, "writes texts of labels")
        from training.evaluate import evaluate_model  # noqa: PLC0415

        evaluation = evaluate_model(model, data, train_data, reading, settings, frozenset(kinds))
        figures = evaluation.figures
        if report is not None:
            from training.report import write_report  # noqa: PLC0415

            write_report(report, evaluation)
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    else:
        print_figures(figures)


def measure_tagger(model: Path, data: Sequence[str], reading: ReadingSettings, report: Path | None) -> dict[str, JSON]:
    """Measure a tagger.

    Raises:
        InputError: a report was asked for.
    """
    refuse_report(report, "tags characters")
    from training.tagger_evaluate import evaluate_tagger  # noqa: PLC0415

    return evaluate_tagger(model, data, reading, say=say)


def measure_transducer(
    model: Path, data: Sequence[str], train_data: Sequence[str], reading: ReadingSettings, report: Path | None
) -> dict[str, JSON]:
    """Measure a transducer, beside looking the nearest text up where what it learned from is named.

    Raises:
        InputError: a report was asked for.
    """
    refuse_report(report, "turns texts into others")
    from model.transducer import load_transducer  # noqa: PLC0415
    from training.pairs import read_pairs  # noqa: PLC0415
    from training.transducer_run import pair_figures  # noqa: PLC0415

    learned = read_pairs(train_data, reading, say) if train_data else None
    return pair_figures(load_transducer(model), read_pairs(data, reading, say), learned)


def refuse_report(report: Path | None, what: str) -> None:
    """Refuse a report of a model of which there is none to write; ``what`` says what the model does.

    Raises:
        InputError: one was asked for.
    """
    if report is not None:
        raise InputError(f"--report is for models of phrases and those that sort texts, got one that {what}")


def refuse_phrase_options(told: Collection[str], what: str) -> None:
    """Refuse options of ``evaluate`` that say nothing to a model of another kind, of which is told what it does.

    Raises:
        InputError: one was told.
    """
    if "train_data" in told:
        raise InputError(
            f"--train is for models of phrases: baselines of one that {what} are measured by the benchmarks, as "
            "benchmarks/README.md says"
        )
    for name in ("kinds", *(field.name for field in fields(ProtocolSettings))):
        if name in told:
            raise InputError(f"--{name.replace('_', '-')} is for models of phrases, got a model that {what}")


def measure_classifier(
    model: Path, data: Sequence[str], reading: ReadingSettings, report: Path | None
) -> dict[str, JSON]:
    """Measure a classifier, and write its report if one was asked for."""
    from training.classifier_evaluate import evaluate_classifier  # noqa: PLC0415

    evaluation = evaluate_classifier(model, data, reading, say=say)
    if report is not None:
        from training.classifier_report import write_classifier_report  # noqa: PLC0415
        from training.observation import TrainingRecord  # noqa: PLC0415

        title = f"Evaluation of {evaluation.model}"
        write_classifier_report(
            report, TrainingRecord(), title=title, figures=evaluation.figures, observed=evaluation.observed
        )
    return evaluation.figures
