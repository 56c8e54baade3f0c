"""Pairs of texts, one to be turned into the other: read and split.

Legend: N pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.letters import spelled
from model.transduction import MOST_CHARACTERS
from training.label_split import held_out_of
from training.lines import BadLines, is_blank, read_lines
from training.reading import ReadingSettings, ignore
from training.sources import find_sources, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

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
            elif max(len(spelled(cell)) for cell in cells) > MOST_CHARACTERS:
                bad_lines.refuse(number, f"a text must have at most {MOST_CHARACTERS} characters, letters counted")
            else:
                good += 1
                found[cells[0], cells[1]] = None
        bad_lines.check_some(good=good, what="a text with what it becomes", report=report)
        skipped += bad_lines.count
    return Pairs(sources=[one for one, _ in found], targets=[other for _, other in found], skipped=skipped)


def split_pairs(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """Hold a hashed part of the different texts out, each with all that it becomes.

    Raises:
        InputError: there are too few texts.
    """
    out = held_out_of(pairs.sources)
    return pairs.pick(~out), pairs.pick(out)
