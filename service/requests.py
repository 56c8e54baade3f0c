"""What may be asked of the service: each request a checked value with bounds, from a query or from JSON."""

import json
import unicodedata
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from flask import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails
from werkzeug.exceptions import RequestEntityTooLarge

from model.channel import KINDS
from model.completion import CompletionRequest
from model.generation import MAX_TEMPERATURE, GenerationRequest
from service.problems import ProblemError
from service.settings import Settings

# No character is longer than this when Unicode decomposes it; longer text is refused before it is
# normalised, which takes quadratic time on hostile text.
MAX_DECOMPOSITION = 4
MAX_QUERY_PARAMETERS = 20
MAX_ECHO_CHARACTERS = 60
# The greatest whole number that survives JSON in a browser.
MAX_SEED = 2**53 - 1


def _settings(info: ValidationInfo) -> Settings:
    assert isinstance(info.context, Settings)  # noqa: S101 - every body is checked through _checked
    return info.context


def _within_settings(value: int, info: ValidationInfo) -> int:
    settings = _settings(info)
    match info.field_name:
        case "limit":
            most = settings.max_limit
        case "max_characters":
            most = settings.max_generated_characters
        case "deadline_ms":
            most = settings.deadline_ms
        case _:
            raise NotImplementedError(info.field_name)
    if value > most:
        raise ValueError(f"must be at most {most}")
    return value


def _kinds(value: object) -> object:
    """Take kinds out of a query, where they stand with commas between them; a list comes out of JSON."""
    return value.split(",") if isinstance(value, str) else value


def _known_kinds(kinds: list[str]) -> list[str]:
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"must be of {', '.join(KINDS)}")
    return kinds


def _typed_text(text: str, info: ValidationInfo) -> str:
    most = _settings(info).max_prefix_characters
    if "\0" in text:
        raise ValueError("must hold no NUL character")
    if len(text) > most * MAX_DECOMPOSITION or len(text := unicodedata.normalize("NFC", text)) > most:
        raise ValueError(f"must be at most {most} characters long")
    return text


TypedText = Annotated[str, AfterValidator(_typed_text)]
BoundedBySettings = AfterValidator(_within_settings)


class CompleteBody(BaseModel):
    """The parameters of ``/v1/complete``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: TypedText
    limit: Annotated[int, Field(ge=1), BoundedBySettings] = 10
    kinds: Annotated[list[str], BeforeValidator(_kinds), AfterValidator(_known_kinds)] = list(KINDS)
    deadline_ms: Annotated[int, Field(ge=1), BoundedBySettings] | None = None
    model: str | None = None

    def to_request(self, settings: Settings) -> CompletionRequest:
        """Put the request to the model layer, within what this deployment allows."""
        return CompletionRequest(
            prefix=self.q,
            limit=self.limit,
            max_characters=settings.max_completion_characters,
            max_expansions=settings.max_expansions,
            deadline_ms=self.deadline_ms or settings.deadline_ms,
            kinds=frozenset(self.kinds),
        )


class GenerateBody(BaseModel):
    """The parameters of ``/v1/generate``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: TypedText = ""
    max_characters: Annotated[int, Field(ge=1), BoundedBySettings] = 200
    temperature: Annotated[float, Field(ge=0, le=MAX_TEMPERATURE, allow_inf_nan=False)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    model: str | None = None

    def to_request(self) -> GenerationRequest:
        """Put the request to the model layer."""
        return GenerationRequest(
            prefix=self.prefix,
            max_characters=self.max_characters,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
        )


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
        case _:
            rule = error["msg"].replace("Input should be", "must be", 1)
    return f"{parameter} {rule}, got {_echo(error['input'])}"


def _parameter(error: ErrorDetails) -> str:
    return _name(str(error["loc"][0]))


def _name(name: str) -> str:
    """Write a name that came with a request so that it can stand in one line."""
    return name if name.isidentifier() and len(name) <= MAX_ECHO_CHARACTERS else _echo(name)


def _echo(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_ECHO_CHARACTERS else text[: MAX_ECHO_CHARACTERS - 1] + "…"
