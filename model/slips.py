"""Slips of the keys: beginnings of phrases seen that are one or two edits away from what was typed.

The trie of phrases and the table of an edit distance are walked together, a level of the trie at a time, all its nodes
at once. Source: Oflazer 1996, "Error-tolerant Finite-state Recognition", Computational Linguistics 22(1), for the walk;
Damerau 1964 for the edits. Differs: a key takes part in one edit at most.

Legend: M nodes of a level, n keys typed, E edits allowed, L key letters of the alphabet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.channel import Correction
from model.hangul import keystrokes, neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.channel import ChannelCosts
    from model.keys import AlphabetKeys
    from model.phrases import PhraseIndex

FEWEST_KEYS = 4  # with fewer, every word is a slip away from every other
KEYS_FOR_TWO = 9
# Children looked at below a level, those of the best nodes by what they can still come to, for one edit and for two.
MOST_CHILDREN = {1: 6000, 2: 600}


def edits_for(typed: str) -> int:
    """Tell how many slips to allow for in what was typed: 0 below four keys, then 1, and 2 from nine keys on."""
    keys = len(keystrokes(typed))
    if keys < FEWEST_KEYS:
        return 0
    return 1 if keys < KEYS_FOR_TWO else 2


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What was typed, and what it costs to have typed it for other keys, nats; -inf where it cannot be.

    same: (L + 1, n) float32, a key that is the one typed, or the same letter in the other case; changed: (L + 1, n)
    float32, a key for the one typed; left_out: (n + 1,) float32, a key not typed where it should have been;
    put_in: (n,) float32, the key typed for none; exchanged: (n - 1,) float32, two keys typed in the other order.
    """

    same: NDArray[np.float32]
    changed: NDArray[np.float32]
    left_out: NDArray[np.float32]
    put_in: NDArray[np.float32]
    exchanged: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Table:
    """How far the nodes of a level have come.

    now: (M, E + 1, n + 1) float32, nats, the best cost of having typed so many of the keys for all keys of a node, with
    so many edits; before: the same but for the node's last key; last: (M,) the number of that key.
    """

    now: NDArray[np.float32]
    before: NDArray[np.float32]
    last: NDArray[np.int64]

    def of(self, nodes: NDArray[np.int64]) -> Table:
        """Give the rows of some nodes."""
        return Table(now=self.now[nodes], before=self.before[nodes], last=self.last[nodes])


@dataclass(frozen=True, kw_only=True)
class Level:
    """The nodes of a level: (M,) the symbol of each and its parent's rank among those followed; (F,) those followed."""

    symbols: NDArray[np.int64]
    parents: NDArray[np.int64]
    followed: NDArray[np.int64]


def find_slips(
    index: PhraseIndex, keys: AlphabetKeys, typed: str, *, edits: int, costs: ChannelCosts, most: int
) -> tuple[Correction, ...]:
    """Find the beginnings of phrases seen that may have been meant.

    A beginning ends with the character in which the last key typed is matched, and may have keys beyond it. An edit is
    a key put in, left out or changed, or two neighbours exchanged. Two edits are tried where one finds nothing. The
    walk leaves nothing out as long as no level has more than ``MOST_CHILDREN`` below it; then it follows those that can
    come to most. Letters may differ in case, at its cost.

    Args:
        index: of phrases seen.
        keys: of its alphabet.
        typed: what was typed, at least one character.
        edits: E, the most to allow for, at least 1.
        costs: of the channel.
        most: beginnings wanted: the best by cost and by the count of the most frequent phrase that begins so.
    """
    strokes = keystrokes(typed)
    prepared = prepare(strokes, keys.strokes.letters, costs)
    for allowed in range(1, edits + 1):
        found = walk(index, keys.strokes.numbers, start(len(strokes), allowed, prepared), prepared, most)
        if found:
            return found
    return ()


def walk(
    index: PhraseIndex, numbers: NDArray[np.int64], table: Table, prepared: Edits, most: int
) -> tuple[Correction, ...]:
    """Walk from the root, whose table is given; ``numbers`` (V, keys) are the keys of each character."""
    allowed = table.now.shape[1] - 1
    positions = np.array([index.root])
    levels: list[Level] = []
    found: list[tuple[float, int, int, float]] = []  # worth, level, node and cost
    while len(positions):
        parents, children = index.children_of_all(positions)
        kept = np.flatnonzero(can_follow(table, parents, numbers[children.symbols, 0], prepared))
        symbols = children.symbols[kept]
        table, done = advance(table.of(parents[kept]), numbers[symbols], prepared)
        popular = np.log(np.maximum(children.bests[kept], np.float32(1e-9)))
        worth = done + popular
        matched = np.flatnonzero(done > -np.inf).tolist()
        found += [(float(worth[node]), len(levels), node, float(done[node])) for node in matched]
        found = sorted(found, reverse=True)[:most]
        least = found[-1][0] if len(found) == most else -np.inf
        # What matched all keys already and goes on is the same beginning, but longer.
        hopes = table.now[:, :, :-1].max(axis=(1, 2), initial=-np.inf) + popular
        followed = np.flatnonzero((hopes > -np.inf) & (hopes >= least))
        followed = followed[np.argsort(-hopes[followed], kind="stable")]
        below = np.cumsum(index.widths_of(children.positions[kept][followed]))
        followed = followed[: max(1, int(np.searchsorted(below, MOST_CHILDREN[allowed], side="right")))]
        levels.append(Level(symbols=symbols, parents=parents[kept], followed=followed))
        table, positions = table.of(followed), children.positions[kept][followed]
    return tuple(Correction(ids=spell(levels, level, node), cost=cost) for _, level, node, cost in found)


def can_follow(
    table: Table, parents: NDArray[np.int64], first_keys: NDArray[np.int64], prepared: Edits
) -> NDArray[np.bool_]:
    """Tell of children, by parent and first key (children,), which can match: where an edit is left, all do."""
    open_places: NDArray[np.bool_] = np.greater(table.now, -np.inf)
    room: NDArray[np.bool_] = np.any(open_places[:, :-1], axis=(1, 2))
    spent: NDArray[np.bool_] = open_places[:, -1, :-1][parents]
    same = prepared.same[first_keys] > -np.inf
    matches: NDArray[np.bool_] = (first_keys > 0) & (room[parents] | (spent & same).any(axis=1))
    return matches


def prepare(strokes: str, letters: dict[str, int], costs: ChannelCosts) -> Edits:
    """Work out what every edit costs at every key typed."""
    n = len(strokes)
    same = np.full((len(letters) + 1, n), -np.inf, dtype=np.float32)
    changed = np.full((len(letters) + 1, n), costs.slip, dtype=np.float32)
    for at, key in enumerate(strokes):
        beside = [letters[each] for each in neighbours(key) if each in letters]
        changed[beside, at] = costs.slip_neighbour
        for letter, cost in ((key.swapcase(), costs.case), (key, 0.0)):
            if letter in letters:
                same[letters[letter], at] = cost
                changed[letters[letter], at] = -np.inf
    left_out, put_in = np.full(n + 1, costs.slip, np.float32), np.full(n, costs.slip, np.float32)
    exchanged = np.full(n - 1, costs.transposition, np.float32)
    changed[:, 0] += costs.slip_at_start
    for edit in (left_out, put_in, exchanged):
        edit[:1] += costs.slip_at_start
    return Edits(same=same, changed=changed, left_out=left_out, put_in=put_in, exchanged=exchanged)


def start(n: int, edits: int, prepared: Edits) -> Table:
    """Give the table of the root: no key yet, so all that was typed was put in."""
    now = np.full((1, edits + 1, n + 1), -np.inf, dtype=np.float32)
    for number in range(min(edits, n) + 1):
        now[0, number, number] = prepared.put_in[:number].sum()
    return Table(now=now, before=np.full_like(now, -np.inf), last=np.zeros(1, np.int64))


def advance(table: Table, numbers: NDArray[np.int64], prepared: Edits) -> tuple[Table, NDArray[np.float32]]:
    """Go on by one character in each node.

    Args:
        table: of the nodes' parents.
        numbers: (M, keys) of the keys of each node's character, 0 beyond the last.
        prepared: of what was typed.

    Returns:
        The table, and (M,) float32 the best cost, nats, of all keys typed for the character's keys or some of them,
        with one edit or more; -inf for none.
    """
    now, before, last = table.now, table.before, table.last
    done = np.full(len(now), -np.inf, dtype=np.float32)
    rows = np.arange(len(now))
    for place in range(numbers.shape[1]):
        rows = rows[(numbers[rows, place] > 0) & (now[rows] > -np.inf).any(axis=(1, 2))]
        if not len(rows):
            break
        key = numbers[rows, place]
        after = type_key(now[rows], before[rows], last[rows], key, prepared)
        if place == 0:
            now, before, last = now.copy(), before.copy(), last.copy()
        before[rows], last[rows] = now[rows], key
        now[rows] = after
        done[rows] = np.maximum(done[rows], after[:, 1:, -1].max(axis=1))
    return Table(now=now, before=before, last=last), done


def type_key(
    now: NDArray[np.float32],
    before: NDArray[np.float32],
    last: NDArray[np.int64],
    key: NDArray[np.int64],
    prepared: Edits,
) -> NDArray[np.float32]:
    """Extend rows of the table, (M, E + 1, n + 1) each, by one key (M,) of the phrases."""
    same = prepared.same[key]  # (M, n)
    after = np.full_like(now, -np.inf)
    np.add(now[:, :, :-1], same[:, None, :], out=after[:, :, 1:])
    changed = prepared.changed[key]
    swapped = same[:, :-1] + prepared.same[last][:, 1:] + prepared.exchanged
    swapped[last == key] = -np.inf
    some = bool((swapped > -np.inf).any())
    for number in range(1, now.shape[1]):
        row, fewer = after[:, number], now[:, number - 1]
        np.maximum(row[:, 1:], fewer[:, :-1] + changed, out=row[:, 1:])
        np.maximum(row, fewer + prepared.left_out, out=row)
        np.maximum(row[:, 1:], after[:, number - 1, :-1] + prepared.put_in, out=row[:, 1:])
        if some:
            np.maximum(row[:, 2:], before[:, number - 1, :-2] + swapped, out=row[:, 2:])
    return after


def spell(levels: list[Level], level: int, node: int) -> tuple[int, ...]:
    """Give the symbols that lead to a node."""
    symbols = [int(levels[level].symbols[node])]
    while level:
        parent = int(levels[level].parents[node])
        level -= 1
        node = int(levels[level].followed[parent])
        symbols.append(int(levels[level].symbols[node]))
    return tuple(reversed(symbols))
