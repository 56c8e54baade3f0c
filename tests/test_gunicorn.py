"""A real gunicorn with two workers, started by ``machim serve``: it answers, it stops, or it says why not."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from service.commands import listen

SERVE = (sys.executable, "-m", "machim", "serve")
PATIENCE_SECONDS = 60


def environment() -> dict[str, str]:
    """Give this process's environment without settings of a service that somebody runs; time cuts no reply short."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("MACHIM_")}
    return {**others, "MACHIM_DEADLINE_MS": "60000"}


@contextmanager
def served(models: Path, workers: int = 2) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run a server at a port that it chooses itself."""
    command = [*SERVE, str(models), "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.search(r" at http://127\.0\.0\.1:(\d+)/", line)
            assert found, line
            yield int(found[1]), process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def port(all_models: Path) -> Iterator[int]:
    with served(all_models) as (port, _):
        yield port


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def refusal(*arguments: str) -> str:
    """Run a server that cannot start, and give the one line it says."""
    process = subprocess.run(
        [*SERVE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=PATIENCE_SECONDS,
    )
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert process.stderr.count("\n") == 1, process.stderr
    return process.stderr


def test_it_lives_and_is_ready(port: int) -> None:
    assert ask(port, "GET", "/livez") == (200, {"status": "alive"})
    status, ready = ask(port, "GET", "/readyz")
    assert status == 200
    assert [model["name"] for model in ready["models"]] == ["countries", "hello", "pair", "tiny"]


@pytest.mark.parametrize("typed", ["S", "San F", "서", "각" * 256])
def test_every_worker_gives_a_query_and_a_body_the_same_answer(port: int, typed: str) -> None:
    """Eight connections of their own to two workers: both answer, but for a chance of 1 in 128 in each case."""
    answers = []
    for _ in range(4):
        answers.append(ask(port, "GET", f"/v1/complete?q={quote(typed)}&limit=3"))
        answers.append(ask(port, "POST", "/v1/complete", {"q": typed, "limit": 3}))
    assert {status for status, _ in answers} == {200}
    unlike_time = [{**reply, "elapsed_ms": 0} for _, reply in answers]
    assert all(reply == unlike_time[0] for reply in unlike_time)


def test_every_worker_sorts_many_texts_as_each_alone(port: int) -> None:
    """Both answer, but for a chance of 1 in 128."""
    texts = ["Seoul", "서울", "각" * 300]
    for model in ("countries", "pair"):
        answers = [ask(port, "POST", "/v1/classify", {"texts": texts, "model": model}) for _ in range(4)]
        answers += [ask(port, "POST", "/v1/classify", {"text": text, "model": model}) for text in texts]
        assert {status for status, _ in answers} == {200}
        many = [reply["results"] for _, reply in answers[:4]]
        assert many == [many[0]] * 4
        assert [each["text"] for each in many[0]] == texts
        for of_many, (_, alone) in zip(many[0], answers[4:], strict=True):
            assert of_many.items() <= alone.items()


def test_a_body_of_unknown_length_is_bounded_like_any_other(port: int) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        yield b'{"q": "S"}'
        yield from (b" " * 1024 for _ in range(count))

    statuses = []
    for count in (1, 100):
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        connection.request(
            "POST", "/v1/complete", pieces(count), {"Content-Type": "application/json"}, encode_chunked=True
        )
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses == [200, 413]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to_and_calls_that_a_success(tiny_models: Path, stop: signal.Signals) -> None:
    """With one worker, which has answered: to stop one that still starts is a failure to gunicorn."""
    with served(tiny_models, workers=1) as (port, process):
        assert ask(port, "GET", "/livez")[0] == 200
        process.send_signal(stop)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0


def test_a_connection_from_before_gunicorn_serves_sends_at_once() -> None:
    """Or a reply in two parts, as gunicorn sends it, waits some 40 ms for an acknowledgement of the first."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_one_line(tiny_models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(str(tiny_models), "--port", str(port))
    assert f"port {port} on 127.0.0.1 is taken: choose another with --port" in line


def test_a_folder_without_models_is_one_line(tiny_models: Path, tmp_path: Path) -> None:
    assert "must hold at least one model" in refusal(str(tmp_path))
    assert "must be a folder, got nothing there" in refusal(str(tmp_path / "nothing"))
    assert f"give {tiny_models.resolve()}" in refusal(str(tiny_models / "tiny"))


def test_a_host_that_is_not_ours_is_one_line(tiny_models: Path) -> None:
    assert "--host must be an address of this machine" in refusal(str(tiny_models), "--host", "192.0.2.1")
