"""The least that a Flask application under the same gunicorn does: a route whose reply is always the same."""

from __future__ import annotations

from flask import Flask, Response

from service.replies import json_response


def create_app(size_bytes: int) -> Flask:
    """Build the application.

    Args:
        size_bytes: of the reply; at least that of an empty one.
    """
    app = Flask(__name__)
    frame = json_response({"prefix": "", "exact": True}).get_data()
    document = {"prefix": "x" * max(size_bytes - len(frame), 0), "exact": True}
    body = json_response(document).get_data()
    untouched = {"hits": 0, "misses": 0}
    memory = {"replies": untouched, "beginnings": untouched}

    @app.get("/v1/complete")
    def complete() -> Response:
        return Response(body, content_type="application/json")

    @app.get("/v1/models")
    def list_loaded() -> Response:
        return json_response({"models": [{"name": "constant", "memory": memory}], "default": "constant"})

    return app
