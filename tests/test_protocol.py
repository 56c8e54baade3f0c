"""Who is held out, where a phrase is cut, and what a completer scores."""

import random
from hashlib import md5

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InputError
from training.popularity import PopularCompletions
from training.protocol import (
    CompletionFigures,
    ProtocolSettings,
    cut_phrases,
    draw_by_count,
    evaluate_completions,
    is_held_out,
    least_prefix_length,
    prefix_length,
    sample_test_phrases,
    split_held_out,
)

NAMES = [f"name {number}" for number in range(400)]
ONES = np.ones(len(NAMES))


def test_prefix_lengths_are_those_of_the_published_hash() -> None:
    """The digests of "seattle0" and "서울특별시0", as md5sum prints them."""
    assert prefix_length("seattle", 2) == 2 + 0x932944B0C107A308844931BC8B372A48 % 5
    assert prefix_length("서울특별시", 1) == 1 + 0xB03C4534CC3D118AFC477B4B1262F9E4 % 4


@given(phrase=st.text(alphabet="ab 서울", min_size=3), minimum=st.integers(1, 2))
@settings(deadline=None)
def test_a_prefix_has_its_minimum_and_leaves_something_to_complete(phrase: str, minimum: int) -> None:
    assert minimum <= prefix_length(phrase, minimum) < len(phrase)


def test_a_phrase_no_longer_than_the_minimum_is_not_cut() -> None:
    with pytest.raises(InputError, match="phrase must be longer than 2 characters, got 'ab'"):
        prefix_length("ab", 2)


@pytest.mark.parametrize(("phrase", "length"), [("가", 1), ("힣a", 1), ("ㄱ나", 2), ("a가", 2), ("東京", 2), ("", 2)])
def test_the_least_prefix_is_one_syllable_or_two_characters(phrase: str, length: int) -> None:
    assert least_prefix_length(phrase) == length


def test_phrases_without_room_for_a_prefix_are_left_out() -> None:
    assert cut_phrases(["ab", "서", "서울", "", "abc"]) == (("서울", "서"), ("abc", "ab"))
    assert sample_test_phrases(["ab", "abc", "서", "서울"], None) == ("abc", "서울")


def test_a_minimum_that_is_set_holds_for_every_phrase() -> None:
    assert [least_prefix_length(phrase, 1) for phrase in ("가나", "ab")] == [1, 1]
    assert cut_phrases(["ab", "서", "서울"], 1) == (("ab", "a"), ("서울", "서"))
    assert cut_phrases(["ab", "서울", "서울역"], 2) == (("서울역", "서울"),)
    assert sample_test_phrases(["ab", "서", "서울"], None, 1) == ("ab", "서울")
    assert set(draw_by_count(["a", "ab"], np.ones(2), 20, np.random.default_rng(0), 1)) == {"ab"}
    with pytest.raises(InputError, match=r"longer than its shortest prefix \(3 characters\)"):
        draw_by_count(["abc"], np.ones(1), 1, np.random.default_rng(0), 3)


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"phrases": 0}, "phrases must be at least 1, got 0"),
        ({"least_prefix": 0}, "least_prefix must be at least 1, got 0"),
        ({"keystroke_phrases": -1}, "keystroke_phrases must be at least 0, got -1"),
        ({"typed_phrases": -1}, "typed_phrases must be at least 0, got -1"),
        ({"seed": -1}, r"seed must be in \[0, 9223372036854775807\], got -1"),
        ({"seed": 2**63}, "seed must be in"),
    ],
)
def test_settings_out_of_their_bounds_are_refused(setting: dict[str, int], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        ProtocolSettings(**setting)  # type: ignore[arg-type]


def test_a_sample_is_the_same_in_every_run_and_in_a_list_too_short_for_it_everything() -> None:
    sample = sample_test_phrases(NAMES, 5)
    assert sample == sample_test_phrases(NAMES, 5)
    assert sample == tuple(random.Random(0).sample(NAMES, 5))  # noqa: S311
    assert sorted(sample_test_phrases(["abc"] * 3, 2)) == ["abc", "abc"]  # repeats are drawn as they are listed
    assert sample_test_phrases(NAMES, 400) == sample_test_phrases(NAMES, None) == tuple(NAMES)


def test_phrases_are_drawn_by_their_counts_with_replacement() -> None:
    """Expected 9,000 and 1,000; a deviation of 150 is five standard deviations: by luck once in two million."""
    texts, counts = ["often", "seldom", "no"], np.array([9.0, 1.0, 90.0])
    drawn = draw_by_count(texts, counts, 10_000, np.random.default_rng(0))
    assert set(drawn) == {"often", "seldom"}  # "no" has no room for a prefix
    assert abs(drawn.count("often") - 9_000) < 150
    assert drawn == draw_by_count(texts, counts, 10_000, np.random.default_rng(0))


def test_drawing_needs_a_phrase_with_room_for_a_prefix() -> None:
    with pytest.raises(InputError, match="longer than its shortest prefix"):
        draw_by_count(["ab"], np.ones(1), 1, np.random.default_rng(0))


def test_held_out_are_the_phrases_whose_hash_is_a_multiple_of_twenty() -> None:
    held_out = split_held_out(NAMES, ONES)
    digests = [int(md5(name.encode(), usedforsecurity=False).hexdigest(), 16) for name in NAMES]
    assert held_out.tolist() == [digest % 20 == 0 for digest in digests]
    assert held_out.tolist() == [is_held_out(name) for name in NAMES]
    assert held_out.any()
    assert not held_out.all()


@given(order=st.permutations(range(len(NAMES))), kept=st.integers(1, 10))
@settings(deadline=None)
def test_order_changes_nothing_and_a_limit_keeps_a_part_of_what_was_held_out(order: list[int], kept: int) -> None:
    shuffled = [NAMES[place] for place in order]
    everything = {name for name in NAMES if is_held_out(name)}
    limited = {NAMES[place] for place in np.flatnonzero(split_held_out(NAMES, ONES, most=kept))}
    again = {shuffled[place] for place in np.flatnonzero(split_held_out(shuffled, ONES, most=kept))}
    assert limited == again
    assert limited <= everything
    assert len(limited) == min(kept, len(everything))


def test_phrases_at_or_above_the_count_are_never_held_out() -> None:
    counts = np.arange(len(NAMES), dtype=np.float64)
    held_out = np.flatnonzero(split_held_out(NAMES, counts, below=200.0))
    assert held_out.max() < 200
    assert held_out.tolist() == [place for place in range(200) if is_held_out(NAMES[place])]


def test_too_few_phrases_to_hold_any_out_are_refused() -> None:
    with pytest.raises(InputError, match=r"too few lines .* at least 20 different phrases are needed, got 19"):
        split_held_out(NAMES[:19], ONES[:19])
    unlucky = [name for name in NAMES if not is_held_out(name)]
    with pytest.raises(InputError, match=r"too few lines .* got none of \d+; add more lines"):
        split_held_out(unlucky, np.ones(len(unlucky)))
    with pytest.raises(InputError, match=r"too few lines .* counts below 1"):
        split_held_out(NAMES, ONES, below=1.0)


def test_phrases_that_are_not_all_different_are_refused() -> None:
    with pytest.raises(InputError, match="phrases must differ, got the same one twice"):
        split_held_out([*NAMES, NAMES[0]], np.ones(len(NAMES) + 1))


def test_counts_that_are_not_one_a_phrase_are_refused() -> None:
    with pytest.raises(InputError, match="counts must be one for each of 400 phrases, got 399"):
        split_held_out(NAMES, ONES[:-1])


def test_a_completer_is_scored_on_its_first_ten_completions() -> None:
    offered = {
        "sa": ("san jose",),
        "ne": ("newark", "new", "new york"),
        "os": (*(f"os{letter}" for letter in "abcdefghij"), "oslo"),
        "to": (),
    }
    test = [("san jose", "sa"), ("new york", "ne"), ("oslo", "os"), ("tokyo", "to")]
    assert evaluate_completions(test, offered.__getitem__) == CompletionFigures(
        phrases=4, mrr=(1 + 1 / 3) / 4, pmrr=(1 + 1 / 2) / 4, hit_1=1 / 4, hit_10=2 / 4
    )


def test_counts_alone_find_what_they_have_seen_and_nothing_else() -> None:
    held_out = split_held_out(NAMES, ONES)
    popular = PopularCompletions([name for name, out in zip(NAMES, held_out, strict=True) if not out], ONES[~held_out])

    def complete(prefix: str) -> tuple[str, ...]:
        return tuple(text for text, _ in popular.complete(prefix, 10))

    unseen = cut_phrases([name for name, out in zip(NAMES, held_out, strict=True) if out])
    seen = cut_phrases(draw_by_count(NAMES, np.where(held_out, 0.0, 1.0), 200, np.random.default_rng(1)))
    assert evaluate_completions(unseen, complete).mrr == 0
    assert evaluate_completions(seen, complete).mrr > 0


def test_a_test_without_phrases_is_refused() -> None:
    with pytest.raises(InputError, match="test must hold at least one phrase"):
        evaluate_completions([], lambda prefix: (prefix,))
