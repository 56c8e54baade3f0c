"""Completions finish what was typed, in the most probable ways, by a model that was really trained."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.channel import KINDS
from model.checkpoint import write_checkpoint
from model.completion import CompletionReply, CompletionRequest, complete
from model.errors import CheckpointError, InputError
from model.loaded import LoadedModel, load_model
from model.runtime import initial_state
from model.typed import typed_query

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def asked(model: LoadedModel, prefix: str, **bounds: Any) -> CompletionReply:
    return complete(model, CompletionRequest(prefix=prefix, **bounds))


def texts_of(reply: CompletionReply) -> list[str]:
    return [completion.text for completion in reply.completions]


def model_score(model: LoadedModel, text: str, ends: list[int]) -> float:
    """Add up what the model says of each character, and of one of the ends after them, nats."""
    score, row = read_text(model, text)
    return score + float(np.logaddexp.reduce(row[ends].astype(np.float64)))


def text_score(model: LoadedModel, text: str) -> float:
    """Add up what the model says of each character, nats."""
    return read_text(model, text)[0]


def read_text(model: LoadedModel, text: str) -> tuple[float, NDArray[np.float32]]:
    """Give what the model says of a text, and of what comes next (V,), nats."""
    row, state = model.runtime.step(np.array([BEGIN_ID], np.int64), initial_state(model.runtime))
    score = 0.0
    for character, each in zip(text, model.alphabet.encode(text).tolist(), strict=True):
        score += float(row[0, each])
        if each == UNKNOWN_ID:
            assert character not in model.alphabet.characters
            score -= float(np.log(model.alphabet.unknown_code_points))
        row, state = model.runtime.step(np.array([each], np.int64), state)
    return score, row[0]


def score_of(model: LoadedModel, text: str, unseen_cost: float = 0.0) -> float:
    """Mix what the model says with what the count of a phrase is worth, nats."""
    assert model.mixture is not None
    own = model_score(model, text, [END_ID]) + model.mixture.log_model_share + unseen_cost
    seen = model.mixture.log_share(model.mixture.index.count(model.alphabet.encode(text)))
    return float(np.logaddexp(own, seen))


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text("San Frceitoé샌시드니", max_size=8), st.text(max_size=4)), st.integers(1, 12))
@example("San F", 5)
@example("", 10)
@example("\ud800", 3)
@example("\0\n▁", 3)
def test_an_exact_completion_begins_with_what_was_typed_and_scores_what_mixing_says(
    phrases: LoadedModel, prefix: str, limit: int
) -> None:
    reply = asked(phrases, prefix, limit=limit, max_expansions=100, kinds=frozenset({"exact"}))
    assert reply.prefix == unicodedata.normalize("NFC", prefix)
    assert 1 <= len(reply.completions) <= limit
    scores = [completion.score for completion in reply.completions]
    assert scores == sorted(scores, reverse=True)
    assert len({completion.text for completion in reply.completions}) == len(scores)
    for completion in reply.completions:
        assert completion.text.startswith(reply.prefix)
        assert "\ufffd" not in completion.text[len(reply.prefix) :]
        assert completion.score == pytest.approx(score_of(phrases, completion.text), abs=1e-4)
        assert completion.match == "exact"
        assert completion.highlight == (((0, len(reply.prefix)),) if reply.prefix else ())
    assert reply.elapsed_ms >= 0


@settings(max_examples=40, deadline=None)
@given(st.text("SanFsaㅅㅅㅏ서시tjdnf ", max_size=6))
@example("FFㅏFF")
@example("ㅏㅅ")
@example("ㅅㅅ")
def test_a_completion_of_any_kind_scores_its_phrase_and_the_cost_of_its_match(
    phrases: LoadedModel, prefix: str
) -> None:
    alphabet = phrases.alphabet
    query = typed_query(prefix, alphabet, phrases.keys)
    for completion in asked(phrases, prefix, max_expansions=300, kinds=frozenset(KINDS) - {"slip"}).completions:
        match = query.explain(completion.text)
        assert (match.kind, match.highlight) == (completion.match, completion.highlight)
        # Both count what tells the unknown characters typed from others.
        told_twice = np.count_nonzero(alphabet.encode(completion.text) == UNKNOWN_ID)
        cost = match.cost + told_twice * float(np.log(alphabet.unknown_code_points))
        score = score_of(phrases, completion.text, query.unseen_cost)
        assert completion.score == pytest.approx(score + cost, abs=1e-3)


@pytest.mark.parametrize("typed", ["샌", "서"])
def test_decomposed_input_is_answered_as_its_composed_form(phrases: LoadedModel, typed: str) -> None:
    decomposed = unicodedata.normalize("NFD", typed)
    assert decomposed != typed
    reply, expected = asked(phrases, decomposed), asked(phrases, typed)
    assert reply.prefix == typed
    assert reply.completions == expected.completions


@pytest.mark.parametrize(("prefix", "first"), [("h", "hello"), ("hel", "hello"), ("hello\nhe", "hello\nhello")])
def test_running_text_is_completed_to_the_end_of_the_word(running: LoadedModel, prefix: str, first: str) -> None:
    """The score is that of the word, after those before it, with any white space after it, or the end."""
    reply = asked(running, prefix, limit=3)
    *before, _ = prefix.rpartition("\n")
    given = text_score(running, "".join(before))
    assert reply.completions[0].text == first
    ends = np.flatnonzero(running.word_ends).tolist()
    assert len(ends) == 2
    for completion in reply.completions:
        assert not any(character.isspace() for character in completion.text[len(prefix) :])
        assert completion.score == pytest.approx(model_score(running, completion.text, ends) - given, abs=1e-4)


def test_after_a_whole_word_of_running_text_the_next_one_follows(running: LoadedModel) -> None:
    """A completion adds something that can be seen: white space alone is none."""
    for prefix in ("hello\n", "hello"):
        reply = asked(running, prefix, limit=5)
        assert reply.completions[0].text == "hello\nhello"
        for completion in reply.completions:
            added = completion.text[len(prefix) :]
            assert added.strip()
            assert added.lstrip().split() == [added.lstrip()]


def test_white_space_is_what_ends_a_word(running: LoadedModel) -> None:
    ends = running.word_ends
    assert running.alphabet.decode(np.flatnonzero(ends).astype(np.int32)) == "\n"
    assert ends[END_ID]
    assert not ends[[UNKNOWN_ID, BEGIN_ID]].any()


def test_bounds_that_are_met_are_told(phrases: LoadedModel) -> None:
    assert not asked(phrases, "", limit=100, max_expansions=1).exact
    assert not asked(phrases, "San", max_characters=1, limit=5).exact
    short = asked(phrases, "San", max_characters=1, limit=5)
    assert all(len(completion.text) <= 4 for completion in short.completions)
    assert asked(phrases, "San Fr", limit=1).exact


def test_more_expansions_give_no_worse_completions(phrases: LoadedModel) -> None:
    few, many = (asked(phrases, "S", limit=5, max_expansions=bound) for bound in (20, 20_000))
    assert many.exact
    worse = [completion.score for completion in few.completions]
    assert all(a <= b.score + 1e-6 for a, b in zip(worse, many.completions, strict=False))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prefix": "a" * 1001}, "prefix must be at most 1000 characters, got 1001"),
        ({"limit": 0}, "limit must be in [1, 100], got 0"),
        ({"limit": 101}, "limit must be in [1, 100], got 101"),
        ({"max_characters": 0}, "max_characters must be in [1, 1000], got 0"),
        ({"max_characters": 1001}, "max_characters must be in [1, 1000], got 1001"),
        ({"max_expansions": 0}, "max_expansions must be in [1, 100000], got 0"),
        ({"max_expansions": 100_001}, "max_expansions must be in [1, 100000], got 100001"),
        ({"deadline_ms": -1.0}, "deadline_ms must be in [0, 60000], got -1.0"),
        ({"deadline_ms": float("nan")}, "deadline_ms must be in [0, 60000], got nan"),
        (
            {"kinds": frozenset({"exact", "guess"})},
            "kinds must be of exact, partial, case, initials, keyboard, slip, got guess",
        ),
    ],
)
def test_a_request_out_of_bounds_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        CompletionRequest(**{"prefix": "a", **values})
    assert str(caught.value) == message


def test_the_longest_prefix_is_answered(phrases: LoadedModel) -> None:
    assert asked(phrases, "a" * 1000, limit=1, kinds=frozenset()).completions[0].text.startswith("a" * 1000)


def test_nothing_is_no_completion_of_nothing(phrases: LoadedModel) -> None:
    reply = complete(phrases, CompletionRequest(prefix="", limit=5))
    assert len(reply.completions) == 5
    assert all(completion.text for completion in reply.completions)


def test_a_file_that_the_manifest_does_not_list_is_not_loaded(phrases: LoadedModel, tmp_path: Path) -> None:
    checkpoint = phrases.checkpoint
    listed = {name: checkpoint.read(name) for name in checkpoint.files if name != "int8.bin"}
    version = write_checkpoint(tmp_path / "partial", checkpoint.manifest, listed)
    (version / "int8.bin").write_bytes(checkpoint.read("int8.bin"))
    with pytest.raises(CheckpointError, match=r"int8\.bin"):
        load_model(version)
