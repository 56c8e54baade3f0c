"""What a student learns from labels and from a teacher, against the formulas written out.

Legend: D texts, C labels, T the temperature, z logits of the student, v of the teacher.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.classifier_settings import ClassifierSettings
from training.targets import Targets, Taught
from training.wide import Plan, learn_wide
from training.wide_lesson import Lesson, prepare_lesson

TEXTS, LABELS = 5, 4


def some_targets(temperature: float, truth: list[float]) -> Targets:
    generator = np.random.default_rng(0)
    return Targets(
        numbers=generator.integers(LABELS, size=TEXTS),
        labels=LABELS,
        taught=Taught(
            logits=generator.normal(scale=2, size=(TEXTS, LABELS)).astype(np.float32),
            temperature=temperature,
            truth=np.array(truth, np.float32),
        ),
    )


def some_logits() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(scale=2, size=(TEXTS, LABELS)).astype(np.float32))


def test_the_loss_is_that_with_the_label_and_that_with_the_softened_teacher() -> None:
    targets, logits = some_targets(3.0, [0, 0.25, 0.5, 1, 0]), some_logits()
    assert targets.taught is not None
    expected = []
    for place, (z, v) in enumerate(zip(logits.double().tolist(), targets.taught.logits.tolist(), strict=True)):
        q = [math.exp(each / 3) for each in v]
        p = [math.exp(each / 3) for each in z]
        soft = -sum(a / sum(q) * math.log(b / sum(p)) for a, b in zip(q, p, strict=True))
        hard = math.log(sum(map(math.exp, z))) - z[targets.numbers[place]]
        share = float(targets.taught.truth[place])
        expected.append(share * hard + (1 - share) * 9 * soft)
    np.testing.assert_allclose(targets.losses(logits), expected, rtol=1e-5)
    np.testing.assert_allclose(targets.losses(logits[[3, 1]], np.array([3, 1])), [expected[3], expected[1]], rtol=1e-5)


def test_without_a_teacher_it_is_the_cross_entropy_of_the_labels() -> None:
    numbers, logits = np.array([0, 3, 1, 1, 2]), some_logits()
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(numbers), reduction="none")
    assert torch.equal(Targets(numbers=numbers, labels=LABELS).losses(logits), expected)


def test_at_a_high_temperature_logits_are_matched() -> None:
    """Hinton et al. 2015, equation 4: where logits sum to 0 the gradient goes to (z - v) / C, T² included."""
    targets, logits = some_targets(50.0, [0] * TEXTS), some_logits()
    assert targets.taught is not None
    centred = torch.from_numpy(targets.taught.logits)
    centred = centred - centred.mean(dim=1, keepdim=True)
    logits = (logits - logits.mean(dim=1, keepdim=True)).requires_grad_()
    targets.losses(logits).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, (logits.detach() - centred) / LABELS, rtol=0, atol=0.05)


def test_what_is_known_are_labels_or_else_what_the_teacher_takes_for_likely() -> None:
    told = some_targets(3.0, [0, 0, 0.5, 0, 0])
    assert told.known() is told.numbers
    untold = some_targets(3.0, [0] * TEXTS)
    assert untold.taught is not None
    likely = np.exp(untold.taught.logits)
    np.testing.assert_allclose(untold.known(), likely / likely.sum(axis=1, keepdims=True), rtol=1e-5)


def test_targets_of_more_texts_stand_behind() -> None:
    first, second = some_targets(3.0, [0.5] * TEXTS), some_targets(3.0, [0] * TEXTS)
    both = first.with_more(second)
    logits = torch.cat([some_logits(), some_logits()])
    expected = torch.cat([first.losses(some_logits()), second.losses(some_logits())])
    torch.testing.assert_close(both.losses(logits), expected)


@pytest.mark.parametrize("plan", [Plan(strengths=(8.0,)), Plan(passes=1)])
@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_n_grams_learn_what_the_teacher_says_where_labels_say_the_contrary(truth: float, plan: Plan) -> None:
    texts = [f"{word} {number}" for word in ("good", "bad") for number in range(20)]
    labels = np.repeat([0, 1], 20)
    contrary = np.where(labels[:, None] == [0, 1], -2, 2).astype(np.float32)
    taught = Taught(logits=contrary, temperature=2.0, truth=np.full(40, truth, np.float32))
    lesson = Lesson(
        texts=texts, targets=Targets(numbers=labels, labels=2, taught=taught), text_weights=np.ones(len(texts))
    )
    (found,) = learn_wide(prepare_lesson(lesson, ClassifierSettings(encoder="wide", ngram_most=3)), plan, 0, math.inf)
    learned = found.layer.logits(["good day", "bad day"]).argmax(axis=1)
    assert learned.tolist() == ([0, 1] if truth else [1, 0])
