"""Completion: what was typed, finished in the most probable ways."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.channel import EXACT, KINDS, SLIP
from model.errors import InputError
from model.finished import SearchOptions, folded_name
from model.query import normalise
from model.search import search
from model.seen import SeenPhrase, score_seen
from model.slips import Slips, edits_for, find_slips
from model.typed import typed_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.finished import Found
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from model.mixture import Mixture
    from model.typed import TypedQuery

MAX_PREFIX_CHARACTERS = 1000
MAX_LIMIT = 100
MAX_CHARACTERS = 1000
MAX_EXPANSIONS = 100_000
MAX_DEADLINE_MS = 60_000
MOST_CORRECTIONS = 20
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
    (reply,) = model.replies.get([request])
    if reply is None:
        reply = find_completions(model, request, began)
        if reply.exact:
            model.replies.put([(request, reply)])
    return replace(reply, elapsed_ms=(time.perf_counter() - began) * 1000)


def find_completions(model: LoadedModel, request: CompletionRequest, began: float) -> CompletionReply:
    """Finish a phrase by search; see ``complete``. It began at a time by ``time.perf_counter``, seconds."""
    context, typed = "", request.prefix
    if model.task == "text":
        context, typed = split_last_word(request.prefix)
    deadline = began + request.deadline_ms / 1000 if request.deadline_ms else math.inf
    seen = seen_phrases(model, typed, request)
    slips = find_corrections(model, typed, request, deadline) if len(seen) < request.limit else Slips((), in_time=True)
    query = typed_query(typed, model.alphabet, model.keys, request.kinds, model.costs, slips.corrections)
    mixture = None if model.mixture is None else model.mixture.with_cost_of_unseen(query.unseen_cost)
    options = SearchOptions(
        limit=request.limit,
        max_characters=request.max_characters,
        max_expansions=request.max_expansions,
        deadline=deadline,
        boundary=model.word_ends if model.task == "text" else None,
        context=tuple(model.alphabet.encode(context).tolist()),
        mixture=mixture,
        folded=model.folded,
        finished=request.finished,
    )
    result = search(model.reader, query, options)
    completions = [completion_of(query, context, found) for found in result.found]
    if mixture is not None and any(each.match == KINDS[SLIP] for each in completions):
        missed = score_without_cost(model, mixture, missed_phrases(model, seen, result.found))
        # Where counts are worth nothing, none of them was displaced.
        completions += [completion_of(query, "", found) for found in missed if found.seen > -math.inf]
        completions = slips_last(sorted(completions, key=lambda each: -each.score))[: request.limit]
    if request.finished:
        completions = put_whole_first(model, mixture, query, completions)[: request.limit]
    return CompletionReply(
        prefix=request.prefix,
        completions=tuple(completions),
        exact=result.exact and slips.in_time,
        elapsed_ms=0.0,
    )


def split_last_word(text: str) -> tuple[str, str]:
    """Part running text before its last word, which is empty after white space."""
    end = len(text)
    while end and not text[end - 1].isspace():
        end -= 1
    return text[:end], text[end:]


def seen_phrases(model: LoadedModel, typed: str, request: CompletionRequest) -> list[tuple[int, ...]]:
    """Give the phrases seen that begin with exactly what was typed, most often seen first, as many as are wanted."""
    if model.mixture is None or not typed:
        return []
    ids = model.alphabet.encode(typed).tolist()
    position = model.mixture.index.walk(ids)
    if position is None:
        return []
    least, longest = model.mixture.least_count, len(ids) + request.max_characters
    top = model.mixture.index.top(position, ids, request.limit)
    known = [phrase for phrase, count in top if count >= least and len(phrase) <= longest]
    return known if request.finished else [phrase for phrase in known if len(phrase) > len(ids)]


def find_corrections(model: LoadedModel, typed: str, request: CompletionRequest, deadline: float) -> Slips:
    """Find what may have been meant."""
    edits = edits_for(typed)
    if model.mixture is None or "slip" not in request.kinds or not edits:
        return Slips((), in_time=True)
    return find_slips(
        model.mixture.index,
        model.keys,
        typed,
        edits=edits,
        costs=model.costs,
        most=MOST_CORRECTIONS,
        least_count=model.mixture.least_count,
        deadline=deadline,
    )


def missed_phrases(
    model: LoadedModel, phrases: Sequence[tuple[int, ...]], found: Sequence[Found]
) -> list[tuple[int, ...]]:
    """Give those of some phrases that were not found, in no other case either."""
    names = {folded_name(model.folded, each.ids) for each in found}
    missed = {folded_name(model.folded, ids): ids for ids in reversed(phrases)}  # of alike ones the first
    return [ids for name, ids in missed.items() if name not in names]


def completion_of(query: TypedQuery, context: str, found: Found) -> Completion:
    """Put what was found into words."""
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


def score_without_cost(model: LoadedModel, mixture: Mixture, phrases: Sequence[tuple[int, ...]]) -> list[Found]:
    """Score phrases seen that begin with what was typed."""
    seen = [SeenPhrase(ids, mixture.index.count(ids), 0.0) for ids in phrases]
    return score_seen(model.runtime, mixture, seen)


def put_whole_first(
    model: LoadedModel, mixture: Mixture | None, query: TypedQuery, completions: list[Completion]
) -> list[Completion]:
    """Put what was typed first if it was seen as a whole phrase, in the form that was kept if that differs in case."""
    ids = tuple(query.ahead)
    if mixture is None or not ids or mixture.index.count(ids) < max(mixture.least_count, LEAST_SEEN):
        return completions
    name = folded_name(model.folded, ids)
    for at, each in enumerate(completions):
        if folded_name(model.folded, model.alphabet.encode(each.text).tolist()) == name:
            return [each, *completions[:at], *completions[at + 1 :]]
    whole = score_without_cost(model, mixture, [ids])
    return [*(completion_of(query, "", found) for found in whole), *completions]


def slips_last(completions: list[Completion]) -> list[Completion]:
    """Move slips behind the last phrase that was seen and begins with exactly what was typed."""
    kept = [at for at, each in enumerate(completions) if each.match == KINDS[EXACT] and each.source != "model"]
    last = kept[-1] if kept else -1
    before = completions[: last + 1]
    slips = [each for each in before if each.match == KINDS[SLIP]]
    return [each for each in before if each.match != KINDS[SLIP]] + slips + completions[last + 1 :]
