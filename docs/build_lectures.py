"""Run the experiments of the lectures and put tables, times and pictures into docs/lectures.md and its Korean twin.

Run ``python docs/build_lectures.py`` for all, or with the names of some.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from training.lecture_command import draw_result
from training.lectures.lesson import FULL
from training.lectures.programme import LECTURES
from training.tables import markdown

DOCS = Path(__file__).parent
PAGES = ("lectures.md", "lectures.ko.md")


def filled(page: str, name: str, table: str, seconds: float) -> str:
    """Put the table of an experiment between its marks.

    Raises:
        ValueError: the page has no such marks.
    """
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    found, number = marks.subn(lambda marked: f"{marked[1]}\n{table}\n\n({seconds:.0f} s){marked[2]}", page)
    if number != 1:
        raise ValueError(f"the page must have the marks of {name} once, got {number}")
    return found


def main() -> None:
    """Run what is named, or all."""
    (DOCS / "lectures").mkdir(exist_ok=True)
    for name in sys.argv[1:] or LECTURES:
        began = time.monotonic()
        result = LECTURES[name].run(FULL)
        seconds = time.monotonic() - began
        draw_result(result, DOCS / "lectures" / f"{name}.svg")
        for page in PAGES:
            path = DOCS / page
            text = filled(path.read_text(encoding="utf-8"), name, markdown(result.table), seconds)
            path.write_text(text, encoding="utf-8")
        print(f"{name}: {seconds:.0f} s", flush=True)  # noqa: T201 - it is a script


if __name__ == "__main__":
    main()
