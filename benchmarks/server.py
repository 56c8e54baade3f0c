"""Servers to be measured, each a gunicorn on this machine, and connections spread evenly over its workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from model.errors import InputError, MachimError
from service.commands import listen
from service.settings import variable_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.01  # until a connection is tried again
NO_DEADLINE_MS = "60000"  # the longest that the service allows


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that runs: where it listens, the process that started the workers, and how many there are to be."""

    port: int
    process: int
    workers: int


class Line(NamedTuple):
    """A connection that stays open, and the process of the worker that holds its other end."""

    connection: HTTPConnection
    worker: int


def fetch(connection: HTTPConnection, address: str) -> bytes:
    """Ask for one address, and give the body of the reply.

    Raises:
        MachimError: it is refused.
    """
    connection.request("GET", address)
    response = connection.getresponse()
    body = response.read()
    if response.status != HTTPStatus.OK:
        raise MachimError(f"{address} must be answered with status 200, got {response.status}: {body[:200]!r}")
    return body


@contextmanager
def serving_models(models: Path, workers: int) -> Iterator[Server]:
    """Run ``machim serve``; time cuts no reply short.

    Raises:
        InputError: it does not start, and says why.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("MACHIM_")}
    environment = {**others, variable_of("deadline_ms"): NO_DEADLINE_MS}
    command = [sys.executable, "-m", "machim", "serve", str(models.resolve()), "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        try:
            line = process.stderr.readline()
            found = re.search(rf" at http://{re.escape(HOST)}:(\d+)/", line)
            if found is None:
                raise InputError(line.strip().removeprefix("machim: "))
            yield Server(port=int(found[1]), process=process.pid, workers=workers)
        finally:
            stop(process)


@contextmanager
def serving_constant(size_bytes: int, workers: int) -> Iterator[Server]:
    """Run the application of ``benchmarks.constant`` as the service is run."""
    command = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_config"]
    with listen(HOST, 0) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command += [
            "--bind",
            f"fd://{number}",
            "--workers",
            str(workers),
            f"benchmarks.constant:create_app({size_bytes})",
        ]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[number])
    with process:
        try:
            yield Server(port=port, process=process.pid, workers=workers)
        finally:
            stop(process)


def stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Tell a server to stop, and wait until it did."""
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)


@contextmanager
def lines_to(server: Server, number: int) -> Iterator[Sequence[Line]]:
    """Open connections, as many to each worker as to the others, once all workers answer.

    Which worker takes a connection is chance; what one has too many of is closed again. None is kept before all
    answer, for a server closes what is idle for long, and loading may take longer.

    Raises:
        MachimError: a worker does not answer.
    """
    most = -(-number // server.workers)
    lines: list[Line] = []
    answering: set[int] = set()
    end = time.monotonic() + PATIENCE_SECONDS
    try:
        while len(lines) < number:
            if time.monotonic() > end:
                said = f"{server.workers} workers must answer in {PATIENCE_SECONDS:g} s"
                raise MachimError(f"{said}, got {len(answering)}")
            line = open_line(server)
            answering.add(line.worker)
            taken = Counter(line.worker for line in lines)
            # As many places are kept as there are workers that have none yet.
            free, without = number - len(lines), server.workers - len(taken)
            wanted = taken[line.worker] < most and (line.worker not in taken or free > without)
            if len(answering) == server.workers and wanted:
                lines.append(line)
            else:
                line.connection.close()
                time.sleep(PAUSE_SECONDS)
        yield lines
    finally:
        for line in lines:
            line.connection.close()


def open_line(server: Server) -> Line:
    """Open one connection, ask on it, and see which worker took it."""
    connection = HTTPConnection(HOST, server.port, timeout=PATIENCE_SECONDS)
    fetch(connection, "/v1/models")
    return Line(connection, worker_of(connection, server))


def worker_of(connection: HTTPConnection, server: Server) -> int:
    """Give the process that holds the other end of a connection, as Linux tells.

    Raises:
        MachimError: the connection is closed, or no worker holds it.
    """
    if connection.sock is not None:
        ends = f":{server.port:04X}", f":{connection.sock.getsockname()[1]:04X}"
        for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines():
            _, local, remote, *others = row.split()
            if local.endswith(ends[0]) and remote.endswith(ends[1]):
                held = f"socket:[{others[6]}]"
                for worker in workers_of(server):
                    if any(held == link for link in links_of(worker)):
                        return worker
    raise MachimError(f"a worker at port {server.port} must keep the connection open, got none that does")


def workers_of(server: Server) -> list[int]:
    """Give the processes that a server's first process started."""
    path = Path(f"/proc/{server.process}/task/{server.process}/children")
    return [int(each) for each in path.read_text(encoding="ascii").split()]


def links_of(process: int) -> Iterator[str]:
    """Name what a process has open."""
    for path in Path(f"/proc/{process}/fd").iterdir():
        try:
            yield str(path.readlink())
        except FileNotFoundError:  # closed in the meantime
            continue
