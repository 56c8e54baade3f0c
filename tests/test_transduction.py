"""Texts that become others: pairs read, split, learned, served, drawn and measured."""

from __future__ import annotations

import json
import time
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_classifier_run import machim

from model.errors import CheckpointError, InputError
from model.letters import joined, spelled
from model.transducer import load_transducer
from model.transduction import transduce
from service.app import create_app
from service.settings import Settings
from training.pairs import Pairs, read_pairs, split_pairs
from training.reading import ReadingSettings, ignore
from training.told import transducer_run
from training.transducer_checkpoints import rebuild_transducer
from training.transducer_figures import NearestNeighbour, edits, pair_scores
from training.transducer_run import train_transducer
from training.transducer_samples import write_greedily

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

CONSONANTS = {"g": "ㄱ", "n": "ㄴ", "d": "ㄷ", "m": "ㅁ", "b": "ㅂ", "s": "ㅅ"}
VOWELS = {"a": "ㅏ", "o": "ㅗ", "u": "ㅜ", "i": "ㅣ"}
LEADING, VOWEL = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅ", "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
SMALL: dict[str, Any] = {
    "hidden_width": 48,
    "embedding_width": 32,
    "dropout": 0.1,
    "threads": 1,
    "batch_characters": 512,
}


def in_hangul(name: str) -> str:
    """Spell gana as 가나: a consonant and a vowel make a syllable."""
    pairs = zip(name[::2], name[1::2], strict=True)
    return "".join(
        chr(0xAC00 + (LEADING.index(CONSONANTS[one]) * 21 + VOWEL.index(VOWELS[other])) * 28) for one, other in pairs
    )


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names of two to four syllables, by rule."""
    generator = np.random.default_rng(0)
    syllables = [one + other for one in CONSONANTS for other in VOWELS]
    names = {"".join(generator.choice(syllables, int(generator.integers(2, 5)))) for _ in range(900)}
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    lines = [f"{name}\t{in_hangul(name)}" for name in sorted(names)]
    path.write_text("\n".join(["# names, by rule", "", *lines, ""]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, pairs_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("transducers")
    told = transducer_run({**SMALL, "minutes": 0.0, "epochs": 25, "learning_rate": 0.01}, ReadingSettings(), "a note")
    train_transducer([str(pairs_file)], folder / "names", told, say=ignore, began=time.monotonic())
    return folder


@given(st.text(alphabet="ab각힣가é ㄱ", max_size=8))
def test_what_is_spelled_can_be_joined(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert joined(spelled(text)) == text
    assert len(spelled("각")) == 3
    assert spelled("é") == "é"


def test_pairs_are_read_without_comments_and_repeats(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# x\ty\nab\t가\n\nab\t나\nab\t가\n", encoding="utf-8")
    pairs = read_pairs([str(tmp_path / "a.tsv")], ReadingSettings())
    assert list(zip(pairs.sources, pairs.targets, strict=True)) == [("ab", "가"), ("ab", "나")]
    assert pairs.by_source() == {"ab": {"가", "나"}}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ab", "line 1: a line must be text<TAB>what it becomes, got ab"),
        ("ab\t", "line 1: a line must be text<TAB>what it becomes"),
        ("ab\tc\td", "line 1: a line must be text<TAB>what it becomes"),
        ("a\t" + "b" * 201, "line 1: a text must have at most 200 characters, letters counted"),
        ("가" * 101 + "\tb", "line 1: a text must have at most 200 characters, letters counted"),
        ("# alone", "must hold a text with what it becomes, but it is empty"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "a.tsv").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_pairs([str(tmp_path / "a.tsv")], ReadingSettings())


def test_a_text_is_on_one_side_with_all_that_it_becomes() -> None:
    names = [f"name {number}" for number in range(50)]
    pairs = Pairs(sources=names * 2, targets=[*names, *(name.upper() for name in names)])
    learned, held_out = split_pairs(pairs)
    assert not set(learned.sources) & set(held_out.sources)
    assert len(held_out.sources) == 2 * len(set(held_out.sources)) == 10
    with pytest.raises(InputError, match="texts must be at least 2 different ones, got 1"):
        split_pairs(Pairs(sources=["a", "a"], targets=["b", "c"]))


@pytest.mark.parametrize(("one", "other", "wanted"), [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ab", 0)])
def test_edits_are_counted(one: str, other: str, wanted: int) -> None:
    assert edits(one, other) == edits(other, one) == wanted


def test_scores_go_by_the_nearest_of_what_is_right() -> None:
    scores = pair_scores([{"가나", "가나다"}, {"마"}], [["가나", "x"], ["바", "마"]])
    assert scores == {"exact": 0.5, "exact_of_several": 1.0, "character_error_rate": pytest.approx(1 / 3, abs=1e-4)}
    assert pair_scores([{"ab"}], [[]]) == {"exact": 0, "exact_of_several": 0, "character_error_rate": 1}


def test_the_nearest_text_is_looked_up() -> None:
    neighbour = NearestNeighbour({"Stephen": {"스티븐"}, "Steven": {"스티븐", "스티번"}, "Anna": {"안나"}})
    assert neighbour.look_up("stevens") == ["스티번", "스티븐"]
    assert neighbour.look_up("hannah") == ["안나"]
    assert neighbour.look_up("XYZ") == []


def test_a_rule_is_learned_and_served(models: Path) -> None:
    loaded = load_transducer(models / "names")
    figures: Any = loaded.checkpoint.manifest.figures
    assert figures["transducing"]["exact"] > 0.9
    assert figures["nearest"]["exact"] < 0.5
    reply = transduce(loaded, "gado", 3, attention=True)
    assert reply.results[0][0] == "가도"
    probabilities = [probability for _, probability in reply.results]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1 + 1e-6
    assert reply.attention is not None
    assert reply.attention.read == tuple("gado")
    assert joined("".join(reply.attention.written)) == "가도"
    assert reply.attention.weights.shape == (5, 4)
    assert reply.attention.weights.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-4)


def test_what_is_trained_writes_as_what_is_served(models: Path, pairs_file: Path) -> None:
    loaded = load_transducer(models / "names")
    network = rebuild_transducer(loaded)
    sources = read_pairs([str(pairs_file)], ReadingSettings()).sources[:40]
    served = [transduce(loaded, source).results[0][0] for source in sources]
    greedy = [write_greedily(network, loaded.source_alphabet.encode(source)) for source in sources]
    written = [joined(loaded.alphabet.decode(ids)) for ids in greedy]
    assert np.mean([one == other for one, other in zip(served, written, strict=True)]) > 0.9


def test_texts_that_cannot_be_read_are_refused(models: Path) -> None:
    loaded = load_transducer(models / "names")
    with pytest.raises(InputError, match="a text must have at most 200 characters, letters counted, got 201"):
        transduce(loaded, "a" * 201)
    with pytest.raises(InputError, match="limit must be at least 1, got 0"):
        transduce(loaded, "a", 0)
    assert transduce(loaded, "☃").results  # an unknown character becomes something


def test_what_search_does_not_finish_is_written_letter_by_letter(models: Path) -> None:
    loaded = load_transducer(models / "names")
    for reply in (transduce(loaded, "gado" * 40), transduce(loaded, "gado", deadline_ms=1e-6)):
        ((text, probability),) = reply.results
        assert text
        assert 0 <= probability <= 1
    assert transduce(loaded, "gado", deadline_ms=1e-6).results[0][0] == "가도"
    assert not transduce(loaded, "gado", deadline_ms=1e-6).exact


def test_texts_become_others_on_the_command_line(models: Path) -> None:
    name = str(models / "names")
    assert machim("transduce", name, "gado", "nami").stdout == "가도\n나미\n"
    several = machim("transduce", name, "gado", "--limit", "2").stdout.splitlines()
    assert len(several) == 2
    assert several[0].endswith("%  가도")
    shown = machim("transduce", name, "gado", "--attention").stdout.splitlines()
    assert shown[:2] == ["가도", "   g a d o "]
    assert [line[:1] for line in shown[2:]] == ["ㄱ", "ㅏ", "ㄷ", "ㅗ", "⏎"]
    assert any(shade in line for line in shown[2:] for shade in "▒▓█")
    said = json.loads(machim("transduce", name, "gado", "--attention", "--json").stdout)
    assert said["attention"]["read"] == ["g", "a", "d", "o"]
    piped = machim("transduce", name, "-", "--json", typed="gado\n\nnami\n")
    assert [json.loads(line)["results"][0]["text"] for line in piped.stdout.splitlines()] == ["가도", "나미"]


def test_a_transducer_is_measured_beside_looking_up(models: Path, pairs_file: Path) -> None:
    done = machim("evaluate", str(models / "names"), str(pairs_file), "--train", str(pairs_file), "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["nearest"]["exact"] == 1  # it knows all of these
    assert figures["transducing"]["exact"] > 0.9
    assert 0 < figures["transducing_ms"]["p50"] <= figures["transducing_ms"]["p99"]
    shown = machim("evaluate", str(models / "names"), str(pairs_file)).stdout
    assert "| character error rate |" in shown
    assert "nearest" not in shown
    refused = machim("evaluate", str(models / "names"), str(pairs_file), "--phrases", "3")
    assert "--phrases is for models of phrases, got a model that turns texts into others" in refused.stderr


def test_the_command_line_trains(pairs_file: Path, tmp_path: Path) -> None:
    told = ["--minutes", "0.1", "--hidden-width", "16", "--embedding-width", "16", "--threads", "1", "--json"]
    done = machim("train", str(pairs_file), "--task", "transduce", "--out", str(tmp_path / "m"), *told)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert figures["transducing"]["character_error_rate"] > 0
    assert figures["texts"] > 20  # however short the run
    for idle in (["--members", "2"], ["--text-column", "name"]):
        refused = machim("train", str(pairs_file), "--task", "transduce", "--out", str(tmp_path / "m"), *idle)
        assert f"{idle[0]} changes nothing of models that turn texts into others" in refused.stderr


def test_texts_become_others_over_http(models: Path) -> None:
    client = create_app(Settings(models=models)).test_client()
    reply = client.post("/v1/transduce", json={"text": "gado", "limit": 2, "attention": True}).get_json()
    assert reply["results"][0]["text"] == "가도"
    assert len(reply["results"]) == 2
    assert len(reply["attention"]["weights"]) == 5
    assert reply["model"] == "names"
    assert "attention" not in client.post("/v1/transduce", json={"text": "gado"}).get_json()
    assert client.post("/v1/transduce", json={"text": "a" * 201}).status_code == 422
    assert client.post("/v1/transduce", json={}).status_code == 400
    assert client.get("/v1/models").get_json()["default_transducer"] == "names"


def test_a_model_for_something_else_turns_nothing(classifiers: Path) -> None:
    with pytest.raises(CheckpointError, match="the task must be transduce, got a model for classify"):
        load_transducer(classifiers / "countries")
