"""What was typed, taken in every way that is asked for, as one deterministic automaton with costs.

The compiled core makes its places when search comes there (native/typed.c); here it is told what was typed.
"""

from __future__ import annotations

import math
from array import array
from ctypes import addressof, byref
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from model.alignment import NO_CODE_POINT, align
from model.alphabet import UNKNOWN_ID
from model.channel import DEFAULT_COSTS, EXACT, KEYBOARD, KINDS, Match
from model.errors import InputError
from model.hangul import keystrokes, to_hangul_keys
from model.keys import key_presses
from model.native.library import Made, TypedTables, address_of
from model.query import arcs_of
from model.readings import Reading, describe_characters, make_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.alphabet import Alphabet
    from model.channel import ChannelCosts, Correction
    from model.keys import AlphabetKeys
    from model.query import Arcs


class Automaton(NamedTuple):
    """What makes the places of a query, and what it reads while it does so."""

    made: Made
    keys: AlphabetKeys
    characters: array[int]
    readings: tuple[Reading, ...]
    corrections: tuple[array[int] | array[float], ...]


@dataclass(frozen=True, kw_only=True)
class TypedQuery:
    """The automaton of what was typed; a ``Query``. Make it with ``typed_query``.

    ahead: the ids of what was typed; unseen_cost: what a phrase never seen costs more, nats; automaton: what makes the
    places.
    """

    typed: str
    ahead: tuple[int, ...]
    alphabet: Alphabet
    unseen_cost: float
    automaton: Automaton

    @property
    def made(self) -> Made:
        """The automaton as the compiled core knows it."""
        return self.automaton.made

    def arcs(self, place: int) -> Arcs | None:
        """Give what may come next at a place; None where all that was typed is matched as cheaply as can be."""
        return arcs_of(self, place)

    def text(self, ids: Sequence[int]) -> str:
        """Turn the ids of a phrase that the query admits into text, unknown characters as they were typed."""
        if UNKNOWN_ID not in ids:
            return self.alphabet.decode(ids)
        text = list(map(self.alphabet.decode, ((i,) for i in ids)))
        found = align(self.made, ids, None)
        for at, code_point in enumerate(found.unknown if found else ()):
            text[at] = text[at] if code_point == NO_CODE_POINT else chr(code_point)
        return "".join(text)

    def explain(self, text: str) -> Match:
        """Tell how a phrase matches what was typed; of ways that cost the same, the first of ``KINDS``.

        Raises:
            InputError: it does not match.
        """
        ids = self.alphabet.encode(text).tolist()
        if tuple(ids[: len(self.ahead)]) == self.ahead and UNKNOWN_ID not in self.ahead:  # nothing is cheaper
            return Match(kind=KINDS[EXACT], cost=0.0, highlight=((0, len(self.typed)),) if self.typed else ())
        found = align(self.made, ids, text)
        if found is None:
            raise InputError(f"text must match what was typed, {self.typed!r}, got {text!r}")
        return Match(kind=KINDS[found.kind], cost=found.cost, highlight=found.spans())


def typed_query(
    typed: str,
    alphabet: Alphabet,
    keys: AlphabetKeys,
    kinds: frozenset[str] = frozenset(KINDS),
    costs: ChannelCosts = DEFAULT_COSTS,
    corrections: Sequence[Correction] = (),
) -> TypedQuery:
    """Make the query for what was typed.

    Args:
        typed: NFC.
        alphabet: what the model knows.
        keys: of that alphabet.
        kinds: the kinds of match to look for, of ``KINDS``; "exact" is always among them.
        costs: of the channel.
        corrections: beginnings within a slip of what was typed, used if "slip" is asked for.

    Raises:
        InputError: there is no such kind.
    """
    if unknown := kinds - frozenset(KINDS):
        raise InputError(f"kinds must be of {', '.join(KINDS)}, got {', '.join(sorted(unknown))}")
    presses = key_presses(typed)
    by_keys = "keyboard" in kinds and to_hangul_keys(presses) != presses  # there are letters that keyboards dispute
    ways = ([EXACT, KEYBOARD] if by_keys else [EXACT]) if typed else []
    readings = tuple(make_reading(typed, kind=kind, costs=costs, alphabet_keys=keys) for kind in ways)
    by_initials = bool(readings) and readings[0].by_initials and "initials" in kinds
    meant = corrections if typed and "slip" in kinds else ()
    return TypedQuery(
        typed=typed,
        ahead=tuple(alphabet.encode(typed).tolist()),
        alphabet=alphabet,
        unseen_cost=costs.initials_unseen if by_initials else 0.0,
        automaton=make_automaton(typed, alphabet, keys, kinds, costs, readings, meant),
    )


def slip_query(typed: str, alphabet: Alphabet, keys: AlphabetKeys, corrections: Sequence[Correction]) -> TypedQuery:
    """Make the query for nothing but what may have been meant instead of what was typed: at least one correction."""
    return TypedQuery(
        typed=typed,
        ahead=tuple(alphabet.encode(typed).tolist()),
        alphabet=alphabet,
        unseen_cost=0.0,
        automaton=make_automaton("", alphabet, keys, frozenset(), DEFAULT_COSTS, (), corrections),
    )


def make_automaton(
    typed: str,
    alphabet: Alphabet,
    keys: AlphabetKeys,
    kinds: frozenset[str],
    costs: ChannelCosts,
    readings: tuple[Reading, ...],
    corrections: Sequence[Correction],
) -> Automaton:
    """Tell the compiled core what was typed; with no readings and no corrections anything may follow at once."""
    characters = describe_characters(typed, alphabet)
    lengths = array("i", [len(each.ids) for each in corrections])
    ids = array("i", [i for each in corrections for i in each.ids])
    worths = array("d", [each.cost for each in corrections])
    tables = TypedTables(
        keys=addressof(keys.tables),
        characters=address_of(characters),
        lengths=address_of(lengths),
        ids=address_of(ids),
        costs=address_of(worths),
        reading_count=len(readings),
        corrections=len(corrections),
        kinds=sum(1 << kind for kind, name in enumerate(KINDS) if name in kinds),
        lone_letter=costs.lone_letter,
        other_case=costs.case,
        initials=costs.initials,
        initials_inside=costs.initials_inside,
        unswitched=costs.unswitched,
        unknown=-math.log(alphabet.unknown_code_points),
        keyboard=costs.keyboard + costs.keyboard_key * len(keystrokes(typed)),
    )
    for part, reading in enumerate(readings):
        tables.readings[part] = reading.tables
    return Automaton(Made("query", byref(tables)), keys, characters, readings, (lengths, ids, worths))
