"""What a decoder looked at, as a picture: a column for each character read, a row for each written."""

from __future__ import annotations

import importlib.util
import unicodedata
from typing import TYPE_CHECKING

from model.errors import InputError
from model.hangul import TRAILING

if TYPE_CHECKING:
    from pathlib import Path

    from model.transduction import Attention

END_MARK = "⏎"
INCHES = 0.35  # a character
# Conjoining letters by what decomposes into them for compatibility: U+3131 to U+3163, and clusters at the end.
ALONE = {unicodedata.normalize("NFKD", chr(point)): chr(point) for point in range(0x3131, 0x3164)}
ALONE |= {chr(0x11A8 + place): letter for place, letter in enumerate(TRAILING)}
HANGUL_FONTS = ("Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "DejaVu Sans")


def alone(letter: str) -> str:
    """Give a conjoining letter of Hangul as it is written alone, and any other character as it is."""
    return ALONE.get(letter, letter)


def draw_attention(attention: Attention, path: Path) -> None:
    """Write the picture, in the format that the name of the file ends with.

    Raises:
        InputError: matplotlib is missing, it knows no such format, or the file cannot be written.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("--attention needs matplotlib: run pip install 'machim[train]'")
    from matplotlib import font_manager  # noqa: PLC0415 - it is slow to import, and not always there
    from matplotlib.figure import Figure  # noqa: PLC0415

    installed = {font.name for font in font_manager.fontManager.ttflist}
    fonts = [name for name in HANGUL_FONTS if name in installed]
    rows, columns = attention.weights.shape
    figure = Figure(figsize=(1.5 + INCHES * columns, 1 + INCHES * rows), layout="constrained")
    axes = figure.subplots()
    axes.imshow(attention.weights, cmap="Greys", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(columns), list(map(alone, attention.read)), fontfamily=fonts)
    axes.set_yticks(range(rows), [alone(each) or END_MARK for each in attention.written], fontfamily=fonts)
    axes.xaxis.tick_top()
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"--attention must name a picture that can be written, got {path}: {reason}") from error
