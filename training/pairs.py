"""Pairs of texts, one to be turned into the other: read and split.

Legend: N pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.errors import InputError
from training.label_split import held_out_share
from training.lines import BadLines, is_blank, read_lines
from training.protocol import digest
from training.reading import ReadingSettings, ignore
from training.sources import find_sources, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LEAST_SOURCES = 2  # one to learn from and one held out
MOST_CHARACTERS = 200  # of either text
COMMENT = "#"


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Texts (N,) and what each becomes (N,); the same text may stand with several."""

    sources: list[str]
    targets: list[str]
    skipped: int = 0

    def pick(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Give the pairs that are chosen (N,)."""
        places = np.flatnonzero(chosen)
        return Pairs(sources=[self.sources[at] for at in places], targets=[self.targets[at] for at in places])

    def by_source(self) -> dict[str, set[str]]:
        """Give all that each text becomes, texts in the order of the files."""
        found: dict[str, set[str]] = {}
        for source, target in zip(self.sources, self.targets, strict=True):
            found.setdefault(source, set()).add(target)
        return found


def read_pairs(sources: Sequence[str], settings: ReadingSettings, report: Callable[[str], None] = ignore) -> Pairs:
    """Read lines of ``text<TAB>what it becomes``; a line that begins with # is a comment, and repeats count once.

    Raises:
        InputError: a source cannot be read or holds no pair, or a line is bad and bad ones are to stop.
    """
    found: dict[tuple[str, str], None] = {}
    skipped = 0
    for source in find_sources(sources):
        bad_lines, good = BadLines(source.name, skip=settings.skip_bad_lines), 0
        for number, line in read_lines(source, settings.encoding, bad_lines):
            if is_blank(line) or line.startswith(COMMENT):
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            if len(cells) != 2 or not all(cells):
                bad_lines.refuse(number, f"a line must be text<TAB>what it becomes, got {one_line(line)}")
            elif max(map(len, cells)) > MOST_CHARACTERS:
                bad_lines.refuse(number, f"a text must have at most {MOST_CHARACTERS} characters")
            else:
                good += 1
                found[cells[0], cells[1]] = None
        bad_lines.check_some(good=good, what="a text with what it becomes", report=report)
        skipped += bad_lines.count
    return Pairs(sources=[one for one, _ in found], targets=[other for _, other in found], skipped=skipped)


def split_pairs(pairs: Pairs, share: float | None = None) -> tuple[Pairs, Pairs]:
    """Hold a hashed part of the different texts out, each with all that it becomes.

    Args:
        pairs: all of them.
        share: of the texts; None for what their number asks for.

    Raises:
        InputError: there are too few texts.
    """
    different = sorted(set(pairs.sources), key=digest)
    if len(different) < LEAST_SOURCES:
        raise InputError(f"texts must be at least {LEAST_SOURCES} different ones, got {len(different)}")
    wanted = held_out_share(len(different)) if share is None else share
    held = set(different[: max(1, round(wanted * len(different)))])
    out = np.fromiter((source in held for source in pairs.sources), np.bool_, count=len(pairs.sources))
    return pairs.pick(~out), pairs.pick(out)
