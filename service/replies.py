"""JSON replies: UTF-8 as it is, and kept by nobody on the way."""

import json
from http import HTTPStatus
from typing import Any

from flask import Response


def json_response(
    document: dict[str, Any], *, status: HTTPStatus = HTTPStatus.OK, content_type: str = "application/json"
) -> Response:
    """Write a document as JSON.

    Half of a surrogate pair, as in the name of a folder that is not UTF-8, goes out as an escape.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    response = Response(text.encode("utf-8", "backslashreplace"), status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
