"""What was told on the command line becomes the settings of the run's task, and what was not, their defaults."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from model.command_options import settings_options, told_options
from model.errors import InputError
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.reading import ReadingSettings
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings
from training.told import CLASSIFIER_TRAINING, classifier_run, language_run, tagger_run, transducer_run

if TYPE_CHECKING:
    from training.classifier_room import ClassifierRun
    from training.run import RunSettings, Task


def test_members_of_n_grams_alone_are_refused() -> None:
    with pytest.raises(InputError, match="members must have a network beside their n-grams to differ, got 3"):
        classifier_run({"encoder": "wide", "members": 3}, ReadingSettings(), "")


def command_line(*told: str) -> dict[str, Any]:
    """The options of ``train`` that somebody told."""
    got: list[dict[str, Any]] = []

    @click.command()
    @settings_options(
        ReadingSettings,
        TextSettings,
        NetworkSettings,
        TrainingSettings,
        BlendSettings,
        ClassifierSettings,
        SortingSettings,
    )
    @click.pass_context
    def train(context: click.Context, /, **options: Any) -> None:
        got.append(told_options(context))

    done = CliRunner().invoke(train, told, catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0
    return got[0]


def sorting(*told: str) -> ClassifierRun:
    return classifier_run(command_line(*told), ReadingSettings(), "a note")


def language(*told: str) -> RunSettings:
    return language_run("autocomplete", command_line(*told), ReadingSettings(), "a note")


def test_without_a_flag_each_task_has_its_own_defaults() -> None:
    """The flags that both have stand with the defaults of language models in the help."""
    run = sorting()
    assert run.members == (ClassifierSettings(),)
    assert (run.members[0].encoder, run.members[0].hidden_width, run.training.averaging) == ("wide+recurrent", 256, 10)
    assert run.training == TrainingSettings(**CLASSIFIER_TRAINING)  # type: ignore[arg-type]
    assert (run.text, run.sorting, run.note) == (TextSettings(), SortingSettings(), "a note")
    assert run.epochs is None
    assert language().network == NetworkSettings()
    assert language().training == TrainingSettings()
    for name in CLASSIFIER_TRAINING:
        assert getattr(run.training, name) != getattr(TrainingSettings(), name)
    for name in ("dropout", "hidden_width", "embedding_width"):
        assert getattr(ClassifierSettings(), name) != getattr(NetworkSettings(), name)


def test_the_help_tells_the_defaults_of_each_task() -> None:
    """They are written by hand where several tasks share a flag."""
    sorts, tags = sorting(), tagger_run("spacing", {}, ReadingSettings(), "")
    turns = transducer_run({}, ReadingSettings(), "")
    of_tasks = [(sorts.training, sorts.members[0]), (tags.training, tags.members[0]), (turns.training, turns.network)]
    settings = {each.name: each for each in (*fields(TrainingSettings), *fields(NetworkSettings))}
    for name in ("hidden_width", "dropout", "learning_rate", "averaging", "batch_characters", "embedding_width"):
        for training, network in of_tasks:
            value = getattr(training, name, None)
            value = getattr(network, name) if value is None else value
            told = value == settings[name].default or f"{value:g} to " in settings[name].metadata["help"]
            assert told, (name, value)


@pytest.mark.parametrize("value", ["0.004", "0.003"])
def test_a_flag_that_was_told_wins_even_where_it_is_the_default_of_the_other_task(value: str) -> None:
    run = sorting("--learning-rate", value, "--hidden-width", "384", "--epochs", "50", "--balance", "0.5")
    assert run.training.learning_rate == float(value)
    assert run.training.batch_characters == CLASSIFIER_TRAINING["batch_characters"]
    assert run.members[0].hidden_width == 384
    assert run.epochs == 50
    assert run.sorting.balance == 0.5
    assert language("--learning-rate", value).training.learning_rate == float(value)


def kinds(run: ClassifierRun) -> list[tuple[str, str]]:
    return [(member.encoder, member.cell) for member in run.members]


def test_encoders_and_cells_are_taken_in_turn_by_as_many_members_as_there_are_of_the_more() -> None:
    assert kinds(sorting("--members", "3")) == [(ClassifierSettings.encoder, "lstm")] * 3
    assert kinds(sorting("--encoder", "branches,wide+recurrent", "--members", "3")) == [
        ("branches", "lstm"),
        ("wide+recurrent", "lstm"),
        ("branches", "lstm"),
    ]
    assert kinds(sorting("--encoder", "recurrent,branches/recurrent", "--cell", "gru,lstm,rnn-tanh")) == [
        ("recurrent", "gru"),
        ("branches/recurrent", "lstm"),
        ("recurrent", "rnn-tanh"),
    ]


def test_cells_of_a_language_model_are_taken_in_turn() -> None:
    run = language("--cell", "lstm,gru", "--members", "3")
    assert [network.cell for network in run.networks] == ["lstm", "gru", "lstm"]
    with pytest.raises(InputError, match="members must be at least 2, one for each cell, got 1"):
        language("--cell", "lstm,gru")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["--encoder", "branches,transformer"], "encoder must be one of wide, convolution, branches"),
        (["--cell", "convolution"], "cell must be one of rnn-tanh, rnn-relu, gru, lstm, got 'convolution'"),
        (["--balance", "2"], r"balance must be in \[0, 1\], got 2.0"),
        (["--members", "0"], "members must be at least 1, got 0"),
        (["--averaging", "-1"], "averaging must be at least 0, got -1"),
        (["--averaging", "nan"], "averaging must be at least 0, got nan"),
        (["--averaging", "inf"], "averaging must be at least 0, got inf"),
    ],
)
def test_what_no_classifier_can_be_is_refused(told: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sorting(*told)


@pytest.mark.parametrize(
    "told",
    [["--ngram-order", "4"], ["--no-tied"], ["--count-power", "0.5"], ["--window", "64"], ["--held-out-below", "9"]],
)
def test_a_flag_that_changes_nothing_of_a_classifier_is_refused(told: list[str]) -> None:
    with pytest.raises(
        InputError, match=rf"{told[0].replace('--no-', '--')} changes nothing of models that sort texts"
    ):
        sorting(*told)


@pytest.mark.parametrize(
    ("encoder", "told", "wanted"),
    [
        ("wide+recurrent", ["--filters", "8"], "convolution or branches"),
        ("wide+recurrent", ["--branch-widths", "2"], "branches"),
        ("wide+recurrent", ["--stride", "2"], "convolution"),
        ("recurrent", ["--activation", "tanh"], "convolution or branches or window"),
        ("recurrent", ["--ngram-most", "3"], "wide"),
        ("wide+branches", ["--cell", "gru"], "recurrent"),
        ("wide+branches", ["--hidden-width", "8"], "recurrent or window"),
        ("branches,convolution", ["--no-pretrain"], "recurrent"),
        ("window", ["--pooling", "mean"], "convolution or branches or recurrent"),
        ("wide", ["--averaging", "3"], "convolution or branches or recurrent or window"),
        ("wide", ["--dropout", "0.1"], "convolution or branches or recurrent or window"),
    ],
)
def test_a_flag_that_no_part_of_any_member_reads_is_refused(encoder: str, told: list[str], wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        sorting("--encoder", encoder, *told)
    assert str(caught.value).startswith(f"{told[0].replace('--no-', '--')} changes nothing of {encoder}: leave it out")
    assert str(caught.value).endswith(f"or tell an --encoder with {wanted}")


def test_a_flag_that_a_part_of_some_member_reads_is_taken() -> None:
    assert [each.filters for each in sorting("--encoder", "recurrent,branches", "--filters", "8").members] == [8, 8]
    assert sorting("--hidden-width", "8").members[0].hidden_width == 8
    assert sorting("--encoder", "window", "--activation", "sigmoid").members[0].activation == "sigmoid"


def test_connections_that_skip_need_a_layer_above_the_first() -> None:
    with pytest.raises(InputError, match=r"--skip changes nothing of wide\+recurrent with one layer: .* more --layers"):
        sorting("--skip", "residual")
    assert sorting("--skip", "residual", "--layers", "2").members[0].skip == "residual"
    assert sorting("--skip", "residual", "--encoder", "branches").members[0].skip == "residual"


def test_what_taggers_and_transducers_do_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="--window-characters changes nothing of branches/recurrent"):
        tagger_run("spacing", {"window_characters": 9}, ReadingSettings(), "")
    with pytest.raises(InputError, match="--filters changes nothing of recurrent"):
        transducer_run({"filters": 9}, ReadingSettings(), "")
    written = transducer_run({"encoder": "branches", "cell": ("gru",), "hidden_width": 9}, ReadingSettings(), "")
    assert (written.network.cell, written.network.hidden_width) == ("gru", 9)  # of what writes


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("autocomplete", ["--balance", "0.5"]),
        ("autocomplete", ["--window", "64"]),
        ("autocomplete", ["--label-column", "kind"]),
        ("text", ["--encoder", "branches"]),
        ("text", ["--count-column", "n"]),
        ("text", ["--least-count", "2"]),
        ("text", ["--unseen-share", "0.5"]),
        ("text", ["--count-power", "1"]),
        ("auto", ["--no-pretrain"]),
    ],
)
def test_a_flag_that_changes_nothing_of_a_language_model_is_refused(task: Task, told: list[str]) -> None:
    with pytest.raises(InputError, match=r"changes nothing of (language models|models of running text): leave it out"):
        language_run(task, command_line(*told), ReadingSettings(), "")


def test_the_order_of_its_n_gram_can_be_told_of_running_text() -> None:
    run = language_run("text", command_line("--ngram-order", "4"), ReadingSettings(), "")
    assert run.blend.ngram_order == 4


@pytest.mark.parametrize("told", [["--window", "64"], ["--count-power", "1"]])
def test_where_the_task_is_not_told_flags_of_either_are_taken(told: list[str]) -> None:
    assert language_run("auto", command_line(*told), ReadingSettings(), "").task == "auto"
