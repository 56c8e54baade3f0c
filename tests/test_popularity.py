"""Most popular completion against a scan of every phrase."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InputError
from training.popularity import PopularCompletions

letters = st.text(alphabet="ab 가각\U0010ffff", max_size=5)


def test_the_heaviest_phrases_that_begin_with_the_prefix_come_first() -> None:
    popular = PopularCompletions(
        ["San Jose", "San Francisco", "서울", "San Antonio", "Santiago"], np.array([3.0, 5.0, 9.0, 3.0, 7.0])
    )
    assert popular.complete("San ", 2) == (("San Francisco", 5.0), ("San Antonio", 3.0))
    assert popular.complete("서", 10) == (("서울", 9.0),)
    assert popular.complete("Sat", 10) == ()
    assert popular.complete("", 1) == (("서울", 9.0),)


@given(
    seen=st.lists(st.tuples(letters, st.integers(1, 3))),
    prefix=letters,
    limit=st.integers(1, 12),
)
@settings(deadline=None)
def test_completions_are_those_of_a_scan_sorted_by_count_then_by_text(
    seen: list[tuple[str, int]], prefix: str, limit: int
) -> None:
    totals: dict[str, float] = {}
    for text, count in seen:
        totals[text] = totals.get(text, 0.0) + count
    scan = sorted(
        ((text, count) for text, count in totals.items() if text.startswith(prefix)),
        key=lambda pair: (-pair[1], pair[0]),
    )
    popular = PopularCompletions([text for text, _ in seen], np.array([float(count) for _, count in seen]))
    assert popular.complete(prefix, limit) == tuple(scan[:limit])
    assert len(popular) == len(totals)
    assert (prefix in popular) == (prefix in totals)


def test_without_counts_each_time_a_phrase_is_given_counts_once() -> None:
    assert PopularCompletions(["b", "a", "b"], None).complete("", 10) == (("b", 2.0), ("a", 1.0))


@pytest.mark.parametrize("counts", [[1.0], [1.0, 0.0], [1.0, np.nan]])
def test_counts_that_are_not_one_positive_number_a_phrase_are_refused(counts: list[float]) -> None:
    with pytest.raises(InputError, match="counts must be one positive number for each of 2 phrases"):
        PopularCompletions(["a", "b"], np.array(counts))


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="limit must be at least 1, got 0"):
        PopularCompletions(["a"], None).complete("a", 0)


def test_a_thousand_equal_counts_stay_in_the_order_of_their_texts() -> None:
    """A short list is sorted stably by any method; a long one only by a stable method."""
    texts = [f"{number:04}" for number in range(1000)]
    popular = PopularCompletions(texts[::-1], None)
    assert [text for text, _ in popular.complete("", 1000)] == texts
