"""What a decoder looked at, as lines for a terminal: a column for each letter read, a row for each written."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from model.hangul import TRAILING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.transduction import Attention

SHADES = " ░▒▓█"  # of a share of what was looked at, each a fifth more
END_MARK = "⏎"
# Conjoining letters by what decomposes into them for compatibility, U+3131 to U+3163, and those at the end.
ALONE = {unicodedata.normalize("NFKD", chr(point)): chr(point) for point in range(0x3131, 0x3164)}
ALONE |= {chr(0x11A8 + place): letter for place, letter in enumerate(TRAILING)}


def alone(letter: str) -> str:
    """Give a conjoining letter of Hangul as it is written alone, and any other character as it is."""
    return ALONE.get(letter, letter)


def wide(letter: str) -> str:
    """Fill a letter up to the two columns that those of Hangul take in a terminal."""
    return letter if unicodedata.east_asian_width(letter) in "WF" else letter + " "


def attention_lines(attention: Attention) -> Iterator[str]:
    """Give a heading of the letters read, then a line for each written: darker where more was looked at."""
    yield "   " + "".join(wide(alone(letter)) for letter in attention.read)
    for letter, row in zip(attention.written, attention.weights, strict=True):
        shades = (SHADES[min(int(weight * len(SHADES)), len(SHADES) - 1)] * 2 for weight in row)
        yield f"{wide(alone(letter) or END_MARK)} {''.join(shades)}".rstrip()
