"""The report of an evaluation: one file, whole, that says what was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from model.errors import InputError
from training.comparison import (
    Evaluation,
    System,
    completion_figures,
    latency_figures,
    observe,
    typed_figures,
)
from training.protocol import cut_phrases
from training.report import write_report
from training.tables import figures_tables, figures_text

if TYPE_CHECKING:
    from pathlib import Path

PHRASES = [f"서울역 {number} 번" for number in range(30)] + ["부산 바다"]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    test = cut_phrases(PHRASES)
    tests = {"seen": test[:20], "unseen": test[20:], "all": test}
    systems = [
        System(name="model", complete=lambda typed: [each for each in PHRASES if each.startswith(typed)][:10]),
        System(name="most_popular", complete=lambda _: PHRASES[:10], literal=True),
    ]
    observed = {system.name: observe(test, system, 5) for system in systems}
    figures: dict[str, Any] = {
        "bits_per_character": {"torch": 2.01, "int8": 2.02},
        "completion": completion_figures(tests, systems, 5),
        "typed": typed_figures(tests, systems, 5),
        "latency_ms": latency_figures(observed),
        "exact_replies": {"replies": 173, "share": 0.9827},
    }
    return Evaluation(model="tiny <1> & 0001", figures=figures, observed=observed)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, evaluation)
    return path.read_text(encoding="utf-8")


def test_the_report_needs_nothing_beside_it(page: str) -> None:
    """Addresses stand in it only as names of XML; nothing is fetched, and nothing is run."""
    assert set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page)) == set()
    assert not re.search(r"url\((?!#)", page)
    assert "<script" not in page
    assert "@import" not in page


def test_the_report_shows_every_table_and_every_picture(page: str, evaluation: Evaluation) -> None:
    tables = figures_tables(evaluation.figures)
    assert len(tables) == page.count("<table>") == 4
    for table in tables:
        for row in table.rows:
            assert all(f">{cell}<" in page for cell in row)
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "MRR@10 by characters typed",
        "Hit rate by way of typing",
        "Keystrokes saved",
        "Time of a completion",
    ]
    assert re.findall(r'<svg role="img" aria-label="(.*?)"', page) == headings


def test_the_report_shows_of_how_many_replies_it_is_proven_that_they_are_exact(page: str) -> None:
    assert ">proven exact, share</th>" in page
    assert "<td>0.9827</td><td>173</td></tr>" in page


def test_pictures_are_whole_and_no_name_is_there_twice(page: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawn) == 4
    for svg in drawn:
        ET.fromstring(svg)  # noqa: S314 - drawn by ourselves
    names = re.findall(r' id="(.*?)"', page)
    assert len(names) == len(set(names))
    referred_to = {clip or mark for clip, mark in re.findall(r'url\(#(.*?)\)|href="#(.*?)"', page)}
    assert referred_to
    assert referred_to <= set(names)


def test_a_name_of_a_model_is_text_in_the_report(page: str) -> None:
    assert "<title>Evaluation of tiny &lt;1&gt; &amp; 0001</title>" in page
    assert "tiny <1>" not in page


def test_a_report_is_the_same_when_it_is_written_again(page: str, evaluation: Evaluation, tmp_path: Path) -> None:
    write_report(tmp_path / "again.html", evaluation)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_running_text_has_a_table_and_no_picture(tmp_path: Path) -> None:
    bits: dict[str, Any] = {"bits_per_character": {"torch": 1.5, "int8": 1.6}}
    write_report(tmp_path / "report.html", Evaluation(model="hello", figures=bits, observed={}))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<table>") == 1
    assert "<svg" not in page


def test_nothing_typed_otherwise_leaves_its_pictures_out(evaluation: Evaluation, tmp_path: Path) -> None:
    system = System(name="model", complete=lambda _: PHRASES[:10])
    observed = {"model": observe(cut_phrases(PHRASES), system, 0)}
    write_report(tmp_path / "report.html", Evaluation(model="m", figures={}, observed=observed))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["MRR@10 by characters typed", "Time of a completion"]


def test_a_report_that_cannot_be_written_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--report cannot be written"):
        write_report(tmp_path / "absent" / "report.html", evaluation)


def test_tables_for_the_terminal_have_only_the_columns_that_were_measured(evaluation: Evaluation) -> None:
    system = System(name="other", complete=lambda _: [])
    plain = figures_text({"completion": completion_figures({"all": [("서울역", "서")]}, [system])})
    assert plain.splitlines() == [
        "| completions | phrases | MRR@10 | PMRR@10 | hit@1 | hit@10 |",
        "|---|---|---|---|---|---|",
        "| other, all | 1 | 0.0 | 0.0 | 0.0 | 0.0 |",
    ]
    whole = figures_text(evaluation.figures)
    assert "| hit@10 | typed out | MRL | keys saved |" in whole
    assert "| with one slip, machim, seen | 5 |" in whole
    assert "| last syllable half typed, most popular" not in whole
    timed = whole[whole.index("| time of a completion |") :].splitlines()
    assert timed[0] == "| time of a completion | median, ms | 99th percentile, ms | proven exact, share | of replies |"
    assert timed[2].startswith("| machim | ")
    assert timed[2].endswith(" | 0.9827 | 173 |")
    assert timed[3].startswith("| most popular completion | ")
    assert timed[3].endswith(" |  |  |")
