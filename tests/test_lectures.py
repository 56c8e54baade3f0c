"""Every experiment of the lectures runs small, and what it claims is so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_classifier_run import machim

from training.lectures.lesson import SMALL, Scale
from training.lectures.programme import LECTURES

if TYPE_CHECKING:
    from training.lectures.lesson import Result

pytestmark = pytest.mark.usefixtures("one_thread")

DOCS = Path(__file__).parent.parent / "docs"
QUICK = Scale(names=24, tested=20, epochs=2, seeds=1, members=3, deepest=5, farthest=10)
LEARNS = Scale(names=60, tested=60, epochs=10, seeds=1, members=3, deepest=5, farthest=5)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {name: lecture.run(QUICK) for name, lecture in LECTURES.items()}


@pytest.mark.parametrize("name", LECTURES)
def test_an_experiment_gives_a_table_and_a_picture(name: str, results: dict[str, Result], tmp_path: Path) -> None:
    from training.lecture_command import draw_result  # noqa: PLC0415 - beside its only use

    result = results[name]
    assert len(result.table.rows) == len(result.numbers) > 1
    assert all(len(row) == len(result.table.columns) for row in result.table.rows)
    assert all(np.isfinite(list(row.values())).all() for row in result.numbers.values())
    draw_result(result, tmp_path / "picture.svg")
    assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_sigmoids_lose_the_gradient_and_others_keep_it() -> None:
    numbers = LECTURES["gradients"].run(SMALL).numbers
    assert numbers["10"]["sigmoid"] < 1e-3
    assert numbers["10"]["sigmoid"] < numbers["5"]["sigmoid"] < numbers["2"]["sigmoid"]
    assert numbers["10"]["relu"] > 0.1
    assert numbers["10"]["tanh"] > 0.1


def test_each_layer_reads_what_the_one_before_it_gives(results: dict[str, Result]) -> None:
    rows = list(results["widths"].numbers.values())
    assert [row["reads"] for row in rows[1:]] == [row["gives"] for row in rows[:-1]]
    assert all(row["weights"] == row["reads"] * row["gives"] for row in rows[1:])


def test_of_two_labels_softmax_is_a_sigmoid() -> None:
    numbers = LECTURES["outputs"].run(LEARNS).numbers
    assert all(
        abs(row["P(more b), softmax"] - row["P(more b), sigmoid of their difference"]) < 1e-6
        for row in numbers.values()
    )
    assert numbers["aaab"]["P(more b), softmax"] < 0.1
    assert numbers["abbb"]["P(more b), softmax"] > 0.9


def test_from_zeros_units_stay_equal_and_from_others_they_do_not() -> None:
    numbers = LECTURES["beginnings"].run(LEARNS).numbers
    assert numbers["zeros, relu"]["error at the first layer"] == 0
    assert numbers["zeros, relu"]["accuracy"] == 1 / 8  # chance
    assert numbers["zeros, sigmoid"]["units apart"] < 1e-6
    for way, row in numbers.items():
        if not way.startswith("zeros"):
            assert row["units apart"] > 1e-3
    assert numbers["he, relu"]["accuracy"] > 0.2
    assert numbers["rbm, sigmoid"]["in the last pass"] < numbers["rbm, sigmoid"]["x against x'"]


def test_sizes_are_those_of_the_formula(results: dict[str, Result]) -> None:
    numbers = results["sizes"].numbers
    assert [numbers["7"][form] for form in ("F 3", "F 3, stride 2", "F 3, padded")] == [5, 3, 7]
    assert results["sizes"].table.rows[0][-1] == "refused"
    for row in results["walking"].numbers.values():
        assert row["places"] == row["(N - F + 2P) / stride + 1"]


def test_what_is_done_by_hand_is_what_machim_does(results: dict[str, Result]) -> None:
    assert all(row["farthest from machim's"] == 0 for row in results["walking"].numbers.values())
    found = {name: row["places where it is"] for name, row in results["walking"].numbers.items()}
    assert found == {"valid": 3, "same": 3, "causal": 3, "valid, stride 2": 0}
    spelled = results["hello"].numbers
    assert all(row["farthest from machim's P"] < 1e-5 for row in spelled.values())
    for row, letter in zip(spelled.values(), "ello", strict=True):
        assert row[f"P({letter})"] > 0.9


def test_zeros_around_a_word_tell_where_it_begins() -> None:
    numbers = LECTURES["edges"].run(LEARNS).numbers
    for padding in ("same", "causal"):
        assert numbers[padding]["accuracy"] > 0.95
    assert numbers["valid"]["accuracy"] < 0.85


def test_blocks_see_more_characters_at_fewer_places(results: dict[str, Result]) -> None:
    rows = results["stacking"].numbers.values()
    assert [row["places left of 24"] for row in rows] == [12, 6, 3]
    assert [row["characters a place sees"] for row in rows] == [6, 16, 36]


def test_filters_of_one_letter_see_less_than_those_of_several_widths() -> None:
    numbers = LECTURES["branching"].run(LEARNS).numbers
    assert numbers["1"]["accuracy"] < numbers["2,3,4,5"]["accuracy"]


def test_filters_fire_at_letters_of_a_name(results: dict[str, Result]) -> None:
    for row, numbers in results["maps"].numbers.items():
        shown = re.fullmatch(r"filter \d+: '(.+)' in (.+), for .+", row)
        assert shown is not None
        assert 1 < len(shown[1]) <= 3
        assert shown[1] in shown[2]
        assert numbers["fires"] > 0


def test_residual_networks_learn_where_plain_ones_do_not() -> None:
    numbers = LECTURES["skipping"].run(replace(LEARNS, names=120, deepest=10)).numbers
    assert numbers["10"]["plain"] < 0.2 < numbers["10"]["residual"]
    assert numbers["10"]["plain"] < 0.2 < numbers["10"]["highway"]


def test_the_largest_values_of_a_text_tell_more_than_their_mean() -> None:
    numbers = LECTURES["pooling"].run(replace(LEARNS, tested=200, seeds=2)).numbers
    assert len(numbers) == 6
    assert numbers["max over the text"]["accuracy"] > numbers["mean over the text"]["accuracy"], numbers


def test_more_layers_have_more_weights(results: dict[str, Result]) -> None:
    weights = [row["weights"] for row in results["growing"].numbers.values()]
    assert weights == sorted(set(weights))


def test_gates_remember_farther_than_relu() -> None:
    numbers = LECTURES["distance"].run(replace(LEARNS, names=120, farthest=20)).numbers
    assert numbers["5"]["rnn-relu"] > 0.9
    assert numbers["20"]["rnn-relu"] < 0.7
    assert numbers["20"]["lstm"] > 0.9


def test_all_shapes_are_learned() -> None:
    numbers = LECTURES["shapes"].run(replace(LEARNS, names=100)).numbers
    assert len(numbers) == 5
    assert all(row["right"] > row["always the commonest"] + 0.1 for row in numbers.values()), numbers


def test_the_more_is_dropped_the_smaller_the_gap() -> None:
    numbers = LECTURES["dropping"].run(LEARNS).numbers
    assert numbers["0"]["learned"] > 0.95
    assert numbers["0.75"]["gap"] < numbers["0"]["gap"]


def test_members_are_right_more_often_together() -> None:
    numbers = LECTURES["ensembles"].run(LEARNS).numbers
    assert numbers["3"]["accuracy"] > numbers["1"]["accuracy"]


@pytest.mark.parametrize("page", ["lectures.md", "lectures.ko.md"])
def test_the_page_has_every_experiment_with_its_command_and_picture(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    commands = re.findall(r"^`machim lecture (\w+) --picture (\w+).svg`$", text, re.MULTILINE)
    assert commands == [(name, name) for name in LECTURES]
    for name in LECTURES:
        (shown,) = re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
        assert re.search(r"^\|(---\|)+$", shown, re.MULTILINE), name
        assert re.search(r"^\(\d+ s\)$", shown, re.MULTILINE), name
        assert f"](lectures/{name}.svg)" in text


def test_the_korean_page_has_korean_headings() -> None:
    text = (DOCS / "lectures.ko.md").read_text(encoding="utf-8")
    headings = re.findall(r"^\| (.+) \|\n\|---", text, re.MULTILINE)
    assert len(headings) == len(LECTURES)
    signs = r"tanh|relu|rnn-tanh|rnn-relu|gru|lstm|F 3|h\d|P\(\w\)|\(N - F \+ 2P\) / stride \+ 1"
    for heading in " | ".join(headings).split(" | "):
        assert re.search(r"[가-힣]", heading) or re.fullmatch(signs, heading), heading


def test_the_command_lists_runs_and_refuses(tmp_path: Path) -> None:
    listed = machim("lecture")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(LECTURES)
    run = machim("lecture", "sizes", "--small", "--json", "--picture", str(tmp_path / "sizes.png"))
    assert json.loads(run.stdout)["7"]["F 3"] == 5
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")
    refused = machim("lecture", "algebra")
    assert refused.returncode == 2
    assert refused.stderr.startswith("machim: lecture must be one of widths, gradients")
    refused = machim("lecture", "shapes", "--picture", str(tmp_path / "shapes.xyz"))
    assert "--picture must end in one of ." in refused.stderr
    assert not refused.stdout
    refused = machim("lecture", "shapes", "--picture", str(tmp_path / "no" / "shapes.svg"))
    assert refused.returncode == 2
    assert not refused.stdout  # before minutes were spent
