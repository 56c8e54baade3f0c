"""The service through Flask's test client: what is answered, what is refused and how, and what never leaks."""

import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from model.checkpoint import open_checkpoint
from model.completion import CompletionRequest, complete
from model.loaded import load_model
from service.app import create_app
from service.settings import Settings

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"

SERVE_WITHOUT_TRAINING = """
import sys
from pathlib import Path
for name in ("torch", "onnx", "safetensors", "rich", "training"):
    sys.modules[name] = None  # importing it raises ImportError
from service.app import create_app
from service.settings import Settings
client = create_app(Settings(models=Path(sys.argv[1]))).test_client()
assert len(client.get("/v1/complete?q=S").get_json()["completions"]) > 0
assert client.post("/v1/generate", json={"prefix": "S", "seed": 1}).status_code == 200
assert sys.modules["torch"] is None
assert "training" not in {name.partition(".")[0] for name, module in sys.modules.items() if module}
"""


@pytest.fixture(scope="module")
def app(tiny_models: Path) -> Flask:
    return create_app(Settings(models=tiny_models))


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def post(client: FlaskClient, body: bytes, path: str = "/v1/complete", kind: str = JSON_TYPE) -> TestResponse:
    return client.post(path, data=body, content_type=kind)


def problem_of(response: TestResponse) -> dict[str, Any]:
    """Read a problem document, and hold it to what every one of ours must be."""
    assert response.content_type == PROBLEM_TYPE
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = json.loads(response.data)
    assert problem["status"] == response.status_code
    assert problem["type"] == "about:blank"
    assert {"title", "detail"} <= problem.keys()
    assert "\n" not in problem["detail"]
    return problem


def damage(version: Path) -> None:
    path = version / "alphabet.model"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "typed", ["S", "San ", "샌", "A 서울", "\u1109\u1165\u110b\u116e\u11af", "☃", "\N{FAMILY}", "  "]
)
def test_every_completion_starts_with_what_was_typed(client: FlaskClient, typed: str) -> None:
    reply = client.get(f"/v1/complete?q={quote(typed)}&limit=5").get_json()
    assert len(reply["completions"]) <= 5
    assert all(completion["text"].startswith(reply["prefix"]) for completion in reply["completions"])
    scores = [completion["score"] for completion in reply["completions"]]
    assert scores == sorted(scores, reverse=True)


def test_a_query_and_a_body_are_answered_as_the_model_answers(client: FlaskClient, tiny_models: Path) -> None:
    expected = complete(load_model(tiny_models / "tiny"), CompletionRequest(prefix="San", limit=3))
    asked = client.get("/v1/complete?q=San&limit=3").get_json()
    posted = client.post("/v1/complete", json={"q": "San", "limit": 3}).get_json()
    assert asked["elapsed_ms"] >= 0
    assert (asked["prefix"], asked["exact"]) == ("San", expected.exact)
    assert (asked["model"], asked["version"]) == ("tiny", "0001")
    assert [(each["text"], each["score"]) for each in asked["completions"]] == [
        (each.text, pytest.approx(each.score, abs=1e-5)) for each in expected.completions
    ]
    assert {**asked, "elapsed_ms": 0} == {**posted, "elapsed_ms": 0}


def test_replies_are_utf_8_as_it_is_and_kept_by_nobody(client: FlaskClient) -> None:
    response = client.get(f"/v1/complete?q={quote('서')}")
    assert response.content_type == JSON_TYPE
    assert "서".encode() in response.data
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_same_seed_writes_the_same_text_again(client: FlaskClient) -> None:
    first = client.post("/v1/generate", json={"prefix": "S", "max_characters": 30}).get_json()
    again = client.post("/v1/generate", json={"prefix": "S", "max_characters": 30, "seed": first["seed"]}).get_json()
    assert first["text"] == again["text"]
    assert first["text"].startswith("S")
    assert {"prefix", "text", "ended", "seed", "model", "version"} == first.keys()


def test_a_model_is_chosen_by_name_and_is_the_first_autocomplete_model_otherwise(client: FlaskClient) -> None:
    listed = client.get("/v1/models").get_json()
    for model in listed["models"]:
        model.pop("memory")
    assert listed == {
        "models": [
            {"name": "hello", "version": "0001", "task": "text"},
            {"name": "tiny", "version": "0001", "task": "autocomplete"},
        ],
        "default": "tiny",
        "default_classifier": None,
        "default_tagger": None,
        "default_transducer": None,
    }
    assert client.post("/v1/generate", json={}).get_json()["model"] == "tiny"
    assert client.post("/v1/generate", json={"model": "hello"}).get_json()["model"] == "hello"


def test_a_worker_tells_what_it_remembers_and_a_deployment_how_much_it_may(tiny_models: Path) -> None:
    for room, completions, hits in ((10**7, 50, 1), (0, 0, 0)):
        settings = Settings(
            models=tiny_models, memory_bytes=room, remembered_completions=completions, deadline_ms=60_000
        )
        client = create_app(settings).test_client()
        given = [client.get("/v1/complete?q=San").get_json()["completions"] for _ in range(2)]
        assert given[0] == given[1]
        hello, tiny = (model["memory"] for model in client.get("/v1/models").get_json()["models"])
        assert tiny["replies"] == {"hits": hits, "misses": 2 - hits, "entries": hits, "room": completions}
        assert tiny["beginnings"]["room"] == room
        assert (tiny["beginnings"]["entries"] > 0) == (room > 0)
        assert hello["replies"] == {"hits": 0, "misses": 0, "entries": 0, "room": completions}


REFUSED_QUERIES = [
    ("", 400, "q is required"),
    ("q=a&q=b", 400, "q must be given once, got it 2 times"),
    ("q=a&k=5", 400, "k is no parameter here; there are deadline_ms, kinds, limit, model, q"),
    ("q=%ff", 400, "the query must be UTF-8, got the byte 0xff"),
    ("q=%ED%A0%80", 400, "the query must be UTF-8, got the byte 0xed"),
    ("q=a&%c3%28=1", 400, "the query must be UTF-8, got the byte 0xc3"),
    ("&".join(["q=a"] * 21), 400, "the query must hold at most 20 parameters"),
    ("q=%00", 422, "q must hold no NUL character, got '\\x00'"),
    (f"q={'a' * 257}", 422, "q must be at most 256 characters long"),
    (f"q={quote('각' * 257)}", 422, "q must be at most 256 characters long"),
    ("q=a&limit=0", 422, "limit must be greater than or equal to 1, got '0'"),
    ("q=a&limit=101", 422, "limit must be at most 100, got '101'"),
    ("q=a&limit=many", 422, "limit must be a whole number"),
    (f"q=a&limit={'9' * 5000}", 422, "limit must be a whole number"),
    ("q=a&model=other", 404, "model must be one of hello, tiny, got 'other'"),
]


@pytest.mark.parametrize(("query", "status", "says"), REFUSED_QUERIES)
def test_a_bad_query_is_refused_and_told_why(client: FlaskClient, query: str, status: int, says: str) -> None:
    problem = problem_of(client.get(f"/v1/complete?{query}"))
    assert problem["status"] == status
    assert says in problem["detail"]


REFUSED_BODIES = [
    (b"", 400, "the body must be JSON"),
    (b"{", 400, "the body must be JSON"),
    (b'{"q":"a"} {}', 400, "the body must be JSON: Extra data"),
    (b'{"q":"a\xff"}', 400, "the body must be UTF-8, got the byte 0xff"),
    ('{"q":"a"}'.encode("utf-16"), 400, "the body must be UTF-8"),
    (b"[1]", 400, "the body must be a JSON object, got list"),
    (b"null", 400, "the body must be a JSON object, got NoneType"),
    (b"[" * 60_000, 400, "reasonable depth"),
    (b'{"q":"a","limit":' + b"1" * 5000 + b"}", 400, "reasonable depth and numbers"),
    (b'{"q":"a","limit":NaN}', 400, "the body must be JSON"),
    (b'{"q":"\\ud800"}', 400, "half of a surrogate pair"),
    (b'{"\\ud800":"a","q":"b"}', 400, "half of a surrogate pair"),
    (b'{"q":"a","q":"b"}', 400, "q must be given once, got it 2 times"),
    (b"{}", 400, "q is required"),
    (b'{"q":"a","k":1}', 400, "k is no parameter here"),
    (b'{"q":"a","limit":0,"k":1}', 400, "limit must be greater than or equal to 1, got 0; k is no parameter"),
    (b'{"q":1}', 422, "q must be a valid string, got 1"),
    (b'{"q":null}', 422, "q must be a valid string, got None"),
    (b'{"q":"\\u0000"}', 422, "q must hold no NUL character"),
    (b'{"q":"a","limit":"5"}', 422, "limit must be a whole number, got '5'"),
    (b'{"q":"a","limit":true}', 422, "limit must be a whole number, got True"),
    (b'{"q":"a","limit":2.5}', 422, "limit must be a whole number"),
    (b'{"q":"a","limit":-1}', 422, "limit must be greater than or equal to 1, got -1"),
    (b'{"q":"a","model":"\\n"}', 404, "model must be one of hello, tiny, got '\\n'"),
    (b'{"q":"' + b"a" * 65_536 + b'"}', 413, "the body must be at most 65536 bytes"),
]


@pytest.mark.parametrize(("body", "status", "says"), REFUSED_BODIES, ids=range(len(REFUSED_BODIES)))
def test_a_bad_body_is_refused_and_told_why(client: FlaskClient, body: bytes, status: int, says: str) -> None:
    problem = problem_of(post(client, body))
    assert problem["status"] == status
    assert says in problem["detail"]


REFUSED_GENERATIONS = [
    ({"temperature": -0.5}, "temperature must be greater than or equal to 0, got -0.5"),
    ({"temperature": 1e300}, "temperature must be less than or equal to 10"),
    ({"top_p": 0}, "top_p must be greater than 0, got 0"),
    ({"top_p": 1.3}, "top_p must be less than or equal to 1, got 1.3"),
    ({"top_k": -1}, "top_k must be greater than or equal to 0, got -1"),
    ({"seed": -1}, "seed must be greater than or equal to 0, got -1"),
    ({"seed": 2**53}, "seed must be less than or equal to 9007199254740991"),
    ({"max_characters": 0}, "max_characters must be greater than or equal to 1, got 0"),
    ({"max_characters": 1001}, "max_characters must be at most 1000, got 1001"),
    ({"prefix": "a" * 257}, "prefix must be at most 256 characters long"),
]


@pytest.mark.parametrize(("body", "says"), REFUSED_GENERATIONS)
def test_a_generation_out_of_bounds_is_refused_and_told_why(
    client: FlaskClient, body: dict[str, Any], says: str
) -> None:
    problem = problem_of(client.post("/v1/generate", json=body))
    assert problem["status"] == 422
    assert says in problem["detail"]
    assert problem["errors"] == [{"parameter": next(iter(body)), "detail": problem["detail"]}]


def test_the_longest_text_that_is_allowed_passes_however_it_is_typed(client: FlaskClient) -> None:
    decomposed = "\u1109\u1165" * 256
    for reply in (
        client.get(f"/v1/complete?q={quote(decomposed)}&limit=1"),
        post(client, json.dumps({"q": decomposed, "limit": 1}).encode()),
    ):
        assert reply.status_code == 200
        assert reply.get_json()["prefix"] == "서" * 256


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(client: FlaskClient, kind: str) -> None:
    problem = problem_of(post(client, b'{"q":"a"}', kind=kind))
    assert problem["status"] == 415
    assert "must be application/json" in problem["detail"]


def test_parameters_in_the_query_of_a_post_are_refused_and_not_passed_over(client: FlaskClient) -> None:
    problem = problem_of(post(client, b'{"q":"a"}', path="/v1/complete?limit=1"))
    assert problem["status"] == 400
    assert "stand in its body" in problem["detail"]


def test_the_type_of_a_body_may_name_its_encoding(client: FlaskClient) -> None:
    assert post(client, b'{"q":"S"}', kind="Application/JSON; charset=utf-8").status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/v1/complete/", "/v1//complete", "/static/../app.py", "/%ff"])
def test_an_address_that_is_not_there_is_a_problem_too(client: FlaskClient, path: str) -> None:
    assert problem_of(client.get(path))["status"] == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/complete", "GET, HEAD, OPTIONS, POST"), ("GET", "/v1/generate", "OPTIONS, POST")],
)
def test_a_method_that_is_not_allowed_is_told_which_are(
    client: FlaskClient, method: str, path: str, allowed: str
) -> None:
    response = client.open(path, method=method)
    assert problem_of(response)["status"] == 405
    assert ", ".join(sorted(response.headers["Allow"].split(", "))) == allowed


def test_a_bug_of_ours_is_a_500_that_leaks_nothing_and_can_be_found_in_the_log(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr("service.routes.complete", fail)
    response = client.get("/v1/complete?q=a")
    problem = problem_of(response)
    assert problem["status"] == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", problem["instance"])
    assert problem["instance"] in caplog.text
    assert "a secret of the house" in caplog.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60))
def test_no_bytes_whatever_are_a_500(client: FlaskClient, raw: bytes) -> None:
    answers = (
        client.get("/v1/complete", query_string="q=" + "".join(f"%{byte:02x}" for byte in raw)),
        client.get("/v1/complete", query_string=raw.decode("latin-1")),
        post(client, raw),
        post(client, b'{"limit": 1, "q": "' + raw + b'"}'),
    )
    assert [answer.status_code for answer in answers if answer.status_code not in {200, 400, 422}] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8))
def test_any_text_at_all_may_be_typed(client: FlaskClient, typed: str) -> None:
    asked = client.get(f"/v1/complete?q={quote(typed)}&limit=1")
    posted = client.post("/v1/complete", json={"q": typed, "limit": 1})
    assert (asked.status_code, posted.status_code) == (200, 200)
    assert {**asked.get_json(), "elapsed_ms": 0} == {**posted.get_json(), "elapsed_ms": 0}


def test_the_page_may_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    response = client.get("/", buffered=True)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "machim 마침" in response.text
    for path in re.findall(r'(?:href|src)="([^"]+)"', response.text):
        assert client.get(f"/{path}", buffered=True).status_code == 200
        assert not path.startswith(("/", "http"))


def test_a_damaged_model_is_left_out_and_said_to_be(
    tiny_models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models, models)
    damage(models / "hello" / "0001")
    client = create_app(Settings(models=models)).test_client()
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json()["left_out"] == ["hello"]
    assert client.get("/v1/complete?q=S").status_code == 200
    assert "hello" in caplog.text
    assert "SHA-256" in caplog.text
    assert str(models) not in ready.text


def test_a_damaged_newest_version_is_passed_over_and_logged(
    tiny_models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models / "tiny", models / "tiny")
    shutil.copytree(tiny_models / "tiny" / "0001", models / "tiny" / "0002")
    damage(models / "tiny" / "0002")
    client = create_app(Settings(models=models)).test_client()
    assert client.get("/v1/complete?q=S").get_json()["version"] == "0001"
    assert "a newer version is passed over: 0002" in caplog.text


def spoil_every_model(models: Path) -> None:
    for name in ("hello", "tiny"):
        damage(models / name / "0001")


@pytest.mark.parametrize("prepare", [spoil_every_model, shutil.rmtree])
def test_without_a_sound_model_it_lives_and_is_not_ready(
    tiny_models: Path, tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    models = tmp_path / "models"
    shutil.copytree(tiny_models, models)
    prepare(models)
    client = create_app(Settings(models=models)).test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/", buffered=True).status_code == 200
    assert problem_of(client.get("/readyz"))["status"] == 503
    assert problem_of(client.get("/v1/complete?q=a"))["status"] == 503
    assert problem_of(client.get("/v1/complete?q=a&model=tiny"))["status"] == 503


def test_it_serves_where_nothing_that_trains_can_be_imported(tiny_models: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SERVE_WITHOUT_TRAINING, str(tiny_models)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr


def test_bounds_are_those_of_the_settings(tiny_models: Path) -> None:
    client = create_app(
        Settings(models=tiny_models, max_body_bytes=40, max_prefix_characters=3, max_limit=2, max_expansions=1)
    ).test_client()
    assert client.get("/v1/complete?q=San&limit=2").get_json()["exact"] is False
    assert problem_of(client.get("/v1/complete?q=Sant&limit=2"))["status"] == 422
    assert problem_of(client.get("/v1/complete?q=San&limit=3"))["status"] == 422
    assert problem_of(post(client, b" " * 41))["status"] == 413


def test_the_log_level_is_that_of_the_settings(tiny_models: Path) -> None:
    assert create_app(Settings(models=tiny_models, log_level="error")).logger.level == logging.ERROR


def test_the_fixture_is_what_these_tests_take_it_for(tiny_models: Path) -> None:
    assert open_checkpoint(tiny_models / "tiny").manifest.task == "autocomplete"
    assert open_checkpoint(tiny_models / "hello").manifest.task == "text"
