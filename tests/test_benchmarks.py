"""Benchmarks, run small: their figures hold together and are of what they say; no time decides anything here."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from test_memory import Counting

from benchmarks import formats, package, replay, search
from benchmarks.floor import count_expansions, count_steps, count_weights, floor_ms
from benchmarks.machine import Rates, describe_machine, measure_rates
from benchmarks.number_formats import number_formats
from benchmarks.plain import beam_search, load_recurrent, plain_network, plain_way
from benchmarks.report import over_rounds, ratio_of_medians, shown, table, time_figures
from benchmarks.rounds import TURN, Contender, race
from benchmarks.states import again, cold, typed
from benchmarks.typists import boxes, draw_pauses
from machim import run
from model.alphabet import BEGIN_ID, END_ID
from model.completion import CompletionRequest, complete
from model.hangul import keystrokes
from model.runtime import initial_state
from training.checkpoints import load_network
from training.figures import bits_of_phrases
from training.letters import letters_of
from training.networks import RecurrentLanguageModel
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import click

    from model.loaded import LoadedModel
    from model.manifest import JSON

NAMES = ("Seoul", "서울", "San Jose", "Suva", "부산", "Oslo", "Oslo", "Bergamot city")


@pytest.fixture(scope="module")
def test_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks") / "test.txt"
    path.write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return path


def figures_of(command: click.Command, folder: Path, *arguments: object) -> dict[str, Any]:
    """Run a benchmark, and give the figures that it wrote."""
    path = folder / "figures.json"
    command.main([*map(str, arguments), "--json", str(path)], standalone_mode=False)
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


def check_times(times: dict[str, dict[str, dict[str, float]]]) -> None:
    for figures in times.values():
        for spread in figures.values():
            assert 0 < spread["least"] <= spread["median"] <= spread["most"]
        medians = [figures[f"p{percent}_ms"]["median"] for percent in (50, 90, 95, 99)]
        assert medians == sorted(medians)


def test_search_is_measured_beside_the_plain_way_and_the_floor(
    tiny_models: Path, test_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (tiny_models / "tiny", test_file, "--rounds", 2)
    figures = figures_of(search.benchmark, tmp_path, *arguments)
    assert set(figures["times"]) == {"cold", "typed", "again", "plain", "floor"}
    check_times(figures["times"])
    assert figures["settings"]["prefixes"] == len(NAMES)
    assert figures["exact"] == {"cold": 1, "typed": 1, "again": 1}
    assert all(0 <= mrr <= 1 for mrr in figures["mrr_10"].values())
    assert set(figures["mrr_10"]) == {"machim", "plain"}
    states = ("cold", "typed", "again")
    assert set(figures["ratios_p50"]) == {
        *(f"{state} / floor" for state in states),
        *(f"plain / {state}" for state in states),
    }
    for counts in figures["expansions"].values():
        assert counts["sum"] == pytest.approx(counts["mean"] * len(NAMES))
    assert figures["expansions"]["one_at_a_time"]["sum"] <= figures["expansions"]["search"]["sum"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("processor", "plain / typed", "MRR@10", "one_at_a_time"))
    assert "plain" not in figures_of(search.benchmark, tmp_path, *arguments, "--no-plain")["times"]


@pytest.mark.parametrize("prefix", ["S", "서", "Sa"])
def test_the_floor_counts_what_is_read_one_at_a_time(phrases: LoadedModel, prefix: str) -> None:
    """The prefix is read in one call; each other step has one row, and what search reads together has no fewer."""
    network = Counting(network=phrases.runtime)
    (steps,) = count_steps(replace(phrases, runtime=network), [prefix]).tolist()
    assert network.steps == [1] * (steps - 1)
    network.steps.clear()
    (expansions,) = count_expansions(replace(phrases, runtime=network), [prefix]).tolist()
    assert sum(network.steps) == expansions - 1 >= steps - 1
    assert max(network.steps) > 1


def test_the_floor_is_the_slower_of_reading_and_multiplying(phrases: LoadedModel) -> None:
    """Of 64 units in four gates: a product with the state, and one with as many columns as there are characters."""
    weights = count_weights(phrases)
    assert weights == 64 * (4 * 64 + len(phrases.alphabet))
    rates = Rates(bytes_per_second=weights * 1e3, multiply_adds_per_second=weights * 2e3)
    np.testing.assert_allclose(floor_ms(np.array([1, 3]), weights, rates), [1.0, 3.0])
    rates = Rates(bytes_per_second=weights * 2e3, multiply_adds_per_second=weights * 1e3)
    np.testing.assert_allclose(floor_ms(np.array([1, 3]), weights, rates), [1.0, 3.0])


def test_a_model_is_asked_in_the_state_that_is_named(phrases: LoadedModel) -> None:
    """Nothing is remembered, or the key before is, or the very reply; what is said is the same."""
    states = {state.__name__: state(phrases, "San") for state in (cold, typed, again)}
    assert {name: (len(model.beginnings) > 0, len(model.replies)) for name, model in states.items()} == {
        "cold": (False, 0),
        "typed": (True, 0),
        "again": (True, 1),
    }
    replies = [complete(model, CompletionRequest(prefix="San")) for model in states.values()]
    assert all(reply.completions == replies[0].completions for reply in replies)
    assert states["again"].replies.hits == 1


@pytest.mark.parametrize("tied", [False, True])
def test_the_plain_network_is_the_same_function(phrases: LoadedModel, *, tied: bool) -> None:
    settings = NetworkSettings(hidden_width=24, embedding_width=16, tied=tied)
    letters = torch.from_numpy(letters_of(phrases.alphabet))
    network = RecurrentLanguageModel(settings, len(phrases.alphabet), letters)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(3))
    plain, ids = plain_network(network.eval()), torch.tensor([[BEGIN_ID, 5, 9, 3, 40, 300]])
    with torch.no_grad():
        torch.testing.assert_close(plain(ids)[0], network(ids)[0], rtol=1e-4, atol=1e-4)
    assert plain.characters.letters_out is None
    assert plain.characters.projection is None


def test_a_beam_gives_what_the_network_says_of_whole_phrases(phrases: LoadedModel) -> None:
    network, ids = load_recurrent(phrases), phrases.alphabet.encode("San ").tolist()
    found = beam_search(plain_network(network), ids)
    assert len(found) == 10
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    for added, score in found:
        assert added
        whole = torch.tensor([[BEGIN_ID, *ids, *added]])
        with torch.no_grad():
            rows = torch.log_softmax(network(whole)[0][0], dim=-1)
        following = [*added, END_ID]
        own = sum(float(rows[len(ids) + place, symbol]) for place, symbol in enumerate(following))
        assert score == pytest.approx(own, abs=1e-3)
    assert plain_way(phrases).prepare("San ")() == ["San " + phrases.alphabet.decode(added) for added, _ in found]


def test_a_wide_beam_finds_what_trying_everything_finds(phrases: LoadedModel) -> None:
    """Of phrases of one character, a beam that is wide enough for all leaves none out."""
    network, size = plain_network(load_recurrent(phrases)), len(phrases.alphabet)
    found = beam_search(network, [], width=size * size, longest=1)
    with torch.no_grad():
        starts = torch.tensor([[BEGIN_ID, symbol] for symbol in range(3, size)])
        rows = torch.log_softmax(network(starts)[0], dim=-1)
    everything = rows[:, 0].diagonal(offset=3) + rows[:, 1, END_ID]
    best = everything.sort(descending=True)
    assert {added for added, _ in found} == {(symbol,) for symbol in range(3, size)}
    assert found[0][0] == (int(best.indices[0]) + 3,)
    np.testing.assert_allclose([score for _, score in found], best.values.numpy(), atol=1e-4)


def test_typing_is_replayed_over_http(
    tiny_models: Path, test_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every key asks both servers once, and the caches of all workers together were asked as often."""
    arguments = ("--workers", 1, "--workers", 2, "--phrases", 6, "--typists", 3, "--rounds", 1, "--seed", 5)
    measured = figures_of(replay.benchmark, tmp_path, tiny_models, test_file, *arguments)
    drawn = np.random.default_rng([5, 0]).choice(len(NAMES), size=6)
    keys = sum(len(keystrokes(NAMES[place])) for place in drawn)
    assert measured["settings"]["workers"] == [1, 2]
    assert set(measured["by_workers"]) == {"1", "2"}
    for workers, connections in (("1", [3]), ("2", [1, 2])):
        figures = measured["by_workers"][workers]
        check_times(figures["times"])
        machim, constant = (figures["replies"][name] for name in ("machim", "constant"))
        assert machim["replies"] == constant["replies"] == keys
        assert figures["caches"]["replies"]["hits"] + figures["caches"]["replies"]["misses"] == keys
        assert all(0 < cache["hit_rate"]["median"] < 1 for cache in figures["caches"].values())
        assert constant["size_bytes"]["median"] == round(machim["size_bytes"]["median"])
        for server in (machim, constant):
            assert server["exact"]["median"] == 1
            assert server["stale"]["median"] == 0
            assert sorted(server["connections"]) == connections
    printed = capsys.readouterr().out
    assert all(f"{name}, workers {workers}" in printed for name in ("machim", "replies") for workers in (1, 2))


def test_people_pause_between_keys(tiny_models: Path, tmp_path: Path) -> None:
    """No key comes before its time; about half of the pauses are above 180 ms, but for a chance of 1 in 10^8."""
    one, same = (draw_pauses(np.random.default_rng(3)) for _ in range(2))
    drawn = [next(one) for _ in range(10_000)]
    assert drawn == [next(same) for _ in range(10_000)]
    assert 0.47 < np.mean(np.array(drawn) > 0.18) < 0.53
    (tmp_path / "one.txt").write_text("Suva\n", encoding="utf-8")
    arguments = ("--phrases", 1, "--typists", 1, "--workers", 1, "--rounds", 1, "--pauses", "human")
    figures = figures_of(replay.benchmark, tmp_path, tiny_models, tmp_path / "one.txt", *arguments)
    pauses = draw_pauses(np.random.default_rng([0, 0, 0]))
    waited = sum(next(pauses) for _ in range(3))
    for server in figures["by_workers"]["1"]["replies"].values():
        assert server["replies"] == 4
        assert 0 <= server["stale"]["median"] <= 1
        assert server["replies_per_second"]["median"] <= 4 / waited


@pytest.mark.parametrize("phrase", [*NAMES, "값을 까다", "ㅋㅋ ok", "과일?"])
def test_a_box_holds_the_keys_so_far(phrase: str) -> None:
    keys, shown_texts = keystrokes(phrase), list(boxes(phrase))
    assert [keystrokes(text) for text in shown_texts] == [keys[:end] for end in range(1, len(keys) + 1)]


def test_a_syllable_is_shown_as_it_is_typed() -> None:
    assert list(boxes("서울")) == ["ㅅ", "서", "성", "서우", "서울"]


def test_number_formats_are_measured_beside_one_another(
    tiny_models: Path, test_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = figures_of(formats.benchmark, tmp_path, tiny_models / "tiny", test_file, "--rounds", 2)
    names = {"int8", "float32", "bfloat16_torch", "float32_torch"}
    assert set(figures["times"]) == set(figures["quality"]) == set(figures["sizes"]) == names
    for times in figures["times"].values():
        assert set(times) == {"1", "8", "16"}
        check_times(times)
    assert set(figures["ratios_p50"]) == {f"int8 / {name}" for name in names - {"int8"}}
    bits = {name: each["bits_per_character"] for name, each in figures["quality"].items()}
    ranks = {name: each["mrr_10"] for name, each in figures["quality"].items()}
    costs, ranked = figures["costs_of_int8"]["bits_per_character_percent"], figures["costs_of_int8"]["mrr_10"]
    assert costs["cost"] == pytest.approx(100 * (bits["int8"] / bits["float32"] - 1), abs=1e-8)
    assert ranked["cost"] == pytest.approx(ranks["float32"] - ranks["int8"], abs=1e-8)
    assert all((each["kept"] == "yes") == (each["cost"] <= each["at_most"]) for each in (costs, ranked))
    assert (costs["at_most"], ranked["at_most"]) == (0.3, 0.001)
    assert formats.beside_the_most(0.3139 - 0.3129, 0.001) == {"cost": 0.001, "at_most": 0.001, "kept": "yes"}
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("int8, batch 16", "int8 / float32", "mrr_10", "kept"))


def test_bits_are_those_that_evaluation_gives(phrases: LoadedModel, tmp_path: Path) -> None:
    """Of each phrase once, to the four places that it gives; float32 says the same in a graph as in torch."""
    texts = sorted(set(NAMES))
    evaluated: Any = bits_of_phrases(load_network(phrases), phrases, texts, np.ones(len(texts)))["bits_per_character"]
    bits = {
        name: formats.quality_of(replace(phrases, runtime=each.runtime), texts, [("Suva", "Su")])["bits_per_character"]
        for name, each in number_formats(phrases, tmp_path).items()
    }
    assert round(bits["int8"], 4) == evaluated["int8"]
    assert bits["float32"] == pytest.approx(evaluated["torch"], abs=1e-4)
    assert bits["float32_torch"] == pytest.approx(bits["float32"], abs=1e-5)
    assert bits["bfloat16_torch"] == pytest.approx(bits["float32"], abs=0.02)
    assert len(set(bits.values())) == 4


@pytest.mark.parametrize("name", ["phrases", "running"])
def test_every_number_format_is_the_same_function(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With an n-gram beside the network and without; steps give what sequences give."""
    model: LoadedModel = request.getfixturevalue(name)
    made = number_formats(model, tmp_path)
    sequence = np.random.default_rng(3).integers(BEGIN_ID, len(model.alphabet), size=(9, 4))
    said = {}
    for each, form in made.items():
        state = initial_state(form.runtime, 4)
        said[each], states = form.runtime.read(sequence, state)
        for ids in sequence:
            log_probabilities, state = form.runtime.step(ids, state)
        np.testing.assert_allclose(log_probabilities, said[each][-1], atol=1e-5)
        np.testing.assert_allclose(state, states[-1], atol=1e-5)
    served, _ = model.runtime.read(sequence, initial_state(model.runtime, 4))
    np.testing.assert_array_equal(said["int8"], served)
    np.testing.assert_allclose(said["float32"], said["float32_torch"], atol=2e-4)
    for each in ("int8", "bfloat16_torch"):  # found were at most 2.4e-4 nats
        divergence = (np.exp(said["float32"]) * (said["float32"] - said[each])).sum(axis=-1).mean()
        assert 0 < divergence < 1e-3
        assert np.abs(said[each] - said["float32"]).max() > 1e-4


def test_the_sizes_of_number_formats(phrases: LoadedModel, tmp_path: Path) -> None:
    """int8 has scales beside its matrices, bfloat16 biases in float32; what is looked up is no part of a step."""
    made, hidden, characters = number_formats(phrases, tmp_path), 64, len(phrases.alphabet)
    matrices, columns = hidden * (4 * hidden + characters), 4 * hidden + characters
    assert made["int8"].step_bytes == matrices + 4 * columns + 4 * characters
    assert made["float32"].step_bytes == 4 * matrices + 4 * characters
    assert made["float32"].weight_bytes - made["float32"].step_bytes == 4 * characters * 4 * hidden
    assert made["int8"].weight_bytes - made["int8"].step_bytes == 2 * characters * 4 * hidden
    embedding, biases, of_input = 32 * characters, 2 * 4 * hidden + characters, 32 * 4 * hidden
    assert made["float32_torch"].step_bytes == 4 * (matrices + biases + of_input)
    assert made["bfloat16_torch"].step_bytes == 2 * (matrices + of_input) + 4 * biases
    assert made["bfloat16_torch"].weight_bytes - made["bfloat16_torch"].step_bytes == 2 * embedding


def test_the_package_is_measured_on_the_same_phrases(tiny_models: Path, test_file: Path, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Seoul\n서울\n서울\nSan Jose\nSuva\nSuwon\n", encoding="utf-8")
    arguments = (tiny_models / "tiny", test_file, "--train", tmp_path / "train.txt", "--edits", 0, "--rounds", 1)
    figures = figures_of(package.benchmark, tmp_path, *arguments)
    check_times(figures["times"])
    assert set(figures["times"]) == {"cold", "typed", "query_autocomplete"}
    sets = figures["completion"]
    counts = {name: {system: each["phrases"] for system, each in some.items()} for name, some in sets.items()}
    assert counts == {
        name: {"machim": number, "query_autocomplete": number}
        for name, number in (("seen", 4), ("unseen", 4), ("all", 8))
    }
    assert all(0 <= each["mrr"] <= 1 for some in sets.values() for each in some.values())
    assert sets["seen"]["query_autocomplete"]["mrr"] > 0.5
    assert sets["unseen"]["query_autocomplete"]["mrr"] == 0


def refusal(command: click.Command, arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a benchmark as from a shell, and give the one line that it says."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run(command)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("machim: ")
    return said.err


def test_a_mistake_is_one_line(
    tiny_models: Path, test_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted, short = tmp_path / "counted.tsv", tmp_path / "short.txt"
    counted.write_text("Seoul\t3\nSuva\t2\n", encoding="utf-8")
    short.write_text("S\n", encoding="utf-8")
    tiny, hello, nowhere = tiny_models / "tiny", tiny_models / "hello", tmp_path / "nothing" / "figures.json"
    cases: list[tuple[click.Command, list[object], str]] = [
        (search.benchmark, [tiny], "Missing argument 'TEST'"),
        (search.benchmark, [hello, test_file], "MODEL must be of phrases, got hello of task text"),
        (search.benchmark, [tiny, test_file, "--json", nowhere], "--json must name a file in a folder that exists"),
        (search.benchmark, [tiny, test_file, "--prefixes", 0], "phrases must be at least 1, got 0"),
        (search.benchmark, [tiny, short], "test must hold at least one phrase"),
        (search.benchmark, [tiny, tmp_path / "nothing"], "nothing"),
        (
            replay.benchmark,
            [tiny_models, test_file, "--typists", 1],
            "--typists must be at least 4, one a worker, got 1",
        ),
        (replay.benchmark, [tmp_path, test_file], "must hold at least one model"),
        (formats.benchmark, [hello, test_file], "MODEL must be of phrases, got hello of task text"),
        (formats.benchmark, [tiny, short], "TEST must hold at least one phrase"),
        (package.benchmark, [tiny, test_file, "--train", counted], "--train must be a phrase a line"),
        (package.benchmark, [tiny, short, "--train", test_file], "TEST must hold at least one phrase"),
    ]
    for command, arguments, said in cases:
        assert said in refusal(command, arguments, capsys)


def test_a_package_that_is_missing_is_one_line(
    test_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "query_autocomplete" else find(name))
    said = refusal(package.benchmark, [test_file, test_file, "--train", test_file], capsys)
    assert "pip install 'machim[bench]'" in said


def test_contenders_take_turns_and_are_asked_everything_in_order() -> None:
    asked: list[tuple[str, str]] = []

    def contender(name: str) -> Contender[str]:
        def prepare(prefix: str) -> Callable[[], str]:
            asked.append((name, prefix))
            return lambda: name + prefix

        return Contender(name=name, prepare=prepare)

    one, other = contender("one"), contender("other")
    prefixes = [str(number) for number in range(TURN + 1)]
    for _ in range(3):
        race([one, other], prefixes)
    assert [len(times) for times in one.times + other.times] == [len(prefixes)] * 6
    assert one.replies == ["one" + prefix for prefix in prefixes]
    assert other.replies == ["other" + prefix for prefix in prefixes]
    assert [name for name, _ in asked[: 2 * TURN + 2]] == ["one"] * TURN + ["other"] * (TURN + 1) + ["one"]


def test_figures_over_rounds() -> None:
    assert over_rounds([3.0, 1.0, 2.0]) == {"median": 2.0, "least": 1.0, "most": 3.0}
    rounds = [np.arange(101.0), 2 * np.arange(101.0)]
    assert time_figures(rounds)["p90_ms"] == {"median": 135.0, "least": 90.0, "most": 180.0}
    assert ratio_of_medians(rounds, [np.full(3, 25.0)] * 2) == {"median": 3.0, "least": 2.0, "most": 4.0}


def test_a_table_for_people() -> None:
    spread = over_rounds([1.25, 1.0, 4.0])
    assert shown(spread) == "1.25 (1..4)"
    values: list[JSON] = [None, 12_345, 0.123456, ["a", "b"], [], {"L1": "32K"}]
    assert [shown(value) for value in values] == ["", "12,345", "0.1235", "a, b", "none", "L1 32K"]
    assert table("times", {"one": {"ms": 1.5}, "other": {"s": 20}}).splitlines() == [
        "times   ms   s",
        "one    1.5",
        "other       20",
    ]


def test_the_machine_is_described_and_its_rates_are_measured() -> None:
    machine = describe_machine()
    assert {"processor", "flags", "cores", "memory_gib", "python", "numpy", "onnxruntime"} <= set(machine)
    assert json.loads(json.dumps(machine)) == machine
    rates = measure_rates(1000)
    assert rates.bytes_per_second > 0
    assert rates.multiply_adds_per_second > 0
