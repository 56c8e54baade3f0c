"""Pages of HTML that need nothing beside them: their frame, tables, and pictures."""

from __future__ import annotations

import re
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from training.tables import Table

# Told apart by people who see colours differently, and by their marks and hatches in black and white.
# Source: Okabe & Ito 2008, *Color Universal Design*.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
LONGEST_LABEL_IN_A_ROW = 32  # characters; longer ones stand below one another
WIDTH_INCHES, HEIGHT_INCHES = 7.0, 3.4
DRAWING: dict[Any, object] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "hatch.color": "white",
    "legend.frameon": False,
    "svg.fonttype": "none",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #222; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }}
h1, h2 {{ font-weight: 600; line-height: 1.25; }}
h2 {{ margin-top: 2.5rem; font-size: 1.2rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; font-weight: 400; white-space: nowrap; }}
thead th, thead th:first-child {{ border-bottom: 2px solid #222; font-weight: 600; }}
figure {{ margin: 0; }}
figcaption {{ color: #555; }}
svg {{ width: 100%; height: auto; max-width: 44rem; }}
svg text {{ font-family: system-ui, sans-serif !important; }}
.texts th, .texts td {{ text-align: left; vertical-align: top; }}
.texts td:last-child {{ min-width: 20rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
.confusion {{ font-size: .75rem; }}
.confusion th, .confusion td {{ padding: .15rem .2rem; border: 1px solid #eee; text-align: center; }}
.confusion tbody th {{ text-align: right; max-width: 12rem; overflow: hidden; text-overflow: ellipsis; }}
.confusion thead th {{ vertical-align: bottom; border-bottom: 1px solid #222; }}
.confusion thead span {{ writing-mode: vertical-rl; text-orientation: sideways; transform: rotate(180deg);
  max-height: 10rem; overflow: hidden; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_page(path: Path, title: str, sections: Sequence[str]) -> None:
    """Write a page of HTML.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(PAGE.format(title=escape(title), body="\n".join(sections)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--report cannot be written: {error}") from error


def html_table(table: Table, kind: str = "") -> str:
    """Write a table as HTML, its look by ``kind``; the first cell of a row names it."""
    heading = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in table.rows
    )
    body = f"<thead><tr>{heading}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    look = f' class="{kind}"' if kind else ""
    return f'<div class="wide"><table{look}>\n{body}\n</table></div>'


def section(heading: str, body: str, caption: str) -> str:
    """Put a heading above a figure, and below it what it says."""
    return f"<h2>{escape(heading)}</h2>\n<figure>\n{body}<figcaption>{escape(caption)}</figcaption>\n</figure>"


def picture(
    heading: str,
    caption: str,
    draw: Callable[[Figure], None],
    *,
    description: str = "",
    height_inches: float = HEIGHT_INCHES,
) -> str:
    """Draw a picture as a section of HTML, without a window and without changing how others draw.

    Args:
        heading: stands above it; no other picture of the page has it.
        caption: how to read it.
        draw: puts axes on a figure.
        description: what it shows, for those who do not see it; the heading when left out.
        height_inches: of 7 inches of width.
    """
    with mpl.rc_context({**DRAWING, "svg.hashsalt": heading}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        draw(figure)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    # A name must be there once in a page. Those of groups are the same in every picture, and nothing refers to them;
    # those that are referred to, of clips and marks, are hashes with the heading as salt.
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg[svg.index("<svg") :])
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(description or heading)}"', 1)
    return section(heading, svg, caption)


def one_chart(draw: Callable[[Axes], None]) -> Callable[[Figure], None]:
    """Give a figure one pair of axes, and above them the names of what is drawn there."""

    def draw_figure(figure: Figure) -> None:
        axes = figure.add_subplot()
        draw(axes)
        labels = axes.get_legend_handles_labels()[1]
        longest = max(map(len, labels))
        figure.legend(loc="outside upper left", ncols=1 if longest > LONGEST_LABEL_IN_A_ROW else 3)

    return draw_figure
