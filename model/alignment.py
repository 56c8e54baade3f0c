"""Which characters of a phrase stand for what was typed: the best way through the states, by Viterbi's algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.channel import DECIMALS, EXACT
from model.readings import DONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from model.readings import Move, State


@dataclass(frozen=True, kw_only=True)
class Path:
    """A way through the states: its cost, nats, the last of the kinds it took, and the move that came last."""

    cost: float
    kind: int = EXACT
    before: Path | None = None
    move: Move | None = None

    def add(self, move: Move) -> Path:
        """Go on by a move."""
        cost = round(self.cost + move.cost, DECIMALS)
        return Path(cost=cost, kind=max(self.kind, move.kind), before=self, move=move)

    def is_better(self, other: Path | None) -> bool:
        """Tell whether it costs less than another, or the same by a kind that is preferred."""
        return other is None or (self.cost, -self.kind) > (other.cost, -other.kind)

    def moves(self) -> list[Move]:
        """Give its moves from the first to the last, one for each character."""
        moves = []
        path: Path | None = self
        while path is not None and path.move is not None:
            moves.append(path.move)
            path = path.before
        return moves[::-1]

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Give where characters are matched, as spans as long as can be: the first, and past the last."""
        spans: list[tuple[int, int]] = []
        for at, move in enumerate(self.moves()):
            if move.matched:
                first = spans.pop()[0] if spans and spans[-1][1] == at else at
                spans.append((first, at + 1))
        return tuple(spans)


def align(
    start: Mapping[State, float], moves: Callable[[State], list[Move]], ids: Sequence[int], text: str | None
) -> Path | None:
    """Find the best way through the states for a phrase, as far as to where all that was typed is matched.

    Args:
        start: the states where it begins, and the cost of each, nats.
        moves: gives the moves from a state.
        ids: (characters,) of the phrase.
        text: the phrase, to tell unknown characters from each other; None to take each for the one that was typed.

    Returns:
        None if the phrase does not match.
    """
    paths = {state: Path(cost=cost) for state, cost in start.items()}
    done = paths.pop(DONE, None)
    for at, i in enumerate(ids):
        following: dict[State, Path] = {}
        for state, path in paths.items():
            for move in moves(state):
                if i not in move.ids or (text is not None and move.unknown not in {"", text[at]}):
                    continue
                longer = path.add(move)
                if move.target == DONE:
                    done = longer if longer.is_better(done) else done
                elif longer.is_better(following.get(move.target)):
                    following[move.target] = longer
        paths = following
    return done
