"""What it costs to have typed one string of keys for another, for all beginnings of phrases of a level at once.

A table for each node holds the best cost of having typed so many keys for the keys that lead to it, in a band of what
so few edits can reach. Source: Ukkonen 1985, "Algorithms for Approximate String Matching", for the band; Damerau 1964
for the edits. Differs: a key takes part in one edit at most.

Legend: M nodes of a level, C children of them, n keys typed, E edits allowed, W places of the band, L key letters of
the alphabet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.hangul import neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.channel import ChannelCosts


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What was typed, and what it costs to have typed it for other keys, nats; -inf where it cannot be.

    n: keys typed; put_in: (n,) float32, the key typed for none.
    windows: (L + 1, 6, D, W) float32, by a key and by how many keys a node had before it: what each place of the band
    costs that may have been typed for the key. ``SAME``: the key itself, or the same letter in the other case;
    ``CHANGED``: another key for it; ``PUT_IN``: one more key than that; ``LEFT_OUT``: one less, the key not typed;
    ``AFTER`` and ``BEFORE``: it is the first or the second of two that were exchanged.
    """

    n: int
    put_in: NDArray[np.float32]
    windows: NDArray[np.float32]

    @property
    def first_right(self) -> NDArray[np.bool_]:
        """Tell which keys may have been meant by the first one typed if that was no slip: (L + 1,)."""
        reach = self.windows.shape[3] // 2
        right: NDArray[np.bool_] = self.windows[:, SAME, 0, reach] > -np.inf
        return right


SAME, CHANGED, PUT_IN, LEFT_OUT, BEFORE, AFTER = range(6)


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

    def spent(self) -> NDArray[np.bool_]:
        """Tell of which nodes (M,) all edits are used up, so that only the very keys that were typed may follow."""
        open_now, open_before = ((costs[:, :-1] > -np.inf).any(axis=(1, 2)) for costs in (self.now, self.before))
        spent: NDArray[np.bool_] = np.logical_not(np.logical_or(open_now, open_before))
        return spent

    def all_typed(self, n: int) -> NDArray[np.float32] | None:
        """Give the best cost of having typed all n keys: (M, E + 1), nats; None where no row has come so far."""
        reach = self.now.shape[2] // 2
        places = n - self.depth + reach
        rows = ((places >= 0) & (places <= 2 * reach)).nonzero()[0]
        if not len(rows):
            return None
        costs = np.full(self.now.shape[:2], -np.inf, dtype=np.float32)
        costs[rows] = self.now[rows, :, places[rows]]
        return costs

    def hopes(self, n: int) -> NDArray[np.float32]:
        """Give the best cost of having typed fewer keys than n: (M, E + 1), nats."""
        reach = self.now.shape[2] // 2
        places = n - self.depth + reach
        if places.min(initial=2 * reach + 1) > 2 * reach:
            under: NDArray[np.float32] = self.now
        else:
            wanted = np.arange(2 * reach + 1) != places[:, None]  # no place beyond has been typed
            under = np.where(wanted[:, None], self.now, np.float32(-np.inf))
        best: NDArray[np.float32] = under.max(axis=2)
        return best


def join(tables: list[Table]) -> Table:
    """Give the rows of all, one after the other."""
    names = ("depth", "now", "before", "last")
    return Table(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})


def prepare(strokes: str, letters: dict[str, int], costs: ChannelCosts, edits: int) -> Edits:
    """Work out what every edit costs at every key typed, for as many edits."""
    n, margin = len(strokes), edits + 1  # no place before the first and after the last can be
    size = n + 3 * edits + 4  # a node may have as many keys more, and its band reaches as far again
    table = np.full((len(letters) + 1, 6, size), -np.inf, dtype=np.float32)
    same, changed, put_in, left_out = (table[:, kind] for kind in (SAME, CHANGED, PUT_IN, LEFT_OUT))
    exchanged = np.full(size, -np.inf, dtype=np.float32)
    changed[:, margin : margin + n] = costs.slip
    for at, key in enumerate(strokes, start=margin):
        beside = [letters[each] for each in neighbours(key) if each in letters]
        changed[beside, at] = costs.slip_neighbour
        for letter, cost in ((key.swapcase(), costs.case), (key, 0.0)):
            if letter in letters:
                same[letters[letter], at] = cost
                changed[letters[letter], at] = -np.inf
    put_in[:, margin : margin + n] = costs.slip
    left_out[:, margin - 1 : margin + n] = costs.slip  # before the key that was typed next
    exchanged[margin : margin + n - 1] = costs.transposition
    for edit, first in ((changed.T, margin), (put_in.T, margin), (left_out.T, margin - 1), (exchanged, margin)):
        edit[first] += costs.slip_at_start
    # Of two keys exchanged, the one that comes second in a phrase was typed at the place before.
    table[:, BEFORE, 1:] = same[:, :-1] + exchanged[:-1]
    table[:, AFTER] = same
    windows = np.lib.stride_tricks.sliding_window_view(table, 2 * edits + 1, axis=2)[:, :, margin - edits :]
    return Edits(n=n, put_in=put_in[0, margin : margin + n], windows=windows)


def start(edits: int, prepared: Edits) -> Table:
    """Give the table of the root: no key yet, so all that was typed was put in."""
    now = np.full((1, edits + 1, 2 * edits + 1), -np.inf, dtype=np.float32)
    for number in range(min(edits, prepared.n) + 1):
        now[0, number, edits + number] = prepared.put_in[:number].sum()
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
    going_on, letters, size = np.arange(len(rows)), len(prepared.windows), len(table.now)
    at = parents  # the row, in the newest table, of each child that goes on
    lost: list[NDArray[np.int64]] = []  # children that cannot have been meant
    for place in range(numbers.shape[1]):
        kept = numbers[going_on, place].nonzero()[0]
        may = may_follow(table, at[kept], numbers[going_on[kept], place], prepared)
        lost.append(going_on[kept[~may]])
        kept = kept[may]
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
        if (ended := table.all_typed(prepared.n)) is not None:
            done[going_on] = np.maximum(done[going_on], ended[at, 1:])
        rows[going_on] = size + at
        tables.append(table)
        size += len(now)
    tables.append(nowhere(table))
    rows[np.concatenate(lost)] = size
    return join(tables), rows, done


def may_follow(table: Table, rows: NDArray[np.int64], keys: NDArray[np.int64], prepared: Edits) -> NDArray[np.bool_]:
    """Tell which keys (C,) may follow rows (C,) of a table: (C,). It is told early, as most cannot."""
    may: NDArray[np.bool_] = np.any(table.now > -np.inf, axis=(1, 2))[rows]
    spent = (table.spent()[rows] & may).nonzero()[0]
    same = table.now[rows[spent], -1] + prepared.windows[keys[spent], SAME, table.depth[rows[spent]]]
    may[spent] = (same > -np.inf).any(axis=1)
    return may


def nowhere(table: Table) -> Table:
    """Give the table of one node that cannot have been meant."""
    none, no_cost = np.zeros(1, np.int64), np.full((1, *table.now.shape[1:]), -np.inf, dtype=np.float32)
    return Table(depth=none, now=no_cost, before=no_cost, last=none)


def type_key(table: Table, key: NDArray[np.int64], prepared: Edits) -> NDArray[np.float32]:
    """Extend rows of the table by one key (M,) of the phrases: (M, E + 1, W)."""
    now, before = table.now, table.before
    costs = prepared.windows[key, :, table.depth]  # (M, 6, W)
    after: NDArray[np.float32] = now + costs[:, None, SAME]
    more, fewer = after[:, 1:], now[:, :-1]
    np.maximum(more, fewer + costs[:, None, CHANGED], out=more)
    np.maximum(more[:, :, :-1], fewer[:, :, 1:] + costs[:, None, LEFT_OUT, :-1], out=more[:, :, :-1])
    swapped = costs[:, BEFORE] + prepared.windows[table.last, AFTER, table.depth]
    swapped[table.last == key] = -np.inf
    if swapped.max() > -np.inf:
        np.maximum(more, before[:, :-1] + swapped[:, None], out=more)
    for number in range(1, now.shape[1]):
        row = after[:, number, 1:]
        np.maximum(row, after[:, number - 1, :-1] + costs[:, PUT_IN, 1:], out=row)
    return after
