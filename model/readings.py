"""The ways to take what was typed, key by key: as it stands, or whichever keyboard was on.

Legend: A characters that a move admits, n keys typed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.alphabet import UNKNOWN_ID
from model.channel import CASE, INITIALS, KEYBOARD, PARTIAL
from model.hangul import compose, is_consonant, is_syllable, keystrokes, to_hangul_keys
from model.keys import LAST_CODE_POINT, fold, has_case, is_hangul, is_lone_letter, key_presses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.channel import ChannelCosts
    from model.keys import AlphabetKeys, KeyTable


class State(NamedTuple):
    """How far a phrase has come in one part of the automaton.

    part: a reading's number; position: keys matched; paid: that the phrase goes another way than the characters typed
    is paid for; skips: the last character was matched by its initial, so white space may be skipped.
    """

    part: int
    position: int
    paid: bool = False
    skips: bool = False


DONE = State(part=-1, position=0)  # all that was typed is matched


class Move(NamedTuple):
    """One step of a phrase: any of some characters, what it costs, and where it leads.

    ids: (A,); cost: nats; kind: index in ``KINDS``; matched: it stands for something typed (white space skipped does
    not); unknown: the character that ``UNKNOWN_ID`` stands for.
    """

    ids: tuple[int, ...] | NDArray[np.int64]
    cost: float
    target: State
    kind: int
    matched: bool = True
    unknown: str = ""


class Option(NamedTuple):
    """A way on from a place in the keys, whatever came before it; see ``Move``.

    end: keys matched then; for white space no more than before; pays: it is no character typed; skips: as in ``State``.
    """

    ids: tuple[int, ...] | NDArray[np.int64]
    cost: float
    end: int
    kind: int
    pays: bool = False
    skips: bool = False
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to take what was typed, as moves over the characters of a phrase.

    At each place in the keys, if the kind is asked for:

    - *exact*: the character typed. One that is not known costs what tells it from all unknowns.
    - *partial*: a character whose keys are the next ones typed, or go on from the last ones typed. The first one that
      is not exact pays ``partial_cost``, once for the phrase.
    - *case*: the letter typed, but large for small or small for large; ``case`` each.
    - *initials*: for a lone consonant typed (ㄳ is two), a syllable that begins with it; ``initials`` each, and
      ``initials_inside`` if a syllable is typed later. White space between such a syllable and the next lone consonant
      is skipped, free.

    A letter in the phrase whose keys are all typed, where they make a syllable, costs ``lone_letter`` more, be it a
    lone Hangul letter or the Latin one that was typed. When keys are read whichever keyboard was on, a letter that the
    keyboard which was on does type costs ``unswitched`` more, and a Latin letter typed still is no other Latin letter;
    a large letter that the Hangul keyboard does not tell from the small one costs ``case``.

    part: its number; kind: the least kind, as index in ``KINDS``, of all its matches; characters: what was typed;
    keys: (n,) of it; table: the characters of the alphabet by such keys.
    owners: (n,) the character of each key; starts: (characters + 1,) the first key of each; in_syllable: (n,) whether
    the keys make a syllable there; inside: places within a character that the keys make.
    partial_cost: nats; known_ahead, known_options: what ``ahead`` and ``options_at`` have found.
    """

    part: int
    kind: int
    characters: str
    keys: str
    table: KeyTable
    owners: tuple[int, ...]
    starts: tuple[int, ...]
    in_syllable: tuple[bool, ...]
    inside: frozenset[int]
    kinds: frozenset[str]
    costs: ChannelCosts
    partial_cost: float
    alphabet: Alphabet
    alphabet_keys: AlphabetKeys
    known_ahead: dict[int, float]
    known_options: dict[int, list[Option]]

    @property
    def unseen_cost(self) -> float:
        """What a phrase never seen costs more, nats: that of initials, if two lone consonants or more come last."""
        last = range(len(self.keys) - 2, len(self.keys))
        by_initials = "initials" in self.kinds and last[0] >= 0 and all(map(self.is_lone_consonant, last))
        return self.costs.initials_unseen if by_initials else 0.0

    def moves(self, state: State) -> list[Move]:
        """Give the moves from a state, some of which may share characters.

        Each pays in advance what follows it within a syllable without fail, so that search sees it early.
        """
        behind = self.ahead(state)
        priced = ((move, move.cost + self.ahead(move.target) - behind) for move in self.options(state))
        return [move if cost == move.cost else move._replace(cost=cost) for move, cost in priced if cost > -math.inf]

    def ahead(self, state: State) -> float:
        """Bound what is still to be paid, nats: -inf where nothing goes on; 0 but within a character."""
        place = state.position
        if place not in self.inside or state == DONE:
            return 0.0
        if place not in self.known_ahead:
            options = self.options(State(self.part, place, paid=True))
            onwards = (move for move in options if move.matched)  # what goes on after white space could do without it
            self.known_ahead[place] = max((move.cost + self.ahead(move.target) for move in onwards), default=-math.inf)
        return self.known_ahead[place]

    def options(self, state: State) -> list[Move]:
        """Give the moves from a state, each at its own cost."""
        if state.position not in self.known_options:
            self.known_options[state.position] = list(self.options_at(state.position))
        options: list[Move] = []
        for ids, cost, end, kind, pays, skips, unknown in self.known_options[state.position]:
            if end == state.position:  # over white space, which is free after white space
                over = state._replace(skips=True)
                options.append(Move(ids, 0.0 if state.skips else cost, over, kind, matched=False))
                continue
            owed = self.partial_cost if pays and not state.paid else 0.0
            target = DONE if end == len(self.keys) else State(self.part, end, state.paid or owed < 0, skips)
            options.append(Move(ids, cost + owed, target, kind, unknown=unknown))
        return options

    def options_at(self, start: int) -> Iterator[Option]:
        """Give the ways on from a place in the keys, whatever came before it."""
        literal = self.literal(start)
        if literal is not None:
            yield self.literal_option(start, literal)
        if "case" in self.kinds and (variants := self.variants(start, literal)):
            cost = self.costs.case + self.letter_cost(start, variants[0])
            yield Option(variants, cost, start + 1, max(CASE, self.kind))
        for i, end in self.key_matches(start):
            if i != literal:
                yield Option((i,), self.letter_cost(start, i), end, max(PARTIAL, self.kind), pays=True)
        for ids, switching in self.switching(start, self.going_on(start)):
            yield Option(ids, switching, len(self.keys), max(PARTIAL, self.kind), pays=True)
        if "initials" in self.kinds and self.is_lone_consonant(start):
            yield from self.initial_options(start)

    def literal_option(self, start: int, literal: int) -> Option:
        """Give the way on by the character typed, whose id this is."""
        owner, cost = self.owners[start], self.letter_cost(start, literal)
        end = self.starts[owner + 1]
        if literal != UNKNOWN_ID:
            return Option((literal,), cost, end, self.kind)
        cost -= math.log(self.alphabet.unknown_code_points)
        return Option((literal,), cost, end, self.kind, unknown=self.characters[owner])

    def initial_options(self, start: int) -> Iterator[Option]:
        """Give the ways on for a lone consonant: syllables that begin with it, and the white space before one."""
        end = start + 1
        if start and self.alphabet_keys.white_space:
            yield Option(self.alphabet_keys.white_space, self.costs.initials, start, INITIALS)
        syllables = self.alphabet_keys.ids_by_initial.get(self.keys[start])
        # The last consonant is the free beginning of each such syllable, if partial matches are asked for.
        if syllables is not None and not ("partial" in self.kinds and end == len(self.keys)):
            inside = self.costs.initials_inside if any(self.in_syllable[end:]) else 0.0
            yield Option(syllables, self.costs.initials + inside, end, INITIALS, skips=True)

    def literal(self, start: int) -> int | None:
        """Give the id of the character typed that begins with a key; None where none begins."""
        owner = self.owners[start]
        return int(self.alphabet.ids[ord(self.characters[owner])]) if self.starts[owner] == start else None

    def variants(self, start: int, literal: int | None) -> tuple[int, ...]:
        """Find the letters that differ only by case from the one typed, or from the one whose key it is: (A,) ids."""
        letter, key = self.characters[self.owners[start]], self.keys[start]
        if has_case(letter):
            return tuple(i for i in self.alphabet_keys.ids_by_folded.get(fold(letter), ()) if i != literal)
        folded = self.alphabet_keys.ids_by_folded.get(fold(key), ())
        return tuple(i for i in folded if self.table.key_strings[i] != key)

    def key_matches(self, start: int) -> Iterator[tuple[int, int]]:
        """Find the characters, by id, whose keys all are the next ones typed, and where they end."""
        if "partial" not in self.kinds and self.kind != KEYBOARD:
            return
        other_letters = self.alphabet_keys.cased if has_case(self.characters[self.owners[start]]) else frozenset()
        for end in range(start + 1, min(start + self.table.longest, len(self.keys)) + 1):
            for i in self.table.ids_by_keys.get(self.keys[start:end], ()):
                if i not in other_letters:
                    yield i, end

    def going_on(self, start: int) -> NDArray[np.int64]:
        """Find the characters whose keys begin with all that are left, and are more: (A,) ids."""
        short = "partial" in self.kinds and len(self.keys) - start < self.table.longest
        return self.table.going_on(self.keys[start:] if short else LAST_CODE_POINT)

    def switching(self, start: int, ids: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], float]]:
        """Part characters (A,) by what they cost for being on the keyboard in use or large; none of no characters."""
        if self.kind != KEYBOARD or not len(ids):
            yield from [(ids, 0.0)] if len(ids) else []
            return
        typed = self.characters[self.owners[start]]
        dearer = np.zeros(len(ids), dtype=np.float32)
        if is_hangul(typed):
            dearer[self.alphabet_keys.hangul[ids]] = self.costs.unswitched
            dearer[self.alphabet_keys.unshifted[ids]] = self.costs.case
        elif has_case(typed):
            dearer[~self.alphabet_keys.hangul[ids]] = self.costs.unswitched
        for cost in np.unique(dearer).tolist():
            yield ids[dearer == cost], cost

    def letter_cost(self, start: int, i: int) -> float:
        """Give what a character of a phrase costs more.

        A single letter does where the keys make a syllable; on the wrong keyboard also what that keyboard does type,
        and a large letter for the key of the small one.
        """
        keys, typed = self.alphabet_keys, self.characters[self.owners[start]]
        cost = 0.0
        if self.in_syllable[start] and (i in keys.letters or (i in keys.cased and has_case(typed))):
            cost = self.costs.lone_letter
        if self.kind == KEYBOARD and has_case(typed):
            cost += self.costs.unswitched if i in keys.cased else 0.0
        elif self.kind == KEYBOARD and is_hangul(typed):
            cost += self.costs.unswitched if keys.hangul[i] else self.costs.case if keys.unshifted[i] else 0.0
        return cost

    def is_lone_consonant(self, start: int) -> bool:
        """Tell whether a key typed is a consonant in no syllable."""
        return is_consonant(self.keys[start]) and not self.in_syllable[start]


def make_reading(
    typed: str,
    *,
    part: int,
    kind: int,
    kinds: frozenset[str],
    costs: ChannelCosts,
    alphabet: Alphabet,
    alphabet_keys: AlphabetKeys,
) -> Reading:
    """Make the reading of what was typed, at least one character: as it stands, or for ``KEYBOARD`` by its keys alone.

    ``partial_cost`` is 0 for keys alone, which show no syllable that could have been meant as it stood, and where a
    lone Hangul letter comes last, which has to go on; otherwise it is ``costs.partial``.
    """
    by_keys = kind == KEYBOARD
    shown = compose(keystrokes(to_hangul_keys(typed))) if by_keys else typed
    sizes = [len(keystrokes(character)) for character in typed]
    shown_sizes = [len(keystrokes(character)) for character in shown]
    starts = tuple(accumulate(sizes, initial=0))
    return Reading(
        part=part,
        kind=kind,
        characters=typed,
        keys=key_presses(typed) if by_keys else keystrokes(typed),
        table=alphabet_keys.presses if by_keys else alphabet_keys.strokes,
        owners=tuple(owner for owner, size in enumerate(sizes) for _ in range(size)),
        starts=starts,
        in_syllable=tuple(
            is_syllable(character) for character, size in zip(shown, shown_sizes, strict=True) for _ in range(size)
        ),
        inside=frozenset(range(starts[-1])) - frozenset(accumulate(shown_sizes, initial=0)),
        kinds=kinds,
        costs=costs,
        partial_cost=0.0 if by_keys or is_lone_letter(typed[-1]) else costs.partial,
        alphabet=alphabet,
        alphabet_keys=alphabet_keys,
        known_ahead={},
        known_options={},
    )
