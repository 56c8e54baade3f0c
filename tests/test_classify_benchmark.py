"""The baselines of classification, run small: they learn what can be learned, and are measured on what they say."""

from __future__ import annotations

import importlib.util
import json
import sys
from hashlib import md5
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import classify, gains, split
from benchmarks.labelled import Labelled, divide, read_labelled
from benchmarks.labellers import Verdict, figures_of_answers
from benchmarks.tfidf import PENALTIES, train_tfidf
from machim import run
from model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


ENDINGS = {"asks": ("ㅂ니까", "나요"), "says": ("ㅂ니다", "네요"), "wants": ("세요", "십시오")}


def sentences(number: int, seed: int) -> Labelled:
    """Make sentences whose last characters tell their label."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(sorted(ENDINGS), size=number).tolist()
    words = ["".join(generator.choice(list("가라마바사아 "), size=6)).strip() for _ in labels]
    texts = [word + ENDINGS[label][generator.integers(2)] for word, label in zip(words, labels, strict=True)]
    return Labelled(texts=texts, labels=labels)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("labelled")
    split.write_labelled(folder / "train.csv", sentences(150, 1))
    split.write_labelled(folder / "test.csv", sentences(40, 2))
    return folder / "train.csv", folder / "test.csv"


def test_a_file_is_split_by_the_hash_of_its_texts(tmp_path: Path) -> None:
    """The same text is in one part whatever its label; commas and quotes come back as they were."""
    texts = [f"{number}, \"text\" of 'two' words" for number in range(200)] * 2
    everything = Labelled(texts=texts, labels=["a"] * 200 + ["b"] * 200)
    split.write_labelled(tmp_path / "all.csv", everything)
    paths = [str(tmp_path / name) for name in ("all.csv", "train.csv", "test.csv")]
    split.split.main(paths, standalone_mode=False)
    train, test = read_labelled(tmp_path / "train.csv"), read_labelled(tmp_path / "test.csv")
    assert set(test.texts) == {text for text in texts if int(md5(text.encode()).hexdigest(), 16) % 10 == 0}  # noqa: S324
    assert set(train.texts) == set(texts) - set(test.texts)
    assert sorted(train.labels + test.labels) == everything.labels
    assert test.labels.count("a") == test.labels.count("b") == len(set(test.texts))


def test_nine_tenths_can_be_divided_again() -> None:
    nine, one = divide(Labelled(texts=[str(number) for number in range(2000)], labels=["a"] * 2000), 0)
    learned, validation = divide(nine, 1)
    assert set(learned.texts) | set(validation.texts) == set(nine.texts)
    assert 140 < len(one.texts) < 260  # 200 on average, within 4.5 standard deviations; the hash draws no luck anew
    assert 120 < len(validation.texts) < 240


def test_answers_are_measured() -> None:
    answers = [
        Verdict(label="a", probabilities={"a": 0.75, "b": 0.25}),
        Verdict(label="b", probabilities={"b": 1.0}),
        Verdict(label="b", probabilities={"a": 0.25, "b": 0.75}),
    ]
    figures: dict[str, Any] = figures_of_answers(answers, ["a", "b", "a"], ["a", "b"])
    by_class = figures.pop("by_class")
    assert by_class["a"] == {"precision": 1, "recall": 1 / 2, "f1": 2 / 3, "texts": 2}
    assert by_class["b"] == {"precision": 1 / 2, "recall": 1, "f1": 2 / 3, "texts": 1}
    assert figures == {
        "accuracy": 2 / 3,
        "macro_f1": 2 / 3,
        "ece": pytest.approx(2 / 3 * 0.25),  # .75 was promised twice and kept once
        "nats": pytest.approx(-(log(0.75) + log(1) + log(0.25)) / 3),
    }
    assert "ece" not in figures_of_answers([*answers[:2], Verdict(label="a")], ["a", "b", "a"], ["a", "b"])


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_tfidf_learns_what_its_grams_tell(kind: Any) -> None:
    learned, validation, test = sentences(150, 3), sentences(30, 4), sentences(40, 5)
    everything = Labelled(texts=learned.texts + validation.texts, labels=learned.labels + validation.labels)
    labeller = train_tfidf(kind, everything, learned, validation)
    answers = [labeller.classify(text) for text in test.texts]
    assert [answer.label for answer in answers] == test.labels
    assert labeller.settings["C"] in PENALTIES[kind]
    assert labeller.figures["validation_accuracy"] == 1
    for answer in answers:
        if kind == "svm":
            assert not answer.probabilities
        else:
            assert set(answer.probabilities) == set(ENDINGS)
            assert sum(answer.probabilities.values()) == pytest.approx(1)
            assert answer.label == max(answer.probabilities, key=answer.probabilities.__getitem__)


@pytest.mark.parametrize("characters", [True, False])
def test_fasttext_learns_them_too(characters: bool) -> None:
    pytest.importorskip("fasttext", reason="it is of the bench extra, which tests do without")
    from benchmarks.fasttext_grams import FastTextSettings, fit  # noqa: PLC0415

    train, test = sentences(150, 3), sentences(40, 5)
    train.texts[0] += " __label__2"
    settings = FastTextSettings(characters=characters, longest=3, epochs=100)
    classify_text = fit(train, settings)
    answers = [classify_text(text) for text in test.texts]
    assert [answer.label for answer in answers] == test.labels
    for answer in answers:
        assert set(answer.probabilities) == set(ENDINGS)
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-4)
        assert all(0 <= probability <= 1 for probability in answer.probabilities.values())


def test_fasttext_reads_characters_or_words() -> None:
    pytest.importorskip("fasttext", reason="it is of the bench extra, which tests do without")
    from benchmarks.fasttext_grams import FastTextSettings, epochs_for, words_of  # noqa: PLC0415

    characters, words = (FastTextSettings(characters=each, epochs=1) for each in (True, False))
    assert words_of("Ab  c\n__label__0d", characters) == "a b \u2581 c \u2581 0 d\n"
    assert words_of("Ab  c\n__label__0d", words) == "ab c 0d\n"
    assert epochs_for(10_000) == (100, 50, 200, 400)
    assert epochs_for(500) == (400,)
    assert epochs_for(10_000_000) == (1,)


def test_the_baselines_are_compared_on_the_same_texts(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fasttext", reason="it is of the bench extra, which tests do without")
    path = tmp_path / "figures.json"
    classify.benchmark.main([*map(str, files), "--json", str(path)], standalone_mode=False)
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert figures["settings"] == {"train": 150, "test": 40, "classes": 3}
    assert list(figures["labels"]) == ["tfidf_svm", "tfidf_logistic", "fasttext"]
    for name, each in figures["labels"].items():
        assert each["accuracy"] > 0.9
        assert set(each["by_class"]) == set(ENDINGS)
        assert sum(one["texts"] for one in each["by_class"].values()) == 40
        assert min(each["p50_ms"], each["train_seconds"], each["tune_seconds"]) > 0
        assert ("ece" in each) == (name != "tfidf_svm")
    said = capsys.readouterr().out
    assert all(word in said for word in ("macro_f1", "tfidf_logistic", "epochs 400", "scikit-learn"))


def refusal(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the benchmark as from a shell, and give the one line that it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run(classify.benchmark)
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    return said.err


def test_a_mistake_is_one_line(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: find("json") if name in classify.PACKAGES else find(name)
    )
    train, test = files
    other, one, few = tmp_path / "other.csv", tmp_path / "one.csv", tmp_path / "few.csv"
    split.write_labelled(other, Labelled(texts=["가나", "다라"], labels=["asks", "sings"]))
    split.write_labelled(one, Labelled(texts=["가나", "다라"], labels=["asks", "asks"]))
    split.write_labelled(few, Labelled(texts=["가나", "다라"], labels=["asks", "says"]))
    assert "TEST must hold labels of TRAIN only, got 'sings'" in refusal([train, other], capsys)
    assert "TRAIN must hold at least two labels, got 1" in refusal([one, test], capsys)
    assert "TRAIN must hold more texts, so that a tenth can be tuned on, got 2" in refusal([few, few], capsys)
    assert "--json must name a file in a folder that exists" in refusal(
        [train, test, "--json", tmp_path / "no" / "a.json"], capsys
    )


def test_a_package_that_is_missing_is_one_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fasttext" else find(name))
    assert "this benchmark needs fasttext: run pip install 'machim[bench]'" in refusal([*files], capsys)


def test_models_are_measured_as_they_are_served(classifiers: Path, countries_file: Path) -> None:
    """The small classifier was trained on these texts; it says nearly all their labels."""
    read = read_labelled(countries_file)
    figures = classify.measure(read, read, [classifiers / "countries"], baselines=False)
    measured: Any = figures["labels"]
    assert list(measured) == ["countries"]
    assert measured["countries"]["accuracy"] > 0.9
    assert measured["countries"]["ece"] < 0.5


def test_a_model_that_knows_other_labels_and_nothing_to_measure_are_refused(
    classifiers: Path, files: tuple[Path, Path]
) -> None:
    train, test = map(read_labelled, files)
    with pytest.raises(InputError, match="must know labels of TRAIN only, got"):
        classify.measure(train, test, [classifiers / "countries"], baselines=False)
    with pytest.raises(InputError, match="must be something to measure"):
        classify.measure(train, test, baselines=False)


def test_gains_are_measured_over_members_and_seeds(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    told = ["--minutes", "0.05", "--members", "2", "--seeds", "2", "--json", str(path)]
    gains.benchmark.main([*map(str, files), str(tmp_path / "models"), *told], standalone_mode=False)
    figures = json.loads(path.read_text(encoding="utf-8"))["gains"]
    assert {name: each["trained"] for name, each in figures.items()} == {
        "n-grams": 1,
        "network of a member": 2,
        "networks averaged": 1,
        "member": 2,
        "ensemble": 1,
        "alone": 2,
        "no dropout": 2,
        "no pretraining": 2,
        "no averaging": 2,
        "student": 2,
    }
    assert all(0 <= each["accuracy"]["least"] <= each["accuracy"]["most"] <= 1 for each in figures.values())
    assert figures["n-grams"]["accuracy"]["median"] > 0.9
    assert "networks averaged" in capsys.readouterr().out


def test_gains_are_of_labels_that_are_learned(files: tuple[Path, Path], tmp_path: Path) -> None:
    split.write_labelled(tmp_path / "other.csv", Labelled(texts=["another"], labels=["sings"]))
    with pytest.raises(InputError, match="TEST must hold labels of TRAIN only, got 'sings'"):
        gains.measure(files[0], tmp_path / "other.csv", tmp_path / "m", minutes=0.05, members=2, seeds=1)
