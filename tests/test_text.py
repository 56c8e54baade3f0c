"""The text of a run is split once, known by what is learned alone, and read in the order that the seed says."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.alphabet import END_ID, SYMBOLS, UNKNOWN_ID
from model.errors import InputError
from training.batches import IGNORED, PhraseSet
from training.reading import Phrases
from training.settings import TextSettings, TrainingSettings
from training.text import (
    LEAST_STREAM,
    Lessons,
    PhraseText,
    StreamText,
    alphabet_of,
    encode_phrases,
    split_phrases,
    split_stream,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.batches import Batch

NAMES = [f"name {number}" for number in range(2000)]


def phrases_of(texts: list[str], counts: Sequence[float]) -> Phrases:
    return Phrases(texts=texts, counts=np.array(counts, float), skipped=0, lines=len(texts), has_counts=True)


def phrase_text(texts: list[str], counts: Sequence[float] | None = None) -> PhraseText:
    """Phrases to learn, and one held out that has characters of its own."""
    weights = np.ones(len(texts)) if counts is None else np.array(counts, float)
    return PhraseText(texts=texts, counts=weights, held_out_texts=["ZQ"], held_out_counts=np.ones(1))


def test_about_a_twentieth_is_held_out_and_nothing_is_lost_or_in_both() -> None:
    """1 in 20 by hash: 100 expected, 60 to 140 is four standard deviations; hashes are the same in every run."""
    text = split_phrases(phrases_of(NAMES, range(1, 2001)), TextSettings())
    assert sorted([*text.texts, *text.held_out_texts]) == sorted(NAMES)
    assert 60 < len(text.held_out_texts) < 140
    counted = dict(zip(NAMES, range(1, 2001), strict=True))
    assert text.counts.tolist() == [counted[each] for each in text.texts]
    assert text.held_out_counts.tolist() == [counted[each] for each in text.held_out_texts]


def test_the_heaviest_twentieth_is_always_learned() -> None:
    text = split_phrases(phrases_of(NAMES, range(1, 2001)), TextSettings())
    assert set(NAMES[1900:]) <= set(text.texts)
    assert text.held_out_counts.max() > 1800


def test_where_all_counts_are_alike_any_phrase_may_be_held_out() -> None:
    alike = split_phrases(phrases_of(NAMES, [1.0] * 2000), TextSettings())
    assert 60 < len(alike.held_out_texts) < 140


def test_a_bound_on_what_is_held_out_is_kept() -> None:
    text = split_phrases(phrases_of(NAMES, range(1, 2001)), TextSettings(held_out_below=500))
    assert 0 < text.held_out_counts.max() < 500


@pytest.mark.parametrize("number", [0, 1, 5])
def test_too_few_phrases_are_refused(number: int) -> None:
    with pytest.raises(InputError, match="too few lines to hold any out"):
        split_phrases(phrases_of(NAMES[:number], [1.0] * number), TextSettings())


def test_running_text_is_cut_once() -> None:
    written = "".join(NAMES)
    text = split_stream(written)
    assert text.text + text.held_out == written
    assert len(text.held_out) == pytest.approx(len(written) / 10, abs=1)
    assert split_stream("x" * LEAST_STREAM).held_out
    with pytest.raises(InputError, match="running text must have at least 200 characters to hold any out, got 199"):
        split_stream("x" * (LEAST_STREAM - 1))


def test_the_alphabet_knows_what_is_learned_and_not_what_is_held_out() -> None:
    alphabet, _ = alphabet_of(phrase_text(["abba", "cab"]), TextSettings())
    assert set(alphabet.characters) == set("abc")
    alphabet, _ = alphabet_of(StreamText(text="abba", held_out="ZQ"), TextSettings())
    assert set(alphabet.characters) == set("ab")


def test_counts_decide_which_characters_are_known() -> None:
    text = phrase_text(["aaa", "b", "c"], [1.0, 24_000_000.0, 2.0])
    assert set(alphabet_of(text, TextSettings(characters=2))[0].characters) == {"b", "a"}
    assert set(alphabet_of(text, TextSettings(characters=1))[0].characters) == {"b"}


def test_a_character_is_rare_that_stands_in_one_place_however_heavy() -> None:
    alphabet, rare = alphabet_of(phrase_text(["abba", "ca"], [1.0, 1000.0]), TextSettings())
    assert alphabet.decode(np.flatnonzero(rare).astype(np.int32)) == "c"
    alphabet, rare = alphabet_of(StreamText(text="abbaxa", held_out="x"), TextSettings())
    assert alphabet.decode(np.flatnonzero(rare).astype(np.int32)) == "x"


def test_no_symbol_is_rare_even_where_some_characters_are_unknown() -> None:
    alphabet, rare = alphabet_of(phrase_text(["aab", "bc", "d"]), TextSettings(characters=2))
    assert UNKNOWN_ID in alphabet.encode("cd")
    assert not rare[:SYMBOLS].any()


def lessons_of(texts: list[str], weights: Sequence[float], *, seed: int = 0) -> Lessons:
    alphabet, rare = alphabet_of(phrase_text(texts), TextSettings())
    learned = encode_phrases(alphabet, texts, np.array(weights, float))
    return Lessons(learned=learned, rare=rare, settings=TrainingSettings(batch_characters=50, seed=seed))


def stream_lessons(written: str, *, seed: int = 0) -> Lessons:
    alphabet, rare = alphabet_of(StreamText(text=written, held_out="x"), TextSettings())
    settings = TrainingSettings(batch_characters=40, window=10, seed=seed)
    return Lessons(learned=alphabet.encode(written), rare=rare, settings=settings)


def as_lists(batches: list[Batch]) -> list[tuple[list[list[int]], list[list[int]], list[float]]]:
    return [(batch.inputs.tolist(), batch.targets.tolist(), batch.weights.tolist()) for batch in batches]


def read_in(batches: list[Batch]) -> float:
    return float(sum((batch.weights * (batch.targets != IGNORED).sum(axis=1)).sum() for batch in batches))


def some_lessons(kind: str, seed: int) -> Lessons:
    if kind == "phrases":
        return lessons_of(NAMES[:80], range(1, 81), seed=seed)
    return stream_lessons("the lazy dog ? jumps ! over # it " * 9 + "$%&", seed=seed)


@pytest.mark.parametrize("kind", ["phrases", "running text"])
def test_lessons_depend_on_seed_and_epoch_alone(kind: str) -> None:
    lessons = some_lessons(kind, seed=3)
    epochs = [as_lists(list(lessons.batches(epoch))) for epoch in (0, 1)]
    assert epochs[0] != epochs[1]
    assert as_lists(list(some_lessons(kind, seed=3).batches(1))) == epochs[1]
    assert as_lists(list(some_lessons(kind, seed=4).batches(1))) != epochs[1]


def test_an_epoch_reads_about_as_many_characters_as_it_says() -> None:
    lessons = lessons_of([*NAMES[:300], "x" * 100], [*[1.0] * 300, 3.0])
    read = [read_in(list(lessons.batches(epoch))) for epoch in range(5)]
    np.testing.assert_allclose(read, lessons.epoch_characters, rtol=0.1)
    stream = stream_lessons("the lazy dog " * 31)
    assert read_in(list(stream.batches(0))) == pytest.approx(stream.epoch_characters, abs=4)


def test_half_of_what_is_rare_is_shown_as_unknown() -> None:
    """400 single characters, each hidden with 1/2: 0.1 off is four standard deviations; the seed is fixed besides."""
    texts = [chr(0xAC00 + number) for number in range(400)]
    lessons = lessons_of(texts, [1.0] * 400)
    targets = np.concatenate([batch.targets[:, 0] for batch in lessons.batches(0)])
    assert len(targets) == 400
    assert float((targets == UNKNOWN_ID).mean()) == pytest.approx(0.5, abs=0.1)
    ends = np.concatenate([batch.targets[:, 1] for batch in lessons.batches(0)])
    assert (ends == END_ID).all()


def test_phrases_become_ids_in_their_order() -> None:
    texts = ["ab", "", "ba"]
    alphabet, _ = alphabet_of(phrase_text(texts), TextSettings())
    phrases = encode_phrases(alphabet, texts, np.array([1.0, 2.0, 3.0]))
    assert isinstance(phrases, PhraseSet)
    assert [alphabet.decode(phrases.ids[a:b]) for a, b in itertools.pairwise(phrases.offsets)] == texts
    assert phrases.lengths.tolist() == [3, 1, 3]
    assert phrases.weights.tolist() == [1, 2, 3]
