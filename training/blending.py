"""What is mixed with a network: an n-gram of the same text, beside it the counts of phrases.

Legend: V vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    spread_lanes,
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
MOST_COUNTED = 5_000_000  # characters of running text, up to an order of 8; counting takes some 220 bytes for each
MOST_COUNTED_ORDER = 8
PIECE, PIECES = 4_096, 256  # characters from one beginning of running text to the next, or fewer for so many of them
FEW = 64  # lines or words
LEAST_BETWEEN = 8  # of them from one beginning to the next


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
    counted = count_text(text, alphabet, rare, settings)
    if NGRAM_FILE not in counted.files:
        return counted
    ngram, shown = ngram_from(counted.files[NGRAM_FILE]), shown_characters(len(alphabet))
    if isinstance(text, StreamText):
        lanes = spread_lanes(alphabet.encode(text.held_out), shown)
        return with_shares(counted, learn_stream_shares(network, ngram, lanes))
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
    counted = count_text(with_held_out(text), alphabet, rare, settings)
    return counted if blend.shares is None else with_shares(counted, blend.shares)


def with_held_out(text: PhraseText | StreamText) -> PhraseText | StreamText:
    """Put what is held out to what is learned."""
    if isinstance(text, StreamText):
        return replace(text, text=text.text + text.held_out)
    counts = np.concatenate([text.counts, text.held_out_counts])
    return replace(text, texts=[*text.texts, *text.held_out_texts], counts=counts)


def count_text(
    text: PhraseText | StreamText, alphabet: Alphabet, rare: NDArray[np.bool_], settings: BlendSettings
) -> Blend:
    """Count what is learned of a text, each part as suits it, no shares told; nothing of texts of labels."""
    if isinstance(text, StreamText):
        return count_stream(text.text, alphabet, rare, settings.ngram_order)
    if text.labels:
        return Blend()
    return count_phrases(text.texts, text.counts, alphabet, rare, settings)


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
    """Make the n-gram of running text: of its last characters, where it is longer than ``most_counted``."""
    order = order_of(alphabet, order)
    if not order:
        return Blend()
    counted = text[-most_counted(order) :]
    ids, offsets = alphabet.encode_many(pieces_of(counted))
    ngram = count_ngrams(ids, offsets, alphabet, rare, order, singles=False)
    return Blend(files={NGRAM_FILE: ngram}, manifest={"ngram_order": order, "counted_characters": len(counted)})


def most_counted(order: int) -> int:
    """Give how many characters of running text an n-gram is counted in at most: the fewer, the more levels it has."""
    return MOST_COUNTED * MOST_COUNTED_ORDER // max(order, MOST_COUNTED_ORDER)


def pieces_of(text: str) -> list[str]:
    """Cut running text now and then, so that an n-gram learns how text may begin, and not from its first line alone.

    It is cut after lines, or after words where lines are few, or anywhere where words are, too; after one of eight at
    most, since the n-gram does not see what follows a piece.
    """
    mark = next(mark for mark in ("\n", " ", "") if text.count(mark) >= FEW or not mark)
    between = len(text) // (text.count(mark) + 1)
    size = max(LEAST_BETWEEN * between, min(PIECE, len(text) // PIECES), LEAST_BETWEEN)
    pieces, start = [], 0
    while start < len(text):
        found = text.find(mark, start + size - 1)
        end = len(text) if found < 0 else found + 1
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
