"""What a model is held against: its counts alone, an n-gram, and most popular completion."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.alphabet import BEGIN_ID, END_ID, count_characters, train_alphabet
from model.channel import KINDS
from model.completion import CompletionRequest, complete
from model.ngram import NgramNetwork, ngram_from
from model.runtime import initial_state
from training.evaluate import baseline_order, baselines, systems_of
from training.kneser_ney import build_kneser_ney
from training.ngram_file import ngram_bytes
from training.protocol import cut_phrases
from training.reading import Phrases, ReadingSettings, read_phrases

if TYPE_CHECKING:
    from pathlib import Path

    from model.completion import Completion
    from model.loaded import LoadedModel
    from training.comparison import System

ALL_KINDS = frozenset(KINDS)
EXACT = frozenset({"exact"})
FEW = Phrases(texts=["Oslo", "Osaka"], counts=np.array([3.0, 1.0]), skipped=0, lines=2, has_counts=True)


@pytest.fixture(scope="module")
def places(places_file: Path) -> Phrases:
    return read_phrases([str(places_file)], ReadingSettings())


@pytest.fixture(scope="module")
def prefixes(places: Phrases) -> list[str]:
    return sorted({prefix for _, prefix in cut_phrases(places.texts[:60])})


@pytest.fixture(scope="module")
def systems(phrases: LoadedModel, places: Phrases) -> dict[str, System]:
    return {system.name: system for system in systems_of(phrases, places, ALL_KINDS, lambda _: None)}


@pytest.fixture(scope="module")
def ngram(phrases: LoadedModel, places: Phrases) -> LoadedModel:
    return dict(baselines(phrases, places))["ngram"]


def with_blend(model: LoadedModel, **changed: int) -> LoadedModel:
    manifest = model.checkpoint.manifest
    blend = {name: value for name, value in manifest.blend.items() if name != "ngram_order"}
    return replace(model, checkpoint=replace(model.checkpoint, manifest=replace(manifest, blend={**blend, **changed})))


def completions(model: LoadedModel, prefix: str, kinds: frozenset[str] = ALL_KINDS) -> tuple[Completion, ...]:
    return complete(model, CompletionRequest(prefix=prefix, kinds=kinds, finished=False)).completions


def log_probability(network: NgramNetwork, ids: list[int]) -> float:
    rows, _ = network.read(np.array([[BEGIN_ID, *ids]]).T, initial_state(network))
    return float(sum(rows[at, 0, each] for at, each in enumerate([*ids, END_ID])))


def test_the_model_comes_first_and_its_replies_are_told_of(
    phrases: LoadedModel, prefixes: list[str], places: Phrases
) -> None:
    """What was typed is no completion of itself, though it was seen as a whole phrase."""
    whole = places.texts[:60]
    asked = [*prefixes, *whole]
    proven: list[bool] = []
    alone = systems_of(phrases, None, EXACT, proven.append)
    assert [system.name for system in alone] == ["model"]
    for prefix in asked:
        assert alone[0](prefix) == tuple(each.text for each in completions(phrases, prefix, EXACT))
    assert proven == [True] * len(set(asked))
    assert not any(text in alone[0](text) for text in whole)


def test_only_most_popular_completion_takes_what_was_typed_as_it_stands(systems: dict[str, System]) -> None:
    assert {name: system.literal for name, system in systems.items()} == {
        "model": False,
        "counts": False,
        "ngram": False,
        "most_popular": True,
    }
    assert systems["most_popular"]("Seo")[0] == "Seoul"


def test_counts_offer_everything_seen_before_anything_else(
    systems: dict[str, System], places: Phrases, prefixes: list[str]
) -> None:
    """The model itself thinks otherwise here and there, or the test would not tell them apart."""
    seen = frozenset(places.texts)

    def unseen_last(name: str, prefix: str) -> bool:
        known = [text in seen for text in systems[name](prefix)]
        return known == sorted(known, reverse=True)

    assert all(unseen_last("counts", prefix) for prefix in prefixes)
    assert not all(unseen_last("model", prefix) for prefix in prefixes)


def test_counts_offer_phrases_that_begin_so_in_the_order_of_most_popular_completion(
    phrases: LoadedModel, places: Phrases, prefixes: list[str]
) -> None:
    count_of = dict(zip(places.texts, places.counts.tolist(), strict=True))
    systems = {system.name: system for system in systems_of(phrases, places, EXACT, lambda _: None)}
    for prefix in prefixes:
        popular = [count_of[text] for text in systems["most_popular"](prefix)]
        offered = [count_of[text] for text in systems["counts"](prefix) if text in count_of]
        assert offered == popular


def test_the_n_gram_counts_each_phrase_as_often_as_it_was_seen(phrases: LoadedModel) -> None:
    """As if it stood there so often; the order is that of the model, 8 here."""
    model = dict(baselines(phrases, FEW))["ngram"]
    alphabet = phrases.alphabet
    ids, offsets = alphabet.encode_many(["Oslo", "Oslo", "Oslo", "Osaka"])
    counted = build_kneser_ney(ids, offsets, order=8, vocabulary_size=len(alphabet))
    network = NgramNetwork(ngram=ngram_from(ngram_bytes(counted)))
    offered = completions(model, "Os", EXACT)
    assert [each.text for each in offered[:2]] == ["Oslo", "Osaka"]
    for each in offered:
        assert each.source == "model"
        assert each.score == pytest.approx(log_probability(network, alphabet.encode(each.text).tolist()), abs=1e-4)
    turned = dict(baselines(phrases, replace(FEW, counts=FEW.counts[::-1].copy())))["ngram"]
    assert [each.text for each in completions(turned, "Os", EXACT)[:2]] == ["Osaka", "Oslo"]


def test_the_n_gram_of_order_one_is_what_the_fingers_count(phrases: LoadedModel) -> None:
    """O, s and the end stand there 4 times, l and o 3, a twice, k once, together 21: Chen and Goodman 1998, eq. 26.

    Of "Os" and one character more, "Oso" has its equal in "OsO", which is not told apart from it.
    """
    model = dict(baselines(with_blend(phrases, ngram_order=1), FEW))["ngram"]
    one, two, more = 1 / 3, 0.1, 1.0  # 1 - 2/3, 2 - 3/3 * 2 raised to a twentieth of 2, 3 - 4/3 * 3/2
    rest = (5 * more + two + one) / 21 / (len(phrases.alphabet) - 1)
    often, thrice = (4 - more) / 21 + rest, (3 - more) / 21 + rest
    offered = completions(model, "Os", EXACT)
    by_text = {each.text: each.score for each in offered}
    assert {each.text for each in offered[:2]} == {"OsO", "Oss"}
    assert by_text["Oss"] == by_text["OsO"] == pytest.approx(4 * math.log(often), abs=1e-5)
    assert by_text["Osl"] == pytest.approx(3 * math.log(often) + math.log(thrice), abs=1e-5)
    assert "Os" not in by_text  # it is the most probable of all, and nobody is helped by it


def test_the_n_gram_never_offers_what_was_typed(ngram: LoadedModel, places: Phrases) -> None:
    """Of whole phrases most of all, which it finds likely."""
    for text in places.texts[:150]:
        offered = [each.text for each in completions(ngram, text)]
        assert text not in offered
        assert offered


def test_the_n_gram_finds_slips_in_the_index(ngram: LoadedModel) -> None:
    offered = completions(ngram, "Istambul")
    assert ("Istanbul", "slip", "model") in [(each.text, each.match, each.source) for each in offered]


def test_the_n_gram_has_the_order_that_the_model_was_given(phrases: LoadedModel) -> None:
    assert baseline_order(phrases) == 8
    assert baseline_order(with_blend(phrases, ngram_order=3)) == 3
    assert baseline_order(with_blend(phrases, ngram_order=0)) == 8
    assert baseline_order(with_blend(phrases)) == 8
    syllables = "".join(chr(0xAC00 + place) for place in range(600))
    large = train_alphabet(count_characters([syllables], np.ones(1)), character_limit=600)
    assert baseline_order(replace(with_blend(phrases), alphabet=large)) == 6
