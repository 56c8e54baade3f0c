"""Queries that nobody plans for each have a stated answer (docs/service.md), and get it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from model.channel import KINDS, SLIP
from model.completion import CompletionReply, CompletionRequest, complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.loaded import LoadedModel


def asked(model: LoadedModel, typed: str, **options: Any) -> CompletionReply:
    return complete(model, CompletionRequest(prefix=typed, **options))


def texts_of(reply: CompletionReply) -> list[str]:
    return [completion.text for completion in reply.completions]


def test_nothing_typed_gives_what_is_most_probable_of_all(phrases: LoadedModel) -> None:
    reply = asked(phrases, "", limit=5)
    assert len(reply.completions) == 5
    assert all(each.source == "seen" and each.highlight == () for each in reply.completions)
    assert {"상해", "상하이", "Shanghai"} & set(texts_of(reply))


def test_spaces_are_part_of_the_phrase(phrases: LoadedModel) -> None:
    assert all(text.startswith("   ") for text in texts_of(asked(phrases, "   ", kinds=frozenset())))
    with_space = texts_of(asked(phrases, "San ", kinds=frozenset()))
    assert with_space
    assert all(text.startswith("San ") for text in with_space)
    without = texts_of(asked(phrases, "San", kinds=frozenset()))
    assert any(not text.startswith("San ") for text in without)


@pytest.mark.parametrize("typed", ["☃", "서☃", "서☃울", "\N{RIGHT-TO-LEFT MARK}", "S\N{LEFT-TO-RIGHT MARK}", "👨‍👩‍👧"])
def test_characters_never_seen_stay_as_they_were_typed(phrases: LoadedModel, typed: str) -> None:
    reply = asked(phrases, typed, limit=5, kinds=frozenset(KINDS) - {KINDS[SLIP]})
    assert reply.prefix == typed
    assert any(text.startswith(typed) and text != typed for text in texts_of(reply))
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(texts_of(reply))


@pytest.mark.parametrize("typed", ["ㄳ", "ㅄ", "ㅏ", "ㄱ", "서ㄹ", "\u11a8", "\u1161", "\u1100"])
def test_a_lone_letter_is_taken_by_its_keys(phrases: LoadedModel, typed: str) -> None:
    """Conjoining letters come out of some input methods and out of NFD; a lone final consonant is one of them."""
    reply = asked(phrases, typed, limit=5)
    assert reply.completions
    letter = unicodedata.normalize("NFKC", typed)
    assert asked(phrases, letter).completions


def test_two_hundred_characters_are_answered(phrases: LoadedModel) -> None:
    """All that is allowed goes to other ways to take so much; then what was typed is finished as it stands."""
    for typed in ("서울특별시 " * 34, "S" * 200):
        reply = asked(phrases, typed[:200], limit=2, max_expansions=200)
        assert len(reply.completions) == 2
        assert not reply.exact
        assert all(each.text.startswith(typed[:200]) for each in reply.completions)
        assert {each.match for each in reply.completions} == {"exact"}


def test_a_whole_phrase_is_offered_and_comes_first(phrases: LoadedModel) -> None:
    for typed in ("Seoul", "서울", "San Jose", "상해"):
        assert texts_of(asked(phrases, typed))[0] == typed
        assert typed not in texts_of(asked(phrases, typed, finished=False, limit=20))


def test_what_was_typed_is_no_completion_where_nobody_finished_it_so(phrases: LoadedModel) -> None:
    for typed in ("Seou", "San F", "서우"):
        reply = asked(phrases, typed, limit=20)
        assert typed not in texts_of(reply)
        assert typed + " " not in texts_of(reply)


@pytest.fixture(scope="module")
def pairs(train_phrases: Callable[..., LoadedModel]) -> LoadedModel:
    """A model of words in two forms, of which one is far more frequent."""
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ne", "pu", "ra", "so", "tu") for b in ("bel", "den", "gor", "vin")]
    forms = [((word.capitalize(), 900), (word, 9), (f"{word}s", 5)) for word in words]
    return train_phrases((form for three in forms for form in three), least_count=7.0)


def test_of_forms_that_differ_in_case_the_more_probable_is_given(pairs: LoadedModel) -> None:
    texts = texts_of(asked(pairs, "", limit=30))
    assert len({text.casefold().rstrip() for text in texts}) == len(texts)
    assert all(text[:1].isupper() for text in texts[:10])
    assert "Kabel" in texts_of(asked(pairs, "kab"))
    assert "kabel" not in texts_of(asked(pairs, "kab"))


def test_a_phrase_below_the_least_count_is_no_phrase_seen(pairs: LoadedModel) -> None:
    assert pairs.mixture is not None
    assert pairs.mixture.least_count == 7
    assert pairs.mixture.index.count(pairs.alphabet.encode("kabels")) == 5
    sources = {each.text: each.source for each in asked(pairs, "kabel", limit=20, kinds=frozenset()).completions}
    assert sources["kabel"] in {"seen", "both"}
    assert sources.get("kabels", "model") == "model"
    assert texts_of(asked(pairs, "kabels"))[0] != "kabels"
