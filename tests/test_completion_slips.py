"""What was typed and seen stands before every slip, and slips lead only to what may be suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model.completion import CompletionReply, CompletionRequest, complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.loaded import LoadedModel

LONG = "kimchi " + "with rice and soup " * 5
PHRASES = {
    "cafe Mocha": 40,
    "cafe mocha": 4,
    "cage bird": 200_000,
    "cage door": 100_000,
    "gooogle": 1,
    "google": 200,
    "secret9172": 1,
    "kimcho soup": 500,
    LONG.strip(): 9,
    "서울 강남": 120,
    "서울 날씨": 90,
    "한국 음식": 60,
    **{
        f"{first}{second}": 5
        for first in ("bel", "dor", "fin", "lum", "nor", "pax")
        for second in ("ta", "ve", "zo", "mi", "ru", "sek", "hu")
    },
}


@pytest.fixture(scope="module")
def suggestions(train_phrases: Callable[..., LoadedModel]) -> LoadedModel:
    """A model of the phrases, of which those seen once may not be suggested."""
    return train_phrases(PHRASES.items(), least_count=2.0)


def asked(model: LoadedModel, typed: str, **options: Any) -> CompletionReply:
    return complete(model, CompletionRequest(prefix=typed, **options))


def texts_of(reply: CompletionReply) -> list[str]:
    return [completion.text for completion in reply.completions]


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_a_slip_never_stands_before_a_phrase_seen_that_begins_with_what_was_typed(
    suggestions: LoadedModel, limit: int
) -> None:
    """Cage bird is worth more than a cafe, a slip taken off: by score alone it would be first."""
    reply = asked(suggestions, "cafe", limit=limit)
    assert texts_of(reply)[0] == "cafe Mocha"
    if limit > 1:  # one is known that begins so, and slips are not looked for
        scores = {completion.text: completion.score for completion in reply.completions}
        assert scores["cage bird"] > scores["cafe Mocha"]


def test_forms_that_differ_in_case_stay_one_beside_slips(suggestions: LoadedModel) -> None:
    texts = texts_of(asked(suggestions, "cafe"))
    assert "cage bird" in texts
    assert len({text.casefold() for text in texts}) == len(texts)


def test_a_phrase_seen_that_is_too_long_is_not_added_beside_slips(suggestions: LoadedModel) -> None:
    reply = asked(suggestions, "kimchi", max_characters=20)
    assert "kimcho soup" in texts_of(reply)
    assert all(len(text) <= len("kimchi") + 20 for text in texts_of(reply))
    assert LONG.strip() in texts_of(asked(suggestions, "kimchi", max_characters=200))


def test_what_may_not_be_suggested_keeps_no_slip_away(suggestions: LoadedModel) -> None:
    """Gooogle was seen once, less than the least count: nobody else is known to have meant it."""
    first = asked(suggestions, "gooogle").completions[0]
    assert (first.text, first.match) == ("google", "slip")


def test_no_slip_leads_to_what_may_not_be_suggested(suggestions: LoadedModel) -> None:
    for typed in ("secert9172", "secret917w", "sceret91"):
        assert "secret9172" not in texts_of(asked(suggestions, typed, limit=20))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("서울ㄱㄴ", "서울 강남"), ("서울ㄱ", "서울 강남"), ("한국ㅇㅅ", "한국 음식"), ("ㅅㅇㄱㄴ", "서울 강남")],
)
def test_initials_pass_over_the_spaces_of_a_phrase(suggestions: LoadedModel, typed: str, meant: str) -> None:
    first = asked(suggestions, typed).completions[0]
    assert (first.text, first.match) == (meant, "initials")


@pytest.mark.parametrize("typed", ["", "ca", "서울ㄱㄴ", "cafe"])
def test_the_shortest_deadline_gives_what_was_seen_and_says_that_it_is_not_all(
    suggestions: LoadedModel, typed: str
) -> None:
    reply = asked(suggestions, typed, deadline_ms=0.001)
    assert reply.completions
    assert not reply.exact
    assert {completion.source for completion in reply.completions} <= {"seen", "both"}


def test_a_deadline_that_ends_the_look_for_slips_is_told(suggestions: LoadedModel) -> None:
    assert not asked(suggestions, "gooogle", deadline_ms=0.001).exact
