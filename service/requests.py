"""Requests out of a query or out of JSON, each as a checked value, or refused with what is wrong."""

import json
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from flask import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import RequestEntityTooLarge

from service.problems import ProblemError
from service.settings import Settings

MAX_QUERY_PARAMETERS = 20
MAX_ECHO_CHARACTERS = 60

Body = TypeVar("Body", bound=BaseModel)


def from_query(kind: type[Body], request: Request, settings: Settings) -> Body:
    """Read the parameters out of the query of a GET request.

    Raises:
        ProblemError: 400 when the query cannot be read, 422 when a value breaks its rule.
    """
    return _checked(kind, _query_values(request), settings, strict=False)


def from_json(kind: type[Body], request: Request, settings: Settings) -> Body:
    """Read the parameters out of the JSON body of a POST request.

    Raises:
        ProblemError: 400 when the body cannot be read, 415 when it is of another type, 422 when a value
            breaks its rule.
    """
    return _checked(kind, _json_values(request), settings, strict=True)


def _query_values(request: Request) -> dict[str, str]:
    # not request.args: it keeps only one of two values, and reads bytes that are not UTF-8 as something else
    try:
        pairs = parse_qsl(
            request.query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the query must be UTF-8, got the byte 0x{error.object[error.start]:02x}"
        ) from error
    except ValueError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the query must hold at most {MAX_QUERY_PARAMETERS} parameters"
        ) from error
    return _once_each(pairs)


def _json_values(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the Content-Type must be application/json, got {_echo(request.mimetype)}",
        )
    if request.query_string:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "the parameters of a POST request stand in its body, not in the query"
        )
    try:
        values = json.loads(
            _body(request).decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse_constant
        )
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "the body must hold whole characters, got half of a surrogate pair"
        ) from error
    except UnicodeDecodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the body must be UTF-8, got the byte 0x{error.object[error.start]:02x}"
        ) from error
    except json.JSONDecodeError as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"the body must be JSON: {error.msg} at line {error.lineno}, column {error.colno}",
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body must be JSON of reasonable depth and numbers") from error
    if not isinstance(values, dict):
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body must be a JSON object, got {type(values).__name__}")
    return values


def _body(request: Request) -> bytes:
    body = request.get_data(cache=False)
    # Werkzeug cuts a body of unknown length off at its bound, and says nothing of the rest.
    if len(body) == request.max_content_length and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"{_name(repeated)} must be given once, got it {names.count(repeated)} times",
        )
    return values


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def _checked(kind: type[Body], values: dict[str, Any], settings: Settings, *, strict: bool) -> Body:
    try:
        return kind.model_validate(values, strict=strict, context=settings)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        # unreadable as this request at all, against readable with a value that breaks its rule
        malformed = any(error["type"] in {"missing", "extra_forbidden"} for error in errors)
        status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
        members = [
            {"parameter": _parameter(error), "detail": _describe(error, sorted(kind.model_fields))} for error in errors
        ]
        raise ProblemError(status, "; ".join(member["detail"] for member in members), errors=members) from invalid


def _describe(error: ErrorDetails, names: list[str]) -> str:
    parameter = _parameter(error)
    match error["type"]:
        case "missing":
            return f"{parameter} is required"
        case "extra_forbidden":
            return f"{parameter} is no parameter here; there are {', '.join(names)}"
        case "value_error":
            rule = str(error["ctx"]["error"])
        case kind if kind.startswith("int_"):
            rule = "must be a whole number"
        case kind if kind.startswith("float_"):
            rule = "must be a number"
        case "number_of_texts":
            return f"{parameter} {error['msg']}"
        case _:
            rule = error["msg"].replace("Input should be", "must be", 1)
    return f"{parameter} {rule}, got {_echo(error['input'])}"


def _parameter(error: ErrorDetails) -> str:
    name, *places = error["loc"]
    return _name(str(name)) + "".join(f"[{place}]" for place in places)


def _name(name: str) -> str:
    """Write a name that came with a request so that it can stand in one line."""
    return name if name.isidentifier() and len(name) <= MAX_ECHO_CHARACTERS else _echo(name)


def _echo(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_ECHO_CHARACTERS else text[: MAX_ECHO_CHARACTERS - 1] + "…"
