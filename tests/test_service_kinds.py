"""Kinds of match, deadlines, and what a completion says of itself, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from model.channel import KINDS
from service.app import create_app
from service.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient


@pytest.fixture(scope="module")
def client(tiny_models: Path) -> FlaskClient:
    return create_app(Settings(models=tiny_models, deadline_ms=60_000)).test_client()


def completions_of(client: FlaskClient, query: str) -> list[dict[str, Any]]:
    response = client.get(f"/v1/complete?{query}")
    assert response.status_code == 200, response.text
    completions: list[dict[str, Any]] = response.get_json()["completions"]
    return completions


@pytest.mark.parametrize(
    ("typed", "first", "match", "highlight"),
    [
        ("서울", "서울", "exact", [[0, 2]]),
        ("서우", "서울", "partial", [[0, 2]]),
        ("seou", "Seoul", "case", [[0, 4]]),
        ("ㅅㅍㅇㄹ", "상파올로", "initials", [[0, 4]]),
        ("tjdnf", "서울", "keyboard", [[0, 2]]),
        ("베익징", "베이징", "slip", [[0, 3]]),
    ],
)
def test_a_completion_says_how_it_matches_and_where_it_came_from(
    client: FlaskClient, typed: str, first: str, match: str, highlight: list[list[int]]
) -> None:
    best = completions_of(client, f"q={quote(typed)}")[0]
    assert (best["text"], best["match"], best["highlight"]) == (first, match, highlight)
    assert best["source"] == "seen"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "exact"])
def test_each_kind_can_be_switched_off(client: FlaskClient, kind: str) -> None:
    typed = {"partial": "서우", "case": "seou", "initials": "ㅅㅍㅇㄹ", "keyboard": "tjdnf", "slip": "베익징"}[kind]
    assert kind in {each["match"] for each in completions_of(client, f"q={quote(typed)}")}
    others = ",".join(each for each in KINDS if each != kind)
    assert kind not in {each["match"] for each in completions_of(client, f"q={quote(typed)}&kinds={others}")}


def test_kinds_come_as_a_list_in_json_and_exact_is_always_one(client: FlaskClient) -> None:
    for kinds in ([], ["exact"]):
        reply = client.post("/v1/complete", json={"q": "서우", "kinds": kinds}).get_json()
        assert {each["match"] for each in reply["completions"]} == {"exact"}
    both = client.post("/v1/complete", json={"q": "서우", "kinds": ["partial"]}).get_json()
    assert {"partial", "exact"} == {each["match"] for each in both["completions"]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"kinds": ["guess"]}, "kinds must be of exact, partial, case, initials, keyboard, slip, got ['guess']"),
        ({"kinds": [1]}, "kinds"),
        ({"kinds": {"exact": True}}, "kinds"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"deadline_ms": 60_001}, "deadline_ms must be at most 60000, got 60001"),
        ({"deadline_ms": "soon"}, "deadline_ms must be a whole number"),
    ],
)
def test_a_bad_kind_or_deadline_is_refused_and_told_why(client: FlaskClient, body: dict[str, Any], says: str) -> None:
    response = client.post("/v1/complete", json={"q": "서", **body})
    assert response.status_code == 422
    assert says in response.get_json()["detail"]


def test_a_deadline_that_has_passed_gives_what_was_found_and_says_that_it_is_not_all(client: FlaskClient) -> None:
    reply = client.get("/v1/complete?q=&limit=100&deadline_ms=1").get_json()
    assert reply["exact"] is False
    whole = client.get("/v1/complete?q=&limit=100").get_json()
    assert whole["exact"] is True
    assert len(reply["completions"]) <= len(whole["completions"]) == 100
