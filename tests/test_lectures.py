"""Every experiment of the lectures runs small, and what it claims is so."""

from __future__ import annotations

import json
import re
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
QUICK = Scale(names=30, epochs=2, seeds=1, most=10)
LEARNS = Scale(names=120, epochs=12, seeds=1, most=10)


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


def test_from_zeros_every_hidden_unit_stays_equal_to_its_neighbour(results: dict[str, Result]) -> None:
    numbers = results["beginnings"].numbers
    assert numbers["zeros"]["units apart"] == 0
    assert all(row["units apart"] > 0 for how, row in numbers.items() if how != "zeros")


def test_sizes_are_those_of_the_formula(results: dict[str, Result]) -> None:
    numbers = results["sizes"].numbers
    assert [numbers["7"][form] for form in ("F 3", "F 3, stride 2", "F 3, padded")] == [5, 3, 7]
    assert numbers["7"]["twice F 3, pool 2, twice"] == 0  # refused
    for row in results["walking"].numbers.values():
        assert row["places"] == row["(N - F + 2P) / stride + 1"]


def test_what_is_done_by_hand_is_what_machim_does(results: dict[str, Result]) -> None:
    assert all(row["farthest from machim's"] == 0 for row in results["walking"].numbers.values())
    assert results["walking"].numbers["same"]["places where it is"] == 3
    spelled = results["hello"].numbers
    assert all(row["farthest from machim's h"] < 1e-5 for row in spelled.values())
    for row, letter in zip(spelled.values(), "ello", strict=True):
        assert row[f"P({letter})"] > 0.9


def test_residual_networks_learn_where_plain_ones_do_not() -> None:
    numbers = LECTURES["skipping"].run(LEARNS).numbers
    assert numbers["10"]["none"] < 0.2 < numbers["10"]["residual"]
    assert numbers["10"]["none"] < 0.2 < numbers["10"]["highway"]


def test_all_shapes_are_learned() -> None:
    numbers = LECTURES["shapes"].run(LEARNS).numbers
    assert len(numbers) == 5
    assert all(row["right"] > 0.7 for row in numbers.values()), numbers


def test_the_more_is_dropped_the_smaller_the_gap() -> None:
    numbers = LECTURES["dropping"].run(LEARNS).numbers
    assert numbers["0.75"]["gap"] < numbers["0"]["gap"]


def test_members_lose_less_together() -> None:
    numbers = LECTURES["ensembles"].run(LEARNS).numbers
    assert numbers["3"]["loss, nats"] < numbers["1"]["loss, nats"]


@pytest.mark.parametrize("page", ["lectures.md", "lectures.ko.md"])
def test_the_page_has_every_experiment_with_its_command_and_picture(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert re.findall(r"^`machim lecture (\w+)`$", text, re.MULTILINE) == list(LECTURES)
    for name in LECTURES:
        (shown,) = re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
        assert re.search(r"^\|(---\|)+$", shown, re.MULTILINE), name
        assert re.search(r"^\(\d+ s\)$", shown, re.MULTILINE), name
        assert f"](lectures/{name}.svg)" in text


def test_the_command_lists_runs_and_refuses(tmp_path: Path) -> None:
    listed = machim("lecture")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(LECTURES)
    run = machim("lecture", "sizes", "--small", "--json", "--picture", str(tmp_path / "sizes.png"))
    assert json.loads(run.stdout)["7"]["F 3"] == 5
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")
    refused = machim("lecture", "algebra")
    assert refused.returncode == 2
    assert refused.stderr.startswith("machim: lecture must be one of sizes, gradients")
    refused = machim("lecture", "sizes", "--picture", str(tmp_path / "sizes.xyz"))
    assert "--picture must name a picture that can be written" in refused.stderr
    refused = machim("lecture", "shapes", "--picture", str(tmp_path / "no" / "shapes.svg"))
    assert refused.returncode == 2
    assert not refused.stdout  # before minutes were spent
