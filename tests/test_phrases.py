"""The index of phrases says what a dictionary of them says.

Legend: P phrases.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import END_ID, SYMBOLS
from model.arrays import arrays_from
from model.errors import CheckpointError
from model.phrases import END_POSITION, PhraseIndex, open_phrase_index, phrase_index_from, phrase_index_of
from training.phrase_index import build_phrase_index

if TYPE_CHECKING:
    from pathlib import Path

SYMBOL = st.integers(SYMBOLS, SYMBOLS + 3)
PHRASE = st.lists(SYMBOL, max_size=5).map(tuple)
PHRASES = st.lists(st.tuples(PHRASE, st.integers(1, 9).map(float)), max_size=25)
Counts = dict[tuple[int, ...], float]


def written(pairs: list[tuple[tuple[int, ...], float]]) -> bytes:
    ids = np.array([each for phrase, _ in pairs for each in phrase], dtype=np.int32)
    offsets = np.cumsum([0, *(len(phrase) for phrase, _ in pairs)])
    return build_phrase_index(ids, offsets, np.array([count for _, count in pairs], dtype=np.float64))


def added_up(pairs: list[tuple[tuple[int, ...], float]]) -> Counts:
    totals: Counts = {}
    for phrase, count in pairs:
        totals[phrase] = totals.get(phrase, 0.0) + count
    return totals


def beginning_with(totals: Counts, prefix: tuple[int, ...]) -> Counts:
    return {phrase: count for phrase, count in totals.items() if phrase[: len(prefix)] == prefix}


@settings(max_examples=200, deadline=None)
@given(PHRASES, PHRASE, st.integers(1, 6))
def test_the_index_says_what_a_dictionary_says(
    pairs: list[tuple[tuple[int, ...], float]], asked: tuple[int, ...], limit: int
) -> None:
    totals, index = added_up(pairs), phrase_index_from(written(pairs))
    assert index.phrases == len(totals)
    assert index.total == sum(totals.values())
    assert index.count(asked) == totals.get(asked, 0.0)
    below = beginning_with(totals, asked)
    position = index.walk(asked)
    if not below:
        assert position is None or not totals
        return
    assert position is not None
    assert index.best(position) == max(below.values())
    found = index.top(position, asked, limit)
    assert [count for _, count in found] == sorted(below.values(), reverse=True)[:limit]
    assert len(dict(found)) == len(found)
    assert all(totals[phrase] == count for phrase, count in found)


@settings(max_examples=100, deadline=None)
@given(PHRASES.filter(bool))
def test_what_follows_a_beginning_is_what_phrases_go_on_with(pairs: list[tuple[tuple[int, ...], float]]) -> None:
    totals, index = added_up(pairs), phrase_index_from(written(pairs))
    beginnings = sorted({phrase[:length] for phrase in totals for length in range(len(phrase) + 1)})
    for beginning in beginnings:
        following: Counts = {}
        for phrase, count in beginning_with(totals, beginning).items():
            symbol = (*phrase, END_ID)[len(beginning)]
            following[(symbol,)] = max(following.get((symbol,), 0.0), count)
        position = index.walk(beginning)
        assert position is not None
        for symbol in (END_ID, *range(SYMBOLS, SYMBOLS + 5)):
            after = index.child(position, symbol)
            assert (after is None) == ((symbol,) not in following)
            assert (after == END_POSITION) == (symbol == END_ID and after is not None)
            if after is not None and symbol != END_ID:
                assert index.best(after) == following[symbol,]


def test_no_phrases_at_all_make_an_index_that_finds_none() -> None:
    index = phrase_index_from(written([]))
    assert (index.phrases, index.total, index.count(()), index.count((SYMBOLS,))) == (0, 0, 0, 0)
    assert index.walk((SYMBOLS,)) is None


def test_ids_of_more_than_sixteen_bits_are_kept() -> None:
    large = 70_000
    index = phrase_index_from(written([((large, large + 1), 2.0), ((large, 5), 3.0)]))
    assert (index.count((large, large + 1)), index.count((large, 5)), index.count((large - 65_536, 5))) == (2, 3, 0)


def test_a_file_is_mapped_and_says_the_same(tmp_path: Path) -> None:
    content = written([((3, 4), 2.0), ((3, 4, 5), 1.0), ((), 7.0)])
    (tmp_path / "phrases.bin").write_bytes(content)
    index = open_phrase_index(tmp_path / "phrases.bin")
    assert (index.count((3, 4)), index.count((3, 4, 5)), index.count(())) == (2, 1, 7)
    assert not index.arrays.tails.flags.writeable


@pytest.mark.parametrize("damage", [b"", b"machimA1", b"x" * 500])
def test_a_damaged_file_is_refused(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "phrases.bin").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"phrases\.bin"):
        open_phrase_index(tmp_path / "phrases.bin")


def test_a_file_of_other_arrays_or_a_shorter_one_is_refused() -> None:
    content = written([((3, 4), 2.0), ((3, 5), 1.0)])
    with pytest.raises(CheckpointError):
        phrase_index_from(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="index of phrases"):
        phrase_index_from(content.replace(b'"bests"', b'"rests"'))


# The root's children 3, 4 and 5, of which 4 goes on with 3 and 5.
PLANTED = [((3,), 1.0), ((4, 3), 2.0), ((4, 5), 3.0), ((5, 3, 3), 4.0)]


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("widths", 0, 4),  # more children than there are
        ("widths", 1, 2),  # children of a leaf
        ("firsts", 0, 0),  # a node that is its own child
        ("firsts", 2, 1),  # children of another
        ("firsts", 4, 1_000),  # a tail beyond the last
        ("symbols", 2, 3),  # siblings that do not ascend
        ("tails", -1, 3),  # a tail that does not end
    ],
)
def test_arrays_that_are_no_trie_are_refused(name: str, at: int, value: int) -> None:
    """The compiled core would follow them out of memory."""
    opened = arrays_from(np.frombuffer(written(PLANTED), dtype=np.uint8), "phrases.bin")
    assert phrase_index_of(opened).arrays.widths.tolist() == [3, 0, 2, 0, 0, 0]
    planted = opened.arrays[name].copy()
    planted[at] = value
    with pytest.raises(CheckpointError, match="must hold arrays of an index that fit each other"):
        phrase_index_of(replace(opened, arrays={**opened.arrays, name: planted}))


def test_numbers_of_another_kind_are_refused() -> None:
    opened = arrays_from(np.frombuffer(written(PLANTED), dtype=np.uint8), "phrases.bin")
    for name, kind in (("widths", "<f4"), ("firsts", "<u2"), ("bests", "<u4"), ("symbols", "<f4")):
        other = {**opened.arrays, name: opened.arrays[name].astype(kind)}
        with pytest.raises(CheckpointError):
            phrase_index_of(replace(opened, arrays=other))
    for number in (math.inf, math.nan):
        with pytest.raises(CheckpointError):
            phrase_index_of(replace(opened, numbers={**opened.numbers, "phrases": number}))


def test_a_position_is_good_for_its_index_only_and_the_end_has_one_name() -> None:
    index: PhraseIndex = phrase_index_from(written([((3,), 1.0), ((3, 4), 1.0)]))
    position = index.walk((3,))
    assert position is not None
    assert index.child(position, END_ID) == END_POSITION
    assert index.child(position, 9) is None
