"""What may have been meant instead of what was typed, searched after it and ranked beside it.

Legend: K completions.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from model.finished import folded_name
from model.search import search
from model.seen import SeenPhrase, score_seen
from model.slips import Slips, edits_for, find_slips
from model.typed import TypedQuery, slip_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.finished import Found, SearchOptions
    from model.loaded import LoadedModel
    from model.mixture import Mixture
    from model.search import SearchResult

MOST_CORRECTIONS = 20
# Nats that a phrase may come to more than the largest count of those that begin so: the model's part of it.
MODEL_MARGIN = 2.0


class Answer(NamedTuple):
    """A phrase found, and the query that admits it."""

    found: Found
    query: TypedQuery


def add_slips(
    model: LoadedModel, mixture: Mixture, query: TypedQuery, options: SearchOptions, result: SearchResult
) -> tuple[list[Answer], bool]:
    """Look for slips where fewer phrases than are wanted were seen to begin with what was typed.

    Args:
        model: that was asked.
        mixture: with the phrases seen.
        query: what was typed.
        options: it was searched with.
        result: of that search.

    Returns:
        At most K, best first, but no slip before a phrase that was seen and begins with what was typed; and whether
        nothing was cut short.
    """
    answers = [Answer(found, query) for found in result.found]
    seen, edits = seen_phrases(mixture, query, options), edits_for(query.typed)
    if not edits or len(seen) >= options.limit:
        return answers, True
    slips = find_corrections(model, mixture, query, options, result, edits)
    if not slips.corrections:
        return answers, slips.in_time
    other = slip_query(query.typed, model.alphabet, model.keys, slips.corrections)
    bounded = replace(options, max_expansions=max(options.max_expansions - result.expansions, 1))
    corrected = search(model.reader, other, bounded, known=result.found)
    known = set(result.found)
    answers = [Answer(found, query if found in known else other) for found in corrected.found]
    if any(answer.query is other for answer in answers):
        missed = score_without_cost(model, mixture, missed_phrases(model, seen, corrected.found))
        # Where counts are worth nothing, none of them was displaced.
        answers += [Answer(found, query) for found in missed if found.seen > -math.inf]
        answers = slips_last(sorted(answers, key=lambda each: -each.found.score), query)[: options.limit]
    return answers, slips.in_time and corrected.exact


def seen_phrases(mixture: Mixture, query: TypedQuery, options: SearchOptions) -> list[tuple[int, ...]]:
    """Give the phrases seen that begin with exactly what was typed, most often seen first, as many as are wanted."""
    ids = query.ahead
    position = mixture.index.walk(ids) if ids else None
    if position is None:
        return []
    longest = len(ids) + options.max_characters
    top = mixture.index.top(position, ids, options.limit)
    known = [phrase for phrase, count in top if count >= mixture.least_count and len(phrase) <= longest]
    return known if options.finished else [phrase for phrase in known if len(phrase) > len(ids)]


def find_corrections(
    model: LoadedModel, mixture: Mixture, query: TypedQuery, options: SearchOptions, result: SearchResult, edits: int
) -> Slips:
    """Find the beginnings that may have been meant, if phrases that begin so may come above those that were found."""
    floor = result.found[-1].score if len(result.found) == options.limit else -math.inf
    return find_slips(
        mixture.index,
        model.keys,
        query.typed,
        edits=edits,
        costs=model.costs,
        most=MOST_CORRECTIONS,
        least_count=mixture.least_count,
        least_worth=floor + math.log(mixture.index.total) - MODEL_MARGIN,
        deadline=options.deadline,
    )


def missed_phrases(
    model: LoadedModel, phrases: Sequence[tuple[int, ...]], found: Sequence[Found]
) -> list[tuple[int, ...]]:
    """Give those of some phrases that were not found, in no other case either."""
    names = {folded_name(model.folded, each.ids) for each in found}
    missed = {folded_name(model.folded, ids): ids for ids in reversed(phrases)}  # of alike ones the first
    return [ids for name, ids in missed.items() if name not in names]


def score_without_cost(model: LoadedModel, mixture: Mixture, phrases: Sequence[tuple[int, ...]]) -> list[Found]:
    """Score phrases seen that begin with what was typed."""
    seen = [SeenPhrase(ids, mixture.index.count(ids), 0.0) for ids in phrases]
    return score_seen(model.runtime, mixture, seen)


def slips_last(answers: list[Answer], query: TypedQuery) -> list[Answer]:
    """Move slips behind the last phrase that was seen and begins with exactly what was typed."""
    ahead = query.ahead
    kept = [
        at
        for at, (found, admitting) in enumerate(answers)
        if admitting is query and found.seen > -math.inf and found.ids[: len(ahead)] == ahead
    ]
    last = kept[-1] if kept else -1
    before = answers[: last + 1]
    slips = [each for each in before if each.query is not query]
    return [each for each in before if each.query is query] + slips + answers[last + 1 :]
