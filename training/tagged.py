"""Texts with a tag at every character: read from spaced text, or from files of characters and their tags.

Legend: N texts, T characters of one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.classifier import normalised
from model.errors import InputError
from model.spacing import SPACING_TAGS, unspaced
from model.texts import LONGEST_TEXT_CHARACTERS
from training.label_split import held_out_of
from training.lines import BadLines, is_blank, read_lines
from training.reading import ReadingSettings, ignore
from training.sources import find_sources, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

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

    Lines of any length are read, those that stand twice once; of fewer than two characters they tell nothing.

    Raises:
        InputError: a source cannot be read, a line is bad and bad ones are to stop, or no line has a space.
    """
    lines: dict[str, None] = {}
    skipped = 0
    for source in find_sources(sources):
        bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
        read = [" ".join(line.split()) for _, line in read_lines(source, settings.encoding, bad_lines)]
        lines |= dict.fromkeys(read)
        bad_lines.check_some(good=sum(map(bool, read)), what="a line of text", report=report)
        skipped += bad_lines.count
    pairs = [(characters, tags) for characters, tags in map(unspaced, lines) if len(characters) > 1]
    if not any(tags.any() for _, tags in pairs):
        raise InputError("texts to learn spacing from must have spaces, got none")
    return TaggedTexts(
        tags=SPACING_TAGS,
        texts=[characters for characters, _ in pairs],
        numbers=[tags for _, tags in pairs],
        skipped=skipped,
    )


def read_tagged(
    sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None] = ignore
) -> TaggedTexts:
    """Read lines of ``character<TAB>tag``, a blank line after each text.

    A text with a bad line is left out whole, where bad lines do not stop.

    Raises:
        InputError: a source cannot be read or holds no text, a line is bad and bad ones are to stop, or there are fewer
            than two tags or more than 1,000.
    """
    found: list[list[tuple[str, str]]] = []
    skipped = 0
    for source in find_sources(sources):
        bad_lines = BadLines(source.name, skip=settings.skip_bad_lines)
        before = len(found)
        found += texts_of(read_lines(source, settings.encoding, bad_lines), bad_lines)
        bad_lines.check_some(good=len(found) - before, what="a character with its tag", report=report)
        skipped += bad_lines.count
    names = tuple(sorted({tag for text in found for _, tag in text}))
    if not 2 <= len(names) <= MOST_TAGS:
        raise InputError(f"tags must be 2 to {MOST_TAGS:,} different ones, got {len(names):,}")
    number_of = {name: number for number, name in enumerate(names)}
    return TaggedTexts(
        tags=names,
        texts=["".join(character for character, _ in text) for text in found],
        numbers=[np.array([number_of[tag] for _, tag in text], np.int64) for text in found],
        skipped=skipped,
    )


def texts_of(lines: Iterable[tuple[int, str]], bad_lines: BadLines) -> Iterator[list[tuple[str, str]]]:
    """Give the characters of each text with their tags, as it will be read when it is asked for.

    White space at the ends of a text is left out, as it is then; one that would be changed otherwise is refused.

    Args:
        lines: numbered, blank ones between texts.
        bad_lines: told of those that are no character with a tag, and of the last line of a text that is refused.
    """
    text: list[tuple[str, str]] = []
    good, last = True, 0
    for number, line in itertools.chain(lines, [(0, "")]):
        if line and not (is_blank(line) and "\t" not in line):
            character, _, tag = line.partition("\t")
            last = number
            if len(character) == 1 and tag and "\t" not in tag:
                text.append((character, tag))
            else:
                bad_lines.refuse(number, f"a line must be character<TAB>tag, got {one_line(line)}")
                good = False
            continue
        characters = "".join(character for character, _ in text)
        begin, end = len(characters) - len(characters.lstrip()), len(characters.rstrip())
        if good and end > begin:
            if len(characters) > LONGEST_TEXT_CHARACTERS or normalised(characters) != characters[begin:end]:
                bad_lines.refuse(last, f"a text must be NFC and of at most {LONGEST_TEXT_CHARACTERS:,} characters")
            else:
                yield text[begin:end]
        text, good = [], True


def split_tagged(read: TaggedTexts) -> tuple[TaggedTexts, TaggedTexts]:
    """Hold a hashed part of the different texts out; equal texts stay on one side.

    Raises:
        InputError: there are too few texts.
    """
    out = held_out_of(read.texts)
    return read.pick(~out), read.pick(out)
