"""What was typed, as search meets it: at each place, which characters may come next and at what cost.

Legend: A characters that a place admits.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from model.alphabet import UNKNOWN_ID
from model.native.library import Made, address, checked, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet


@dataclass(frozen=True, kw_only=True)
class Arcs:
    """The characters that one place admits.

    ids: (A,) int64; costs: (A,) float32, log P(typed | character), nats, never above 0; places: (A,) where each leads.
    """

    ids: NDArray[np.int64]
    costs: NDArray[np.float32]
    places: NDArray[np.int64]


class Query(Protocol):
    """A small deterministic automaton over characters (a place has at most one arc a character); it starts at 0."""

    @property
    def ahead(self) -> Sequence[int]:
        """The ids of the characters as they were typed; search reads them in one call as far as they are admitted."""

    def arcs(self, place: int) -> Arcs | None:
        """Give what may come next at a place; None where all that was typed is matched, and anything may follow.

        An arc of the end symbol says what it costs to end there; its place means nothing.
        """


@dataclass(frozen=True, kw_only=True)
class ExactQuery:
    """The characters typed, and no others: place i has matched i of them.

    ids: (characters,) int32; costs: (characters,) float32, nats; an unknown one costs what tells it from all unknowns.
    """

    ids: NDArray[np.int32]
    costs: NDArray[np.float32]

    @property
    def ahead(self) -> Sequence[int]:
        """All of them."""
        return [int(each) for each in self.ids]

    def arcs(self, place: int) -> Arcs | None:
        """Admit the next character typed, at its cost."""
        if place == len(self.ids):
            return None
        return Arcs(
            ids=self.ids[place : place + 1].astype(np.int64),
            costs=self.costs[place : place + 1],
            places=np.array([place + 1]),
        )


class Places:
    """The places of a query as the compiled core knows them: each from when search comes there."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.made = Made("query")
        self.known: dict[int, Arcs | None] = {}

    def arcs(self, place: int) -> Arcs | None:
        """Give what may come next at a place, and make it known to the core."""
        if place not in self.known:
            arcs = self.known[place] = self.query.arcs(place)
            described: tuple[int | None, ...] = (-1, None, None, None)
            if arcs is not None:
                described = (len(arcs.ids), address(arcs.ids), address(arcs.costs), address(arcs.places))
            checked(core().machim_query_put(self.made.address, place, *described))
        return self.known[place]


def exact_query(alphabet: Alphabet, prefix: str) -> ExactQuery:
    """Make the query that asks for phrases beginning with exactly this prefix."""
    ids = alphabet.encode(prefix)
    costs = np.where(ids == UNKNOWN_ID, -np.log(alphabet.unknown_code_points), 0.0)
    return ExactQuery(ids=ids, costs=costs.astype(np.float32))


def normalise(text: str) -> str:
    """Bring text to the one form in which models are trained and asked: NFC."""
    return unicodedata.normalize("NFC", text)
