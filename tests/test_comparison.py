"""Completers side by side, on answers that can be counted by hand."""

from __future__ import annotations

import pytest

from model.errors import InputError
from training.comparison import (
    System,
    completion_figures,
    evaluate_keystrokes,
    latency_figures,
    observe,
    typed_figures,
)

PHRASES = ("서울역", "서울대", "부산")
TEST = (("서울역", "서울"), ("서울대", "서"), ("부산", "부"), ("oslo", "os"))


def listed(prefix: str) -> list[str]:
    return [phrase for phrase in PHRASES if phrase.startswith(prefix)]


def test_every_system_is_scored_on_every_set_and_an_empty_set_is_left_out() -> None:
    tests = {"seen": TEST[:3], "unseen": (), "all": TEST}
    systems = [System(name="listed", complete=listed), System(name="nothing", complete=lambda _: [])]
    figures = completion_figures(tests, systems)
    assert figures == {
        "seen": {
            "listed": {"phrases": 3, "mrr": 0.8333, "pmrr": 0.8333, "hit_1": 0.6667, "hit_10": 1.0},
            "nothing": {"phrases": 3, "mrr": 0.0, "pmrr": 0.0, "hit_1": 0.0, "hit_10": 0.0},
        },
        "all": {
            "listed": {"phrases": 4, "mrr": 0.625, "pmrr": 0.625, "hit_1": 0.5, "hit_10": 0.75},
            "nothing": {"phrases": 4, "mrr": 0.0, "pmrr": 0.0, "hit_1": 0.0, "hit_10": 0.0},
        },
    }


def test_only_the_first_phrases_are_typed_key_by_key() -> None:
    """An empty box already offers all three phrases of the list: every character can go, one key is needed."""
    figures = completion_figures({"all": TEST}, [System(name="listed", complete=listed)], keystroke_phrases=3)
    scored = figures["all"]["listed"]  # type: ignore[index, call-overload]
    saved = (1 - 1 / 8 + 1 - 1 / 7 + 1 - 1 / 5) / 3  # ㅅㅓㅇㅜㄹㅇㅕㄱ, ㅅㅓㅇㅜㄹㄷㅐ, ㅂㅜㅅㅏㄴ
    assert scored["keystroke_phrases"] == 3  # type: ignore[index, call-overload]
    assert scored["mrl"] == round((3 + 3 + 2) / 3, 4)  # type: ignore[index, call-overload]
    assert scored["keystrokes_saved"] == round(saved, 4)  # type: ignore[index, call-overload]


def test_keystroke_figures_are_means_over_phrases() -> None:
    figures = evaluate_keystrokes(["서울역", "서울대", "oslo"], lambda typed: listed(typed) if typed else [])
    saved = (1 - 3 / 8) + (1 - 3 / 7)  # offered at 서, after ㅅ that nothing begins with
    assert (figures.keystroke_phrases, figures.mrl) == (3, 4 / 3)
    assert figures.keystrokes_saved == pytest.approx(saved / 3)
    with pytest.raises(InputError, match="phrases must hold at least one phrase"):
        evaluate_keystrokes([], listed)


def test_phrases_typed_in_other_ways_are_scored_beside_their_plain_prefixes() -> None:
    answers = {"ㅅㅇㅇ": ["서울역"], "서": ["서울역", "서울대"], "서우": ["서울대"], "tj": ["서울역", "서울대"]}
    system = System(name="some", complete=lambda typed: answers.get(typed, []))
    figures = typed_figures({"all": TEST, "unseen": ()}, [system], 10)["all"]
    none = {"phrases": 3, "mrr": 0.0, "hit_10": 0.0, "exact_mrr": round(0.5 / 3, 4), "exact_hit_10": round(1 / 3, 4)}
    assert isinstance(figures, dict)
    # 서울역 at 서울, 서울대 at 서, 부산 at 부
    assert figures["partial"] == {"some": none | {"mrr": round(1 / 3, 4), "hit_10": round(1 / 3, 4)}}
    # 서울역 and 서울대 have three syllables
    assert figures["initials"] == {
        "some": {"phrases": 2, "mrr": 0.5, "hit_10": 0.5, "exact_mrr": 0.25, "exact_hit_10": 0.5}
    }
    # oslo too
    assert figures["keyboard"] == {
        "some": {"phrases": 4, "mrr": 0.125, "hit_10": 0.25, "exact_mrr": 0.125, "exact_hit_10": 0.25}
    }
    # only oslo has letters that have another case
    assert figures["case"] == {"some": {"phrases": 1, "mrr": 0.0, "hit_10": 0.0, "exact_mrr": 0.0, "exact_hit_10": 0.0}}
    # only 서울 has four keystrokes
    assert figures["slip"] == {"some": {"phrases": 1, "mrr": 0.0, "hit_10": 0.0, "exact_mrr": 0.0, "exact_hit_10": 0.0}}


def test_so_many_phrases_of_each_way_and_no_literal_system_are_typed() -> None:
    systems = [System(name="listed", complete=listed), System(name="plain", complete=listed, literal=True)]
    figures = typed_figures({"all": TEST}, systems, 1)["all"]
    assert isinstance(figures, dict)
    for measured in figures.values():
        assert isinstance(measured, dict)
        assert measured.keys() == {"listed"}
        assert measured["listed"]["phrases"] == 1  # type: ignore[index, call-overload]
    assert typed_figures({"all": [("12", "1")]}, systems, 1) == {}


def test_a_prefix_is_asked_for_once() -> None:
    asked: list[str] = []

    def complete(prefix: str) -> list[str]:
        asked.append(prefix)
        return listed(prefix)

    system = System(name="counted", complete=complete)
    completion_figures({"seen": TEST, "all": TEST}, [system], keystroke_phrases=4)
    typed_figures({"seen": TEST, "all": TEST}, [system], 4)
    observe(TEST, system, 4)
    assert len(asked) == len(set(asked))


def test_what_is_observed_stands_in_the_order_of_the_test() -> None:
    system = System(name="listed", complete=listed)
    observed = observe(TEST, system, 2)
    assert list(observed.prefix_lengths) == [2, 1, 1, 2]
    assert list(observed.reciprocal_ranks) == [1, 0.5, 1, 0]
    assert observed.keystrokes_saved == pytest.approx((1 - 1 / 8, 1 - 1 / 7))
    assert observed.elapsed_ms == tuple(system.elapsed_ms[prefix] for _, prefix in TEST)
    assert all(each > 0 for each in observed.elapsed_ms)


def test_latency_is_given_as_median_and_99th_percentile() -> None:
    system = System(name="timed", complete=listed)
    test = [("ab", f"{place}") for place in range(101)]
    system.answers = {prefix: () for _, prefix in test}
    system.elapsed_ms = {prefix: float(prefix) for _, prefix in test}
    assert latency_figures({"timed": observe(test, system, 0)}) == {"timed": {"p50": 50.0, "p99": 99.0}}
