"""Texts with tags: read, split, learned, served and measured."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_classifier_run import machim

from model.errors import CheckpointError, InputError
from model.spacing import spaced, unspaced, word_spans
from model.tagger import load_tagger
from model.tagging import tag
from service.app import create_app
from service.settings import Settings
from training.reading import ReadingSettings, ignore
from training.tagged import read_spacing, read_tagged, split_tagged
from training.tagger_checkpoints import rebuild_tagger
from training.tagger_figures import tag_scores
from training.tagger_learning import encode_tagged, tag_logits
from training.tagger_run import train_tagger
from training.told import tagger_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = ("나는", "학교에", "간다", "밥을", "먹고", "집에서", "논다", "그리고", "잔다")
SMALL = {
    "encoder": "branches",
    "filters": 16,
    "embedding_width": 16,
    "minutes": 0.0,
    "epochs": 25,
    "batch_characters": 256,
    "threads": 1,
}


@given(st.text(alphabet="ab가 ", min_size=0, max_size=12))
def test_spaces_that_are_taken_out_can_be_put_back(text: str) -> None:
    characters, tags = unspaced(text)
    assert " " not in characters
    assert len(tags) == len(characters)
    assert spaced(characters, tags) == " ".join(text.split())
    spans = word_spans(tags)
    assert sorted(characters[begin:end] for begin, end in spans) == sorted(text.split())


@pytest.fixture(scope="module")
def spaced_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of words that part in one way only."""
    generator = np.random.default_rng(0)
    lines = {" ".join(generator.choice(WORDS, int(generator.integers(2, 6)))) for _ in range(400)}
    path = tmp_path_factory.mktemp("spacing") / "text.txt"
    path.write_text("\n".join([*sorted(lines), "a", ""]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, spaced_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("taggers")
    told = tagger_run("spacing", {**SMALL, "members": 2}, ReadingSettings(), "a note")
    train_tagger([str(spaced_file)], folder / "spacing", told, say=ignore, began=time.monotonic())
    return folder


def test_spaced_lines_become_characters_and_tags(spaced_file: Path) -> None:
    read = read_spacing([str(spaced_file)], ReadingSettings())
    assert read.tags == ("joined", "spaced")
    assert "a" not in read.texts
    lines = {spaced(text, tags) for text, tags in zip(read.texts, read.numbers, strict=True)}
    assert lines == set(spaced_file.read_text(encoding="utf-8").split("\n")) - {"a", ""}


def test_text_without_spaces_teaches_none(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("가나다\n라마바\n", encoding="utf-8")
    (tmp_path / "none.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none.txt must hold a line of text, but it is empty"):
        read_spacing([str(tmp_path / "text.txt"), str(tmp_path / "none.txt")], ReadingSettings())
    with pytest.raises(InputError, match="texts to learn spacing from must have spaces, got none"):
        read_spacing([str(tmp_path / "text.txt")], ReadingSettings())


def tagged_file(folder: Path, content: str) -> list[str]:
    (folder / "tagged.tsv").write_text(content, encoding="utf-8")
    return [str(folder / "tagged.tsv")]


def test_characters_with_their_tags_are_read_text_by_text(tmp_path: Path) -> None:
    """White space at the ends is left out, as it is of a text that is asked for."""
    lines = " \tO\n가\tB\n \tO\n나\tI\n \tO\n\n\nx\tO\n\n \tB\n"
    read = read_tagged(tagged_file(tmp_path, lines), ReadingSettings())
    assert read.texts == ["가 나", "x"]
    assert read.tags == ("B", "I", "O")
    assert [numbers.tolist() for numbers in read.numbers] == [[0, 2, 1], [2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("가나\tB\n", "line 1: a line must be character<TAB>tag, got '가나.tB'"),
        ("가\tB\n나\n", "line 2: a line must be character<TAB>tag, got 나"),
        ("가\tB\n나\tB\n", "tags must be 2 to 1,000 different ones, got 1"),
        ("\n\n", "must hold a character with its tag, but it is empty"),
    ],
)
def test_what_is_no_character_with_a_tag_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_tagged(tagged_file(tmp_path, content), ReadingSettings())


def test_bad_lines_can_be_left_out(tmp_path: Path) -> None:
    """With all of the text that they are in: what is left of it would be another."""
    lines = "가\tB\n나다\tB\n라\tO\n\n마\tB\n바\tO\n"
    read = read_tagged(tagged_file(tmp_path, lines), ReadingSettings(skip_bad_lines=True))
    assert (read.texts, read.skipped) == (["마바"], 1)


def test_equal_texts_stay_on_one_side(spaced_file: Path) -> None:
    read = read_spacing([str(spaced_file)], ReadingSettings())
    doubled = read.pick(np.ones(len(read.texts), np.bool_))
    doubled.texts.extend(read.texts)
    doubled.numbers.extend(read.numbers)
    learned, held_out = split_tagged(doubled)
    assert not set(learned.texts) & set(held_out.texts)
    assert len(learned.texts) + len(held_out.texts) == 2 * len(read.texts)
    with pytest.raises(InputError, match="texts must be at least 2 different ones, got 1"):
        split_tagged(read.pick(np.arange(len(read.texts)) == 0))


def test_spaces_are_learned_and_served(models: Path, spaced_file: Path) -> None:
    loaded = load_tagger(models / "spacing")
    figures: Any = loaded.checkpoint.manifest.figures
    assert figures["accuracy"] > 0.97
    assert figures["word_f1"] > 0.95
    assert figures["always"]["word_f1"] < 0.3
    assert tag(loaded, "나는학교에간다").spaced == "나는 학교에 간다"
    assert tag(loaded, " 나는 학교 에간\n다 ").spaced == "나는 학교에 간다"
    rebuilt = rebuild_tagger(loaded)
    read = read_spacing([str(spaced_file)], ReadingSettings())
    said = rebuilt.logits(read).argmax(axis=1)
    served = np.concatenate([loaded.log_probabilities(text).argmax(axis=1) for text in read.texts])
    assert (said == served).mean() > 0.998


def test_a_long_text_is_tagged_in_pieces_as_a_whole(models: Path) -> None:
    loaded = load_tagger(models / "spacing")
    text = "나는학교에간다밥을먹고집에서논다" * 100
    reply = tag(loaded, text)
    assert len(reply.tags) == len(text) > 2 * loaded.longest
    assert reply.spaced == " ".join(["나는 학교에 간다 밥을 먹고 집에서 논다"] * 100)


def test_a_long_text_is_learned_in_pieces(models: Path) -> None:
    network = rebuild_tagger(load_tagger(models / "spacing")).networks[0]
    read = read_spacing_of("나는 학교에 간다 " * 200)
    tagged = encode_tagged(load_tagger(models / "spacing").alphabet, read, 512)
    assert tagged.pieces.lengths.tolist() == [512, 512, 376]
    assert tag_logits(network, tagged, 2).shape == (1400, 2)


def read_spacing_of(text: str) -> Any:
    from training.tagged import TaggedTexts  # noqa: PLC0415 - beside its only use

    characters, tags = unspaced(text)
    return TaggedTexts(tags=("joined", "spaced"), texts=[characters], numbers=[tags])


def test_scores_are_those_counted_by_hand() -> None:
    """Ab cd e beside a bcd e: of three words each only the last begins and ends where it should."""
    wanted, said = unspaced("ab cd e")[1], unspaced("a bcd e")[1]
    scores = tag_scores([wanted], [said], ("joined", "spaced"), spaces=True)
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["word_precision"] == scores["word_recall"] == scores["word_f1"] == pytest.approx(1 / 3, abs=1e-4)
    assert scores["whole_texts"] == 0


def test_the_command_line_trains_and_tags(tmp_path: Path) -> None:
    lines = "".join(f"{'a' if number % 3 else 'b'}\t{'T' if number % 3 else 'F'}\n\n" * 2 for number in range(60))
    (source,) = tagged_file(tmp_path, lines + "a\tT\nb\tF\n\nb\tF\na\tT\n\n")
    told = ["--task", "tag", "--encoder", "window", "--window-characters", "1", "--hidden-width", "8", "--epochs", "40"]
    told += ["--embedding-width", "8", "--minutes", "0", "--threads", "1", "--learning-rate", "0.05", "--json"]
    trained = machim("train", source, "--out", str(tmp_path / "m"), *told)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["figures"]["accuracy"] == 1
    assert machim("tag", str(tmp_path / "m"), "abba").stdout == "a/T b/F b/F a/T\n"
    piped = machim("tag", str(tmp_path / "m"), "-", "--json", typed="ab\n\nb\n")
    assert [json.loads(line)["tags"] for line in piped.stdout.splitlines()] == [["T", "F"], ["F"]]
    assert "machim: standard input, line 2: left out, for it is blank" in piped.stderr


@pytest.mark.parametrize("told", [["--from", "models/x"], ["--report", "x.html"], ["--format", "csv"]])
def test_what_taggers_make_no_use_of_is_refused(told: list[str], spaced_file: Path, tmp_path: Path) -> None:
    if told[0] == "--report":
        told = ["--report", str(tmp_path / "x.html")]
    stopped = machim("train", str(spaced_file), "--task", "spacing", "--out", str(tmp_path / "m"), *told)
    assert stopped.returncode == 2
    assert f"machim: {told[0]} changes nothing of models that tag characters: leave it out" in stopped.stderr


def test_a_stopped_run_goes_on_with_the_members_done(tmp_path: Path, spaced_file: Path) -> None:
    said: list[str] = []
    told = tagger_run("spacing", {**SMALL, "members": 2, "epochs": 1}, ReadingSettings(), "")

    def stop(message: str) -> None:
        said.append(message)
        if message.startswith("member 2 of 2: branches"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_tagger([str(spaced_file)], tmp_path / "m", told, say=stop, began=time.monotonic())
    said.clear()
    train_tagger([str(spaced_file)], tmp_path / "m", told, say=said.append, began=time.monotonic())
    assert any("member 1 of 2 was trained before" in line for line in said)
    assert not list((tmp_path / "m").glob(".members-*"))


def test_texts_are_tagged_over_http(models: Path) -> None:
    client = create_app(Settings(models=models)).test_client()
    reply = client.post("/v1/tag", json={"text": "나는학교에간다"}).get_json()
    assert reply["spaced"] == "나는 학교에 간다"
    assert reply["model"] == "spacing"
    assert len(reply["tags"]) == len(reply["probabilities"]) == len(reply["characters"]) == 7
    assert all(0.5 <= each <= 1 for each in reply["probabilities"])
    many = client.post("/v1/tag", json={"texts": ["나는학교에간다", "밥을먹고"]}).get_json()["results"]
    assert [each["spaced"] for each in many] == ["나는 학교에 간다", "밥을 먹고"]
    assert client.get("/v1/models").get_json()["models"][0]["tags"] == ["joined", "spaced"]
    assert client.post("/v1/tag", json={}).status_code == 400
    assert client.post("/v1/tag", json={"text": " "}).status_code == 422
    problem = client.post("/v1/classify", json={"text": "a"})
    assert problem.status_code == 404
    assert "a model that can classify must be loaded, got spacing for spacing" in problem.get_json()["detail"]


def test_a_model_for_something_else_cannot_tag(classifiers: Path) -> None:
    with pytest.raises(CheckpointError, match="the task must be tag or spacing, got a model for classify"):
        load_tagger(classifiers / "countries")


def test_time_that_is_told_is_kept(tmp_path: Path, spaced_file: Path) -> None:
    """Three seconds, and as many again for a busy machine."""
    told = tagger_run(
        "spacing", {**SMALL, "minutes": 0.05, "epochs": 10_000, "learning_rate": 1e-5}, ReadingSettings(), ""
    )
    began = time.monotonic()
    trained = train_tagger([str(spaced_file)], tmp_path / "m", told, say=ignore, began=began)
    assert time.monotonic() - began < 6
    loss: Any = trained.figures["loss_nats"]
    assert math.isfinite(loss)


def test_a_tagger_is_measured_as_it_is_served(models: Path, spaced_file: Path, tmp_path: Path) -> None:
    done = machim("evaluate", str(models / "spacing"), str(spaced_file), "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["accuracy"] > 0.97
    assert figures["torch"]["accuracy"] == pytest.approx(figures["accuracy"], abs=0.003)
    assert figures["always"]["tag"] == "joined"
    assert 0 < figures["tagging_ms"]["p50"] <= figures["tagging_ms"]["p99"]
    shown = machim("evaluate", str(models / "spacing"), str(spaced_file)).stdout
    assert "| words, F1 |" in shown
    refused = machim("evaluate", str(models / "spacing"), str(spaced_file), "--report", str(tmp_path / "x.html"))
    assert refused.returncode == 2
    assert "got one that tags characters" in refused.stderr


def test_tags_that_the_model_does_not_know_are_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    train = tagged_file(tmp_path, "a\tT\nb\tF\n\nb\tF\na\tT\n\n")
    told = tagger_run("tag", {**SMALL, "epochs": 1}, ReadingSettings(), "")
    train_tagger(train, tmp_path / "m", told, say=ignore, began=time.monotonic())
    (tmp_path / "other.tsv").write_text("a\tX\nb\tF\n", encoding="utf-8")
    refused = machim("evaluate", str(tmp_path / "m"), str(tmp_path / "other.tsv"))
    assert refused.returncode == 2
    assert "tags must be among the 2 that m knows, got X" in refused.stderr


def test_a_tagger_is_compared_with_ngrams_on_the_same_texts(models: Path, spaced_file: Path) -> None:
    pytest.importorskip("sklearn", reason="it is of the bench extra")
    from benchmarks.tag import measure  # noqa: PLC0415 - after what it needs was looked for

    figures = measure(spaced_file, spaced_file, models / "spacing")
    assert figures["tags"].keys() == {"spacing", "ngrams", "always_likeliest"}
    assert figures["tags"]["ngrams"]["accuracy"] > 0.99  # it learned from these
    assert figures["tags"]["always_likeliest"]["accuracy"] < 0.8
    assert figures["tags"]["spacing"]["p50_ms"] > 0


def test_features_of_a_character_are_the_ngrams_around_it() -> None:
    """An n-gram of n holds a character or the next where it begins at one of n + 1 places."""
    pytest.importorskip("sklearn", reason="it is of the bench extra")
    from benchmarks.ngram_tagger import features_of_text  # noqa: PLC0415 - as above

    features = features_of_text("abcdefghijkl-abcdefghijkl")
    assert features.shape == (25, 2 + 3 + 4 + 5 + 6)
    assert (features[5] == features[18]).all()  # f, twice in the same row of letters
    assert not (features[0] == features[13]).all()  # a at the beginning, and after another
