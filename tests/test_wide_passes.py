"""Passes over texts step down the loss of some at a time, by Adagrad with one rate for an n-gram.

Legend: D texts, B of a step, F n-grams known, C labels, H hidden units.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from test_wide import some_lesson

from training.classifier_settings import ClassifierSettings
from training.ngram_occurrences import known_ngrams, occurrences
from training.targets import Targets
from training.wide import PASSES, STRENGTHS, Plan, learn_again, learn_wide, plan_of, plans_for
from training.wide_lesson import Lesson, prepare_lesson
from training.wide_network import WideNetwork
from training.wide_passes import LEAST_SQUARES, RATE, pass_over

if TYPE_CHECKING:
    from model.manifest import JSON

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
        for numbers in np.array_split(random.permutation(90), 5):
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
    """The clock goes on by 1 at each look: nine steps a pass, of which the very first does not look."""
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


@pytest.mark.parametrize("hidden", [0, 5])
def test_plans_are_by_how_many_weights_there_are_and_how_many_products(
    monkeypatch: pytest.MonkeyPatch, hidden: int
) -> None:
    """At each limit and one above: of three labels, or five hidden units."""
    prepared = prepare_lesson(some_lesson(), replace(LINEAR, ngram_hidden=hidden))
    passes, descents, width = Plan(passes=PASSES), Plan(strengths=STRENGTHS), hidden or 3
    products, weights = len(prepared.found.places) * width, len(prepared.ngrams.hashes) * width
    for most_products, most_weights, expected in (
        (products, weights, (descents,)),
        (products - 1, weights, (passes, descents)),
        (products, weights - 1, (passes,)),
    ):
        monkeypatch.setattr("training.wide.MOST_PRODUCTS", most_products)
        monkeypatch.setattr("training.wide.MOST_WEIGHTS_AT_ONCE", most_weights)
        assert plans_for(prepared) == expected


@pytest.mark.parametrize("plan", [Plan(passes=2), Plan(strengths=(0.5, 2.0))])
def test_what_learning_took_is_told_with_what_finding_the_n_grams_took(plan: Plan) -> None:
    prepared = replace(prepare_lesson(some_lesson(), LINEAR), seconds=100.0)
    first, second = learn_wide(prepared, plan, 0, math.inf)
    assert 100 < first.seconds <= second.seconds < 110
    assert first.seconds < second.seconds or not plan.passes  # of descents the longest counts
    assert first.finished
    assert second.finished


def test_passes_lead_to_the_same_layer_again_and_their_layers_are_not_changed_by_later_ones() -> None:
    lesson = some_lesson()
    settings = replace(LINEAR, ngram_hidden=4)
    learned = list(learn_wide(prepare_lesson(lesson, settings), Plan(passes=3), 0, math.inf))
    for each in learned:
        again = learn_again(prepare_lesson(lesson, settings), each.plan, 0, math.inf)
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
    learned = learn_again(prepare_lesson(lesson, settings), Plan(passes=200), 1, math.inf)
    assert learned.layer.logits(list(counted)).argmax(axis=1).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("plan", [Plan(strengths=(8.0,)), Plan(passes=3)])
def test_a_checkpoint_says_what_led_to_its_layer(plan: Plan) -> None:
    assert plan_of(plan.facts()) == plan


@pytest.mark.parametrize("provenance", [{}, {"ngram_strength": 0.0}, {"ngram_passes": 0}, {"ngram_passes": "2"}])
def test_a_checkpoint_that_does_not_say_it_has_no_plan(provenance: dict[str, JSON]) -> None:
    assert plan_of(provenance) is None
