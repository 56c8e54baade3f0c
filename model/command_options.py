"""Command-line options that come from the fields of a settings object, so that neither can differ from the other."""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Settings = TypeVar("Settings")
Command = TypeVar("Command", bound="Callable[..., object]")


def settings_options(*classes: type, **defaults: object) -> Callable[[Command], Command]:
    """Give a command one option for each field that has help, of each class in turn; one where two have the same name.

    Args:
        classes: frozen dataclasses; a field's help stands in its metadata, and its flags where its name is not enough.
        defaults: other defaults than the fields' own, by field name.
    """

    def decorate(command: Command) -> Command:
        named: dict[str, Callable[[Any], Any]] = {}
        for each in classes:
            named |= {name: made for name, made in options_of(each, defaults).items() if name not in named}
        for option in reversed(named.values()):
            command = option(command)
        return command

    return decorate


def options_of(settings: type, defaults: dict[str, object]) -> dict[str, Callable[[Any], Any]]:
    """Make the options of one class, by the name of their field."""
    kinds = get_type_hints(settings)
    made: dict[str, Callable[[Any], Any]] = {}
    for field in fields(settings):
        if "help" not in field.metadata:
            continue
        default = defaults.get(field.name, None if field.default is MISSING else field.default)
        flag = "--" + field.name.replace("_", "-")
        kind = option_type(kinds[field.name])
        if kind is bool:
            both = f"{flag}/--no-{flag.removeprefix('--')}" if default else flag
            made[field.name] = click.option(both, is_flag=True, default=default, help=field.metadata["help"])
        else:
            metavar = None
            if field.metadata.get("several", False):
                choices = kind.choices
                kind, metavar = several_of(choices), f"[{'|'.join(choices)}][,...]"
            shown = default is not None and default != ""
            flags = field.metadata.get("flags", (flag,))
            help_text = field.metadata["help"]
            made[field.name] = click.option(
                *flags, field.name, type=kind, default=default, show_default=shown, help=help_text, metavar=metavar
            )
    return made


def several_of(choices: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Make what reads one of some choices, or several with commas between them."""

    def read(value: str) -> tuple[str, ...]:
        chosen = tuple(value.split(","))
        for each in chosen:
            if each not in choices:
                raise click.BadParameter(f"{each!r} is not one of {', '.join(choices)}.")
        return chosen

    return read


def option_type(kind: Any) -> Any:
    """Give what click calls a field's type: the type itself, or the choices of a literal."""
    if isinstance(kind, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    return kind


def told_options(context: click.Context) -> dict[str, Any]:
    """Give the options that somebody told a command, without those left to their default."""
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def settings_from(settings: type[Settings], options: dict[str, Any]) -> Settings:
    """Build a settings object out of a command's options; it checks its own values."""
    return settings(**{field.name: options[field.name] for field in fields(settings) if field.name in options})  # type: ignore[arg-type]
