"""Passes over texts step down the loss of some at a time, by Adagrad with one rate for an n-gram.

Legend: D texts, B of a step, F n-grams known, C labels, H hidden units.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from test_wide import some_lesson

from training.classifier_settings import ClassifierSettings
from training.ngram_occurrences import known_ngrams, occurrences
from training.targets import Targets
from training.wide import Lesson, Plan, learn_wide, plan_of, prepare_lesson
from training.wide_network import WideNetwork
from training.wide_passes import LEAST_SQUARES, RATE, pass_over

LINEAR = ClassifierSettings(encoder="wide", ngram_most=3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [0, 5])
def test_a_pass_is_adagrad_written_out(monkeypatch: pytest.MonkeyPatch, hidden: int, weighted: bool) -> None:
    """Of all weights at once, dense and in float64: a row's rate is by the mean of its squares."""
    monkeypatch.setattr("training.wide_passes.TEXTS_AT_ONCE", 20)
    lesson = some_lesson(weighted=weighted)
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    network = WideNetwork(found.ngrams, hidden, 3, torch.Generator().manual_seed(1))
    held = {name: each.detach().clone().double() for name, each in network.named_parameters()}
    shares = np.bincount(lesson.targets.numbers, lesson.text_weights) + 1
    held["output_bias" if hidden else "bias"] = torch.from_numpy(np.log(shares / shares.sum()))
    for _ in islice(pass_over(network, lesson, found, 7, math.inf), 2):
        pass

    random = np.random.default_rng(7)
    squares = {name: torch.zeros_like(each) for name, each in held.items()}
    dense = found.matrix().to_dense().double()
    for _ in range(2):
        for numbers in np.array_split(random.permutation(90), 4):
            variables = {name: each.clone().requires_grad_() for name, each in held.items()}
            logits = dense[numbers] @ variables["weights"] + variables["bias"]
            if hidden:
                logits = torch.relu(logits) @ variables["output"] + variables["output_bias"]
            own = torch.log_softmax(logits, dim=1)[torch.arange(len(numbers)), lesson.targets.numbers[numbers]]
            loss = -(own * torch.from_numpy(lesson.text_weights[numbers])).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            for name, each in variables.items():
                assert each.grad is not None
                squares[name] += (each.grad**2).mean(dim=1, keepdim=True) if name == "weights" else each.grad**2
                least = LEAST_SQUARES if name == "weights" else 1e-20
                held[name] -= RATE * each.grad / (squares[name] + least).sqrt()
    assert float(held["weights"].abs().max()) > RATE  # it went somewhere
    for name, each in network.named_parameters():
        torch.testing.assert_close(each.detach().double(), held[name], rtol=1e-3, atol=1e-4)


def test_a_pass_that_is_cut_short_says_so_and_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by 1 at each look: nine steps a pass, the first of all not asked for."""
    monkeypatch.setattr("training.wide_passes.TEXTS_AT_ONCE", 10)
    clock = iter(range(10_000))
    monkeypatch.setattr("training.wide_passes.time.monotonic", lambda: next(clock))
    lesson = some_lesson()
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    network = WideNetwork(found.ngrams, 0, 3, torch.Generator())
    assert list(pass_over(network, lesson, found, 0, 20)) == [True, True, False]
    still = WideNetwork(found.ngrams, 0, 3, torch.Generator())
    assert list(pass_over(still, lesson, found, 0, -1)) == [False]
    assert float(still.weights.detach().abs().max()) > 0  # a first step is made


@pytest.mark.parametrize(
    ("limit", "plan"), [("MOST_PRODUCTS", "passes"), ("MOST_WEIGHTS_AT_ONCE", "passes"), (None, "strengths")]
)
def test_what_is_large_is_passed_over_and_what_is_not_descends(
    monkeypatch: pytest.MonkeyPatch, limit: str | None, plan: str
) -> None:
    if limit is not None:
        monkeypatch.setattr(f"training.wide.{limit}", 100)
    learned = list(learn_wide(prepare_lesson(some_lesson(), LINEAR), None, 0, math.inf))
    if plan == "passes":
        assert [each.plan for each in learned] == [Plan(passes=number) for number in range(1, 9)]
        assert learned[0].seconds < learned[-1].seconds
    else:
        assert [each.plan for each in learned] == [Plan(strengths=(each,)) for each in (0.5, 2.0, 8.0, 32.0)]
    assert all(each.finished for each in learned)


def test_passes_lead_to_the_same_layer_again_and_their_layers_are_not_changed_by_later_ones() -> None:
    lesson = some_lesson()
    settings = replace(LINEAR, ngram_hidden=4)
    learned = list(learn_wide(prepare_lesson(lesson, settings), Plan(passes=3), 0, math.inf))
    for each in learned:
        *_, again = learn_wide(prepare_lesson(lesson, settings), each.plan, 0, math.inf)
        np.testing.assert_array_equal(again.layer.logits(lesson.texts), each.layer.logits(lesson.texts))
    logits = [each.layer.logits(lesson.texts) for each in learned]
    assert not np.array_equal(logits[0], logits[2])
    assert (logits[2].argmax(axis=1) == lesson.targets.numbers).mean() > 0.75


def test_a_hidden_layer_learns_in_passes_what_a_linear_one_cannot() -> None:
    """Whether exactly one of two characters is the later one, seen by single characters: exclusive or."""
    counted = {"ac": (0, 160), "bd": (0, 100), "ad": (1, 120), "bc": (1, 110)}
    texts = [text for text, (_, count) in counted.items() for _ in range(count)]
    labels = np.array([label for label, count in counted.values() for _ in range(count)])
    lesson = Lesson(texts=texts, targets=Targets(numbers=labels, labels=2), text_weights=np.ones(len(texts)))
    settings = ClassifierSettings(encoder="wide", ngram_most=1, ngram_hidden=32)
    *_, learned = learn_wide(prepare_lesson(lesson, settings), Plan(passes=200), 1, math.inf)
    assert learned.layer.logits(list(counted)).argmax(axis=1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("plan", [Plan(strengths=(8.0,)), Plan(passes=3), None])
def test_a_checkpoint_says_what_led_to_its_layer(plan: Plan | None) -> None:
    assert plan_of({} if plan is None else plan.facts()) == plan


def test_the_strength_of_a_checkpoint_before_there_were_passes_is_read() -> None:
    assert plan_of({"ngram_strength": 2.0}) == Plan(strengths=(2.0,))
    assert plan_of({"ngram_strength": 0.0}) is None
