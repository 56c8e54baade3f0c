"""The batches of an epoch hold every text once, whole and padded, and are decided by seed and epoch.

Legend: B batch, T characters.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alphabet import SYMBOLS, UNKNOWN_ID, train_alphabet
from model.classifier import ids_of
from training.text_batches import TextBatch, TextSet, batches_in_order, encode_texts, shuffled_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = st.lists(st.lists(st.integers(SYMBOLS, 9), min_size=1, max_size=15), min_size=1, max_size=60)


def text_set(texts: Sequence[Sequence[int]]) -> TextSet:
    return TextSet(
        ids=np.array(list(itertools.chain(*texts)), dtype=np.int32), offsets=np.cumsum([0, *map(len, texts)])
    )


def check(batches: list[TextBatch], texts: Sequence[Sequence[int]], batch_characters: int) -> None:
    """Hold that batches are all texts, each once, with nothing lost and nothing but the unknown beyond them."""
    assert sorted(np.concatenate([batch.places for batch in batches]).tolist()) == list(range(len(texts)))
    for batch in batches:
        rows, longest = batch.ids.shape
        assert rows == len(batch.lengths) == len(batch.places)
        assert longest == batch.lengths.max()
        assert rows * longest <= batch_characters or rows == 1
        for ids, length, place in zip(batch.ids.tolist(), batch.lengths.tolist(), batch.places, strict=True):
            assert ids[:length] == list(texts[place])
            assert set(ids[length:]) <= {UNKNOWN_ID}


@given(texts=TEXTS, batch_characters=st.integers(1, 60), epoch=st.integers(0, 3))
def test_an_epoch_gives_every_text_once(texts: list[list[int]], batch_characters: int, epoch: int) -> None:
    made = shuffled_batches(text_set(texts), batch_characters=batch_characters, seed=5, epoch=epoch)
    check(list(made), texts, batch_characters)
    in_order = list(batches_in_order(text_set(texts), batch_characters=batch_characters))
    check(in_order, texts, batch_characters)
    lengths = np.concatenate([batch.lengths for batch in in_order])
    assert (np.diff(lengths) >= 0).all()


def places(seed: int, epoch: int) -> list[list[int]]:
    """Batches of 50 texts of 1 to 7 characters, as the places of their texts."""
    texts = text_set([[SYMBOLS] * (1 + number % 7) for number in range(50)])
    return [batch.places.tolist() for batch in shuffled_batches(texts, batch_characters=20, seed=seed, epoch=epoch)]


def test_seed_and_epoch_decide_the_batches() -> None:
    """50 texts come in the same order by luck once in 50!."""
    assert places(1, 0) == places(1, 0)
    assert len({str(places(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_a_text_longer_than_a_batch_is_one_by_itself() -> None:
    texts = [[4, 5], [6] * 30, [7], [8] * 31]
    batches = list(shuffled_batches(text_set(texts), batch_characters=8, seed=0, epoch=0))
    assert sorted(sorted(batch.places.tolist()) for batch in batches) == [[0, 2], [1], [3]]
    check(batches, texts, 8)


def test_texts_of_like_length_lie_together() -> None:
    """Of 400 texts of 1 to 20 characters, less than a tenth of what is read is padding; in any order it is half."""
    generator = np.random.default_rng(0)
    texts = [[SYMBOLS] * int(length) for length in generator.integers(1, 21, 400)]
    batches = list(shuffled_batches(text_set(texts), batch_characters=200, seed=0, epoch=0))
    assert sum(batch.ids.size for batch in batches) < 1.1 * sum(map(len, texts))


@pytest.mark.parametrize("longest", [2, 5, 8])
def test_texts_are_cut_as_the_runtime_cuts_them(longest: int) -> None:
    """Three quarters of the beginning and a quarter of the end; a text without a character known has one id."""
    alphabet = train_alphabet(dict.fromkeys("abcdefgh", 1.0), character_limit=100)
    texts = ["a", "abcdefgh", "가나", "", "hgfedcba" * 3]
    encoded = encode_texts(alphabet, texts, longest)
    (batch,) = batches_in_order(encoded, batch_characters=1000)
    assert encoded.lengths.max() == min(longest, 24)
    for ids, length, place in zip(batch.ids, batch.lengths, batch.places, strict=True):
        assert ids[:length].tolist() == ids_of(alphabet, texts[place], longest).tolist()
