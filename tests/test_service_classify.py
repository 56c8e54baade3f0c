"""Classifying over HTTP: one text and many, beside language models and without any, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_service import post, problem_of

from model.classification import as_json_object, classify
from model.classifier import load_classifier
from model.explanation import as_json_explanation, explain, work_to_explain
from service.app import create_app
from service.bodies import ClassifyBody
from service.problems import ProblemError
from service.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

TEXTS = ["Seoul", "서울특별시", "San José", " a\t", "\u1109\u1165\u110b\u116e\u11af", "☃", "New Delhi " * 40]


@pytest.fixture(scope="module")
def client(all_models: Path) -> FlaskClient:
    return create_app(Settings(models=all_models)).test_client()


def test_a_text_is_answered_as_the_model_answers(client: FlaskClient, all_models: Path) -> None:
    loaded = load_classifier(all_models / "countries")
    for text in TEXTS[:4]:
        reply = client.post("/v1/classify", json={"text": text}).get_json()
        assert reply.pop("elapsed_ms") >= 0
        assert (reply.pop("model"), reply.pop("version")) == ("countries", "0001")
        assert reply == as_json_object(classify(loaded, text), 5)
        assert next(iter(reply["probabilities"].items())) == (reply["label"], reply["probability"])


def test_many_texts_are_answered_in_their_order_as_each_alone(client: FlaskClient) -> None:
    """Of a text that is typed as separate letters the reply has the syllables, as everywhere."""
    many = client.post("/v1/classify", json={"texts": TEXTS, "limit": 2, "model": "pair"}).get_json()
    assert many.keys() == {"results", "elapsed_ms", "model", "version"}
    assert many["model"] == "pair"
    alone = [client.post("/v1/classify", json={"text": text, "limit": 2, "model": "pair"}).get_json() for text in TEXTS]
    shared = ("text", "label", "probability", "probabilities")
    assert many["results"] == [{name: reply[name] for name in shared} for reply in alone]
    assert [len(each["probabilities"]) for each in many["results"]] == [2] * len(TEXTS)
    assert many["results"][4]["text"] == "서울"
    (single,) = client.post("/v1/classify", json={"texts": ["Seoul"]}).get_json()["results"]
    assert single["text"] == "Seoul"


def test_an_explanation_is_the_one_of_the_model(client: FlaskClient, all_models: Path) -> None:
    reply = client.post("/v1/classify", json={"text": " 서울특별시", "explain": True}).get_json()
    expected = as_json_explanation(explain(load_classifier(all_models / "countries"), " 서울특별시"))
    assert reply["explanation"] == json.loads(json.dumps(expected))
    assert reply["explanation"]["label"] == reply["label"]
    assert "explanation" not in client.post("/v1/classify", json={"text": "서울", "explain": False}).get_json()


@pytest.mark.parametrize("body", [{"texts": ["a"]}, {"text": "a" * 301}])
def test_what_cannot_be_explained_is_refused(client: FlaskClient, body: dict[str, object]) -> None:
    problem = problem_of(client.post("/v1/classify", json={**body, "explain": True}))
    assert problem["status"] == 422
    assert "explain must be of one text of at most 300 characters" in problem["detail"]


def test_what_members_would_read_to_explain_is_bounded(client: FlaskClient, all_models: Path) -> None:
    """A text of one length is explained by few members and refused of many."""
    loaded = load_classifier(all_models / "countries")
    for members, longest in ((1, 300), (2, 173), (5, 109)):
        manifest = replace(
            loaded.checkpoint.manifest,
            architecture={**loaded.checkpoint.manifest.architecture, "members": [{}] * members},
        )
        several = replace(loaded, checkpoint=replace(loaded.checkpoint, manifest=manifest))
        ClassifyBody.model_construct(text="a" * longest, explain=True).check_work(several)
        longer = ClassifyBody.model_construct(text="a" * (longest + 1), explain=True)
        with pytest.raises(ProblemError, match="explain must have the members of countries read at most 60,000 char"):
            longer.check_work(several)
        ClassifyBody.model_construct(text="a" * 9000, explain=False).check_work(several)
    reply = client.post("/v1/classify", json={"text": "a" * 150, "explain": True, "model": "pair"})
    pair = load_classifier(all_models / "pair")
    assert work_to_explain(pair, "a" * 150) == 150 * 150 * 2
    assert reply.status_code == 200
    problem = problem_of(client.post("/v1/classify", json={"text": "a" * 200, "explain": True, "model": "pair"}))
    assert problem["status"] == 422
    assert "got 80,000 for a text of 200" in problem["detail"]


def test_labels_are_in_order_of_probability_in_the_very_bytes(client: FlaskClient, all_models: Path) -> None:
    """All of them where more are asked for than there are; they add up to 1."""
    body = client.post("/v1/classify", json={"text": "서울", "limit": 1000}).data
    probabilities = dict(json.loads(body)["probabilities"])
    assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
    assert set(probabilities) == set(load_classifier(all_models / "countries").labels)
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)


def test_every_model_is_listed_with_its_task_and_each_kind_has_its_default(client: FlaskClient) -> None:
    listed = client.get("/v1/models").get_json()
    expected = [("countries", "classify"), ("hello", "text"), ("pair", "classify"), ("tiny", "autocomplete")]
    assert [(model["name"], model["task"]) for model in listed["models"]] == expected
    assert (listed["default"], listed["default_classifier"]) == ("tiny", "countries")
    assert all(("labels" in model) == (model["task"] == "classify") for model in listed["models"])
    assert all(("memory" in model) == (model["task"] != "classify") for model in listed["models"])
    assert "South Korea" in listed["models"][0]["labels"]
    assert [(model["name"], model["task"]) for model in client.get("/readyz").get_json()["models"]] == expected


def test_completing_goes_on_beside_classifiers(client: FlaskClient) -> None:
    assert client.get("/v1/complete?q=S").get_json()["model"] == "tiny"
    assert client.post("/v1/generate", json={"prefix": "S", "seed": 1}).get_json()["model"] == "tiny"
    assert client.get("/", buffered=True).status_code == 200


REFUSED = [
    (b"", 400, "the body must be JSON"),
    (b"[1]", 400, "the body must be a JSON object, got list"),
    (b'{"text":"a\xff"}', 400, "the body must be UTF-8, got the byte 0xff"),
    (b'{"text":"\\ud800"}', 400, "half of a surrogate pair"),
    (b'{"texts":["a","\\udc00"]}', 400, "half of a surrogate pair"),
    (b"{}", 400, "either text or texts must be given, got neither"),
    (b'{"limit":3}', 400, "either text or texts must be given, got neither"),
    (b'{"text":"a","texts":["b"]}', 400, "either text or texts must be given, got both"),
    (b'{"text":"a","text":"b"}', 400, "text must be given once, got it 2 times"),
    (b'{"q":"a"}', 400, "q is no parameter here; there are explain, limit, model, text, texts"),
    (b'{"text":""}', 422, "text must have a character that is no space, got ''"),
    (b'{"text":" \\t\\u3000"}', 422, "text must have a character that is no space"),
    (b'{"text":"a\\u0000"}', 422, "text must hold no NUL character"),
    (b'{"text":null}', 422, "text must be a valid string, got None"),
    (b'{"text":1}', 422, "text must be a valid string, got 1"),
    (b'{"text":["a"]}', 422, "text must be a valid string, got ['a']"),
    (b'{"text":"' + b"a" * 10_001 + b'"}', 422, "text must be at most 10000 characters long, got 'aaa"),
    (b'{"text":"a' + b"\\u0301" * 1001 + b'"}', 422, "text must have at most 1000 combining marks in a row"),
    (b'{"texts":"a"}', 422, "texts must be a valid list, got 'a'"),
    (b'{"texts":null}', 422, "texts must be a valid list, got None"),
    (b'{"texts":[]}', 422, "texts must hold 1 to 100 texts, got 0"),
    (b'{"texts":[' + b",".join([b'"a"'] * 101) + b"]}", 422, "texts must hold 1 to 100 texts, got 101"),
    (b'{"texts":["a",2]}', 422, "texts[1] must be a valid string, got 2"),
    (b'{"texts":["a","b",""]}', 422, "texts[2] must have a character that is no space, got ''"),
    (b'{"texts":["a\\u0000"]}', 422, "texts[0] must hold no NUL character"),
    (b'{"text":"a","limit":0}', 422, "limit must be greater than or equal to 1, got 0"),
    (b'{"text":"a","limit":1001}', 422, "limit must be at most 1000, got 1001"),
    (b'{"text":"a","limit":"5"}', 422, "limit must be a whole number, got '5'"),
    (b'{"text":"a","model":"other"}', 404, "model must be one of countries, pair, got 'other'"),
    (b'{"text":"a","model":"tiny"}', 422, "one of countries, pair, which can classify, got 'tiny' for autocomplete"),
    (b'{"text":"a","model":"hello"}', 422, "one of countries, pair, which can classify, got 'hello' for text"),
    (b'{"text":"' + b"a" * 65_536 + b'"}', 413, "the body must be at most 65536 bytes"),
]


@pytest.mark.parametrize(("body", "status", "says"), REFUSED, ids=range(len(REFUSED)))
def test_a_bad_request_is_refused_and_told_why(client: FlaskClient, body: bytes, status: int, says: str) -> None:
    problem = problem_of(post(client, body, path="/v1/classify"))
    assert problem["status"] == status
    assert says in problem["detail"]


def test_each_bad_text_of_many_is_told(client: FlaskClient) -> None:
    problem = problem_of(client.post("/v1/classify", json={"texts": ["", "a", "\0"]}))
    assert [error["parameter"] for error in problem["errors"]] == ["texts[0]", "texts[2]"]


@pytest.mark.parametrize("path", ["/v1/complete", "/v1/generate"])
def test_a_classifier_that_is_asked_to_write_is_refused_with_the_names_of_those_that_can(
    client: FlaskClient, path: str
) -> None:
    body = {"model": "pair"} | ({"q": "a"} if path.endswith("complete") else {})
    problem = problem_of(client.post(path, json=body))
    assert problem["status"] == 422
    assert (
        "model must be one of hello, tiny, which can complete or generate, got 'pair' for classify" in problem["detail"]
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(client: FlaskClient, kind: str) -> None:
    assert problem_of(post(client, b'{"text":"a"}', path="/v1/classify", kind=kind))["status"] == 415


def test_there_is_no_get(client: FlaskClient) -> None:
    response = client.get("/v1/classify?text=a")
    assert problem_of(response)["status"] == 405
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_folder_of_classifiers_alone_classifies_and_says_that_it_cannot_complete(classifiers: Path) -> None:
    client = create_app(Settings(models=classifiers)).test_client()
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/classify", json={"text": "Seoul"}).get_json()["model"] == "countries"
    says = "a model that can complete or generate must be loaded, got countries for classify, pair for classify"
    for response in (
        client.get("/v1/complete?q=a"),
        client.get("/v1/complete?q=a&model=pair"),
        client.post("/v1/generate", json={}),
    ):
        assert problem_of(response)["status"] == 404
        assert problem_of(response)["detail"] == says
    listed = client.get("/v1/models").get_json()
    assert (listed["default"], listed["default_classifier"]) == (None, "countries")


def test_a_folder_without_classifiers_says_that_it_cannot_classify(tiny_models: Path) -> None:
    client = create_app(Settings(models=tiny_models)).test_client()
    problem = problem_of(client.post("/v1/classify", json={"text": "a"}))
    assert problem["status"] == 404
    assert problem["detail"] == "a model that can classify must be loaded, got hello for text, tiny for autocomplete"


def test_a_damaged_classifier_is_left_out_and_the_others_go_on(
    all_models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = tmp_path / "models"
    shutil.copytree(all_models, models)
    graph = models / "countries" / "0001" / "classify.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    client = create_app(Settings(models=models)).test_client()
    assert client.get("/readyz").get_json()["left_out"] == ["countries"]
    assert client.post("/v1/classify", json={"text": "Seoul"}).get_json()["model"] == "pair"
    assert "model countries is left out" in caplog.text


def test_bounds_are_those_of_the_settings(classifiers: Path) -> None:
    bounds = Settings(models=classifiers, max_texts=2, max_text_characters=3, max_labels=1)
    client = create_app(bounds).test_client()
    results = client.post("/v1/classify", json={"texts": ["abc", "abc"]}).get_json()["results"]
    assert [len(each["probabilities"]) for each in results] == [1, 1]
    for body, says in (
        ({"texts": ["a"] * 3, "limit": 1}, "texts must hold 1 to 2 texts, got 3"),
        ({"text": "abcd", "limit": 1}, "text must be at most 3 characters long"),
        ({"text": "a", "limit": 2}, "limit must be at most 1, got 2"),
    ):
        response = client.post("/v1/classify", json=body)
        assert problem_of(response)["status"] == 422
        assert says in response.get_json()["detail"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60))
def test_no_bytes_whatever_are_a_500(client: FlaskClient, raw: bytes) -> None:
    for body in (raw, b'{"text": "' + raw + b'"}', b'{"texts": ["a", "' + raw + b'"]}'):
        assert post(client, body, path="/v1/classify").status_code in {200, 400, 422}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30))
def test_any_text_with_a_character_may_be_classified(client: FlaskClient, text: str) -> None:
    response = client.post("/v1/classify", json={"text": text})
    assert response.status_code == (422 if text.isspace() else 200), response.text
