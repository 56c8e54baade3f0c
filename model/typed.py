"""What was typed, taken in every way that is asked for, as one deterministic automaton with costs.

Several ways may be open at a place, each behind the best of them by some cost; a place is the set of them, made when
search comes there. What a phrase costs in the end is what its cheapest way costs.
Source: weighted determinisation, Mohri 1997, "Finite-State Transducers in Language and Speech Processing",
Computational Linguistics 23(2), section 3.

Legend: V vocabulary size, A characters that a place admits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alignment import align
from model.alphabet import END_ID, SYMBOLS, UNKNOWN_ID
from model.channel import DECIMALS, DEFAULT_COSTS, EXACT, KEYBOARD, KINDS, SLIP, Match
from model.errors import InputError
from model.hangul import to_hangul_keys
from model.keys import key_presses
from model.query import Arcs
from model.readings import DONE, Move, State, make_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.channel import ChannelCosts, Correction
    from model.keys import AlphabetKeys
    from model.readings import Reading

FEW = 8  # characters of a move that are handled one by one


@dataclass(kw_only=True)
class TypedQuery:
    """The automaton of what was typed; a ``Query``. Make it with ``typed_query``.

    ahead: the ids of what was typed; readings: as typed and on other keyboards; slips: the moves from each node of the
    tree of corrections, node 0 first.
    places: the states of each place, and how far each is behind the best of them, nats; known: the arcs asked for.
    """

    typed: str
    ahead: tuple[int, ...]
    alphabet: Alphabet
    keys: AlphabetKeys
    readings: tuple[Reading, ...]
    slips: list[list[Move]]
    places: list[dict[State, float]] = field(default_factory=list)
    numbers: dict[frozenset[tuple[State, float]], int] = field(default_factory=dict)
    known: dict[int, Arcs | None] = field(default_factory=dict)
    known_moves: dict[State, list[Move]] = field(default_factory=dict)

    def arcs(self, place: int) -> Arcs | None:
        """Give what may come next at a place; None where all that was typed is matched as cheaply as can be."""
        if place not in self.known:
            self.known[place] = self.make_arcs(self.places[place])
        return self.known[place]

    @property
    def unseen_cost(self) -> float:
        """What a phrase never seen costs more, nats."""
        return self.readings[0].unseen_cost if self.readings else 0.0

    def moves(self, state: State) -> list[Move]:
        """Give the moves from a state that is not ``DONE``."""
        if state not in self.known_moves:
            slip = state.part == len(self.readings)
            reading = None if slip else self.readings[state.part]
            self.known_moves[state] = reading.moves(state) if reading else self.slips[state.position]
        return self.known_moves[state]

    def make_arcs(self, states: dict[State, float]) -> Arcs | None:
        """Join the moves from the states of a place into one arc a character."""
        if states == {DONE: 0.0}:
            return None
        few, many = self.gather(states)
        shared: list[tuple[NDArray[np.int64], dict[State, float]]] = []
        if many:
            labels, shared_targets = separate(many, len(self.alphabet))
            for i, targets in few.items():
                for target, cost in shared_targets[labels[i]].items():
                    keep_best(targets, target, cost)
            labels[list(few)] = 0
            groups = (np.flatnonzero(labels == label) for label in range(1, len(shared_targets)))
            shared = [pair for pair in zip(groups, shared_targets[1:], strict=True) if len(pair[0])]
        reached = [self.reach(targets) for targets in (*few.values(), *(targets for _, targets in shared))]
        sizes = [1] * len(few) + [len(ids) for ids, _ in shared]
        return Arcs(
            ids=np.concatenate([np.array(list(few), dtype=np.int64), *(ids for ids, _ in shared)]),
            costs=np.repeat(np.array([cost for cost, _ in reached], dtype=np.float32), sizes),
            places=np.repeat(np.array([place for _, place in reached], dtype=np.int64), sizes),
        )

    def gather(
        self, states: dict[State, float]
    ) -> tuple[dict[int, dict[State, float]], list[tuple[NDArray[np.int64], State, float]]]:
        """Give the moves from the states of a place, with costs counted from the best of them.

        Returns:
            The states that single characters lead to, and groups of characters (A,) with the state they lead to.
        """
        few: dict[int, dict[State, float]] = {}
        many: list[tuple[NDArray[np.int64], State, float]] = []
        for state, behind in states.items():
            if state == DONE:
                many.append((np.arange(SYMBOLS, len(self.alphabet)), DONE, behind))
                few.setdefault(END_ID, {})[DONE] = behind
                continue
            for move in self.moves(state):
                cost = round(behind + move.cost, DECIMALS)
                if isinstance(move.ids, tuple) or len(move.ids) <= FEW:
                    for i in move.ids:
                        keep_best(few.setdefault(int(i), {}), move.target, cost)
                else:
                    many.append((move.ids, move.target, cost))
        return few, many

    def reach(self, targets: dict[State, float]) -> tuple[float, int]:
        """Give the cost of going to some states together, that of the best, and the place that they are."""
        best = max(targets.values())
        done = targets.get(DONE, -math.inf)
        # What is behind a way that has matched everything never comes before it again.
        states = {
            state: round(cost - best, DECIMALS) for state, cost in targets.items() if cost > done or state == DONE
        }
        name = frozenset(states.items())
        if name not in self.numbers:
            self.numbers[name] = len(self.places)
            self.places.append(states)
        return best, self.numbers[name]

    def text(self, ids: Sequence[int]) -> str:
        """Turn the ids of a phrase that the query admits into text, unknown characters as they were typed."""
        if UNKNOWN_ID not in ids:
            return self.alphabet.decode(ids)
        text = list(map(self.alphabet.decode, ((i,) for i in ids)))
        path = align(self.places[0], self.moves, ids, None)
        for at, move in enumerate(path.moves() if path else ()):
            text[at] = move.unknown or text[at]
        return "".join(text)

    def explain(self, text: str) -> Match:
        """Tell how a phrase matches what was typed; of ways that cost the same, the first of ``KINDS``.

        Raises:
            InputError: it does not match.
        """
        ids = self.alphabet.encode(text).tolist()
        if tuple(ids[: len(self.ahead)]) == self.ahead and UNKNOWN_ID not in self.ahead:  # nothing is cheaper
            return Match(kind=KINDS[EXACT], cost=0.0, highlight=((0, len(self.typed)),) if self.typed else ())
        path = align(self.places[0], self.moves, ids, text)
        if path is None:
            raise InputError(f"text must match what was typed, {self.typed!r}, got {text!r}")
        return Match(kind=KINDS[path.kind], cost=path.cost, highlight=path.spans())


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
    readings = [
        make_reading(typed, part=part, kind=kind, kinds=kinds, costs=costs, alphabet=alphabet, alphabet_keys=keys)
        for part, kind in enumerate(ways)
    ]
    wrong_keyboard = costs.keyboard + len(presses) * costs.keyboard_key
    start = {State(part, 0): wrong_keyboard if part else 0.0 for part in range(len(readings))} or {DONE: 0.0}
    slips: list[list[Move]] = []
    if corrections and typed and "slip" in kinds:
        cost, slips = slip_moves(corrections, part=len(readings))
        start[State(len(readings), 0)] = cost
    ahead = tuple(alphabet.encode(typed).tolist())
    query = TypedQuery(typed=typed, ahead=ahead, alphabet=alphabet, keys=keys, readings=tuple(readings), slips=slips)
    query.reach(start)
    return query


def slip_query(typed: str, alphabet: Alphabet, keys: AlphabetKeys, corrections: Sequence[Correction]) -> TypedQuery:
    """Make the query for nothing but what may have been meant instead of what was typed: at least one correction."""
    cost, slips = slip_moves(corrections, part=0)
    slips[0] = [move._replace(cost=round(cost + move.cost, DECIMALS)) for move in slips[0]]
    ahead = tuple(alphabet.encode(typed).tolist())
    query = TypedQuery(typed=typed, ahead=ahead, alphabet=alphabet, keys=keys, readings=(), slips=slips)
    query.reach({State(0, 0): 0.0})
    return query


def slip_moves(corrections: Sequence[Correction], part: int) -> tuple[float, list[list[Move]]]:
    """Join corrections where they begin alike, as a tree: what the cheapest costs, nats, and the moves from each node.

    That much is paid at the root; a move pays what the cheapest beyond it costs more.
    """
    children: list[dict[int, int]] = [{}]
    ends: list[float] = [-math.inf]  # the cost of the correction that ends at a node
    for correction in corrections:
        node = 0
        for i in correction.ids:
            node = children[node].setdefault(i, len(children))
            if node == len(children):
                children.append({})
                ends.append(-math.inf)
        ends[node] = max(ends[node], correction.cost)
    beyond = [-math.inf] * len(children)  # the best cost of the corrections that end below a node
    moves: list[list[Move]] = [[] for _ in children]
    for node in range(len(children) - 1, -1, -1):  # children have larger numbers
        below = children[node]
        beyond[node] = max((max(ends[child], beyond[child]) for child in below.values()), default=-math.inf)
        for i, child in below.items():
            for cost, target in ((ends[child], DONE), (beyond[child], State(part, child))):
                if cost > -math.inf:
                    moves[node].append(Move((i,), cost - beyond[node], target, SLIP))
    return beyond[0], moves


def separate(
    groups: Sequence[tuple[NDArray[np.int64], State, float]], vocabulary_size: int
) -> tuple[NDArray[np.int64], list[dict[State, float]]]:
    """Part the characters of groups that overlap by which states they lead to.

    Args:
        groups: (A,) ids, the state that they lead to, and the cost, nats.
        vocabulary_size: V.

    Returns:
        (V,) a label for each character, and the states of each label with their costs; label 0 leads nowhere.
    """
    labels = np.zeros(vocabulary_size, dtype=np.int64)
    targets: list[dict[State, float]] = [{}]
    for ids, target, cost in groups:
        before = labels[ids]
        for label in np.unique(before):
            targets.append(dict(targets[label]))
            keep_best(targets[-1], target, cost)
            labels[ids[before == label]] = len(targets) - 1
    return labels, targets


def keep_best(targets: dict[State, float], target: State, cost: float) -> None:
    """Note a way to a state unless a cheaper one is known."""
    if cost > targets.get(target, -math.inf):
        targets[target] = cost
