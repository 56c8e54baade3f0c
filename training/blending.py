"""What is mixed with a network: the n-gram of the same text, and the counts of phrases.

Legend: V vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import UNKNOWN_ID
from model.ngram import NGRAM_FILE, ngram_from
from model.phrases import PHRASES_FILE
from training.blend_shares import (
    first_phrases,
    learn_phrase_shares,
    learn_shares,
    learn_stream_shares,
    shown_characters,
)
from training.kneser_ney import build_kneser_ney
from training.ngram_file import ngram_bytes
from training.phrase_index import build_phrase_index
from training.text import StreamText, encode_phrases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from training.export import Shares
    from training.language_models import LanguageModel
    from training.settings import BlendSettings
    from training.text import PhraseText

LARGE_ALPHABET = 500  # characters: Hangul and Chinese, where each says as much as two or three letters
ORDERS = {True: 6, False: 8}  # of the n-gram, by whether the alphabet is large
# Contexts from which on n-grams seen once are left out: in large alphabets, and where there are too many n-grams.
SINGLES_BELOW = {True: 4, False: 6}
MOST_NGRAMS = 12_000_000
MOST_COUNTED = 20_000_000  # characters of running text; counting takes some 300 bytes for each
PIECE = 4_096  # characters of running text, about, from one beginning to the next


@dataclass(frozen=True, kw_only=True)
class Blend:
    """What is mixed with a network: files of a checkpoint, what its manifest says, and the shares for the export."""

    files: dict[str, bytes] = field(default_factory=dict)
    manifest: dict[str, JSON] = field(default_factory=dict)
    shares: Shares | None = None


def blend_text(
    network: LanguageModel,
    text: PhraseText | StreamText,
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    settings: BlendSettings,
) -> Blend:
    """Count what the network was trained on, and learn the shares on what was held out; nothing of texts of labels."""
    if isinstance(text, StreamText):
        counted = count_stream(text.text, alphabet, rare, settings.ngram_order)
    elif text.labels:
        counted = Blend()
    else:
        counted = count_phrases(text.texts, text.counts, alphabet, rare, settings)
    if NGRAM_FILE not in counted.files:
        return counted
    ngram, shown = ngram_from(counted.files[NGRAM_FILE]), shown_characters(len(alphabet))
    if isinstance(text, StreamText):
        return with_shares(counted, learn_stream_shares(network, ngram, alphabet.encode(text.held_out[:shown])))
    held_out = encode_phrases(alphabet, text.held_out_texts, np.ones(len(text.held_out_texts)))
    return with_shares(counted, learn_shares(network, ngram, first_phrases(held_out, shown)))


def count_all(
    blend: Blend,
    text: PhraseText | StreamText,
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    settings: BlendSettings,
) -> Blend:
    """Count what was held out in, once more is known from it, with the shares that were learned."""
    if isinstance(text, StreamText):
        counted = count_stream(text.text + text.held_out, alphabet, rare, settings.ngram_order)
    elif text.labels:
        counted = Blend()
    else:
        counts = np.concatenate([text.counts, text.held_out_counts])
        counted = count_phrases([*text.texts, *text.held_out_texts], counts, alphabet, rare, settings)
    return counted if blend.shares is None else with_shares(counted, blend.shares)


def with_shares(blend: Blend, shares: Shares) -> Blend:
    """Keep the shares in the manifest."""
    kept: dict[str, JSON] = {"network": shares.network, "ngram": shares.ngram}
    return Blend(files=blend.files, manifest={**blend.manifest, **kept}, shares=shares)


def is_large(alphabet: Alphabet) -> bool:
    """Tell whether each character of an alphabet says as much as two or three letters."""
    return len(alphabet) >= LARGE_ALPHABET


def count_phrases(
    texts: list[str],
    counts: NDArray[np.float64],
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    settings: BlendSettings,
) -> Blend:
    """Make the index of phrases by count, and the n-gram of the same phrases, each once."""
    ids, offsets = alphabet.encode_many(texts)
    known = np.add.reduceat(np.append(ids, 0) == UNKNOWN_ID, offsets[:-1]) == 0 if len(texts) else np.zeros(0, bool)
    known |= np.diff(offsets) == 0
    kept = np.repeat(known, np.diff(offsets))
    kept_offsets = np.concatenate([[0], np.cumsum(np.diff(offsets)[known])])
    files = {PHRASES_FILE: build_phrase_index(ids[kept], kept_offsets, counts[known])}
    order = order_of(alphabet, settings.ngram_order)
    manifest = {
        **learn_phrase_shares(counts, settings.unseen_share),
        "least_count": settings.least_count,
        "ngram_order": order,
    }
    if order:
        files[NGRAM_FILE] = count_ngrams(ids, offsets, alphabet, rare, order, singles=not is_large(alphabet))
    return Blend(files=files, manifest=manifest)


def count_stream(text: str, alphabet: Alphabet, rare: NDArray[np.bool_], order: int | None) -> Blend:
    """Make the n-gram of running text, of the last characters of one that is too long."""
    order = order_of(alphabet, order)
    if not order:
        return Blend()
    ids, offsets = alphabet.encode_many(pieces_of(text[-MOST_COUNTED:]))
    ngram = count_ngrams(ids, offsets, alphabet, rare, order, singles=False)
    return Blend(files={NGRAM_FILE: ngram}, manifest={"ngram_order": order})


def pieces_of(text: str) -> list[str]:
    """Cut running text after a line, or else a word, every now and then: so an n-gram learns how text may begin."""
    pieces, start = [], 0
    while start < len(text):
        end = start + PIECE
        found = (text.find(mark, end, end + PIECE) + 1 for mark in ("\n", " "))
        end = next((after for after in found if after), end)
        pieces.append(text[start:end])
        start = end
    return pieces


def order_of(alphabet: Alphabet, told: int | None) -> int:
    """Give the order of the n-gram: what was told, or else what suits the alphabet."""
    return ORDERS[is_large(alphabet)] if told is None else told


def count_ngrams(
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    alphabet: Alphabet,
    rare: NDArray[np.bool_],
    order: int,
    *,
    singles: bool,
) -> bytes:
    """Count an n-gram and write its file; long n-grams seen once stay if ``singles`` says so and they are not too many.

    Args:
        ids: (characters,) of all texts, one after another.
        offsets: (texts + 1,) of each.
        alphabet: of the ids.
        rare: (V,) of ``text.alphabet_of``.
        order: N.
        singles: whether they stay.
    """
    # Every other rare character stands for the unknown, whose probability nothing else would tell.
    hidden = np.where(rare[ids] & (ids % 2 == 0), UNKNOWN_ID, ids)
    ngram = build_kneser_ney(hidden, offsets, order=order, vocabulary_size=len(alphabet))
    stay = singles and sum(len(level.keys) for level in ngram.levels) <= MOST_NGRAMS
    return ngram_bytes(ngram, singles_below=None if stay else SINGLES_BELOW[is_large(alphabet)])
