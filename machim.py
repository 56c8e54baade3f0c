"""The command ``machim``: the commands of training, model and service under one name."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from model.errors import MachimError
from model.versions import list_versions

COMMANDS = {
    "train": "training.commands",
    "distill": "training.distill_command",
    "evaluate": "training.evaluate_command",
    "complete": "model.commands",
    "generate": "model.commands",
    "classify": "model.commands",
    "tag": "model.commands",
    "transduce": "model.commands",
    "lecture": "training.lecture_command",
    "serve": "service.commands",
    "inspect": "model.commands",
    "demo": "machim",
}


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for, so that serving never waits for training's libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="machim")
def machim() -> None:
    """Train small character-level language models on your own text, and serve them from an ordinary CPU.

    Exit codes: 0 done, 1 a failure, 2 a mistake that one line says how to mend.
    """


DEMO_SHARES = {"places": 0.8, "countries": 0.2}  # of the minutes, for each model


@click.command(epilog="Example: machim demo --port 9000")
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("models"), show_default=True, help="Where the models lie."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port to listen at.")
@click.option(
    "--minutes",
    default=4.1,
    show_default=True,
    help="Wall-clock limit of training both, export and measuring included; a fifth is for countries.",
)
def demo(models: Path, host: str, port: int, minutes: float) -> None:
    """Train on the embedded place names, say what was measured, and serve until Ctrl-C.

    The model places completes names, and countries says in which country a name lies. One that is already there is
    served as it is.
    """
    from service.commands import listen, serve_models  # noqa: PLC0415 - each only when it is needed

    listen(host, port).close()  # a port that is taken is said now, and not after the training
    missing = [name for name in DEMO_SHARES if not (models / name).is_dir() or not list_versions(models / name)]
    if missing:
        from training.commands import need_training_libraries, say  # noqa: PLC0415

        need_training_libraries()
        from training.demo import train_countries, train_places  # noqa: PLC0415

        for name in missing:
            train = train_places if name == "places" else train_countries
            say(f"training {name} on the embedded place names of the world")
            click.echo(train(models / name, minutes=minutes * DEMO_SHARES[name], say=say))
            sys.stdout.flush()
    serve_models(models, host, port, workers=None)


def main() -> None:
    """Run the command line."""
    run(machim, "machim")


def run(command: click.Command, name: str | None = None) -> None:
    """Run a command under a name, its own if none is given; every error of ours is one line on standard error."""
    try:
        command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        fail(error.format_message(), 2)
    except MachimError as error:
        fail(str(error), 2)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        fail("there is not enough memory for this: try a smaller network or less text", 1)
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:  # noqa: BLE001 - a person is shown one line, whatever it was
        fail(f"a fault of machim's own, please report it: {type(error).__name__}: {error}", 1)


def fail(message: str, code: int) -> None:
    """Say in one line what went wrong, and end."""
    click.echo(f"machim: {' '.join(message.split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
