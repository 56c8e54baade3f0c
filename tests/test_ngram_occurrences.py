"""The n-grams of many texts are found in chunks, and are what all at once give, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.label_statistics import label_contrast
from training.ngram_occurrences import known_ngrams, mostly_hangul, occurrences, text_chunks
from training.wide import WideLayer

TEXTS = 200
NAMES = ("CHARACTERS_AT_ONCE", "OCCURRENCES_AT_ONCE")


def some_texts() -> list[str]:
    """Random ones, one of them longer than a chunk, and some empty."""
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abcdef "), int(generator.integers(0, 20)))) for _ in range(TEXTS)]
    texts[50] = "abc def" * 30
    return texts


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_chunks_hold_every_text_whole_and_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr("training.ngram_occurrences.CHARACTERS_AT_ONCE", at_once)
    chunks = list(text_chunks(some_texts()))
    assert [text for chunk in chunks for text in chunk] == some_texts()
    assert all(sum(map(len, chunk[:-1])) < at_once for chunk in chunks)
    assert len(chunks) > 1


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_chunks_change_no_bit(monkeypatch: pytest.MonkeyPatch, at_once: int, hidden: int) -> None:
    """All that is made of texts, with everything at once and with little."""
    texts, generator = some_texts(), np.random.default_rng(1)
    labels = generator.integers(3, size=TEXTS)
    width = hidden or 3
    output = generator.normal(size=(5, 3)).astype(np.float32), np.ones(3, np.float32)
    weights = generator.normal(size=(10_000, width)).astype(np.float32)
    made = []
    for changed in (False, True):
        for name in NAMES if changed else ():
            monkeypatch.setattr(f"training.ngram_occurrences.{name}", at_once)
        ngrams = known_ngrams(texts, 1, 4, 2, 10_000, across_spaces=True)
        ngrams = replace(ngrams, scales=np.linspace(0.5, 2, len(ngrams.hashes)).astype(np.float32))
        found = occurrences(texts, ngrams)
        layer = WideLayer(
            ngrams=ngrams,
            weights=weights[: len(ngrams.hashes)],
            bias=np.ones(width, np.float32),
            output=output if hidden else None,
        )
        transposed = found.transposed()
        made.append(
            [
                *(ngrams.hashes, ngrams.rarities, found.starts, found.places, found.values),
                *(each.numpy() for each in (transposed.crow_indices(), transposed.col_indices(), transposed.values())),
                *(label_contrast(found, labels, 3), layer.logits(texts)),
            ]
        )
    for whole, chunked in zip(*made, strict=True):
        assert whole.dtype == chunked.dtype
        np.testing.assert_array_equal(whole, chunked)


def test_some_of_the_ngrams_stand_where_they_would_if_no_others_were_known() -> None:
    texts = some_texts()
    ngrams = known_ngrams(texts, 1, 4, 2, 10_000, across_spaces=True)
    kept = np.sort(np.random.default_rng(3).choice(len(ngrams.hashes), 30, replace=False))
    part, expected = occurrences(texts, ngrams).part(kept), occurrences(texts, ngrams.part(kept))
    assert part.ngrams == expected.ngrams == 30
    np.testing.assert_array_equal(part.starts, expected.starts)
    np.testing.assert_array_equal(part.places, expected.places)
    np.testing.assert_allclose(part.values, expected.values, rtol=1e-5)


def test_occurrences_of_some_texts_are_their_rows_without_what_stands_in_none() -> None:
    texts = some_texts()
    found = occurrences(texts, known_ngrams(texts, 1, 4, 2, 10_000, across_spaces=True))
    chosen = np.array([7, 3, 50, 0])
    places, rows = found.of_texts(chosen)
    whole = found.matrix().to_dense().numpy()[chosen]
    np.testing.assert_array_equal(places, np.flatnonzero(whole.any(axis=0)))
    np.testing.assert_array_equal(rows.matrix().to_dense().numpy(), whole[:, places])


def test_no_text_has_no_ngram() -> None:
    ngrams = known_ngrams([], 1, 3, 1, 100, across_spaces=True)
    assert len(ngrams.hashes) == 0
    assert occurrences([], ngrams).starts.tolist() == [0]


@pytest.mark.parametrize(
    ("texts", "hangul"),
    [
        (["한글 ABC", "1234567890 !!!!!", "글"], False),
        (["한글 ABC", "한 ㅋ"], True),
        (["ㅋㅋㅋ ^^", "ok"], True),
        (["도쿄 東京です"], False),
        (["123", ""], False),
        ([], False),
    ],
)
def test_texts_are_hangul_where_most_of_their_letters_are(texts: list[str], hangul: bool) -> None:
    assert mostly_hangul(texts) == hangul
