"""What the commands of the benchmarks share: options, and what is said at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.manifest import JSON

ROUNDS = click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Rounds in which all that is compared takes its turn; the median of them is given.",
)
JSON_FILE = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file, as JSON."
)


def check_file(json_file: Path | None) -> None:
    """Refuse a file that could not be written, before minutes are spent on measuring.

    Raises:
        InputError: it is a folder, or the folder that it is for is missing.
    """
    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise InputError(f"--json must name a file in a folder that exists, got {json_file}")


def publish(figures: dict[str, JSON], tables: Iterable[str], json_file: Path | None) -> None:
    """Print tables, and write all figures to a file if one is named."""
    click.echo("\n\n".join(tables))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
