"""Hashed character n-grams: which of those that a classifier knows stand in a text, and what each counts there.

Source: Weinberger et al. 2009, arXiv:0902.2206 (hashing); Joulin et al. 2016, arXiv:1607.01759 (n-grams of a text,
summed); Salton and Buckley 1988 (term frequency times inverse document frequency, cosine normalised).
Differs: hashes of 64 bits are kept sorted, and only those that training saw often enough, so that no two n-grams
share a weight; an n-gram knows where a text begins and ends, and not which case a letter has. N-grams are read across
spaces, too: those without a space are of the text whose spaces are taken out, so that words written together, as often
in Korean, and apart share them.

Legend: N n-grams of one text, F n-grams known, M n-grams of many texts, or all of one, D texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import code_points
from model.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.arrays import ArrayFile

HASHED_NGRAMS_FILE = "hashed_ngrams.bin"
MOST_NGRAM = 16  # characters
LARGEST_FACTOR = 1e6  # of an n-gram; what training writes is far below, and sums of products stay finite in float32
TEXT_BEGINS, TEXT_ENDS = "\x02", "\x03"
ACROSS_SPACES = "across_spaces"  # in the file: 0 or 1
# Odd constants of splitmix64 (Steele, Lea and Flood 2014), a mixer whose every bit hangs on every bit.
STEP, MIXERS, SHIFTS = np.uint64(0x9E3779B97F4A7C15), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB), (30, 27, 31)


@dataclass(frozen=True, kw_only=True)
class HashedNgrams:
    """The n-grams that a classifier knows.

    hashes: (F,) uint64, ascending; rarities: (F,) float32, inverse document frequency; scales: (F,) float32, of the
    weights, which are kept in int8; least, most: characters of an n-gram; across_spaces: whether n-grams without a
    space are those of the text without spaces.
    """

    hashes: NDArray[np.uint64]
    rarities: NDArray[np.float32]
    scales: NDArray[np.float32]
    least: int
    most: int
    across_spaces: bool

    def hashed(self, texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hash all n-grams of texts, known or not: see ``hash_ngrams``."""
        return hash_ngrams(texts, self.least, self.most, across_spaces=self.across_spaces)

    def bounds(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Give where all n-grams of a text, known or not, stand in it: see ``ngram_bounds``."""
        return ngram_bounds(text, self.least, self.most, across_spaces=self.across_spaces)

    def of_text(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Give the n-grams known in a text: which (N,), and what each counts (N,), cosine normalised and then scaled.

        A text without any gives none of them.
        """
        hashes, repeats = np.unique(self.hashed([text])[0], return_counts=True)
        places, found = look_up(self.hashes, hashes)
        return places, self.values(places, repeats[found])

    def values(self, places: NDArray[np.int64], repeats: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give what the known n-grams of a text count, by their places (N,) and how often each stands there (N,)."""
        values = term_weights(repeats) * self.rarities[places]
        length = np.sqrt(np.dot(values, values))
        scaled: NDArray[np.float32] = values / np.maximum(length, np.float32(1e-12)) * self.scales[places]
        return scaled

    def part(self, places: NDArray[np.int64]) -> HashedNgrams:
        """Give some of them, by their places, ascending."""
        return replace(self, hashes=self.hashes[places], rarities=self.rarities[places], scales=self.scales[places])

    def unscaled(self) -> HashedNgrams:
        """Give the same n-grams for weights that have their scale already."""
        return replace(self, scales=np.ones(len(self.hashes), np.float32))


def look_up(known: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give the places of those hashes (M,) that are known, and which of the hashes they are: (M,)."""
    if not len(known):
        return np.empty(0, np.int64), np.zeros(len(hashes), np.bool_)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found = known[places] == hashes
    return places[found], found


def term_weights(repeats: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give what an n-gram counts that stands in a text so many times (N,): 1 + log, so that the tenth adds little."""
    return (1 + np.log(repeats)).astype(np.float32)


def hash_ngrams(
    texts: Sequence[str], least: int, most: int, *, across_spaces: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash every n-gram of texts, their beginnings and ends included, in lower case.

    Args:
        texts: D of them.
        least: characters of an n-gram.
        most: characters of an n-gram.
        across_spaces: whether n-grams without a space are those of the texts without spaces; they come first.

    Returns:
        The hashes (M,), and the text of each (M,).
    """
    whole = [marked(text) for text in texts]
    if not across_spaces:
        return hash_marked(whole, least, most, with_space=False)
    without = hash_marked(["".join(text.split()) for text in whole], least, most, with_space=False)
    with_space = hash_marked(whole, least, most, with_space=True)
    return np.concatenate([without[0], with_space[0]]), np.concatenate([without[1], with_space[1]])


def marked(text: str) -> str:
    """Give a text in lower case with a mark at both ends, neither of them white space."""
    return TEXT_BEGINS + text.lower() + TEXT_ENDS


def hash_marked(
    texts: Sequence[str], least: int, most: int, *, with_space: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash every n-gram of texts that are marked, or only those that have a space.

    Returns:
        As ``hash_ngrams``.
    """
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    joined = "".join(texts)
    characters = code_points(joined).astype(np.uint64)
    spaces = spaces_before(joined) if with_space else None
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(characters))  # characters to the end of the text
    owners = np.repeat(np.arange(len(texts)), lengths)
    hashes, rows = [], []
    running = np.zeros(len(characters), np.uint64)
    for length in range(1, most + 1):
        whole = max(len(characters) - length + 1, 0)
        # the n-gram at each place is the one before, a character longer
        running = mixed((running[:whole] + STEP) ^ characters[length - 1 :])
        if length >= least:
            kept = left[:whole] >= length
            if spaces is not None:
                kept &= spaces[length:] > spaces[:whole]
            hashes.append(running[kept])
            rows.append(owners[:whole][kept])
    return np.concatenate(hashes), np.concatenate(rows)


def spaces_before(text: str) -> NDArray[np.int64]:
    """Count the white space before each character of a text, and in all: one number more than characters."""
    spaces = np.fromiter(map(str.isspace, text), dtype=np.bool_, count=len(text))
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(spaces)])


def ngram_bounds(
    text: str, least: int, most: int, *, across_spaces: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give where the n-grams that ``hash_ngrams`` finds in a text stand in it.

    Returns:
        The first character of each and the one after its last, both (M,), none for what marks an end of the text
        alone; and which of the ends it reaches (M,): 1 the beginning, 2 the end, 3 both.
    """
    widths = [len(character.lower()) for character in text]  # the lower case of one may be several
    owners = np.repeat(np.arange(len(text)), widths)
    # where every character of the marked text begins and ends in the text
    first = np.concatenate([[0], owners, [len(text)]])
    after = np.concatenate([[0], owners + 1, [len(text)]])
    spaces = spaces_before(marked(text))
    letters, everything = np.flatnonzero(spaces[1:] == spaces[:-1]), np.arange(len(first))
    passes = [(letters, False), (everything, True)] if across_spaces else [(everything, False)]
    begins, ends, reached = [], [], []
    for places, with_space in passes:
        for length in range(least, most + 1):
            starts = np.arange(max(len(places) - length + 1, 0))
            if with_space:
                starts = starts[spaces[starts + length] > spaces[starts]]
            begins.append(first[places[starts]])
            ends.append(after[places[starts + length - 1]])
            reached.append((starts == 0) + 2 * (starts + length == len(places)))
    return np.concatenate(begins), np.concatenate(ends), np.concatenate(reached)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each value (M,), one to one."""
    for mixer, shift in zip((STEP, *map(np.uint64, MIXERS)), SHIFTS, strict=True):
        values = values * mixer
        values = values ^ (values >> np.uint64(shift))
    return values


def hashed_ngrams_from(file: ArrayFile) -> HashedNgrams:
    """Take the n-grams known out of their file of arrays.

    Raises:
        CheckpointError: they do not belong together.
    """
    try:
        halves = [file.arrays[name] for name in ("low", "high")]
        rarities, scales = (np.asarray(file.arrays[name], np.float32) for name in ("rarities", "scales"))
        least, most = (file.whole_number(name, MOST_NGRAM, HASHED_NGRAMS_FILE) for name in ("least", "most"))
        across_spaces = file.numbers.get(ACROSS_SPACES, 0)  # files were written before it was there
    except KeyError as error:
        raise CheckpointError(
            f"{HASHED_NGRAMS_FILE} must hold the n-grams known, got a file without {error}"
        ) from error
    if across_spaces not in {0, 1}:
        raise CheckpointError(f"{HASHED_NGRAMS_FILE}: {ACROSS_SPACES} must be 0 or 1, got {across_spaces:g}")
    if any(half.dtype.kind != "u" for half in halves):
        raise CheckpointError(f"{HASHED_NGRAMS_FILE} must hold its hashes as whole numbers, got others")
    low, high = (half.astype(np.uint64) for half in halves)
    if not len(low) == len(high) == len(rarities) == len(scales) or least > most:
        raise CheckpointError(f"{HASHED_NGRAMS_FILE} must hold as many numbers of each kind, got others")
    for name, factors in (("rarities", rarities), ("scales", scales)):
        if not ((factors >= 0) & (factors <= LARGEST_FACTOR)).all():  # no NaN is either
            raise CheckpointError(f"{HASHED_NGRAMS_FILE} must hold {name} from 0 to {LARGEST_FACTOR:,.0f}, got another")
    hashes = high << np.uint64(32) | low
    if (hashes[1:] <= hashes[:-1]).any():
        raise CheckpointError(f"{HASHED_NGRAMS_FILE} must hold its hashes in ascending order, got another")
    return HashedNgrams(
        hashes=hashes,
        rarities=rarities,
        scales=scales,
        least=least,
        most=most,
        across_spaces=bool(across_spaces),
    )
