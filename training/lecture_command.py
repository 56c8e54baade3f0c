"""``machim lecture``: one experiment of the lectures, its table and its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model.errors import InputError
from training.commands import need_report_libraries, need_training_libraries

if TYPE_CHECKING:
    from training.lectures.lesson import Result


@click.command(epilog="Example: machim lecture gradients --picture gradients.svg")
@click.argument("name", required=False)
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Draw what comes of it, as a picture in this file (.svg, .png)."
)
@click.option("--small", is_flag=True, help="Run it on fewer names, for seconds, as the tests do.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def lecture(name: str | None, picture: Path | None, *, small: bool, as_json: bool) -> None:
    """Run the experiment NAME of the lectures on the embedded places or on text made by rule, and print its table.

    Without NAME: which there are, and what each asks. docs/lectures.md shows all of them.
    """
    need_training_libraries()
    from training.lectures.lesson import FULL, SMALL  # noqa: PLC0415 - they import torch
    from training.lectures.programme import LECTURES  # noqa: PLC0415

    if name is None:
        width = max(map(len, LECTURES))
        for each in LECTURES.values():
            click.echo(f"{each.name.ljust(width)}  {each.question}")
        return
    if name not in LECTURES:
        raise InputError(f"lecture must be one of {', '.join(LECTURES)}, got {name!r}")
    if picture is not None:
        need_report_libraries(picture, "--picture")
        need_format(picture)
    result = LECTURES[name].run(SMALL if small else FULL)
    if as_json:
        click.echo(json.dumps({row: dict(numbers) for row, numbers in result.numbers.items()}, ensure_ascii=False))
    else:
        from training.tables import markdown  # noqa: PLC0415

        click.echo(markdown(result.table))
    if picture is not None:
        draw_result(result, picture)


def need_format(picture: Path) -> None:
    """Refuse a picture whose name ends in no format, before minutes are spent on what it is to show.

    Raises:
        InputError: it does.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - it is slow to import

    formats = sorted(Figure().canvas.get_supported_filetypes())
    if picture.suffix.removeprefix(".").lower() not in formats:
        raise InputError(f"--picture must end in one of {', '.join(f'.{each}' for each in formats)}, got {picture}")


def draw_result(result: Result, path: Path) -> None:
    """Write the picture of an experiment.

    Raises:
        InputError: the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - it is slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "machim"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        result.draw(figure.subplots())
        try:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as error:
            raise InputError(
                f"--picture must name a picture that can be written, got {path}: {error.strerror}"
            ) from error
