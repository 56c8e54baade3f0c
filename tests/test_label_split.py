"""Which texts are held out of every label, and what texts of rare labels count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from training.label_split import SplitTexts, label_weights, split_labelled
from training.labelled import LabelledTexts

PAIRS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=2, max_size=40)


def labelled(pairs: list[tuple[str, str]]) -> LabelledTexts:
    """Texts, each with its label."""
    return LabelledTexts(
        texts=[text for text, _ in pairs],
        labels=[label for _, label in pairs],
        lines=len(pairs),
        skipped=0,
        disputed=0,
    )


def sides(split: SplitTexts) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The pairs to learn from, and those held out."""
    learned = [(text, split.labels[number]) for text, number in zip(split.texts, split.numbers, strict=True)]
    held = zip(split.held_out_texts, split.held_out_numbers, strict=True)
    return learned, [(text, split.labels[number]) for text, number in held]


@given(pairs=PAIRS)
def test_every_label_stands_on_both_sides_and_no_text_does(pairs: list[tuple[str, str]]) -> None:
    """Or the texts are refused: whatever repeats and whatever is disputed."""
    try:
        split = split_labelled(labelled(pairs))
    except InputError:
        return
    learned, held = sides(split)
    assert sorted([*learned, *held]) == sorted(pairs)
    labels = {label for _, label in pairs}
    assert {label for _, label in learned} == {label for _, label in held} == labels
    assert not {text for text, _ in learned} & {text for text, _ in held}
    assert split.labels == tuple(sorted(labels))
    assert split.all_texts == split.texts + split.held_out_texts


def sides_or_refusal(pairs: list[tuple[str, str]]) -> list[list[tuple[str, str]]] | str:
    """Both sides, sorted, or what is said where there are none."""
    try:
        return [sorted(side) for side in sides(split_labelled(labelled(pairs)))]
    except InputError as refused:
        return str(refused)


@given(pairs=PAIRS, seed=st.integers(0, 99))
def test_the_order_of_the_file_changes_nothing(pairs: list[tuple[str, str]], seed: int) -> None:
    shuffled = [pairs[place] for place in np.random.default_rng(seed).permutation(len(pairs))]
    assert sides_or_refusal(shuffled) == sides_or_refusal(pairs)


@pytest.mark.parametrize(
    ("sizes", "held"),
    [
        ({"x": 2, "y": 3, "z": 11}, {"x": 1, "y": 1, "z": 2}),
        ({"x": 19_980, "y": 20}, {"x": 1_998, "y": 2}),
        ({"x": 19_981, "y": 20}, {"x": 1_000, "y": 1}),
        ({"x": 200_000, "y": 51}, {"x": 4_000, "y": 2}),
    ],
)
def test_a_tenth_of_each_label_is_held_out_and_less_of_many_texts(sizes: dict[str, int], held: dict[str, int]) -> None:
    """A tenth up to 20,000 texts in all, a twentieth up to 200,000, a fiftieth beyond; rounded up."""
    pairs = [(f"{label} {number}", label) for label, size in sizes.items() for number in range(size)]
    split = split_labelled(labelled(pairs))
    counted = np.bincount(split.held_out_numbers)
    assert dict(zip(split.labels, counted.tolist(), strict=True)) == held


def test_repeats_of_a_text_stay_together_and_count_once_for_the_share() -> None:
    pairs = [(f"text {number % 10}", "x") for number in range(100)] + [("one", "y"), ("two", "y")]
    learned, held = sides(split_labelled(labelled(pairs)))
    assert len({text for text, label in held if label == "x"}) == 1
    assert sum(label == "x" for _, label in held) == 10
    assert sum(label == "x" for _, label in learned) == 90


def test_a_disputed_text_is_on_one_side_with_all_its_labels() -> None:
    """Of each label one text is held out: at least one of them is the text in both."""
    pairs = [(f"{label} {number}", label) for label in "xy" for number in range(3)]
    for both in range(40):
        learned, held = sides(split_labelled(labelled([*pairs, (f"both {both}", "x"), (f"both {both}", "y")])))
        disputed = [label for text, label in held if text.startswith("both")]
        assert disputed in ([], ["x", "y"])
        assert len(learned) + len(held) == 8


def test_one_label_alone_is_refused() -> None:
    with pytest.raises(InputError, match="texts to sort must have at least 2 different labels, got x alone"):
        split_labelled(labelled([("a", "x"), ("b", "x")]))


def test_a_label_with_one_text_however_often_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        split_labelled(labelled([("a", "x"), ("b", "x"), ("c", "y"), ("c", "y")]))
    assert str(refused.value) == (
        "every label must have at least 2 different texts, one to learn from and one to measure on, got 1 for y: "
        "add some, or leave the label out with --least-texts 2"
    )


def test_a_label_whose_texts_are_all_held_out_for_others_is_refused() -> None:
    """What x and y hold out is all that z has."""
    alone = [(f"{label} {number}", label) for label in "xy" for number in range(5)]
    held = split_labelled(labelled(alone)).held_out_texts
    with pytest.raises(InputError, match="got 0 for z: add some, or leave the label out"):
        split_labelled(labelled([*alone, *((text, "z") for text in held)]))


def test_weights_of_labels_by_hand() -> None:
    """Six texts of one label and two of another: 8 / (2 * 6) and 8 / (2 * 2) where labels count alike."""
    numbers = np.array([0] * 6 + [1] * 2)
    assert label_weights(numbers, 2, 0.0).tolist() == [1, 1]
    assert label_weights(numbers, 2, 1.0) == pytest.approx([2 / 3, 2])
    half = np.array([1 / math.sqrt(6), 1 / math.sqrt(2)])
    assert label_weights(numbers, 2, 0.5) == pytest.approx(half * 8 / (half * [6, 2]).sum())


@given(counts=st.lists(st.integers(1, 50), min_size=2, max_size=8), balance=st.floats(0, 1))
def test_weights_are_1_on_average_and_rarer_labels_weigh_no_less(counts: list[int], balance: float) -> None:
    numbers = np.repeat(np.arange(len(counts)), counts)
    weights = label_weights(numbers, len(counts), balance)
    assert weights[numbers].mean() == pytest.approx(1)
    by_rarity = weights[np.argsort(counts, kind="stable")]
    assert (np.diff(by_rarity) <= 1e-12).all()
