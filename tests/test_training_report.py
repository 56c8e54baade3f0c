"""The report of a run: one file, whole, with a section for all that there is something of."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from test_observation import C, a_classifier, padded, some_texts, train

from model.errors import InputError
from training.classification_metrics import confusion_matrix, reliability
from training.observation import CurvePoint, Histogram, Observer, TrainingRecord, Validation
from training.training_pictures import smoothed_norms
from training.training_report import (
    MOST_LABELS,
    Calibration,
    Mistake,
    confusion_section,
    most_confused,
    worst_mistakes,
    write_training_report,
)

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ["<script>alert(1)</script>", "지역 & 이름", "other"]
SECTIONS = [
    "Loss",
    "Accuracy",
    "Learning rate",
    "Gradient norm by layer",
    "Activations by layer",
    "Dead ReLU units",
    "Confusion matrix",
    "Reliability diagram",
    "Worst mistakes",
]
VOID = {"meta", "br", "img", "link", "input", "hr"}


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    network = a_classifier(encoder="convolution/recurrent")
    observer = Observer(network)
    train(network, observer)
    return observer.record


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What is said of a classifier that learned a little: real probabilities, labels and texts that are markup."""
    network = a_classifier()
    train(network, None, steps=12)
    texts, classes = some_texts(200)
    network.eval()
    with torch.no_grad():
        probabilities = network(*padded(texts)).double().softmax(dim=1).numpy()
    right = classes.numpy()
    names = [f"<img src=x onerror='{number}'> 텍스트 {number}" for number in range(200)]
    return {
        "labels": LABELS,
        "confusion": confusion_matrix(right, probabilities.argmax(axis=1), C),
        "reliability": Calibration(
            before=reliability(probabilities, right), after=reliability(probabilities**2, right), temperature=0.5
        ),
        "mistakes": worst_mistakes(names, LABELS, right, probabilities),
    }


def page_of(path: Path, record: TrainingRecord, **told: Any) -> str:
    chosen = {"title": "Training of <b>names</b> & 0001", "figures": {}, **told}
    write_training_report(path / "report.html", record, **chosen)
    return (path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(record: TrainingRecord, told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("report"), record, **told)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


class Nesting(HTMLParser):
    """Reads a page and holds that what is opened is closed, and that nothing in it runs or is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "img", "link", "iframe", "object", "b"}
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"src", "href", "xlink:href"} or str(value).startswith("#")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_neither_runs_nor_fetches_anything(page: str) -> None:
    """Texts, labels and the title are markup themselves, and stand in it as they are."""
    reader = Nesting()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert not re.search(r"url\((?!#)|@import", page)
    assert "Training of <b>names</b> & 0001" in reader.text
    for label in LABELS:
        assert label in reader.text
    assert "<img src=x onerror='" in reader.text


def test_every_section_has_a_picture_or_a_table_and_says_what_to_look_for(page: str) -> None:
    assert headings(page) == SECTIONS
    assert len(re.findall(r"<figcaption>[^<]{60,}</figcaption>", page)) == len(SECTIONS)
    drawn = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawn) == 7
    for svg in drawn:
        ET.fromstring(svg)  # noqa: S314 - drawn by ourselves
    described = re.findall(r'<svg role="img" aria-label="(.*?)"', page)
    assert len(set(described)) == 7
    assert all(len(each) > 20 for each in described)
    names = re.findall(r' id="(.*?)"', page)
    assert len(names) == len(set(names))


def test_the_page_says_the_figures_that_were_observed(page: str, record: TrainingRecord, told: dict[str, Any]) -> None:
    best = min(each.loss_nats for each in record.validations) / np.log(2)
    assert f"Held out: {best:.3f} bits at best" in page
    for name in record.gradient_norms:
        assert f'<th scope="row">{name}</th>' in page
    calibration: Calibration = told["reliability"]
    assert f"before: ECE {calibration.before.expected_calibration_error:.4f}" in page
    assert f"at temperature 0.5: ECE {calibration.after.expected_calibration_error:.4f}" in page
    right = int(told["confusion"].trace())
    assert f"{right} of 200 texts have their own label" in page
    worst: Mistake = told["mistakes"][0]
    assert f"<td>{worst.probability:.1%}</td>" in page


@pytest.mark.parametrize("name", ["confusion", "reliability", "mistakes"])
def test_what_is_not_told_has_no_section(
    record: TrainingRecord, told: dict[str, Any], name: str, tmp_path: Path
) -> None:
    sections = {"confusion": "Confusion matrix", "reliability": "Reliability diagram", "mistakes": "Worst mistakes"}
    page = page_of(tmp_path, record, **{**told, name: None})
    assert headings(page) == [each for each in SECTIONS if each != sections[name]]


def test_a_network_without_relu_has_no_dead_units_and_without_mistakes_no_table_of_them(tmp_path: Path) -> None:
    network = a_classifier(encoder="window", activation="tanh")
    observer = Observer(network)
    train(network, observer, steps=8)
    page = page_of(tmp_path, observer.record, labels=LABELS, mistakes=[])
    assert headings(page) == SECTIONS[:5]


def test_a_language_model_has_bits_per_character_and_no_accuracy(tmp_path: Path) -> None:
    point = CurvePoint(step=0, done=0.0, epoch=0.0, loss_nats=1.0, learning_rate=0.1)
    record = TrainingRecord(
        curve=[point],
        validations=[Validation(step=1, loss_nats=2.0, accuracy=None)],
        gradient_norms={"recurrent.0": [(0, 0.5)]},
        activations={"recurrent": Histogram(edges=(-1.0, 0.0, 1.0), counts=(2, 5))},
    )
    bits: dict[str, Any] = {"bits_per_character": {"torch": 1.5, "int8": 1.6}}
    page = page_of(tmp_path, record, figures=bits)
    assert headings(page) == ["Loss", "Learning rate", "Gradient norm by layer", "Activations by layer"]
    assert "1.443 bits per character at first" in page
    assert "<td>1.6</td>" in page


def test_nothing_observed_and_nothing_told_leaves_the_title_alone(tmp_path: Path) -> None:
    page = page_of(tmp_path, TrainingRecord())
    assert headings(page) == []
    assert "<svg" not in page
    assert "<table" not in page


def test_layers_that_no_gradient_reached_and_more_layers_than_can_be_drawn(tmp_path: Path) -> None:
    curve = [CurvePoint(step=step, done=0.0, epoch=0.0, loss_nats=1.0, learning_rate=0.1) for step in range(3)]
    norms = {f"layer.{number}": [(step, 0.0) for step in range(3)] for number in range(60)}
    one = Histogram(edges=(0.0, 1.0), counts=(3,))
    record = TrainingRecord(
        curve=curve,
        gradient_norms=norms,
        activations=dict.fromkeys(norms, one),
        dead_shares={name: [(3, 0.0)] for name in norms},
    )
    page = page_of(tmp_path, record)
    assert "24 of 60 layers are drawn; the table below has all." in page
    assert page.count('<th scope="row">layer.') == 60
    assert "At last there is none." in page
    assert [name in page for name in (">layer.0</text>", ">layer.59</text>", ">layer.1</text>")] == [True, True, False]


def test_a_layer_that_stops_learning_leaves_a_gap_and_others_the_running_mean() -> None:
    """The geometric mean of 1 and 100 with weights f and 1, f what a point fades by: 100 to the power of 1/(1 + f)."""
    points = smoothed_norms([(0, 1.0), (4, 0.0), (8, 100.0)])
    assert [step for step, _ in points] == [0, 4, 8]
    assert points[0][1] == 1.0
    assert math.isnan(points[1][1])
    assert points[2][1] == pytest.approx(100 ** (1 / (1 + math.exp(-1))))


def test_a_report_is_the_same_when_it_is_written_again(
    page: str, record: TrainingRecord, told: dict[str, Any], tmp_path: Path
) -> None:
    assert page_of(tmp_path, record, **told) == page


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--report cannot be written"):
        write_training_report(tmp_path / "absent" / "report.html", TrainingRecord(), title="names", figures={})


def test_of_many_labels_those_of_the_largest_confusions_are_shown() -> None:
    """Forty labels, each right five times; label n + 20 is taken for n so many times as n says."""
    confusion = np.diag(np.full(40, 5))
    for place in range(1, 20):
        confusion[place + 20, place] = place
    confusion[39, 0] = 1
    shown = most_confused(confusion)
    assert shown == [*range(5, 20), *range(25, 40)]
    assert len(shown) == MOST_LABELS
    section = confusion_section([f"label {number}" for number in range(40)], confusion)
    assert "Of 40 labels those with the largest confusions are shown, 30." in section
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*)</tr>', section)
    assert [name for name, _ in rows] == [f"label {number}" for number in shown]
    for place, (_, cells) in zip(shown, rows, strict=True):
        *counts, others, texts = [int(each or 0) for each in re.findall(r"<td.*?>(.*?)</td>", cells)]
        assert counts == confusion[place, shown].tolist()
        assert others == (1 if place == 39 else 0)
        assert texts == confusion[place].sum()
    assert confusion_section(["label"] * 40, np.diag(np.full(40, 5))).count("<table") == 0


def test_few_labels_are_all_shown_and_a_cell_is_as_dark_as_its_share() -> None:
    section = confusion_section(["a", "b"], np.array([[1, 3], [0, 0]]))
    cells = re.findall(r"<td(?: style=\"background: rgba\(0, 114, 178, (.*?)\)(.*?)\")?>(.*?)</td>", section)
    assert cells == [
        ("0.250", "", "1"),
        ("0.750", "; color: #fff", "3"),
        ("", "", "4"),
        ("0.000", "", ""),
        ("0.000", "", ""),
        ("", "", "0"),
    ]
    assert "others" not in section


def test_worst_mistakes_are_those_of_the_highest_probabilities() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    mistakes = worst_mistakes(["right", "sure", "unsure", "fair"], ["a", "b"], np.array([0, 0, 0, 0]), probabilities)
    assert mistakes == [
        Mistake(text="sure", label="a", said="b", probability=0.8),
        Mistake(text="fair", label="a", said="b", probability=0.7),
        Mistake(text="unsure", label="a", said="b", probability=0.6),
    ]
    many = worst_mistakes(["x"] * 99, ["a", "b"], np.zeros(99, dtype=np.int64), np.tile([0.4, 0.6], (99, 1)))
    assert len(many) == 25


def test_a_long_text_is_cut(tmp_path: Path) -> None:
    long = Mistake(text="가" * 1000, label="a", said="b", probability=0.5)
    page = page_of(tmp_path, TrainingRecord(), labels=["a", "b"], mistakes=[long])
    assert f"<td>{'가' * 300}…</td>" in page
