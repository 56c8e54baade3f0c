"""Completion: what was typed, finished in the most probable ways."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.channel import EXACT, KINDS
from model.corrections import Answer, add_slips, score_without_cost
from model.errors import InputError
from model.finished import SearchOptions, folded_name
from model.query import normalise
from model.search import search
from model.typed import typed_query

if TYPE_CHECKING:
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from model.mixture import Mixture
    from model.typed import TypedQuery

MAX_PREFIX_CHARACTERS = 1000
MAX_LIMIT = 100
MAX_CHARACTERS = 1000
MAX_EXPANSIONS = 100_000
MAX_DEADLINE_MS = 60_000
MOST_BY_INITIALS = 256  # branches: initials say so little that made-up phrases for them are endless, and seldom meant
MOST_AS_TYPED = 128  # branches, some milliseconds, beyond the bounds: for an answer where there would be none
LEAST_SEEN = 1e-6  # a count of nothing is none
OWN_SHARE = 0.1  # of the probability of a phrase seen: with more than it, the model counts as a source, too


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """What to complete, and how far to look.

    prefix: what was typed, brought to NFC; limit: completions wanted; max_characters: the most to add; max_expansions:
    branches to ask the network about before giving the best found so far; deadline_ms: time for the same, 0 for no
    end; kinds: of match, of ``model.channel.KINDS``; "exact" is always among them; finished: what was typed may be all
    that is meant: it comes first if it was seen as a whole phrase; else more is to come, and it is no completion.

    Raises:
        InputError: a value is out of its bounds.
    """

    prefix: str
    limit: int = 10
    max_characters: int = 64
    max_expansions: int = 2000
    deadline_ms: float = 0.0
    kinds: frozenset[str] = frozenset(KINDS)
    finished: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", normalise(self.prefix))
        if len(self.prefix) > MAX_PREFIX_CHARACTERS:
            raise InputError(f"prefix must be at most {MAX_PREFIX_CHARACTERS} characters, got {len(self.prefix)}")
        for name, most in (
            ("limit", MAX_LIMIT),
            ("max_characters", MAX_CHARACTERS),
            ("max_expansions", MAX_EXPANSIONS),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} must be in [1, {most}], got {getattr(self, name)}")
        if not 0 <= self.deadline_ms <= MAX_DEADLINE_MS:
            raise InputError(f"deadline_ms must be in [0, {MAX_DEADLINE_MS}], got {self.deadline_ms}")
        if unknown := self.kinds - frozenset(KINDS):
            raise InputError(f"kinds must be of {', '.join(KINDS)}, got {', '.join(sorted(unknown))}")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """One completion.

    text: the whole phrase; score: log P(phrase) + log P(typed | phrase), nats; source: "seen" for a phrase of the
    training text, "model" for one that is not, "both" for one of it that the network finds likely, too; match: one of
    ``model.channel.KINDS``; highlight: where in the text stands what was typed, as spans of code points, first and past
    the last.
    """

    text: str
    score: float
    source: str
    match: str
    highlight: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class CompletionReply:
    """The completions, best first.

    exact: they are the most probable of all; False when a bound was met before that was proven.
    """

    prefix: str
    completions: tuple[Completion, ...]
    exact: bool
    elapsed_ms: float


def as_json_object(completion: Completion) -> dict[str, JSON]:
    """Give a completion as scripts and browsers read it."""
    return {
        "text": completion.text,
        "score": round(completion.score, 6),
        "source": completion.source,
        "match": completion.match,
        "highlight": [[first, last] for first, last in completion.highlight],
    }


def complete(model: LoadedModel, request: CompletionRequest) -> CompletionReply:
    """Finish a phrase, or for a model of running text the word that is being written or comes next.

    A reply that is exact is remembered for whoever asks the same again.
    """
    began = time.perf_counter()
    reply = model.replies.get(request)
    if reply is None:
        reply = find_completions(model, request, began)
        if reply.exact:
            model.replies.put(request, reply)
    return replace(reply, elapsed_ms=(time.perf_counter() - began) * 1000)


def find_completions(model: LoadedModel, request: CompletionRequest, began: float) -> CompletionReply:
    """Finish a phrase by search; see ``complete``. It began at a time by ``time.perf_counter``, seconds.

    Raises:
        InputError: the model writes texts of labels.
    """
    if model.labels:
        raise InputError(f"{model.name} writes texts of labels and finishes none: ask it to generate")
    context, typed = "", request.prefix
    if model.task == "text":
        context, typed = split_last_word(request.prefix)
    deadline = began + request.deadline_ms / 1000 if request.deadline_ms else math.inf
    query = typed_query(typed, model.alphabet, model.keys, request.kinds, model.costs)
    mixture = None if model.mixture is None else model.mixture.with_cost_of_unseen(query.unseen_cost)
    options = SearchOptions(
        limit=request.limit,
        max_characters=request.max_characters,
        max_expansions=request.max_expansions,
        expansions_to_fill=MOST_BY_INITIALS if query.unseen_cost else None,
        deadline=deadline,
        boundary=model.word_ends if model.task == "text" else None,
        context=tuple(model.alphabet.encode(context).tolist()),
        mixture=mixture,
        folded=model.folded,
        finished=request.finished,
    )
    result = search(model.reader, query, options)
    answers, exact = [Answer(found, query) for found in result.found], result.exact
    if mixture is not None and "slip" in request.kinds:
        answers, in_time = add_slips(model, mixture, query, options, result)
        exact = exact and in_time
    if not answers and not exact:
        answers = find_as_typed(model, typed, options)
    if mixture is not None and request.finished:
        answers = put_whole_first(model, mixture, query, answers)[: request.limit]
    completions = tuple(completion_of(answer, context) for answer in answers)
    return CompletionReply(prefix=request.prefix, completions=completions, exact=exact, elapsed_ms=0.0)


def find_as_typed(model: LoadedModel, typed: str, options: SearchOptions) -> list[Answer]:
    """Finish just what was typed, where all that was allowed went to other ways to take it and none was finished."""
    query = typed_query(typed, model.alphabet, model.keys, frozenset({KINDS[EXACT]}), model.costs)
    bounded = replace(options, max_expansions=min(options.max_expansions, MOST_AS_TYPED), deadline=math.inf)
    return [Answer(found, query) for found in search(model.reader, query, bounded).found]


def split_last_word(text: str) -> tuple[str, str]:
    """Part running text before its last word, which is empty after white space."""
    end = len(text)
    while end and not text[end - 1].isspace():
        end -= 1
    return text[:end], text[end:]


def put_whole_first(model: LoadedModel, mixture: Mixture, query: TypedQuery, answers: list[Answer]) -> list[Answer]:
    """Put what was typed first if it was seen as a whole phrase, in the form that was kept if that differs in case."""
    ids = query.ahead
    if not ids or mixture.index.count(ids) < max(mixture.least_count, LEAST_SEEN):
        return answers
    name = folded_name(model.folded, ids)
    for at, each in enumerate(answers):
        if folded_name(model.folded, each.found.ids) == name:
            return [each, *answers[:at], *answers[at + 1 :]]
    return [*(Answer(found, query) for found in score_without_cost(model, mixture, [ids])), *answers]


def completion_of(answer: Answer, context: str) -> Completion:
    """Put what was found into words."""
    found, query = answer
    text = query.text(found.ids)
    match = query.explain(text)
    source = "model"
    if found.seen > -math.inf:
        own = np.exp(found.model - np.logaddexp(found.model, found.seen))
        source = "both" if own > OWN_SHARE else "seen"
    before = len(context)
    return Completion(
        text=context + text,
        score=found.score,
        source=source,
        match=match.kind,
        highlight=tuple((first + before, last + before) for first, last in match.highlight),
    )
