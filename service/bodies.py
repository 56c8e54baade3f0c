"""What may be asked of the service: the parameters of each address, with their bounds."""

import unicodedata
from http import HTTPStatus
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from model.channel import KINDS
from model.classifier import LoadedClassifier
from model.completion import CompletionRequest
from model.explanation import work_to_explain
from model.generation import MAX_TEMPERATURE, GenerationRequest
from service.problems import ProblemError
from service.settings import Settings

# No character is longer than this when Unicode decomposes it; longer text is refused before it is
# normalised, which takes quadratic time on hostile text.
MAX_DECOMPOSITION = 4
# The greatest whole number that survives JSON in a browser.
MAX_SEED = 2**53 - 1
# Unicode sorts marks that follow one another in quadratic time, too; no text that is read has so many.
MAX_MARKS = 1000
# Explaining a text asks the model once for each of its first characters, and every member reads all of it each time.
MAX_EXPLAINED_CHARACTERS = 300
MAX_EXPLAINED_WORK = 60_000  # characters that members read: a text of 300 by one member, of 109 by five


def _settings(info: ValidationInfo) -> Settings:
    assert isinstance(info.context, Settings)  # noqa: S101 - every body is checked through _checked
    return info.context


def _bounded_by(setting: str) -> AfterValidator:
    def check(value: int, info: ValidationInfo) -> int:
        most = getattr(_settings(info), setting)
        if value > most:
            raise ValueError(f"must be at most {most}")
        return value

    return AfterValidator(check)


def _kinds(value: object) -> object:
    """Take kinds out of a query, where they stand with commas between them; a list comes out of JSON."""
    return value.split(",") if isinstance(value, str) else value


def _known_kinds(kinds: list[str]) -> list[str]:
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"must be of {', '.join(KINDS)}")
    return kinds


def _typed_text(text: str, info: ValidationInfo) -> str:
    return _normalised(text, _settings(info).max_prefix_characters)


def _text_to_classify(text: str, info: ValidationInfo) -> str:
    text = _normalised(text, _settings(info).max_text_characters)
    if not text or text.isspace():
        raise ValueError("must have a character that is no space")
    return text


def _at_most(texts: object, info: ValidationInfo) -> object:
    most = _settings(info).max_texts
    if isinstance(texts, list) and not 1 <= len(texts) <= most:
        raise PydanticCustomError("number_of_texts", f"must hold 1 to {most} texts, got {len(texts)}")
    return texts


def _normalised(text: str, most: int) -> str:
    if "\0" in text:
        raise ValueError("must hold no NUL character")
    if len(text) > MAX_MARKS and not text.isascii() and _longest_row_of_marks(text) > MAX_MARKS:
        raise ValueError(f"must have at most {MAX_MARKS} combining marks in a row")
    if len(text) > most * MAX_DECOMPOSITION or len(text := unicodedata.normalize("NFC", text)) > most:
        raise ValueError(f"must be at most {most} characters long")
    return text


def _longest_row_of_marks(text: str) -> int:
    longest = row = 0
    for character in text:
        row = row + 1 if unicodedata.category(character).startswith("M") else 0
        longest = max(longest, row)
    return longest


TypedText = Annotated[str, AfterValidator(_typed_text)]
TextToClassify = Annotated[str, AfterValidator(_text_to_classify)]


class CompleteBody(BaseModel):
    """The parameters of ``/v1/complete``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: TypedText
    limit: Annotated[int, Field(ge=1), _bounded_by("max_limit")] = 10
    kinds: Annotated[list[str], BeforeValidator(_kinds), AfterValidator(_known_kinds)] = list(KINDS)
    deadline_ms: Annotated[int, Field(ge=1), _bounded_by("deadline_ms")] | None = None
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
    label: str | None = None
    max_characters: Annotated[int, Field(ge=1), _bounded_by("max_generated_characters")] = 200
    temperature: Annotated[float, Field(ge=0, le=MAX_TEMPERATURE, allow_inf_nan=False)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    model: str | None = None

    def to_request(self) -> GenerationRequest:
        """Put the request to the model layer."""
        return GenerationRequest(
            prefix=self.prefix,
            label=self.label,
            max_characters=self.max_characters,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
        )


class TagBody(BaseModel):
    """The parameters of ``/v1/tag``: one text, or several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: TextToClassify = ""
    texts: Annotated[list[TextToClassify], BeforeValidator(_at_most)] = []
    model: str | None = None

    def check_one_given(self) -> None:
        """Refuse a request that has both one text and several, or neither.

        Raises:
            ProblemError: 400.
        """
        _check_one_of(self.model_fields_set, "there is also model")


class TransduceBody(BaseModel):
    """The parameters of ``/v1/transduce``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: TextToClassify
    limit: Annotated[int, Field(ge=1), _bounded_by("max_limit")] = 1
    attention: bool = False
    model: str | None = None


def _check_one_of(given: set[str], others: str) -> None:
    """Refuse a request of which the fields given have both one text and several, or neither; name the others."""
    both = given & {"text", "texts"}
    if len(both) != 1:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"either text or texts must be given, got {'both' if both else 'neither'}; {others}",
        )


class ClassifyBody(BaseModel):
    """The parameters of ``/v1/classify``: one text, or several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: TextToClassify = ""
    texts: Annotated[list[TextToClassify], BeforeValidator(_at_most)] = []
    limit: Annotated[int, Field(ge=1), _bounded_by("max_labels")] = 5
    explain: bool = False
    model: str | None = None

    def check_one_given(self) -> None:
        """Refuse a request that has both one text and several, or neither, or one to explain that is too long.

        Raises:
            ProblemError: 400.
        """
        given = self.model_fields_set & {"text", "texts"}
        if self.explain and ("texts" in given or len(self.text) > MAX_EXPLAINED_CHARACTERS):
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"explain must be of one text of at most {MAX_EXPLAINED_CHARACTERS} characters, got "
                f"{'texts' if 'texts' in given else len(self.text)}",
            )
        _check_one_of(given, "there are also limit, explain, model")

    def check_work(self, loaded: LoadedClassifier) -> None:
        """Refuse to explain a text that would keep the members of a model busy for too long.

        Raises:
            ProblemError: 422.
        """
        work = work_to_explain(loaded, self.text) if self.explain else 0
        if work > MAX_EXPLAINED_WORK:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"explain must have the members of {loaded.name} read at most {MAX_EXPLAINED_WORK:,} characters, got "
                f"{work:,} for a text of {len(self.text)}; a shorter one takes fewer",
            )
