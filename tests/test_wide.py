"""The wide layer learns the optimum of its loss, from inputs scaled by how differently labels use an n-gram.

Legend: D texts, F n-grams known, C labels.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from training.classifier_settings import ClassifierSettings
from training.label_statistics import label_contrast, most_telling
from training.ngram_occurrences import Occurrences, known_ngrams, occurrences
from training.targets import Targets
from training.wide import Plan, learn_wide
from training.wide_descent import descend
from training.wide_lesson import Lesson, prepare_lesson
from training.wide_network import WideNetwork

if TYPE_CHECKING:
    from training.classifier_settings import NgramSpaces
    from training.wide import WideLayer

WORDS = {0: ("good fine great", "sun"), 1: ("bad poor awful", "rain"), 2: ("so so plain", "fog")}


def both(found: Occurrences) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrix of n-grams in texts, and its transpose."""
    return found.matrix(), found.transposed()


def some_lesson(texts: int = 90, *, weighted: bool = False) -> Lesson:
    """Texts of three labels whose words overlap, one in six labelled at random."""
    generator = np.random.default_rng(0)
    labels = generator.integers(3, size=texts)
    written = [
        " ".join([*generator.choice(WORDS[label][0].split(), 2), *generator.choice(["the", "a", WORDS[label][1]], 3)])
        for label in labels.tolist()
    ]
    noise = generator.random(texts) < 1 / 6
    labels[noise] = generator.integers(3, size=int(noise.sum()))
    weights = generator.uniform(0.2, 1.8, texts) if weighted else np.ones(texts)
    return Lesson(texts=written, targets=Targets(numbers=labels, labels=3), text_weights=weights / weights.mean())


def by_strength(lesson: Lesson, deadline: float) -> dict[float, WideLayer]:
    """What n-grams of up to three characters learn with two strengths."""
    plan = Plan(strengths=(0.5, 8.0))
    learned = learn_wide(prepare_lesson(lesson, ClassifierSettings(encoder="wide", ngram_most=3)), plan, 0, deadline)
    return {each.plan.strengths[0]: each.layer for each in learned}


def test_contrast_is_the_largest_log_odds_ratio_of_a_label_against_the_others() -> None:
    """Three n-grams in five texts; each label, and the others together, count as having used each once more."""
    found = Occurrences(
        starts=np.array([0, 2, 3, 5, 6, 8]),
        places=np.array([0, 1, 0, 1, 2, 2, 0, 2], np.int32),
        values=np.ones(8, np.float32),
        ngrams=3,
    )
    labels = np.array([0, 0, 1, 1, 2])
    # texts with the n-gram, label by label: (2, 0, 1), (1, 1, 0), (0, 2, 1)
    expected = []
    counts = [[2, 0, 1], [1, 1, 0], [0, 2, 1]]
    for each in counts:
        ratios = []
        for label in range(3):
            own, others = each[label] + 1, sum(each) - each[label] + 1
            all_own = sum(row[label] + 1 for row in counts)
            all_others = sum(sum(row) - row[label] + 1 for row in counts)
            ratios.append(abs(math.log(own / all_own) - math.log(others / all_others)))
        expected.append(max(ratios))
    np.testing.assert_allclose(label_contrast(found, labels, 3), expected, rtol=1e-6)


def test_contrast_of_two_labels_is_the_log_count_ratio() -> None:
    """Wang and Manning's r = log((p / |p|) / (q / |q|)), written out: p = (3, 1), q = (1, 2)."""
    found = Occurrences(
        starts=np.array([0, 1, 2, 3]), places=np.array([0, 0, 1], np.int32), values=np.ones(3, np.float32), ngrams=2
    )
    contrast = label_contrast(found, np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(contrast, [math.log((3 / 4) / (1 / 3)), math.log((2 / 3) / (1 / 4))], rtol=1e-6)


def test_the_most_telling_n_grams_are_those_of_the_greatest_g_statistic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written out for each n-gram; the counts are taken a few n-grams at a time."""
    monkeypatch.setattr("training.label_statistics.COUNTS_AT_ONCE", 7 * 3)
    lesson = some_lesson()
    labels = lesson.targets.numbers
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    has = found.matrix().to_dense().numpy() > 0  # (D, F)
    told = np.zeros(found.ngrams)
    for label in range(3):
        with_label = has[labels == label].sum(axis=0)
        expected = has.sum(axis=0) * (labels == label).mean()
        told += [n * math.log(n / e) if n else 0.0 for n, e in zip(with_label, expected, strict=True)]
    kept = most_telling(found, labels, 3, 20)
    assert kept.tolist() == sorted(kept.tolist())
    assert len(kept) == 20
    assert told[kept].min() >= np.delete(told, kept).max() - 1e-9
    assert most_telling(found, labels, 3, found.ngrams).tolist() == list(range(found.ngrams))


def test_where_weights_are_few_the_n_grams_that_tell_labels_apart_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text has the same word many times over, and one letter of its label's own."""
    monkeypatch.setattr("training.wide_lesson.MOST_BYTES", (2 + 16) * 8)
    texts = [f"{other} everybody says {letter}" for letter in "xy" for other in "abcdefgh" for _ in range(3)]
    lesson = Lesson(texts=texts, targets=Targets(numbers=np.repeat([0, 1], 24), labels=2), text_weights=np.ones(48))
    (learned,) = learn_wide(
        prepare_lesson(lesson, ClassifierSettings(ngram_most=2)), Plan(strengths=(8.0,)), 0, math.inf
    )
    assert len(learned.layer.ngrams.hashes) == 8
    assert learned.layer.logits(["x", "y"]).argmax(axis=1).tolist() == [0, 1]


def test_sparse_rows_are_the_matrix_and_turned_around_its_transpose() -> None:
    lesson = some_lesson(9)
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 1, 10_000, across_spaces=True))
    matrix = found.matrix().to_dense()
    assert matrix.shape == (9, found.ngrams)
    np.testing.assert_allclose((matrix**2).sum(dim=1), 1, rtol=1e-5)
    assert torch.equal(found.transposed().to_dense(), matrix.T)
    ((texts, places, values),) = found.parts()
    row, place, value = texts[20], places[20], values[20]
    assert float(matrix[int(row), int(place)]) == float(value)


@pytest.mark.parametrize("strength", [0.5, 32.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_descending_ends_where_the_loss_is_least(strength: float, weighted: bool) -> None:
    """No gradient is left, and scikit-learn's logistic regression with the same penalty finds nothing better."""
    lesson = some_lesson(weighted=weighted)
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    inputs = found.matrix().to_dense().double().numpy()
    network = WideNetwork(found.ngrams, 0, 3, torch.Generator())
    descend(network, lesson, both(found), strength, math.inf)
    learned, bias = (each.detach().double() for each in (network.weights, network.bias))
    logistic = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
    logistic.fit(inputs, lesson.targets.numbers, sample_weight=lesson.text_weights)

    def loss(weights: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Mean weighted cross-entropy and penalty, in float64."""
        rows = torch.log_softmax(torch.from_numpy(inputs) @ weights + bias, dim=1)
        own = rows[torch.arange(len(inputs)), torch.from_numpy(lesson.targets.numbers)]
        weighed = -(own * torch.from_numpy(lesson.text_weights)).mean()
        return weighed + (weights**2).sum() / (2 * strength * len(inputs))

    best = float(loss(torch.from_numpy(logistic.coef_.T), torch.from_numpy(logistic.intercept_)))
    reached = loss(learned.requires_grad_(), bias.requires_grad_())
    reached.backward()  # type: ignore[no-untyped-call]
    assert learned.grad is not None
    assert bias.grad is not None
    assert max(float(learned.grad.abs().max()), float(bias.grad.abs().max())) < 1e-3
    assert float(reached.detach()) < best + 1e-3
    assert best < 0.9 * math.log(3)  # there was something to learn


def test_a_strength_goes_on_from_the_one_before_and_the_layer_holds_the_scales() -> None:
    """The more strength, the larger the weights; what the layer says is what its weights say without scales."""
    lesson = some_lesson()
    layers = by_strength(lesson, math.inf)
    assert list(layers) == [0.5, 8.0]
    assert np.linalg.norm(layers[8.0].weights) > 1.5 * np.linalg.norm(layers[0.5].weights)
    layer = layers[8.0]
    assert (layer.ngrams.scales == 1).all()
    dense = occurrences(lesson.texts, layer.ngrams).matrix().to_dense().numpy()
    logits = layer.logits(lesson.texts)
    np.testing.assert_allclose(logits, dense @ layer.weights + layer.bias, rtol=1e-4, atol=1e-5)
    assert (logits.argmax(axis=1) == lesson.targets.numbers).mean() > 0.8
    again = by_strength(lesson, math.inf)
    np.testing.assert_array_equal(again[8.0].weights, layer.weights)


def test_scaled_inputs_reach_a_lower_loss_at_the_same_strength() -> None:
    """What only one label uses counts more, so its weight costs less."""
    lesson = some_lesson()
    ngrams = known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=False)
    found = occurrences(lesson.texts, ngrams)
    network = WideNetwork(found.ngrams, 0, 3, torch.Generator())
    descend(network, lesson, both(found), 0.5, math.inf)
    scaled = by_strength(lesson, math.inf)[0.5]
    plain = found.matrix() @ network.weights.detach() + network.bias.detach()
    losses = [
        float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(lesson.targets.numbers)))
        for logits in (torch.from_numpy(scaled.logits(lesson.texts)), plain)
    ]
    assert losses[0] < losses[1]


@pytest.mark.parametrize(
    ("told", "words", "across"),
    [
        ("auto", ("재미", "있다"), True),
        ("auto", ("good", "film"), False),
        ("across", ("good", "film"), True),
        ("within", ("재미", "있다"), False),
    ],
)
def test_ngrams_go_across_spaces_where_hangul_is_written_or_where_told(
    told: NgramSpaces, words: tuple[str, str], across: bool
) -> None:
    texts = [" ".join(words), "".join(words), words[0], words[1]] * 2
    targets = Targets(numbers=np.array([0, 0, 1, 1] * 2), labels=2)
    lesson = Lesson(texts=texts, targets=targets, text_weights=np.ones(len(texts)))
    settings = ClassifierSettings(encoder="wide", ngram_spaces=told)
    (learned,) = learn_wide(prepare_lesson(lesson, settings), Plan(strengths=(8.0,)), 0, math.inf)
    together, apart = (set(learned.layer.ngrams.of_text(text)[0].tolist()) for text in texts[1::-1])
    assert learned.layer.ngrams.across_spaces == across
    assert (together <= apart) == across  # apart it has n-grams with a space, too


def test_no_time_left_still_gives_every_strength() -> None:
    lesson = some_lesson()
    hurried = by_strength(lesson, time.monotonic())
    patient = by_strength(lesson, math.inf)
    assert list(hurried) == [0.5, 8.0]
    assert (hurried[0.5].logits(lesson.texts).argmax(axis=1) == lesson.targets.numbers).mean() > 0.5
    assert not np.array_equal(hurried[8.0].weights, patient[8.0].weights)


@pytest.mark.parametrize("most", [2, 5, 20])
def test_a_descent_ends_at_the_deadline_with_the_best_it_found(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """The clock goes on by 1 at each look; the loss is looked at twice before the clock is."""
    lesson = some_lesson()
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    network, looked = WideNetwork(found.ngrams, 0, 3, torch.Generator()), []
    at: list[list[torch.Tensor]] = []
    losses_of = Targets.losses

    def watched(targets: Targets, logits: torch.Tensor) -> torch.Tensor:
        each = losses_of(targets, logits)
        looked.append(float(each.detach().mean() + (network.weights.detach() ** 2).sum() / (2 * 1e6 * len(each))))
        at.append([held.detach().clone() for held in network.parameters()])
        return each

    clock = iter(range(10_000))
    monkeypatch.setattr(Targets, "losses", watched)
    monkeypatch.setattr("training.wide_descent.time.monotonic", lambda: next(clock))
    assert not descend(network, lesson, both(found), 1e6, most - 2)
    assert len(looked) == most
    for held, best in zip(network.parameters(), at[int(np.argmin(looked))], strict=True):
        assert torch.equal(held.detach(), best)


def test_a_descent_says_that_it_came_to_its_end() -> None:
    lesson = some_lesson()
    found = occurrences(lesson.texts, known_ngrams(lesson.texts, 1, 3, 2, 10_000, across_spaces=True))
    assert descend(WideNetwork(found.ngrams, 0, 3, torch.Generator()), lesson, both(found), 0.5, math.inf)


@pytest.mark.parametrize(("hidden", "right"), [(0, False), (8, True)])
def test_a_hidden_layer_learns_what_a_linear_one_cannot(hidden: int, right: bool) -> None:
    """Whether exactly one of two characters is the later one, seen by single characters: exclusive or."""
    counted = {"ac": (0, 16), "bd": (0, 10), "ad": (1, 12), "bc": (1, 11)}
    texts = [text for text, (_, count) in counted.items() for _ in range(count)]
    labels = np.array([label for label, count in counted.values() for _ in range(count)])
    lesson = Lesson(texts=texts, targets=Targets(numbers=labels, labels=2), text_weights=np.ones(len(texts)))
    settings = ClassifierSettings(encoder="wide", ngram_most=1, ngram_hidden=hidden)
    *_, learned = learn_wide(prepare_lesson(lesson, settings), Plan(strengths=(1e3, 1e5)), 1, math.inf)
    layer = learned.layer
    assert bool((layer.logits(list(counted)).argmax(axis=1) == [0, 0, 1, 1]).all()) == right
    assert layer.weights.shape == (len(layer.ngrams.hashes), hidden or 2)
    assert (layer.output is not None) == bool(hidden)
