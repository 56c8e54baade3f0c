"""A classifier is measured on labelled texts that are brought to it: what is served, and what was trained."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from model.classification import classify
from model.classifier import load_classifier
from model.errors import CheckpointError, InputError
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_evaluate import ClassifierEvaluation, evaluate_classifier
from training.classifier_figures import logits_of_parts
from training.reading import ReadingSettings, ignore
from training.tables import figures_text

if TYPE_CHECKING:
    from pathlib import Path

READING = ReadingSettings()
SKIPPING = ReadingSettings(skip_bad_lines=True)


def machim(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run([sys.executable, "-m", "machim", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=["countries", "pair"])
def evaluation(request: pytest.FixtureRequest, classifiers: Path, countries_file: Path) -> ClassifierEvaluation:
    return evaluate_classifier(classifiers / request.param, [str(countries_file)], READING, say=ignore)


@pytest.fixture(scope="module")
def pairs(countries_file: Path) -> list[tuple[str, str]]:
    lines = countries_file.read_text(encoding="utf-8").splitlines()
    return [(text, label) for label, text in (line.split("\t") for line in lines)]


def of(figures: Any, *keys: str) -> Any:
    """Follow keys into figures."""
    for key in keys:
        figures = figures[key]
    return figures


def test_figures_are_those_of_the_labels_that_both_forms_give(
    evaluation: ClassifierEvaluation, classifiers: Path, pairs: list[tuple[str, str]]
) -> None:
    """Asked anew: the runtime text by text, and the network in float32."""
    loaded = load_classifier(classifiers / evaluation.model.split()[0])
    labels = [label for _, label in pairs]
    replies = [classify(loaded, text) for text, _ in pairs]
    said = [reply.label for reply in replies]
    rebuilt = rebuild_classifier(loaded)
    logits = rebuilt.logits(*logits_of_parts(rebuilt, [text for text, _ in pairs]))
    trained = [loaded.labels[place] for place in logits.argmax(axis=1)]
    figures = evaluation.figures
    assert evaluation.model == f"{loaded.name} {loaded.version}"
    assert figures["texts"] == len(pairs)
    for form, given in (("int8", said), ("torch", trained)):
        right = np.mean([label == each for label, each in zip(labels, given, strict=True)])
        assert of(figures, "sorting", form, "accuracy") == round(right, 4)
    differing = np.mean([one != other for one, other in zip(said, trained, strict=True)])
    assert figures["disagreement"] == round(differing, 4)
    loss = -np.mean(np.log([reply.probabilities[label] for reply, label in zip(replies, labels, strict=True)]))
    assert of(figures, "sorting", "int8", "loss_nats") == round(loss, 4)
    assert 0 < of(figures, "sorting", "int8", "p50_ms") <= of(figures, "sorting", "int8", "p99_ms")
    for label in loaded.labels:
        hits = sum(one == label == other for one, other in zip(labels, said, strict=True))
        assert of(figures, "per_label", label, "texts") == labels.count(label)
        assert of(figures, "per_label", label, "recall") == round(hits / labels.count(label), 4)
        assert of(figures, "confusion", label).get(label, 0) == hits
        assert sum(of(figures, "confusion", label).values()) == labels.count(label)


def test_tables_say_what_was_measured(evaluation: ClassifierEvaluation) -> None:
    written = figures_text(evaluation.figures)
    accuracy = [of(evaluation.figures, "sorting", form, "accuracy") for form in ("int8", "torch")]
    assert f"| accuracy | {accuracy[0]} | {accuracy[1]} |" in written
    assert f"| another label than float32, share of texts | {evaluation.figures['disagreement']} |  |" in written
    assert "| label | texts | precision | recall | F1 |" in written


@pytest.mark.parametrize("with_labels_first", [True, False])
def test_few_lines_are_told_apart_by_the_labels_that_the_model_knows(
    classifiers: Path, tmp_path: Path, with_labels_first: bool
) -> None:
    """As many labels as texts, and the labels are longer."""
    rows = [("South Korea", "Busan"), ("Brazil", "Rio"), ("United States", "Boise")]
    path = tmp_path / "few.tsv"
    path.write_text(
        "".join("\t".join(row if with_labels_first else row[::-1]) + "\n" for row in rows), encoding="utf-8"
    )
    told: list[str] = []
    figures = evaluate_classifier(classifiers / "countries", [str(path)], READING, say=told.append).figures
    assert figures["texts"] == 3
    assert told == [f"taken for {'label<TAB>text' if with_labels_first else 'text<TAB>label'}: 3 labels"]


def test_labels_that_the_model_does_not_know_are_named_or_left_out_when_asked(
    classifiers: Path, tmp_path: Path
) -> None:
    path = tmp_path / "strange.tsv"
    strange = "".join(f"label {number}\tnowhere\n" for number in range(12))
    path.write_text(f"China\tShanghai\nMars\tOlympus\nMars\tTharsis\n{strange}", encoding="utf-8")
    model = classifiers / "countries"
    with pytest.raises(InputError) as refused:
        evaluate_classifier(model, [str(path)], READING, say=ignore)
    message = str(refused.value)
    assert message.startswith("labels must be among the ")
    assert "that countries knows, got Mars (2), label 0 (1), " in message
    assert "label 8 (1) and 3 others: mend them, or leave their texts out with --skip-bad-lines" in message
    told: list[str] = []
    figures = evaluate_classifier(model, [str(path)], SKIPPING, say=told.append).figures
    assert figures["texts"] == 1
    assert of(figures, "left_out_labels", "Mars") == 2
    assert len(of(figures, "left_out_labels")) == 13
    assert any(line.startswith("left out 14 texts whose labels countries does not know: Mars (2)") for line in told)
    path.write_text("Mars\tOlympus\nVenus\tIshtar\n", encoding="utf-8")
    with pytest.raises(InputError, match="a text must have a label that countries knows, got none"):
        evaluate_classifier(model, [str(path)], SKIPPING, say=ignore)


def test_a_checkpoint_of_another_task_is_refused(tiny_models: Path, countries_file: Path) -> None:
    with pytest.raises(CheckpointError, match="the task must be classify, got a model for autocomplete"):
        evaluate_classifier(tiny_models / "tiny", [str(countries_file)], READING, say=ignore)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold a text with its label, but it is empty"),
        ("no label here\n", "where no header names its columns a line must be a label, a TAB and its text"),
        ("name,population\nSeoul,9\n", "--label-column must be told"),
    ],
)
def test_data_without_labels_are_refused(classifiers: Path, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / ("data.csv" if "," in content else "data.txt")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as refused:
        evaluate_classifier(classifiers / "countries", [str(path)], READING, say=ignore)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            ["--train", "x.tsv"],
            "machim: --train is for models of phrases: baselines of one that sorts texts are measured by",
        ),
        (["--least-prefix", "2"], "machim: --least-prefix is for models of phrases, got a model that sorts texts"),
        (["--kinds", "exact"], "machim: --kinds is for models of phrases, got a model that sorts texts"),
        (["--report", "absent/report.html"], "machim: --report must name a file in a folder that exists, got absent/"),
        (["--report", "x" * 300], "machim: --report must name a file that can be written, got xxx"),
    ],
)
def test_what_cannot_be_done_for_a_classifier_is_refused_before_it_is_measured(
    classifiers: Path, countries_file: Path, told: list[str], message: str
) -> None:
    refused = machim("evaluate", str(classifiers / "countries"), str(countries_file), *told)
    assert refused.returncode == 2
    assert refused.stderr.startswith(message)
    assert len(refused.stderr.splitlines()) == 1


def test_the_command_prints_figures_and_writes_a_report(
    classifiers: Path, countries_file: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    done = machim("evaluate", str(classifiers / "countries"), str(countries_file), "--json", "--report", str(report))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["sorting"]["int8"]["accuracy"] > 0.9
    page = report.read_text(encoding="utf-8")
    assert "<h1>Evaluation of countries 0001</h1>" in page
    for heading in ("Confusion matrix", "Reliability diagram", "Worst mistakes"):
        assert f"<h2>{heading}</h2>" in page
    right = round(figures["sorting"]["int8"]["accuracy"] * figures["texts"])
    assert f"{right:,} of {figures['texts']:,} texts have their own label" in page
