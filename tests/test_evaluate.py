"""Which test phrases a checkpoint is measured on."""

import random

import pytest

from training.evaluate import draw_tests
from training.protocol import ProtocolSettings, prefix_length

LINES = [*((f"phrase {number}", 1.0) for number in range(50)), *([("서울역", 1.0)] * 50), ("ab", 1.0), ("서", 5.0)]
SEEN = frozenset({"서울역", "phrase 1"})


@pytest.mark.parametrize("least_prefix", [None, 1])
def test_the_published_protocol_draws_lines_with_their_repeats(least_prefix: int | None) -> None:
    """Of the lines longer than m, in the files' order; "ab" is one of them only if one character can be typed."""
    drawn = draw_tests(LINES, SEEN, ProtocolSettings(protocol="kim", phrases=60, least_prefix=least_prefix))
    usable = [text for text, _ in LINES if len(text) > (least_prefix or (1 if text[0] == "서" else 2))]
    assert len(usable) == 100 + (least_prefix == 1)
    sample = random.Random(0).sample(usable, 60)  # noqa: S311
    assert [phrase for phrase, _ in drawn["all"]] == sample
    for phrase, prefix in drawn["all"]:
        m = least_prefix or (1 if phrase == "서울역" else 2)
        assert prefix == phrase[: prefix_length(phrase, m)]


def test_lines_are_drawn_at_most_as_often_as_they_stand_there_whatever_their_counts() -> None:
    drawn = draw_tests([("abc", 100.0), ("abd", 1.0)], None, ProtocolSettings(protocol="kim", phrases=60))
    assert drawn == {"all": (("abc", "ab"), ("abd", "ab"))}


def test_counts_draw_with_replacement_and_the_seed_decides() -> None:
    """Each of 60 draws is "abc" with 100 to 1: fewer than 50 of them once in 10^13 by luck."""
    lines = [("abc", 99.0), ("abd", 1.0), ("abc", 1.0)]
    drawn = draw_tests(lines, None, ProtocolSettings(phrases=60, seed=3))
    assert len(drawn["all"]) == 60
    assert [phrase for phrase, _ in drawn["all"]].count("abc") >= 50
    assert drawn == draw_tests(lines, None, ProtocolSettings(phrases=60, seed=3))
    assert draw_tests(LINES, None, ProtocolSettings(seed=3)) != draw_tests(LINES, None, ProtocolSettings(seed=4))


@pytest.mark.parametrize("protocol", ["count", "kim"])
def test_seen_and_unseen_part_what_was_drawn(protocol: str) -> None:
    drawn = draw_tests(LINES, SEEN, ProtocolSettings(protocol=protocol, phrases=80))  # type: ignore[arg-type]
    assert {phrase for phrase, _ in drawn["seen"]} <= SEEN
    assert not {phrase for phrase, _ in drawn["unseen"]} & SEEN
    assert sorted([*drawn["seen"], *drawn["unseen"]]) == sorted(drawn["all"])
    assert drawn["seen"]
    assert drawn["unseen"]


@pytest.mark.parametrize("protocol", ["count", "kim"])
def test_phrases_too_short_to_be_typed_in_part_are_no_test(protocol: str) -> None:
    settings = ProtocolSettings(protocol=protocol)  # type: ignore[arg-type]
    assert draw_tests([("ab", 1.0), ("서", 1.0)], None, settings) == {"all": ()}
