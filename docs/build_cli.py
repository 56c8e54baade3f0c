"""Writes cli.md, the help of every command, from the commands themselves: ``make docs``."""

from pathlib import Path

import click

from machim import machim

WIDTH = 100
TARGET = Path(__file__).with_name("cli.md")


def help_pages() -> str:
    """Lay the help of every command out as one page of Markdown."""
    settings = {**machim.context_settings, "max_content_width": WIDTH}
    context = click.Context(machim, info_name="machim", terminal_width=WIDTH, **settings)
    pages = ["# The command `machim`", "Made by `make docs`; a test holds it against the commands.", fenced(context)]
    for name in machim.list_commands(context):
        command = machim.get_command(context, name)
        assert command is not None  # noqa: S101 - the group listed it
        inner = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH, max_content_width=WIDTH)
        pages += [f"## machim {name}", fenced(inner)]
    return "\n\n".join(pages) + "\n"


def fenced(context: click.Context) -> str:
    """Give the help of one command as a block of text."""
    return f"```text\n{context.get_help()}\n```"


if __name__ == "__main__":
    TARGET.write_text(help_pages(), encoding="utf-8")
