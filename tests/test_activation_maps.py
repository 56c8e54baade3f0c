"""Which characters fired a label: every way finds what was planted, and its parts sum to what the classifier said.

Legend: T characters, N n-grams of a text, K filters, C labels.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from model.activation_maps import filter_map, ngram_map, occlusion, shares_of, spread
from model.classifier import LoadedClassifier, load_classifier
from model.errors import CheckpointError, InputError
from model.explanation import EXPLAINED_CHARACTERS, LONGEST_EXPLAINED, as_json_explanation, explain
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_learning import network_logits
from training.classifier_room import ClassifierRun
from training.classifier_run import train_classifier
from training.classifier_settings import ClassifierSettings
from training.reading import ReadingSettings
from training.settings import TextSettings, TrainingSettings
from training.text_batches import encode_texts

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LETTERS = "abcdefghijklmnoprstuvwyz    "
PLANTED = "xq"
TEXTS = ["Seoul", "서울특별시", "San José", "a", "İİ aa", "New Delhi " * 60]


def planted_text(generator: random.Random, *, planted: bool) -> str:
    """Letters, an x or a q among them here and there; the two side by side only where they are planted."""
    drawn = [generator.choice(LETTERS) for _ in range(generator.randint(6, 30))]
    drawn[generator.randrange(len(drawn))] = generator.choice(PLANTED)
    if planted:
        drawn.insert(generator.randrange(len(drawn) + 1), PLANTED)
    return "".join(drawn).strip()


def planted_lines(count: int) -> list[str]:
    """As many labelled texts, every second one with what is planted."""
    generator = random.Random(0)  # noqa: S311
    return [f"{('no', 'yes')[n % 2]}\t{planted_text(generator, planted=n % 2 == 1)}\n" for n in range(count)]


def train(folder: Path, lines: list[str], **changed: Any) -> LoadedClassifier:
    """Train a small classifier in a few seconds."""
    folder.mkdir()
    (folder / "texts.tsv").write_text("".join(lines), encoding="utf-8")
    small: dict[str, Any] = {"embedding_width": 16, "filters": 8, "branch_widths": "2,3", "ngram_most": 3}
    told = ClassifierRun(
        reading=ReadingSettings(),
        text=TextSettings(),
        members=(ClassifierSettings(**small | changed),),
        training=TrainingSettings(minutes=0, batch_characters=512, learning_rate=0.01, threads=1),
        epochs=3,
    )
    train_classifier([str(folder / "texts.tsv")], folder / "model", told, say=lambda _: None, began=time.monotonic())
    return load_classifier(folder / "model")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedClassifier]:
    """Classifiers of texts with what is planted and without, by their encoders."""
    lines = planted_lines(2000)
    folder = tmp_path_factory.mktemp("planted")
    return {encoder: train(folder / encoder, lines, encoder=encoder) for encoder in ("wide", "branches")}


@pytest.fixture(scope="module")
def countries(classifiers: Path) -> LoadedClassifier:
    return load_classifier(classifiers / "countries")


def relative(logits: NDArray[np.floating], number: int) -> float:
    """What stands in a label's logit (C,) beyond the mean over labels."""
    return float(logits[number] - logits.mean())


@pytest.mark.parametrize("encoder", ["wide", "branches"])
def test_every_way_finds_what_was_planted(planted: dict[str, LoadedClassifier], encoder: str) -> None:
    loaded, generator = planted[encoder], random.Random(1)  # noqa: S311
    for _ in range(10):
        text = planted_text(generator, planted=True)
        explanation = explain(loaded, text)
        assert explanation.label == "yes"
        place = text.index(PLANTED)
        ways = [explanation.occlusion, explanation.ngrams if encoder == "wide" else explanation.filters]
        for values in ways:
            assert values is not None
            assert int(values.argmax()) in {place, place + 1}
        strongest = (explanation.top_ngrams or explanation.top_filters)[0]
        assert PLANTED in strongest.text
        assert strongest.contribution > 0
        assert strongest.begin <= place < strongest.end


def test_for_the_other_label_it_is_the_same_with_the_other_sign(planted: dict[str, LoadedClassifier]) -> None:
    """Of two labels what stands in one beyond the mean is what the other lacks."""
    for loaded in planted.values():
        yes, no = (explain(loaded, f"abc {PLANTED} abc", label) for label in ("yes", "no"))
        assert (yes.label, no.label) == ("yes", "no")
        for values, others in ((yes.ngrams, no.ngrams), (yes.filters, no.filters)):
            if values is not None:
                assert others is not None
                np.testing.assert_allclose(values, -others, atol=1e-5)
        assert yes.occlusion.max() > 1 > -1 > no.occlusion.min()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["countries", "pair"])
def test_what_ngrams_add_sums_to_the_wide_logits(classifiers: Path, name: str, text: str) -> None:
    """Their bias aside, in their share of the answer, within what int8 loses; characters share what covers any."""
    loaded = load_classifier(classifiers / name)
    rebuilt = rebuild_classifier(loaded)
    assert rebuilt.wide is not None
    share = np.mean([join.wide for join in rebuilt.joins]) / rebuilt.temperature
    assert shares_of(loaded).wide == pytest.approx(share)
    logits = share * (rebuilt.wide.logits([text])[0] - rebuilt.wide.bias)
    for number in range(len(loaded.labels)):
        found = ngram_map(loaded, text, number)
        assert found is not None
        assert found.contributions.sum() == pytest.approx(relative(logits, number), abs=0.03)
        ends_alone = found.begins == found.ends
        assert ends_alone.sum() <= 2
        covering = found.contributions.sum() - found.contributions[found.owners[ends_alone]].sum()
        assert found.characters(len(text)).sum() == pytest.approx(covering, abs=1e-6)


@pytest.mark.parametrize("text", ["b", PLANTED, f"abc {PLANTED} cab abc"])
def test_where_ngrams_are_alone_they_make_the_answer(planted: dict[str, LoadedClassifier], text: str) -> None:
    """Of two labels, log P of one less that of the other is twice what stands in it beyond the mean, exactly."""
    loaded = planted["wide"]
    wide, found = rebuild_classifier(loaded).wide, ngram_map(loaded, text, 0)
    assert wide is not None
    assert found is not None
    said = loaded.log_probabilities(text)
    added = found.contributions.sum() + shares_of(loaded).wide * relative(wide.bias, 0)
    assert added == pytest.approx((said[0] - said[1]) / 2, abs=1e-4)


def test_hiding_is_the_difference_of_two_answers(countries: LoadedClassifier) -> None:
    """A space stands in a character's place; a space is taken out."""
    text, number = "San José", countries.labels.index("Mexico")
    given = occlusion(countries, text, number, 5)
    whole = countries.log_probabilities(text)[number]
    hidden = [" an José", "S n José", "Sa  José", "SanJosé", "San  osé"]
    np.testing.assert_array_equal(given, [whole - countries.log_probabilities(each)[number] for each in hidden])


@pytest.mark.parametrize("text", ["x", PLANTED, f"abc {PLANTED} efgh", "unknown Ω" * 9])
def test_what_filters_add_sums_to_the_logits(planted: dict[str, LoadedClassifier], text: str) -> None:
    """The bias aside, of a network that is nothing but filters; int8 moves what they give by some hundredths."""
    loaded = planted["branches"]
    rebuilt = rebuild_classifier(loaded)
    (network,) = rebuilt.networks
    logits = network_logits(network, encode_texts(loaded.alphabet, [text], loaded.longest), 2)[0]
    logits = (logits - network.output.bias.detach().numpy()) * rebuilt.joins[0].network / rebuilt.temperature
    for number in (0, 1):
        found = filter_map(loaded, text, number)
        assert found is not None
        assert found.contributions.sum() == pytest.approx(relative(logits, number), rel=0.03, abs=0.2)
        assert found.characters(len(text)).sum() == pytest.approx(found.contributions.sum(), abs=1e-5)


def test_filters_are_placed_in_a_text_that_was_cut(planted: dict[str, LoadedClassifier]) -> None:
    """The first 9 characters and the last 3 are read; what is planted between them is not seen, at the end it is."""
    loaded = replace(planted["branches"], longest=12)
    text = "abcdefgh " * 4 + PLANTED + "abcdefgh " * 4 + f"b{PLANTED}"
    found = filter_map(loaded, text, loaded.labels.index("yes"))
    assert found is not None
    values = found.characters(len(text))
    assert not values[9:-3].any()
    assert int(values.argmax()) in {len(text) - 2, len(text) - 1}
    explanation = explain(loaded, text, "yes")
    strongest = explanation.top_filters[0]
    assert text[strongest.begin : strongest.end].endswith(strongest.text)
    assert PLANTED in strongest.text
    assert found.characters(5).tolist() == values[:5].tolist()


def test_values_are_spread_evenly_over_what_they_cover() -> None:
    begins, ends, values = np.array([0, 1, 3, 2]), np.array([2, 4, 3, 3]), np.array([4.0, 3.0, 50.0, 0.5])
    np.testing.assert_allclose(spread(begins, ends, values, 5), [2, 3, 1.5, 1, 0])


def test_of_a_long_text_the_beginning_is_explained(planted: dict[str, LoadedClassifier]) -> None:
    text = "abc " * 10 + PLANTED + " abc" * 50
    for loaded in planted.values():
        explanation = explain(loaded, text, "yes")
        assert explanation.characters == text[:EXPLAINED_CHARACTERS]
        assert explanation.left_out == len(text) - EXPLAINED_CHARACTERS
        for values in (explanation.occlusion, explanation.ngrams, explanation.filters):
            assert values is None or values.shape == (EXPLAINED_CHARACTERS,)
        assert int(explanation.occlusion.argmax()) in {40, 41}
        ends = [each.end for each in explanation.top_ngrams or explanation.top_filters]
        assert ends
        assert max(ends) <= EXPLAINED_CHARACTERS


def test_what_cannot_be_explained_is_said(countries: LoadedClassifier) -> None:
    with pytest.raises(InputError, match=r"label must be one of the \d+ labels \w.*, got 'Atlantis'"):
        explain(countries, "Seoul", "Atlantis")
    with pytest.raises(InputError, match="a text to explain must have at most 10,000 characters, got 10,001"):
        explain(countries, "a" * (LONGEST_EXPLAINED + 1))
    with pytest.raises(InputError, match="a text must have a character that is no space"):
        explain(countries, " ")
    blend = replace(countries.checkpoint.manifest, blend={"joins": []})
    damaged = replace(countries, checkpoint=replace(countries.checkpoint, manifest=blend))
    with pytest.raises(CheckpointError, match="blend must say what joins count for"):
        explain(damaged, "Seoul")


@pytest.mark.parametrize(
    ("temperature", "network"),
    [(0.0, 1.0), (-1.0, 1.0), (1e-320, 1.0), (1e308 * 10, 1.0), (1.0, 1e309), (1.0, 10**400), (10**400, 1.0)],
)
def test_a_blend_that_is_no_finite_share_is_refused(
    countries: LoadedClassifier, temperature: float, network: float
) -> None:
    blend: dict[str, Any] = {"temperature": temperature, "joins": [{"network": network, "wide": 1.0}]}
    manifest = replace(countries.checkpoint.manifest, blend=blend)
    with pytest.raises(CheckpointError, match="blend must"):
        shares_of(replace(countries, checkpoint=replace(countries.checkpoint, manifest=manifest)))


def test_ngrams_are_told_where_they_stand_and_how_often(planted: dict[str, LoadedClassifier]) -> None:
    explanation = explain(planted["wide"], f"{PLANTED.upper()} {PLANTED}", "yes")
    named = {each.text: each for each in explanation.top_ngrams}
    assert named["XQ"].times == 2
    assert (named["XQ"].begin, named["XQ"].end) == (0, 2)
    begun = named.get(f"⟨{PLANTED.upper()}") or named.get(f"{PLANTED}⟩")
    assert begun is not None
    assert begun.times == 1


def test_ways_that_a_model_lacks_are_none(countries: LoadedClassifier, planted: dict[str, LoadedClassifier]) -> None:
    """Also those of a checkpoint whose graph gave log-probabilities only."""
    assert explain(planted["branches"], "a").ngrams is None
    assert explain(planted["wide"], "a").filters is None
    older = explain(replace(countries, gives=frozenset({"log_probabilities"}), filters=None), "Seoul")
    assert older.ngrams is None
    assert older.filters is None
    written = as_json_explanation(older)
    assert written["ngrams"] is written["filters"] is None
    assert written["top_ngrams"] == written["top_filters"] == []
    assert written["occlusion"] == [round(value, 4) for value in older.occlusion.tolist()]


def test_a_hidden_layer_over_ngrams_has_no_shares_of_single_ones(tmp_path: Path) -> None:
    explanation = explain(
        train(tmp_path / "hidden", planted_lines(200), encoder="wide", ngram_hidden=4), f"ab {PLANTED}", "yes"
    )
    assert explanation.ngrams is None
    assert int(explanation.occlusion.argmax()) in {3, 4}
