"""The command ``machim serve``: checks what it can check, then becomes gunicorn."""

import errno
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

import click

from model.checkpoint import list_models, open_checkpoint
from model.errors import InputError, MachimError
from model.versions import list_versions
from service.settings import read_settings, variable_of

BACKLOG = 2048  # connections that wait, gunicorn's own default


@click.command(
    epilog="Example: machim serve models --port 8000; then "
    "curl 'http://127.0.0.1:8000/v1/complete?q=San%20F'. Further settings are variables of the environment, "
    "listed in docs/service.md."
)
@click.argument("models", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen at; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    show_default="one for each processor core",
    help="Processes that serve.",
)
def serve(models: Path, host: str, port: int, workers: int | None) -> None:
    """Serve the models in the folder MODELS over HTTP, with a page to try them at /."""
    serve_models(models, host, port, workers)


def serve_models(models: Path, host: str, port: int, workers: int | None) -> NoReturn:
    """Check what can be checked, then become gunicorn.

    Args:
        models: the folder around the models.
        host: address to listen at.
        port: 0 takes a free one.
        workers: processes; None takes one for each core.

    Raises:
        InputError: a setting, the folder or the port cannot be used.
    """
    read_settings(models)  # a setting that breaks its rule is one line here, and a traceback in a worker
    names = _check_models(models)
    listener = listen(host, port)
    address, taken_port = listener.getsockname()[:2]
    at = f"[{address}]" if ":" in address else address
    click.echo(f"machim serves {', '.join(names)} at http://{at}:{taken_port}/ until Ctrl-C", err=True)
    # gunicorn goes on with the very socket, so that nobody can take the port between the check and the use
    listener.set_inheritable(True)
    os.environ[variable_of("models")] = str(models)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_config"]
    command += ["--bind", f"fd://{listener.fileno()}"]
    command += [] if workers is None else ["--workers", str(workers)]
    sys.stderr.flush()
    os.execv(sys.executable, [*command, "service.app:create_app()"])  # noqa: S606 - no shell is wanted


def _check_models(folder: Path) -> list[str]:
    """Name the models that verify; at least one does."""
    names: list[str] = []
    reasons: list[str] = []
    for directory in list_models(folder):
        try:
            open_checkpoint(directory)
        except MachimError as error:
            reasons.append(str(error))
        else:
            names.append(directory.name)
    if names:
        return names
    if list_versions(folder):
        raise InputError(f"MODELS must be the folder around the models, got one model: give {folder.resolve().parent}")
    found = "; ".join(reasons) or "machim train makes one"
    raise InputError(f"MODELS must hold at least one model that is whole, got none in {folder}: {found}")


def listen(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises:
        InputError: it is taken, or not one of this machine's.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(where[:2], family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise InputError(f"--host must be an address of this machine, got {host!r}") from error
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                reason = f"port {port} on {host} is taken: choose another with --port"
            case errno.EACCES:
                reason = f"port {port} on {host} needs privileges: choose one above 1023 with --port"
            case errno.EADDRNOTAVAIL:
                reason = f"--host must be an address of this machine, got {host!r}"
            case _:
                reason = f"port {port} on {host} cannot be opened: {error.strerror}"
        raise InputError(reason) from error
    # gunicorn sets it later: connections accepted before that would wait for an acknowledgement in each reply.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
