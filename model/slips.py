"""Slips of the keys: beginnings of phrases seen that are one or two edits away from what was typed.

The trie of phrases and the table of an edit distance are walked together, a level of the trie at a time, all its nodes
at once. Source: Oflazer 1996, "Error-tolerant Finite-state Recognition", Computational Linguistics 22(1), for the walk;
Damerau 1964 for the edits. Differs: a key takes part in one edit at most.

Legend: M nodes of a level, C children of them, n keys typed, E edits allowed, W places of the band, L key letters of
the alphabet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID
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

    Places are counted from ``margin`` on, and none outside of what was typed can be; P is n and the margins.

    margin: before the first place; n: keys typed.
    same: (L + 1, P) float32, a key that is the one typed, or the same letter in the other case; changed: (L + 1, P)
    float32, a key for the one typed; left_out: (P,) float32, a key not typed where it should have been;
    put_in: (P,) float32, the key typed for none; exchanged: (P,) float32, this key and the next in the other order.
    """

    margin: int
    n: int
    same: NDArray[np.float32]
    changed: NDArray[np.float32]
    left_out: NDArray[np.float32]
    put_in: NDArray[np.float32]
    exchanged: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Table:
    """How far the nodes of a level have come, in the band of what so few edits can reach: W = 2 E + 1 places.

    depth: (M,) keys of a node, d; now: (M, E + 1, W) float32, nats, the best cost of having typed d - E, ..., d + E of
    the keys for them, with so many edits; before: the same but for the node's last key; last: (M,) its number.
    """

    depth: NDArray[np.int64]
    now: NDArray[np.float32]
    before: NDArray[np.float32]
    last: NDArray[np.int64]

    def of(self, nodes: NDArray[np.int64]) -> Table:
        """Give the rows of some nodes."""
        return Table(depth=self.depth[nodes], now=self.now[nodes], before=self.before[nodes], last=self.last[nodes])

    def typed(self) -> NDArray[np.int64]:
        """Count the keys typed that each place of the band stands for: (M, W)."""
        reach = self.now.shape[2] // 2
        return self.depth[:, None] + np.arange(-reach, reach + 1)


def join(tables: list[Table]) -> Table:
    """Give the rows of all, one after the other."""
    names = ("depth", "now", "before", "last")
    return Table(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})


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
    a key put in, left out or changed, or two neighbours exchanged. Those of two edits are given where there is none of
    one. The walk leaves nothing out as long as no level has more than ``MOST_CHILDREN`` below it; then it follows those
    that can come to most. Letters may differ in case, at its cost.

    Args:
        index: of phrases seen.
        keys: of its alphabet.
        typed: what was typed, at least one character.
        edits: E, the most to allow for, at least 1.
        costs: of the channel.
        most: beginnings wanted: the best by cost and by the count of the most frequent phrase that begins so.
    """
    prepared = prepare(keystrokes(typed), keys.strokes.letters, costs, edits)
    return walk(index, keys.strokes.numbers, start(edits, prepared), prepared, most)


def walk(
    index: PhraseIndex, numbers: NDArray[np.int64], table: Table, prepared: Edits, most: int
) -> tuple[Correction, ...]:
    """Walk from the root, whose table is given; ``numbers`` (V, keys) are the keys of each character."""
    edits = table.now.shape[1] - 1
    positions = np.array([index.root])
    levels: list[Level] = []
    found: list[tuple[float, int, int, float]] = []  # worth, level, node and cost
    while len(positions):
        parents, children = index.children_of_all(positions)
        symbols = children.symbols
        table, rows, done = advance(table, parents, numbers[symbols], prepared)
        popular = np.log(np.maximum(children.bests, np.float32(1e-9)))
        if edits > 1 and done[:, 0].max(initial=-np.inf) > -np.inf:
            edits, found = 1, []  # from here on more are not wanted
        cost = done[:, :edits].max(axis=1)
        worth = cost + popular
        matched = np.flatnonzero(cost > -np.inf).tolist()
        found += [(float(worth[node]), len(levels), node, float(cost[node])) for node in matched]
        found = sorted(found, reverse=True)[:most]
        least = found[-1][0] if len(found) == most else -np.inf
        # What matched all keys already and goes on is the same beginning, but longer.
        going_on = np.where((table.typed() == prepared.n)[:, None], -np.inf, table.now[:, : edits + 1])
        hopes = going_on.max(axis=(1, 2), initial=-np.inf)[rows] + popular
        followed = np.flatnonzero((hopes > -np.inf) & (hopes >= least) & (symbols != END_ID))
        followed = followed[np.argsort(-hopes[followed], kind="stable")]
        below = np.cumsum(index.widths_of(children.positions[followed]))
        followed = followed[: max(1, int(np.searchsorted(below, MOST_CHILDREN[edits], side="right")))]
        levels.append(Level(symbols=symbols, parents=parents, followed=followed))
        table, positions = table.of(rows[followed]), children.positions[followed]
    return tuple(Correction(ids=spell(levels, level, node), cost=cost) for _, level, node, cost in found)


def prepare(strokes: str, letters: dict[str, int], costs: ChannelCosts, edits: int) -> Edits:
    """Work out what every edit costs at every key typed, for as many edits."""
    n, margin = len(strokes), edits + 1
    size = n + 3 * edits + 4  # a node may have as many keys more, and its band reaches as far again
    same = np.full((len(letters) + 1, size), -np.inf, dtype=np.float32)
    changed, left_out, put_in, exchanged = same.copy(), same[0].copy(), same[0].copy(), same[0].copy()
    changed[:, margin : margin + n] = costs.slip
    for at, key in enumerate(strokes, start=margin):
        beside = [letters[each] for each in neighbours(key) if each in letters]
        changed[beside, at] = costs.slip_neighbour
        for letter, cost in ((key.swapcase(), costs.case), (key, 0.0)):
            if letter in letters:
                same[letters[letter], at] = cost
                changed[letters[letter], at] = -np.inf
    left_out[margin : margin + n + 1] = put_in[margin : margin + n] = costs.slip
    exchanged[margin : margin + n - 1] = costs.transposition
    for edit in (changed.T, left_out, put_in, exchanged):
        edit[margin] += costs.slip_at_start
    return Edits(margin=margin, n=n, same=same, changed=changed, left_out=left_out, put_in=put_in, exchanged=exchanged)


def start(edits: int, prepared: Edits) -> Table:
    """Give the table of the root: no key yet, so all that was typed was put in."""
    now = np.full((1, edits + 1, 2 * edits + 1), -np.inf, dtype=np.float32)
    for number in range(min(edits, prepared.n) + 1):
        now[0, number, edits + number] = prepared.put_in[prepared.margin : prepared.margin + number].sum()
    none = np.zeros(1, np.int64)
    return Table(depth=none, now=now, before=np.full_like(now, -np.inf), last=none)


def advance(
    table: Table, parents: NDArray[np.int64], numbers: NDArray[np.int64], prepared: Edits
) -> tuple[Table, NDArray[np.int64], NDArray[np.float32]]:
    """Go on from nodes by one character to each of their children; those that begin with the same keys go together.

    Args:
        table: of the nodes.
        parents: (C,) which of the nodes a child follows.
        numbers: (C, keys) of the keys of each child's character, 0 beyond the last.
        prepared: of what was typed.

    Returns:
        A table, (C,) the row of each child in it, and (C, E) float32 the best cost, nats, of all keys typed for the
        keys of the child's character or some of them, with 1, ..., E edits; -inf for none.
    """
    tables, rows = [table], parents.copy()
    done = np.full((len(rows), table.now.shape[1] - 1), -np.inf, dtype=np.float32)
    going_on, letters, size = np.arange(len(rows)), len(prepared.same), len(table.now)
    at = parents  # the row, in the newest table, of each child that goes on
    for place in range(numbers.shape[1]):
        alive = np.any(table.now > -np.inf, axis=(1, 2))
        kept = np.flatnonzero((numbers[going_on, place] > 0) & alive[at])
        if not len(kept):
            break
        going_on = going_on[kept]
        # Characters lie in the order of their code points, so that those that begin with the same keys are neighbours.
        pairs = at[kept] * letters + numbers[going_on, place]
        first = np.concatenate([[True], pairs[1:] != pairs[:-1]])
        at, pairs = np.cumsum(first) - 1, pairs[first]
        before, key = table.of(pairs // letters), pairs % letters
        now = type_key(before, key, prepared)
        table = Table(depth=before.depth + 1, now=now, before=before.now, last=key)
        ended = np.where((table.typed() == prepared.n)[:, None], now[:, 1:], -np.inf).max(axis=2)
        done[going_on] = np.maximum(done[going_on], ended[at])
        rows[going_on] = size + at
        tables.append(table)
        size += len(now)
    return join(tables), rows, done


def type_key(table: Table, key: NDArray[np.int64], prepared: Edits) -> NDArray[np.float32]:
    """Extend rows of the table by one key (M,) of the phrases: (M, E + 1, W)."""
    now, before, last = table.now, table.before, table.last
    # The place of the last key typed: the node has one key more than its table says.
    places = table.typed() + prepared.margin
    same = prepared.same[key[:, None], places]
    after: NDArray[np.float32] = now + same[:, None]
    changed, left_out, put_in = (
        prepared.changed[key[:, None], places],
        prepared.left_out[places + 1],
        prepared.put_in[places],
    )
    swapped = (
        prepared.same[key[:, None], places - 1] + prepared.same[last[:, None], places] + prepared.exchanged[places - 1]
    )
    swapped[last == key] = -np.inf
    some = bool((swapped > -np.inf).any())
    for number in range(1, now.shape[1]):
        row, fewer = after[:, number], now[:, number - 1]
        np.maximum(row, fewer + changed, out=row)
        np.maximum(row[:, :-1], fewer[:, 1:] + left_out[:, :-1], out=row[:, :-1])
        np.maximum(row[:, 1:], after[:, number - 1, :-1] + put_in[:, 1:], out=row[:, 1:])
        if some:
            np.maximum(row, before[:, number - 1] + swapped, out=row)
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
