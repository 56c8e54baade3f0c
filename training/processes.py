"""Several processes that each train a member, and tell the one that started them how it goes."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch

from model.errors import MachimError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    Say: TypeAlias = Callable[[str], None]

# What a process tells: a line, what its task gave, an error of ours, any other.
SAID, DONE, REFUSED, FAILED = "said", "done", "refused", "failed"
Result = TypeVar("Result")


def run_in_processes(
    numbers: Sequence[int],
    task: Callable[[int, Say], Result],
    *,
    processes: int,
    threads: int,
    say: Say,
) -> dict[int, Result]:
    """Do a task for every number, so many at a time, each in a process of its own; wait until all are done.

    Where one fails, no further ones are begun, and those that run come to their end.

    Args:
        numbers: of members, counted from 0.
        task: is told a number and whom to say what is being done; goes to the processes as it is, so it is a function
            of a module, or ``partial`` of one.
        processes: at once.
        threads: of torch in each.
        say: is told what they say, a line each.

    Returns:
        What the task gave for every number.

    Raises:
        MachimError: a task raised one, or its process came to a sudden end.
        RuntimeError: a task raised any other error.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads in any state
    waiting, failures, given = list(numbers), list[Exception](), dict[int, Result]()
    running: dict[Connection, tuple[int, SpawnProcess]] = {}
    try:
        while running or (waiting and not failures):
            while waiting and not failures and len(running) < processes:
                number = waiting.pop(0)
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(there, task, number, threads), daemon=True)
                process.start()
                there.close()
                running[here] = number, process
            told = wait(list(running))
            for connection in [each for each in running if each in told]:
                number, process = running[connection]
                try:
                    kind, message = connection.recv()
                except (EOFError, OSError):  # its end of the connection closed, between messages or within one
                    process.join()
                    del running[connection]
                    connection.close()
                    kind, message = REFUSED, f"its process ended with code {process.exitcode}"
                    if process.exitcode == 0:
                        continue
                if kind == SAID:
                    say(message)
                elif kind == DONE:
                    given[number] = message
                else:
                    kept = "; the members that are done are kept, and the same command goes on from them"
                    failure = MachimError if kind == REFUSED else RuntimeError
                    failures.append(failure(f"member {number + 1} failed: {message}{kept}"))
    finally:
        for connection, (_, process) in running.items():
            process.terminate()
            process.join()
            connection.close()
    if failures:
        raise failures[0]
    return given


def work(connection: Connection, task: Callable[[int, Say], object], number: int, threads: int) -> None:
    """Do a task in this process, and tell the other end of a connection what it says, gives, or fails of."""
    torch.set_num_threads(threads)
    try:
        connection.send((DONE, task(number, lambda message: connection.send((SAID, message)))))
    except KeyboardInterrupt:
        sys.exit(130)  # whoever pressed Ctrl-C stopped the process that started this one, too
    except MachimError as error:
        connection.send((REFUSED, str(error)))
    except Exception as error:  # noqa: BLE001 - it is raised again on the other side
        connection.send((FAILED, f"{type(error).__name__}: {error}"))
    finally:
        connection.close()
