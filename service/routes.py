"""The addresses of the service, each a few lines from a checked request to a reply."""

from http import HTTPStatus

from flask import Blueprint, Response, current_app, request

from model.completion import as_json_object, complete
from model.generation import generate
from model.loaded import LoadedModel
from service.models import Models, find_model
from service.problems import problem_response
from service.replies import json_response
from service.requests import CompleteBody, GenerateBody, from_json, from_query
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
    loaded = find_model(_models(), body.model)
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
    loaded = find_model(_models(), body.model)
    reply = generate(loaded, body.to_request())
    return json_response(
        {
            "prefix": reply.prefix,
            "text": reply.text,
            "ended": reply.ended,
            "seed": reply.seed,
            "model": loaded.name,
            "version": loaded.version,
        }
    )


@routes.get("/v1/models")
def list_loaded() -> Response:
    models = _models()
    return json_response(
        {
            "models": [{**_describe(loaded), "memory": _memory(loaded)} for loaded in models.by_name.values()],
            "default": models.default_name,
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


def _describe(loaded: LoadedModel) -> dict[str, str]:
    return {"name": loaded.name, "version": loaded.version, "task": loaded.task}


def _memory(loaded: LoadedModel) -> dict[str, dict[str, int]]:
    return {
        name: {"hits": recent.hits, "misses": recent.misses, "entries": len(recent), "room": recent.room}
        for name, recent in (("beginnings", loaded.beginnings), ("replies", loaded.replies))
    }
