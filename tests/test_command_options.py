"""Options come from the fields of settings, under every flag that a field names."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from model.command_options import settings_from, settings_options
from training.reading import ReadingSettings


@click.command()
@settings_options(ReadingSettings)
def tell(**options: Any) -> None:
    settings = settings_from(ReadingSettings, options)
    click.echo(f"{settings.text_column} {settings.label_column}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--text-column", "body", "--label-column", "stars"], "body stars"),
        (["--text", "body", "--label", "stars"], "body stars"),
        ([], "None None"),
    ],
)
def test_a_field_is_set_by_its_name_and_by_its_shorter_flag(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(tell, arguments)
    assert (result.exit_code, result.output) == (0, f"{told}\n")
