"""Why a classifier gives a text a label: which characters, n-grams and filters speak for it.

Legend: T characters explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.activation_maps import TEXT_BEGINS_SHOWN, TEXT_ENDS_SHOWN, filter_map, ngram_map, occlusion
from model.classifier import normalised
from model.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.activation_maps import FilterMap, NgramMap
    from model.classifier import LoadedClassifier
    from model.manifest import JSON

EXPLAINED_CHARACTERS = 200  # each costs a call
LONGEST_EXPLAINED = 10_000  # characters, which every call reads
TOP = 5
LABELS_NAMED = 10
PLACES = 4


@dataclass(frozen=True, kw_only=True)
class FiredNgram:
    """An n-gram that speaks for a label, or against it.

    text: as it stands in the text, ⟨ and ⟩ where the text begins and ends; begin, end: of its characters, where it
    stands first; times: that it stands in the text; contribution: nats, of all of these.
    """

    text: str
    begin: int
    end: int
    times: int
    contribution: float


@dataclass(frozen=True, kw_only=True)
class FiredFilter:
    """A filter that speaks for a label, or against it.

    number: among the filters of the first network's first chain; width: characters that it sees; text: those over
    which it fired, from begin to before end; contribution: nats.
    """

    number: int
    width: int
    text: str
    begin: int
    end: int
    contribution: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Which characters of a text fired a label.

    characters: the first T of the text as it was read; left_out: how many more there are.
    occlusion: (T,) by how much log P of the label falls when the character is hidden, nats.
    ngrams, filters: (T,) what n-grams and filters over the character add to the label's logit, in nats beyond the mean
    over labels; None where that is not to be had. Of filters it is the first network's first chain, in that network's
    own answer.
    top_ngrams, top_filters: those that add most or take most away.
    """

    label: str
    characters: str
    left_out: int
    occlusion: NDArray[np.float64]
    ngrams: NDArray[np.float64] | None
    filters: NDArray[np.float64] | None
    top_ngrams: tuple[FiredNgram, ...]
    top_filters: tuple[FiredFilter, ...]


def explain(loaded: LoadedClassifier, text: str, label: str | None = None) -> Explanation:
    """Tell which characters of a text fired a label, the likeliest one if none is named.

    Raises:
        InputError: the text is empty or too long, or the model has no such label.
    """
    text = normalised(text)
    if len(text) > LONGEST_EXPLAINED:
        raise InputError(f"a text to explain must have at most {LONGEST_EXPLAINED:,} characters, got {len(text):,}")
    number = label_number(loaded, text, label)
    shown = text[:EXPLAINED_CHARACTERS]
    by_ngram, by_filter = ngram_map(loaded, text, number), filter_map(loaded, text, number)
    return Explanation(
        label=loaded.labels[number],
        characters=shown,
        left_out=len(text) - len(shown),
        occlusion=occlusion(loaded, text, number, len(shown)),
        ngrams=None if by_ngram is None else by_ngram.characters(len(text))[: len(shown)],
        filters=None if by_filter is None else by_filter.characters(len(shown)),
        top_ngrams=() if by_ngram is None else top_ngrams(by_ngram, text, len(shown)),
        top_filters=() if by_filter is None else top_filters(by_filter, loaded, len(shown)),
    )


def work_to_explain(loaded: LoadedClassifier, text: str) -> int:
    """Give the characters that all members read, together, to explain a text: one more call for each explained."""
    members = loaded.checkpoint.manifest.architecture.get("members")
    networks = len(members) if isinstance(members, list) else 0
    return min(len(text), EXPLAINED_CHARACTERS) * len(text) * max(networks, 1)


def label_number(loaded: LoadedClassifier, text: str, label: str | None) -> int:
    """Give the number of a label, of a text's likeliest where it is None.

    Raises:
        InputError: the model has no such label.
    """
    if label is None:
        return int(loaded.log_probabilities(text).argmax())
    try:
        return loaded.labels.index(label)
    except ValueError as error:
        known = ", ".join(loaded.labels[:LABELS_NAMED]) + (", …" if len(loaded.labels) > LABELS_NAMED else "")
        raise InputError(f"label must be one of the {len(loaded.labels)} labels {known}, got {label!r}") from error


def strongest(contributions: NDArray[np.float64], shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the places of the contributions that are farthest from 0, at most ``TOP``, of those that are shown."""
    order = np.argsort(-np.abs(np.where(shown, contributions, 0)), kind="stable")[:TOP]
    kept: NDArray[np.int64] = order[shown[order] & (contributions[order] != 0)]
    return kept


def top_ngrams(found: NgramMap, text: str, characters: int) -> tuple[FiredNgram, ...]:
    """Give the n-grams that count most among those that first stand in the characters explained."""
    begins, ends, reached = (each[found.first] for each in (found.begins, found.ends, found.reached))
    shown = (ends > begins) & (ends <= characters)
    return tuple(
        FiredNgram(
            text=TEXT_BEGINS_SHOWN * bool(reached[place] & 1)
            + text[begins[place] : ends[place]]
            + TEXT_ENDS_SHOWN * bool(reached[place] & 2),
            begin=int(begins[place]),
            end=int(ends[place]),
            times=int(found.times[place]),
            contribution=float(found.contributions[place]),
        )
        for place in strongest(found.contributions, shown)
    )


def top_filters(found: FilterMap, loaded: LoadedClassifier, characters: int) -> tuple[FiredFilter, ...]:
    """Give the filters that count most among those that fired in the characters explained."""
    assert loaded.filters is not None  # noqa: S101 - there would be no map
    widths = loaded.filters.before + loaded.filters.after + 1
    fired = found.fired
    bounds = np.append(found.places, found.places[-1] + 1)
    begins, ends = bounds[fired.begins], bounds[np.maximum(fired.ends, 1) - 1] + 1
    shown = (fired.ends > fired.begins) & (ends <= characters)
    return tuple(
        FiredFilter(
            number=int(place),
            width=int(widths[place]),
            text=found.read[fired.begins[place] : fired.ends[place]],
            begin=int(begins[place]),
            end=int(ends[place]),
            contribution=float(found.contributions[place]),
        )
        for place in strongest(found.contributions, shown)
    )


def as_json_explanation(explanation: Explanation) -> dict[str, JSON]:
    """Give an explanation as the JSON object that scripts read."""
    return {
        "label": explanation.label,
        "characters": explanation.characters,
        "left_out": explanation.left_out,
        "occlusion": rounded(explanation.occlusion),
        "ngrams": rounded(explanation.ngrams),
        "filters": rounded(explanation.filters),
        "top_ngrams": [
            {
                "text": each.text,
                "from": each.begin,
                "to": each.end,
                "times": each.times,
                "contribution": rounded_number(each.contribution),
            }
            for each in explanation.top_ngrams
        ],
        "top_filters": [
            {
                "filter": each.number,
                "width": each.width,
                "text": each.text,
                "from": each.begin,
                "to": each.end,
                "contribution": rounded_number(each.contribution),
            }
            for each in explanation.top_filters
        ],
    }


def rounded(values: NDArray[np.float64] | None) -> JSON:
    """Give values to four places; None where there are none."""
    return None if values is None else [rounded_number(value) for value in values]


def rounded_number(value: float) -> float:
    """Give a value to four places, and 0 without a sign."""
    return round(float(value), PLACES) + 0.0
