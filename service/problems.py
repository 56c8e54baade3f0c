"""Every error of the service as one problem document (RFC 9457, ``application/problem+json``)."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from model.errors import InputError
from service.replies import json_response


class ProblemError(Exception):
    """A request that cannot be served: what to tell whoever sent it."""

    def __init__(self, status: HTTPStatus, detail: str, **members: Any) -> None:
        """Keep the status, one line of detail, and further members of the problem document."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members


def problem_response(status: HTTPStatus, detail: str, **members: Any) -> Response:
    """Build a problem document of type ``about:blank``: the status says what kind of problem it is.

    Source: RFC 9457, sections 3.1 and 4.2.1.
    """
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **members,
    }
    return json_response(document, status=status, content_type="application/problem+json")


def register_problems(app: Flask) -> None:
    """Turn whatever is raised while a request is served into a problem document."""
    app.register_error_handler(ProblemError, _from_problem)
    app.register_error_handler(InputError, _from_input_error)
    app.register_error_handler(HTTPException, _from_framework)
    app.register_error_handler(Exception, _from_bug)


def _from_problem(error: ProblemError) -> ResponseReturnValue:
    return problem_response(error.status, error.detail, **error.members)


def _from_input_error(error: InputError) -> ResponseReturnValue:
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _from_framework(error: HTTPException) -> ResponseReturnValue:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    match status:
        case HTTPStatus.NOT_FOUND:
            detail = "there is nothing at this address"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"the method {request.method} is not allowed here; the Allow header lists those that are"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            detail = f"the body must be at most {current_app.config['MAX_CONTENT_LENGTH']} bytes"
        case _:
            detail = error.description or status.phrase
    response = problem_response(status, detail)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:  # Allow, Retry-After and the like
            response.headers[name] = value
    return response


def _from_bug(error: Exception) -> ResponseReturnValue:
    """Log what happened under a fresh name, and tell the client that name and nothing else."""
    instance = uuid4().urn
    current_app.logger.error("%s: %s %r failed", instance, request.method, request.path, exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "this is a fault of the service, not of the request; its log tells more under this instance",
        instance=instance,
    )
