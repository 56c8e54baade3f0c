"""What was typed, as search meets it: at each place, which characters may come next and at what cost.

Legend: A characters that a place admits.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from model.alphabet import UNKNOWN_ID
from model.errors import InputError
from model.native.library import Made, address, checked, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet

ANYTHING = -1  # of arcs.c: for the number of arcs of a place where anything may follow


@dataclass(frozen=True, kw_only=True)
class Arcs:
    """The characters that one place admits.

    ids: (A,) int64; costs: (A,) float32, log P(typed | character), nats, never above 0; places: (A,) int64, where each
    leads.
    """

    ids: NDArray[np.int64]
    costs: NDArray[np.float32]
    places: NDArray[np.int64]


class Query(Protocol):
    """A small deterministic automaton over characters (a place has at most one arc a character); it starts at 0."""

    @property
    def ahead(self) -> Sequence[int]:
        """The ids of the characters as they were typed; search reads them in one call as far as they are admitted."""

    @property
    def made(self) -> Made:
        """The automaton as the compiled core knows it."""


@dataclass(frozen=True, kw_only=True)
class TableQuery:
    """An automaton written down: the arcs of each place; where there are none, all that was typed is matched.

    An arc of the end symbol says what it costs to end there; its place, any of them, means nothing.

    Raises:
        InputError: an arc leads to no place.
    """

    places: tuple[Arcs | None, ...]
    ahead: tuple[int, ...] = ()
    made: Made = field(init=False, repr=False)

    def __post_init__(self) -> None:
        made = Made("query", None)
        for arcs in self.places:
            described: tuple[int | None, ...] = (ANYTHING, None, None, None)
            if arcs is not None:
                if len(arcs.ids) and not 0 <= arcs.places.min() <= arcs.places.max() < len(self.places):
                    raise InputError(f"places must be in [0, {len(self.places)}), got {arcs.places}")
                described = (len(arcs.ids), address(arcs.ids), address(arcs.costs), address(arcs.places))
            checked(core().machim_query_put(made.address, *described))
        object.__setattr__(self, "made", made)


def arcs_of(query: Query, place: int) -> Arcs | None:
    """Give what may come next at a place; None where all that was typed is matched, and anything may follow."""
    count = checked(core().machim_query_count(query.made.address, place))
    if count == ANYTHING:
        return None
    ids, costs, places = np.empty(count, np.int64), np.empty(count, np.float32), np.empty(count, np.int64)
    core().machim_query_give(query.made.address, place, address(ids), address(costs), address(places))
    return Arcs(ids=ids, costs=costs, places=places)


def query_of_ids(ids: NDArray[np.int32], costs: NDArray[np.float32]) -> TableQuery:
    """Make the query that asks for these characters, each at its cost, nats, and no others."""
    places = [
        Arcs(ids=ids[at : at + 1].astype(np.int64), costs=costs[at : at + 1], places=np.array([at + 1]))
        for at in range(len(ids))
    ]
    return TableQuery(places=(*places, None), ahead=tuple(ids.tolist()))


def exact_query(alphabet: Alphabet, prefix: str) -> TableQuery:
    """Make the query that asks for phrases beginning with exactly this prefix.

    An unknown character costs what tells it from all unknowns.
    """
    ids = alphabet.encode(prefix)
    costs = np.where(ids == UNKNOWN_ID, -np.log(alphabet.unknown_code_points), 0.0)
    return query_of_ids(ids, costs.astype(np.float32))


def normalise(text: str) -> str:
    """Bring text to the one form in which models are trained and asked: NFC."""
    return unicodedata.normalize("NFC", text)
