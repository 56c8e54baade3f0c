"""Texts with a tag at every character: read from spaced text, or from files of characters and their tags.

Legend: N texts, T characters of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.errors import InputError
from model.spacing import SPACING_TAGS, unspaced
from training.label_split import held_out_share
from training.lines import BadLines, is_blank, read_lines
from training.protocol import digest
from training.reading import ReadingSettings, ignore, read_phrases
from training.sources import find_sources, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LEAST_TEXTS = 2  # one to learn from and one held out
MOST_TAGS = 1_000


@dataclass(frozen=True, kw_only=True)
class TaggedTexts:
    """Texts (N,), and the numbers (T,) of the tags of each; ``tags`` are their names."""

    tags: tuple[str, ...]
    texts: list[str]
    numbers: list[NDArray[np.int64]]
    skipped: int = 0

    def pick(self, chosen: NDArray[np.bool_]) -> TaggedTexts:
        """Give the texts that are chosen (N,)."""
        places = np.flatnonzero(chosen)
        return TaggedTexts(
            tags=self.tags,
            texts=[self.texts[place] for place in places],
            numbers=[self.numbers[place] for place in places],
        )


def read_spacing(
    sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None] = ignore
) -> TaggedTexts:
    """Read text that is spaced as it should be: each character is tagged by whether a space stands after it.

    Lines that stand twice count once, and lines of fewer than two characters tell nothing and are left out.

    Raises:
        InputError: a source breaks a rule, or no line has a space.
    """
    read = read_phrases(sources, settings, report)
    pairs = [(characters, tags) for characters, tags in map(unspaced, read.texts) if len(characters) > 1]
    if not any(tags.any() for _, tags in pairs):
        raise InputError("texts to learn spacing from must have spaces, got none")
    return TaggedTexts(
        tags=SPACING_TAGS,
        texts=[characters for characters, _ in pairs],
        numbers=[tags for _, tags in pairs],
        skipped=read.skipped,
    )


def read_tagged(
    sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None] = ignore
) -> TaggedTexts:
    """Read lines of ``character<TAB>tag``, a blank line after each text.

    Raises:
        InputError: a source cannot be read or holds no text, a line is bad and bad ones are to stop, or there are fewer
            than two tags or more than 1,000.
    """
    texts: list[str] = []
    tags: list[list[str]] = []
    skipped = 0
    for source in find_sources(sources):
        bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
        before, open_text = len(texts), False
        for number, line in read_lines(source, settings.encoding, bad_lines):
            if is_blank(line) and "\t" not in line:
                open_text = False
                continue
            character, _, tag = line.partition("\t")
            if len(character) != 1 or not tag or "\t" in tag:
                bad_lines.refuse(number, f"a line must be character<TAB>tag, got {one_line(line)}")
                continue
            if not open_text:
                texts.append("")
                tags.append([])
                open_text = True
            texts[-1] += character
            tags[-1].append(tag)
        bad_lines.check_some(good=len(texts) - before, what="a character with its tag", report=report)
        skipped += bad_lines.count
    names = tuple(sorted({tag for each in tags for tag in each}))
    if not 2 <= len(names) <= MOST_TAGS:
        raise InputError(f"tags must be 2 to {MOST_TAGS:,} different ones, got {len(names):,}")
    number_of = {name: number for number, name in enumerate(names)}
    numbers = [np.array([number_of[tag] for tag in each], np.int64) for each in tags]
    return TaggedTexts(tags=names, texts=texts, numbers=numbers, skipped=skipped)


def split_tagged(read: TaggedTexts) -> tuple[TaggedTexts, TaggedTexts]:
    """Hold a hashed part of the different texts out; equal texts stay on one side.

    Raises:
        InputError: there are too few texts.
    """
    different = sorted(set(read.texts), key=digest)
    if len(different) < LEAST_TEXTS:
        raise InputError(f"texts must be at least {LEAST_TEXTS} different ones, got {len(different)}")
    held = set(different[: max(1, round(held_out_share(len(different)) * len(different)))])
    out = np.fromiter((text in held for text in read.texts), np.bool_, count=len(read.texts))
    return read.pick(~out), read.pick(out)
