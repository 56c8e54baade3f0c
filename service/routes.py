"""The addresses of the service, each a few lines from a checked request to a reply."""

import time
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, request

from model.any_model import AnyModel
from model.classification import as_json_object as as_json_classification
from model.classification import classify
from model.classifier import LoadedClassifier
from model.completion import as_json_object, complete
from model.conditions import GENERATE_TASK
from model.explanation import as_json_explanation, explain
from model.generation import generate
from model.loaded import LoadedModel
from model.tagger import LoadedTagger
from model.tagging import as_json_tagging, tag
from model.transducer import LoadedTransducer
from model.transduction import as_json_transduction, transduce
from service.bodies import ClassifyBody, CompleteBody, GenerateBody, TagBody, TransduceBody
from service.models import Models, find_model
from service.problems import problem_response
from service.replies import json_response
from service.requests import from_json, from_query
from service.settings import Settings

routes = Blueprint("routes", __name__)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["machim_settings"]
    return settings


def _models() -> Models:
    models: Models = current_app.extensions["machim_models"]
    return models


@routes.get("/v1/complete")
def complete_query() -> Response:
    return _complete(from_query(CompleteBody, request, _settings()))


@routes.post("/v1/complete")
def complete_body() -> Response:
    return _complete(from_json(CompleteBody, request, _settings()))


def _complete(body: CompleteBody) -> Response:
    loaded = find_model(_models(), body.model, LoadedModel)
    reply = complete(loaded, body.to_request(_settings()))
    return json_response(
        {
            "prefix": reply.prefix,
            "completions": [as_json_object(completion) for completion in reply.completions],
            "exact": reply.exact,
            "elapsed_ms": round(reply.elapsed_ms, 3),
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.post("/v1/generate")
def generate_body() -> Response:
    body = from_json(GenerateBody, request, _settings())
    task = None if body.label is None else GENERATE_TASK
    loaded = find_model(_models(), body.model, LoadedModel, task)
    reply = generate(loaded, body.to_request())
    return json_response(
        {
            "prefix": reply.prefix,
            "text": reply.text,
            "ended": reply.ended,
            "seed": reply.seed,
            **({} if reply.label is None else {"label": reply.label}),
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.post("/v1/classify")
def classify_body() -> Response:
    """Sort one text or several; there is no GET, for a text may be longer than an address, and addresses are kept."""
    body = from_json(ClassifyBody, request, _settings())
    body.check_one_given()
    loaded = find_model(_models(), body.model, LoadedClassifier)
    body.check_work(loaded)
    began = time.perf_counter()
    limit = min(body.limit, _settings().max_labels)
    sorted_texts = [as_json_classification(classify(loaded, text), limit) for text in body.texts or [body.text]]
    explained = {"explanation": as_json_explanation(explain(loaded, body.text))} if body.explain else {}
    return json_response(
        {
            **({"results": sorted_texts} if body.texts else sorted_texts[0]),
            **explained,
            "elapsed_ms": round((time.perf_counter() - began) * 1000, 3),
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.post("/v1/tag")
def tag_body() -> Response:
    """Tag one text or several."""
    body = from_json(TagBody, request, _settings())
    body.check_one_given()
    loaded = find_model(_models(), body.model, LoadedTagger)
    began = time.perf_counter()
    tagged = [as_json_tagging(tag(loaded, text)) for text in body.texts or [body.text]]
    return json_response(
        {
            **({"results": tagged} if body.texts else tagged[0]),
            "elapsed_ms": round((time.perf_counter() - began) * 1000, 3),
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.post("/v1/transduce")
def transduce_body() -> Response:
    """Turn a text into what it becomes."""
    body = from_json(TransduceBody, request, _settings())
    loaded = find_model(_models(), body.model, LoadedTransducer)
    deadline_ms = _settings().deadline_ms
    reply = transduce(loaded, body.text, body.limit, attention=body.attention, deadline_ms=deadline_ms)
    return json_response(
        {
            **as_json_transduction(reply),
            "elapsed_ms": round(reply.elapsed_ms, 3),
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.get("/v1/models")
def list_loaded() -> Response:
    models = _models()
    return json_response(
        {
            "models": [{**_describe(loaded), **_details(loaded)} for loaded in models.by_name.values()],
            "default": models.default_name(LoadedModel),
            "default_classifier": models.default_name(LoadedClassifier),
            "default_tagger": models.default_name(LoadedTagger),
            "default_transducer": models.default_name(LoadedTransducer),
        }
    )


@routes.get("/livez")
def livez() -> Response:
    return json_response({"status": "alive"})


@routes.get("/readyz")
def readyz() -> Response:
    """Say whether requests can be answered, and which models had to be left out."""
    models = _models()
    if not models.by_name:
        return problem_response(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no model is loaded; the log of the service says why",
            left_out=list(models.left_out),
        )
    return json_response(
        {
            "status": "ready",
            "models": [_describe(loaded) for loaded in models.by_name.values()],
            "left_out": list(models.left_out),
        }
    )


@routes.get("/")
def page() -> Response:
    return current_app.send_static_file("index.html")


def _describe(loaded: AnyModel) -> dict[str, str]:
    return {"name": loaded.name, "version": loaded.version, "task": loaded.task}


def _details(loaded: AnyModel) -> dict[str, Any]:
    """Tell the labels of a classifier, the tags of a tagger, and of a language model what this worker remembers."""
    if isinstance(loaded, LoadedClassifier):
        return {"labels": loaded.labels}
    if isinstance(loaded, LoadedTagger):
        return {"tags": loaded.tags}
    if isinstance(loaded, LoadedTransducer):
        return {}
    if loaded.labels:
        return {"labels": loaded.labels}
    memory = {
        name: {"hits": recent.hits, "misses": recent.misses, "entries": len(recent), "room": recent.room}
        for name, recent in (("beginnings", loaded.beginnings), ("replies", loaded.replies))
    }
    return {"memory": memory}
