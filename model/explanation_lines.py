"""An explanation as lines of a terminal: the text in colour, or with signs under it where colour is not to be had."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from model.explanation import Explanation, FiredFilter, FiredNgram

FAINTEST = 0.1  # of the largest value of a way; what is smaller is left blank
LEAST_NATS = 0.1  # a largest value below it counts as so much, or signs would stand for next to nothing
LEAST_SHOWN = 0.005  # nats; in two places it is 0.01
SHADES = 4
# Of the 256 colours that terminals have, from weak to strong; the letters on them are black (16).
FOR, AGAINST, LETTERS = (194, 157, 119, 76), (224, 217, 210, 203), 16
SIGNS_FOR, SIGNS_AGAINST = "++##", "--=="
LEGEND_OF_COLOURS = "green speaks for it, red against it"
LEGEND_OF_SIGNS = "+ speaks for it, # much; - against it, = much"
NAME_COLUMNS = 11
LEAST_COLUMNS = 10  # for text, however narrow the terminal


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to explain: its name, its values (T,) or None, and why there are none."""

    name: str
    values: NDArray[np.float64] | None
    missing: str = ""

    @property
    def largest(self) -> str:
        """The value farthest from 0, in words."""
        if self.values is None:
            return f"not to be had: {self.missing}"
        return f"largest {self.values[int(np.abs(self.values).argmax())]:+.2f} nats"

    def shades(self) -> NDArray[np.int64]:
        """Give how strong each value is, with its sign: (T,) from -SHADES to SHADES, 0 for next to nothing."""
        if self.values is None:
            return np.zeros(0, np.int64)
        strengths = np.abs(self.values) / max(float(np.abs(self.values).max()), LEAST_NATS)
        shades = np.where(strengths < FAINTEST, 0, np.ceil(strengths * SHADES))
        return (np.sign(self.values) * shades).astype(np.int64)


def ways_of(explanation: Explanation) -> tuple[Way, ...]:
    """Give the three ways by their names."""
    return (
        Way(name="hidden", values=explanation.occlusion),
        Way(name="n-grams", values=explanation.ngrams, missing="no linear layer over n-grams"),
        Way(name="filters", values=explanation.filters, missing="no filters whose largest values count"),
    )


def explanation_lines(explanation: Explanation, *, coloured: bool, columns: int) -> Iterator[str]:
    """Lay an explanation out for people.

    Args:
        explanation: what to show.
        coloured: whether the terminal shows colours; a line of signs stands under the text where it does not.
        columns: of the terminal.
    """
    yield f"why {explanation.label}: {LEGEND_OF_COLOURS if coloured else LEGEND_OF_SIGNS}"
    ways = ways_of(explanation)
    if coloured:
        for way in ways:
            shown = "" if way.values is None else in_colour(explanation.characters, way.shades()) + "  "
            yield f"{way.name:{NAME_COLUMNS}}{shown}({way.largest})"
    else:
        yield from over_signs(explanation.characters, ways, max(columns - NAME_COLUMNS, LEAST_COLUMNS))
        yield from (f"{way.name:{NAME_COLUMNS}}{way.largest}" for way in ways)
    if explanation.left_out:
        yield f"{explanation.left_out:,} more characters were read, but are not explained"
    yield from tops("n-grams", explanation.top_ngrams)
    wide = [each for each in explanation.top_filters if each.width > 1]
    yield from tops("filters", wide)  # what sees one character, as the states of a recurrence, is all in its line


def tops(name: str, fired: Sequence[FiredNgram | FiredFilter]) -> Iterator[str]:
    """Lay out what counts most, on one line, if there is anything."""
    each = [
        f"{''.join(map(visible, one.text))!r} {one.contribution:+.2f}"
        for one in fired
        if abs(one.contribution) >= LEAST_SHOWN
    ]
    if each:
        yield f"{'most':{NAME_COLUMNS}}{name}: {', '.join(each)}"


def in_colour(text: str, shades: NDArray[np.int64]) -> str:
    """Colour characters by their shades (T,)."""
    return "".join(
        visible(character)
        if not shade
        else click.style(visible(character), fg=LETTERS, bg=(FOR if shade > 0 else AGAINST)[abs(shade) - 1])
        for character, shade in zip(text, shades.tolist(), strict=True)
    )


def over_signs(text: str, ways: Sequence[Way], columns: int) -> Iterator[str]:
    """Lay a text out in lines of so many columns, under each a line of signs for each way that has values."""
    shown = [(way.name, way.shades().tolist()) for way in ways if way.values is not None]
    for begin, end in line_bounds(text, columns):
        yield " " * NAME_COLUMNS + "".join(map(visible, text[begin:end]))
        for name, shades in shown:
            signs = (
                sign(shade) * columns_of(character)
                for character, shade in zip(text[begin:end], shades[begin:end], strict=True)
            )
            yield f"{name:{NAME_COLUMNS}}{''.join(signs)}".rstrip()


def line_bounds(text: str, columns: int) -> Iterator[tuple[int, int]]:
    """Cut a text into lines that fit so many columns: where each begins and ends."""
    begin, used = 0, 0
    for place, character in enumerate(text):
        width = columns_of(character)
        if used + width > columns:
            yield begin, place
            begin, used = place, 0
        used += width
    yield begin, len(text)


def sign(shade: int) -> str:
    """Give the sign of a shade, one column wide."""
    if not shade:
        return " "
    return (SIGNS_FOR if shade > 0 else SIGNS_AGAINST)[abs(shade) - 1]


def visible(character: str) -> str:
    """Give what to print of a character: a picture of one that controls the terminal, itself of any other."""
    match unicodedata.category(character):
        case "Cc" if ord(character) < ord(" "):
            return chr(0x2400 + ord(character))
        case "Cc" | "Cf" | "Cs" | "Zl" | "Zp":
            return "\ufffd"
        case _:
            return character


def columns_of(character: str) -> int:
    """Give how many columns of a terminal a character takes: 2 if it is wide, such as Hangul, 0 if it combines."""
    shown = visible(character)
    if unicodedata.category(shown) in {"Mn", "Me"} or 0x1160 <= ord(shown) <= 0x11FF:  # vowels, finals of Hangul
        return 0
    return 2 if unicodedata.east_asian_width(shown) in {"W", "F"} else 1
