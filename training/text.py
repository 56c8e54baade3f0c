"""The text of a run: read, split into training and held out, and turned into ids."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import UNKNOWN_ID, count_characters, train_alphabet
from model.conditions import label_symbol
from model.errors import InputError
from training.batches import PhraseSet, hide_rare, phrase_batches, stream_batches
from training.protocol import split_held_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from training.batches import Batch
    from training.reading import Phrases
    from training.settings import TextSettings, TrainingSettings

HIDDEN_SHARE = 0.5  # of the appearances of a rare character, shown as unknown
LEAST_STREAM = 200  # characters of running text


@dataclass(frozen=True, kw_only=True)
class PhraseText:
    """Phrases to learn and phrases held out, with the count of each.

    labels: of texts that begin with the symbols of theirs, by number; none of other phrases.
    """

    texts: list[str]
    counts: NDArray[np.float64]
    held_out_texts: list[str]
    held_out_counts: NDArray[np.float64]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StreamText:
    """Running text: the first nine tenths to learn, the last held out."""

    text: str
    held_out: str


def split_phrases(phrases: Phrases, settings: TextSettings) -> PhraseText:
    """Hold a hashed twentieth of the phrases out, but none of the heaviest.

    Raises:
        InputError: too few phrases.
    """
    below = settings.held_out_below
    if below is None and len(phrases.texts) > 0:
        heavy = float(np.quantile(phrases.counts, 0.95))
        below = heavy if heavy > phrases.counts.min() else None
    held = split_held_out(phrases.texts, phrases.counts, below=below)
    # In an order of their own, so that the first of them are a fair part, however the file was sorted.
    held_places = np.random.default_rng(0).permutation(np.flatnonzero(held))
    return PhraseText(
        texts=[text for text, out in zip(phrases.texts, held, strict=True) if not out],
        counts=phrases.counts[~held],
        held_out_texts=[phrases.texts[place] for place in held_places],
        held_out_counts=phrases.counts[held_places],
    )


def split_stream(text: str) -> StreamText:
    """Hold the last tenth of running text out.

    Raises:
        InputError: too little text.
    """
    if len(text) < LEAST_STREAM:
        raise InputError(
            f"running text must have at least {LEAST_STREAM} characters to hold any out, got {len(text)}: add more"
        )
    cut = len(text) * 9 // 10
    return StreamText(text=text[:cut], held_out=text[cut:])


def alphabet_of(
    text: PhraseText | StreamText, settings: TextSettings, known: Alphabet | None = None
) -> tuple[Alphabet, NDArray[np.bool_]]:
    """Train the alphabet on what is learned, held-out text apart; or take one that is ``known``.

    The symbols of labels are always in it, beside as many characters as settings tell, and never rare.

    Returns:
        The alphabet, and which of its characters (V,) are rare: in one place only, so as good as unknown.
    """
    if isinstance(text, PhraseText):
        totals = count_characters(text.texts, text.counts)
        places = count_characters(text.texts, np.ones(len(text.texts)))
    else:
        totals = places = count_characters([text.text], np.ones(1))
    labels = len(text.labels) if isinstance(text, PhraseText) else 0
    symbols = "".join(map(label_symbol, range(labels)))
    totals = totals | dict.fromkeys(symbols, math.inf)
    alphabet = known or train_alphabet(totals, character_limit=settings.characters + labels)
    rare = np.zeros(len(alphabet), dtype=np.bool_)
    rare[alphabet.encode("".join(character for character, number in places.items() if number <= 1))] = True
    rare[[UNKNOWN_ID, *alphabet.encode(symbols).tolist()]] = False
    return alphabet, rare


def encode_phrases(alphabet: Alphabet, texts: list[str], weights: NDArray[np.float64]) -> PhraseSet:
    """Turn phrases into ids."""
    ids, offsets = alphabet.encode_many(texts)
    return PhraseSet(ids=ids, offsets=offsets, weights=weights)


def first_characters(texts: list[str], characters: int) -> list[str]:
    """Give the first texts that fill so many characters, at least one."""
    lengths = np.cumsum([len(text) + 1 for text in texts])
    return texts[: max(1, int(np.searchsorted(lengths, characters, side="right")))]


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """The batches of every epoch, a pure function of seed and epoch."""

    learned: PhraseSet | NDArray[np.int32]
    rare: NDArray[np.bool_]
    settings: TrainingSettings

    @property
    def epoch_characters(self) -> float:
        """About how many characters an epoch reads, ends counted."""
        if isinstance(self.learned, PhraseSet):
            share = self.learned.weights / self.learned.weights.sum()
            return float((share * self.learned.lengths).sum() * len(self.learned))
        return float(len(self.learned))

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Give the batches of one epoch, counted from 0."""
        settings = self.settings
        if isinstance(self.learned, PhraseSet):
            made = phrase_batches(
                self.learned, batch_characters=settings.batch_characters, seed=settings.seed, epoch=epoch
            )
        else:
            rows = max(1, settings.batch_characters // settings.window)
            made = stream_batches(self.learned, rows=rows, window=settings.window, seed=settings.seed, epoch=epoch)
        generator = np.random.Generator(np.random.Philox(key=[settings.seed, epoch], counter=[0, 0, 0, 1]))
        for batch in made:
            yield hide_rare(batch, self.rare, HIDDEN_SHARE, generator)
