"""The command line is a contract: forms, exit codes, one line for a mistake, results apart from progress."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from machim import main

if TYPE_CHECKING:
    from pathlib import Path

SMALL = [
    "--hidden-width",
    "16",
    "--embedding-width",
    "8",
    "--epochs",
    "1",
    "--minutes",
    "0",
    "--batch-characters",
    "256",
]


def machim(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "machim", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=120)


def refused(result: subprocess.CompletedProcess[bytes]) -> str:
    """Give the one line of a refusal."""
    said = result.stderr.decode()
    assert result.returncode == 2, said
    assert "Traceback" not in said
    assert said.count("\n") == 1, said
    assert said.startswith("machim: ")
    assert result.stdout == b""
    return said


@pytest.fixture(scope="module")
def phrases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phrases") / "phrases.txt"
    path.write_text("".join(f"phrase {i} 서울\t{i + 1}\n" for i in range(200)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(phrases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "search"
    result = machim("train", phrases, "--out", out, "--seed", "3", *SMALL)
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout.decode().rstrip().endswith(str(out / "0001"))
    assert "bits per character" in result.stdout.decode()
    return out


def test_train_reports_progress_on_standard_error_only(phrases: Path, tmp_path: Path) -> None:
    result = machim("train", phrases, "--out", tmp_path / "m", "--json", *SMALL)
    said = json.loads(result.stdout)
    assert said["checkpoint"] == str(tmp_path / "m" / "0001")
    assert said["figures"]["bits_per_character"].keys() == {"torch", "int8", "network", "ngram"}
    assert said["figures"]["completion"].keys() == {"seen", "unseen"}
    assert b"bits/character" in result.stderr
    assert b"\x1b[" not in result.stderr


@pytest.mark.parametrize(
    ("task", "content"),
    [
        ("auto", "one line of text\n\n" * 40),
        ("classify", "a\tx\nb\ty\n" * 20),
        ("spacing", "a b c\n" * 20),
        ("tag", "a\tx\nb\ty\n\n" * 20),
        ("transduce", "abc\tcba\nxy\tyx\n" * 20),
        ("generate", "a\tx\na\txx\nb\ty\nb\tyy\n" * 20),
    ],
)
def test_a_folder_holds_versions_of_one_task(task: str, content: str, trained: Path) -> None:
    before = sorted(entry.name for entry in trained.iterdir())
    result = machim("train", "-", "--task", task, "--out", trained, "--minutes", "0", given=content.encode())
    last = result.stderr.decode().splitlines()[-1]
    named = "text" if task == "auto" else task
    assert result.returncode == 2
    assert last == (
        f"machim: --out {trained}: its versions are of task autocomplete, got one of task {named}: name another folder"
    )
    assert sorted(entry.name for entry in trained.iterdir()) == before


def test_train_reads_standard_input_and_makes_a_second_version(phrases: Path, trained: Path) -> None:
    result = machim("train", "-", "--out", trained, *SMALL, given=phrases.read_bytes())
    assert result.returncode == 0, result.stderr.decode()
    assert (trained / "0002" / "model.json").is_file()


def test_a_wall_clock_limit_ends_in_a_finished_measured_checkpoint(phrases: Path, tmp_path: Path) -> None:
    result = machim("train", phrases, "--out", tmp_path / "m", "--minutes", "0.05", "--epochs", "100000", "--json")
    assert result.returncode == 0, result.stderr.decode()
    assert json.loads(result.stdout)["figures"]["bits_per_character"]["int8"] > 0
    inspected = json.loads(machim("inspect", tmp_path / "m", "--json").stdout)
    assert inspected["provenance"]["outcome"]["ended"] != "100000 epochs"


def test_a_gpu_that_is_not_there_is_missed_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that none is there anywhere
    said = refused(machim("train", tmp_path / "none.txt", "--out", tmp_path / "m", "--device", "cuda"))
    assert "sees no GPU: leave --device out" in said
    assert not (tmp_path / "m").exists()


def test_a_run_says_where_it_learned(trained: Path) -> None:
    provenance = json.loads(machim("inspect", trained / "0001", "--json").stdout)["provenance"]
    assert provenance["training"]["device"] == "auto"
    assert provenance["device"].split(", ")[0] in {"cpu", "cuda"}


def test_complete_prints_one_object_for_each_line_of_input(trained: Path) -> None:
    result = machim("complete", trained, "-", "--limit", "3", "--json", given="phr\r\n서\n\n".encode())
    replies = [json.loads(line) for line in result.stdout.decode().split("\n")[:-1]]
    assert [reply["prefix"] for reply in replies] == ["phr", "서", ""]
    for reply in replies:
        assert len(reply["completions"]) == 3
        for completion in reply["completions"]:
            assert completion["text"].startswith(reply["prefix"])
            assert completion["score"] <= 0
    assert (
        machim("complete", trained, "phr", "--limit", "3", "--json").stdout.split(b', "exact"')[0]
        == (result.stdout.split(b"\n")[0].split(b', "exact"')[0])
    )


def test_a_completion_that_the_bound_on_length_cut_is_json_as_any_other(trained: Path) -> None:
    result = machim("complete", trained, "phr", "--limit", "3", "--max-characters", "1", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["exact"] is False


def test_complete_for_people_shows_a_score_and_a_phrase_a_line(trained: Path) -> None:
    lines = machim("complete", trained, "phr", "--limit", "2").stdout.decode().splitlines()
    assert len(lines) == 2
    assert all(float(line.split()[0]) <= 0 and "phr" in line for line in lines)


def test_generate_writes_the_same_text_for_the_same_seed(trained: Path) -> None:
    first, second = (machim("generate", trained, "--prefix", "ph", "--seed", "5", "--json").stdout for _ in range(2))
    assert first == second
    assert json.loads(first)["text"].startswith("ph")


def test_evaluate_measures_torch_and_what_is_served(trained: Path, phrases: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    result = machim(
        "evaluate", trained, phrases, "--train", phrases, "--phrases", "5", "--keystroke-phrases", "2",
        "--typed-phrases", "3", "--report", report, "--json",
    )  # fmt: skip
    figures = json.loads(result.stdout)
    bits = figures["bits_per_character"]
    assert abs(bits["torch"] - bits["int8"]) < 0.05
    assert figures["completion"]["all"]["model"]["phrases"] == 5
    assert figures["completion"]["seen"]["most_popular"]["phrases"] == 5
    assert "unseen" not in figures["completion"]
    assert figures["completion"]["all"]["model"]["keystroke_phrases"] == 2
    assert 0 <= figures["completion"]["all"]["model"]["keystrokes_saved"] < 1
    assert 1 <= figures["typed"]["all"]["slip"]["model"]["phrases"] <= 3
    assert "most_popular" not in figures["typed"]["all"]["slip"]
    assert 0 < figures["latency_ms"]["model"]["p50"] <= figures["latency_ms"]["model"]["p99"]
    assert figures["exact_replies"]["replies"] > 5
    assert set(figures["completion"]["all"]) == {"model", "counts", "ngram", "most_popular"}
    assert figures["typed"]["all"]["case"]["ngram"]["phrases"] == 3
    assert report.read_text(encoding="utf-8").count("<svg") == 4


def test_evaluate_for_people_leaves_out_what_was_not_asked_for(trained: Path, phrases: Path) -> None:
    result = machim(
        "evaluate", trained, phrases, "--protocol", "kim", "--phrases", "4", "--least-prefix", "1",
        "--keystroke-phrases", "0", "--typed-phrases", "0", "--kinds", "exact", "--kinds", "partial",
    )  # fmt: skip
    said = result.stdout.decode()
    assert "| machim, all | 4 |" in said
    assert "| proven exact, share | of replies |" in said
    assert " | 1.0 | 4 |" in said
    assert "seen" not in said
    assert "MRL" not in said
    assert "typed" not in said


def test_inspect_says_what_the_checkpoint_is(trained: Path) -> None:
    said = json.loads(machim("inspect", trained / "0001", "--json").stdout)
    assert said["task"] == "autocomplete"
    assert said["provenance"]["data"]["phrases"] + said["provenance"]["data"]["held_out_phrases"] == 200
    assert said["architecture"]["hidden_width"] == 16
    assert b"hidden width: 16" in machim("inspect", trained / "0001").stdout


def test_the_demo_trains_what_is_missing_and_serves_both(tmp_path: Path) -> None:
    """Minutes are short here, so nothing is said of how good they are; what is there is not trained again."""
    command = [sys.executable, "-m", "machim", "demo", "--models", str(tmp_path / "models"), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MACHIM_")}
    printed: list[list[str]] = []
    for minutes in ("0.1", "0.2"):
        with subprocess.Popen(
            [*command, "--minutes", minutes], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stderr is not None
            try:
                lines = iter(process.stderr.readline, "")
                served = next((line for line in lines if " at http://" in line), "")
                address = served.split(" at ")[1].split()[0]
                with urlopen(f"{address}v1/complete?q=San%20F", timeout=60) as response:  # noqa: S310
                    reply = json.load(response)
                assert reply["model"] == "places"
                assert all(each["text"].startswith("San F") for each in reply["completions"])
                assert classified(address, "San Fermín") == ("countries", "San Fermín")
            finally:
                process.terminate()
                said, _ = process.communicate(timeout=60)
        printed.append([table for table in ("| bits per character", "| sorting held-out texts") if table in said])
        assert [each.name for each in (tmp_path / "models").glob("*/*")] == ["0001", "0001"]
        shutil.rmtree(tmp_path / "models" / "countries")
    assert printed == [["| bits per character", "| sorting held-out texts"], ["| sorting held-out texts"]]


def classified(address: str, text: str) -> tuple[str, str]:
    """Have a text classified by the default model, and give the model and the text of the reply."""
    body = json.dumps({"text": text}).encode()
    request = Request(f"{address}v1/classify", body, {"Content-Type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=60) as response:  # noqa: S310
        reply = json.load(response)
    return reply["model"], reply["text"]


def test_hello_is_learned_by_the_documented_command(tmp_path: Path) -> None:
    trained = machim(
        "train", "-", "--out", tmp_path / "hello", "--task", "text", "--cell", "rnn-tanh", "--embedding-width", "0",
        "--hidden-width", "16", "--learning-rate", "0.02", "--ngram-order", "0", "--threads", "1",
        given=b"hello\n" * 200,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr.decode()
    result = machim("generate", tmp_path / "hello", "--prefix", "h", "--max-characters", "4", "--temperature", "0")
    assert result.stdout == b"hello\n"


def test_the_same_seed_gives_the_same_checkpoint(trained: Path, phrases: Path, tmp_path: Path) -> None:
    machim("train", phrases, "--out", tmp_path / "again", "--seed", "3", *SMALL)
    first, second = (out / "0001" / "weights.safetensors" for out in (trained, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["train", "absent.txt", "--out", "m"], "absent.txt"),
        (["train", "empty.txt", "--out", "m"], "empty"),
        (["train", "few.txt", "--out", "m"], "too few lines to hold any out"),
        (["train", "binary.bin", "--out", "m"], "binary"),
        (["train", "count.txt", "--out", "m"], "line 2"),
        (["train", "few.txt", "--out", "few.txt/m"], "cannot be written"),
        (["train", "few.txt", "--out", "m", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["train", "few.txt", "--out", "m", "--dropout", "1"], "dropout must be in [0, 1), got 1.0"),
        (["train", "few.txt", "--out", "m", "--minutes", "-1"], "minutes must be at least 0"),
        (["train", "few.txt", "--out", "m", "--encoding", "klingon"], "klingon"),
        (["train", "few.txt", "--out", "m", "--hidden-width", "10000000"], "hidden_width must be in [1, 8192]"),
        (["train", "few.txt", "--out", "m", "--threads", "99999999999"], "threads must be at most 1024"),
        (["train", "few.txt", "--out", "m", "--seed", str(2**63)], "seed must be at most"),
        (["train", "few.txt", "--out", "m", "--task", "text"], "running text must have at least"),
        (["train", "few.txt"], "--out"),
        (["train", "few.txt", "--out", "m", "--no-such-flag"], "--no-such-flag"),
        (["complete", "absent", "x"], "absent"),
        (["complete", ".", "x"], "must hold a version of a model"),
        (["complete", "absent", "x", "--limit", "0"], "limit must be in [1, 100], got 0"),
        (["generate", "absent", "--top-p", "1.3"], "top_p must be in (0, 1], got 1.3"),
        (["evaluate", "absent", "few.txt"], "absent"),
        (["evaluate", "absent", "few.txt", "--phrases", "0"], "phrases must be at least 1, got 0"),
        (["evaluate", "absent", "few.txt", "--protocol", "other"], "--protocol"),
        (["evaluate", "absent", "few.txt", "--kinds", "other"], "--kinds"),
        (
            ["evaluate", "absent", "few.txt", "--report", "no/r.html"],
            "--report must name a file in a folder that exists",
        ),
        (["inspect", "few.txt"], "few.txt"),
        (["serve", "absent"], "absent"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    rule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """In this process, for the sake of time: the same function that the installed command calls."""
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "few.txt").write_bytes(b"a\nb\nc\n")
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "count.txt").write_bytes(b"a\t1\nb\t-3\n" * 30)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["machim", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfdbinary.readouterr()
    assert rule in refused(subprocess.CompletedProcess(arguments, int(str(ended.value.code)), said.out, said.err))
    assert not (tmp_path / "m" / "0001").exists()


def test_a_byte_order_mark_is_no_part_of_what_was_typed(trained: Path) -> None:
    result = machim("complete", trained, "-", "--json", given=b"\xef\xbb\xbfphr\n")
    assert json.loads(result.stdout)["prefix"] == "phr"


def test_a_prefix_that_is_too_long_is_named_by_line(trained: Path) -> None:
    result = machim("complete", trained, "-", "--json", given=b"phr\n" + b"x" * 1001)
    assert result.returncode == 2
    assert b"standard input, line 2: prefix must be at most 1000 characters, got 1001" in result.stderr


def test_a_fault_of_ours_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("model.commands.open_checkpoint", broken)
    monkeypatch.setattr(sys, "argv", ["machim", "inspect", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capfd.readouterr().err == "machim: a fault of machim's own, please report it: RuntimeError: two lines\n"


def test_prefixes_that_are_not_utf_8_are_named_by_line(trained: Path) -> None:
    result = machim("complete", trained, "-", "--json", given=b"ok\n\xff\xfe\n")
    assert result.returncode == 2
    assert result.stdout.count(b"\n") == 1
    assert b"standard input, line 2: must be UTF-8" in result.stderr


def test_a_checkpoint_that_was_damaged_is_refused_by_name(trained: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "search" / "0001"
    damaged.mkdir(parents=True)
    for file in (trained / "0001").iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    content = bytearray((damaged / "int8.bin").read_bytes())
    content[1000] ^= 1
    (damaged / "int8.bin").write_bytes(content)
    for arguments in (["complete", str(damaged), "p"], ["inspect", str(damaged.parent)], ["serve", str(tmp_path)]):
        assert "int8.bin" in refused(machim(*arguments))


def test_a_reader_that_leaves_early_is_no_traceback(trained: Path) -> None:
    command = f"yes phr | {sys.executable} -m machim complete {trained} - --json | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=60)
    assert result.stdout.startswith(b'{"prefix": "phr"')
    assert b"Traceback" not in result.stderr


def test_version_and_help_are_said() -> None:
    assert machim("--version").stdout.startswith(b"machim, version ")
    assert b"Example: machim train" in machim("train", "--help").stdout
