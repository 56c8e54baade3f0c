"""What network and n-gram count for is learned, and serves better than either alone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID
from model.errors import InputError
from model.loaded import load_model
from model.ngram import NGRAM_FILE, NgramNetwork, ngram_from
from model.runtime import initial_state
from training.blend_shares import learn_phrase_shares, likeliest_shares
from training.blending import count_stream, pieces_of
from training.checkpoints import load_network
from training.evaluation import WINDOW, Prior, network_scorer, phrase_losses, stream_loss, torch_scorer
from training.export import Shares
from training.figures import bits_of_stream, prior_of
from training.reading import ReadingSettings
from training.run import RunSettings, train_model
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings
from training.text import alphabet_of, encode_phrases, split_stream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from model.loaded import LoadedModel

UNSEEN = ["San Cristo", "Novograd", "서강시", "Port Louisburg", "Santa Lucia del Mar", "Weiyang", "남평", "Lakeville"]


def bits(model: LoadedModel, which: str) -> float:
    phrases = encode_phrases(model.alphabet, UNSEEN, np.ones(len(UNSEEN)))
    network = load_network(model)
    assert model.ngram is not None
    scorers = {
        "served": network_scorer(model.runtime),
        "trained": torch_scorer(network, prior_of(model)),
        "network": torch_scorer(network),
        "ngram": network_scorer(NgramNetwork(ngram=model.ngram)),
    }
    return float(phrase_losses(scorers[which], phrases, model.alphabet).sum() / phrases.lengths.sum() / np.log(2))


def test_the_mixture_is_better_than_each_of_its_parts(phrases: LoadedModel) -> None:
    mixed = bits(phrases, "served")
    assert mixed < bits(phrases, "network")
    assert mixed < bits(phrases, "ngram")
    assert mixed == pytest.approx(bits(phrases, "trained"), abs=0.02)


def test_the_shares_stand_in_the_manifest(phrases: LoadedModel) -> None:
    blend = phrases.checkpoint.manifest.blend
    assert 0 < float(blend["network"]) < 1.5  # type: ignore[arg-type]
    assert 0 < float(blend["ngram"]) < 1.5  # type: ignore[arg-type]
    assert blend["ngram_order"] == 8


def test_held_out_phrases_are_counted_in_before_the_model_is_written(phrases: LoadedModel) -> None:
    assert phrases.mixture is not None
    data = phrases.checkpoint.manifest.provenance["data"]
    assert isinstance(data, dict)
    held_out, learned = data["held_out_phrases"], data["phrases"]
    assert isinstance(held_out, int)
    assert isinstance(learned, int)
    assert held_out > 0
    # of those with a character that is not known, nothing can be suggested
    assert learned < phrases.mixture.index.phrases <= learned + held_out


@pytest.fixture(scope="module")
def told(places_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A models folder with ``mixed`` and ``alone``, with an n-gram or not, their running text, and text unseen."""
    folder, names = tmp_path_factory.mktemp("models"), places_file.read_text(encoding="utf-8").splitlines()
    text = "".join(f"{name.split(chr(9))[0]} lies in {len(name) % 9}.\n" for name in names)
    cut = text.index("\n", len(text) * 4 // 5) + 1
    source = tmp_path_factory.mktemp("data") / "book.txt"
    source.write_text(text[:cut], encoding="utf-8")
    for name, order in (("mixed", None), ("alone", 0)):
        settings = RunSettings(
            task="text",
            reading=ReadingSettings(),
            text=TextSettings(),
            network=NetworkSettings(hidden_width=32, embedding_width=16, dropout=0.0),
            training=TrainingSettings(minutes=0, epochs=3, batch_characters=512, learning_rate=0.01, threads=1),
            blend=BlendSettings(ngram_order=order),
        )
        train_model([str(source)], folder / name, settings, say=lambda _: None, began=time.monotonic())
    return folder, text[:cut], text[cut:]


def test_running_text_is_better_mixed_than_each_part_and_is_counted_whole(told: tuple[Path, str, str]) -> None:
    folder, learned, unseen = told
    model = load_model(folder / "mixed")
    assert model.mixture is None
    assert model.ngram is not None
    blend = model.checkpoint.manifest.blend
    assert blend.keys() == {"network", "ngram", "ngram_order", "counted_characters"}
    assert blend["counted_characters"] == len(learned)
    figures: Any = model.checkpoint.manifest.figures["bits_per_character"]
    measured: Any = bits_of_stream(load_network(model), model, unseen)["bits_per_character"]
    assert measured["int8"] == pytest.approx(measured["torch"], abs=0.02)
    for bits_by_part in (figures, measured):
        assert bits_by_part["int8"] < bits_by_part["ngram"]
    alone = stream_loss(torch_scorer(load_network(model)), model.alphabet.encode(unseen), model.alphabet)
    assert measured["torch"] < alone.bits_per_character
    # The last tenth is counted, too, once it has been measured on.
    seen: Any = bits_of_stream(load_network(model), model, split_stream(learned).held_out)["bits_per_character"]
    assert seen["ngram"] < figures["ngram"] * 0.7
    assert "holds the held-out text, too" in model.checkpoint.read("README.md").decode()


def test_an_order_of_nothing_leaves_the_network_of_running_text_alone(told: tuple[Path, str, str]) -> None:
    model = load_model(told[0] / "alone")
    assert (model.mixture, model.ngram, model.checkpoint.manifest.blend) == (None, None, {})
    assert "held-out text, too" not in model.checkpoint.read("README.md").decode()


def test_an_n_gram_goes_on_from_window_to_window(told: tuple[Path, str, str]) -> None:
    """What is scored in parts, network and n-gram each from its own state, is what is scored at once."""
    folder, _, unseen = told
    model = load_model(folder / "mixed")
    network, prior = load_network(model), prior_of(model)
    ids = model.alphabet.encode(unseen)[: 6 * 50].reshape(6, 50).astype(np.int64)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    for scorer in (torch_scorer(network, prior), network_scorer(model.runtime)):
        whole, _ = scorer(inputs, targets, None)
        first, state = scorer(inputs[:, :20], targets[:, :20], None)
        second, _ = scorer(inputs[:, 20:], targets[:, 20:], state)
        np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-4)


@pytest.mark.parametrize("order", [None, 3])
def test_text_begins_as_its_lines_do(told: tuple[Path, str, str], order: int | None) -> None:
    """Not only as its first line does."""
    model = load_model(told[0] / "mixed")
    text = "".join(f"{letter}lein ist \n" for letter in "abcdefgh" * 2000)
    blend = count_stream(text, model.alphabet, np.zeros(len(model.alphabet), np.bool_), order)
    assert blend.manifest == {"ngram_order": order or 8, "counted_characters": len(text)}
    network = NgramNetwork(ngram=ngram_from(blend.files[NGRAM_FILE]))
    rows, _ = network.read(np.array([[BEGIN_ID]]), initial_state(network))
    begun = dict(zip(model.alphabet.characters, np.exp(rows[0, 0, -len(model.alphabet.characters) :]), strict=True))
    assert sum(begun[letter] for letter in "abcdefgh") > 0.7
    assert max(begun.values()) < 0.3


def test_no_other_shares_make_running_text_likelier(told: tuple[Path, str, str]) -> None:
    """On what they were learned on, which is all that was held out: they were found as they serve, window by window."""
    folder, learned, _ = told
    model = load_model(folder / "mixed")
    network, prior = load_network(model), counted_before(model, learned)
    held_out = model.alphabet.encode(split_stream(learned).held_out)

    def nats(network_share: float, ngram_share: float) -> float:
        told = replace(prior, shares=Shares(network=network_share, ngram=ngram_share))
        return stream_loss(torch_scorer(network, told), held_out, model.alphabet).nats

    own, ngram = prior.shares.network, prior.shares.ngram
    least = nats(own, ngram)
    assert len(held_out) > 10 * WINDOW
    assert all(least < nats(own + more, ngram) and least < nats(own, ngram + more) for more in (-0.06, 0.06))


def counted_before(model: LoadedModel, learned: str) -> Prior:
    """The n-gram that the shares of a model were learned with, of what its network was trained on."""
    rare = alphabet_of(split_stream(learned), TextSettings())[1]
    counted = count_stream(split_stream(learned).text, model.alphabet, rare, None)
    prior = prior_of(model)
    assert prior is not None
    return replace(prior, ngram=ngram_from(counted.files[NGRAM_FILE]))


def test_shares_are_not_below_nothing_nor_beyond_reason() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(5, (200,), generator=generator)
    right = torch.nn.functional.one_hot(targets, 5).float()
    good, bad = (right + 0.5).log(), (1.5 - right).log()
    shares = likeliest_shares(good, bad.log_softmax(dim=-1), targets)
    assert (shares.ngram, shares.network) == (0.0, 2.0)
    noisy = (0.2 * right + torch.rand(200, 5, generator=generator)).log()
    shares = likeliest_shares(noisy, bad.log_softmax(dim=-1) / 4, targets)
    alone = likeliest_shares(noisy, torch.zeros(200, 5), targets)
    assert shares.ngram == 0
    assert 0 < shares.network == pytest.approx(alone.network, abs=0.01)


def test_long_text_is_counted_at_its_end_and_that_is_said(
    told: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.blending.MOST_COUNTED", 1000)
    _, learned, _ = told
    alphabet = load_model(told[0] / "mixed").alphabet
    rare = np.zeros(len(alphabet), np.bool_)
    assert count_stream(learned, alphabet, rare, 8).files == count_stream(learned[-1000:], alphabet, rare, 8).files
    assert count_stream(learned, alphabet, rare, 16).manifest == {"ngram_order": 16, "counted_characters": 500}
    source = tmp_path / "book.txt"
    source.write_text(learned, encoding="utf-8")
    settings = RunSettings(
        task="text",
        reading=ReadingSettings(),
        text=TextSettings(),
        network=NetworkSettings(hidden_width=8, embedding_width=8),
        training=TrainingSettings(minutes=0, epochs=1, threads=1),
    )
    said: list[str] = []
    train_model([str(source)], tmp_path / "model", settings, say=said.append, began=time.monotonic())
    assert f"the n-gram is of the last 1,000 of the {len(split_stream(learned).text):,} characters" in said


@given(st.text("ab \n", max_size=300), st.integers(1, 40), st.integers(1, 12))
def test_pieces_are_the_text_and_end_where_it_may_begin_anew(text: str, size: int, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.blending.PIECE", size)
        patch.setattr("training.blending.FEW", few)
        pieces = pieces_of(text)
    assert "".join(pieces) == text
    mark = next(mark for mark in ("\n", " ", "") if text.count(mark) >= few or not mark)
    assert all(piece.endswith(mark) for piece in pieces[:-1])
    assert all(len(piece) >= 8 for piece in pieces[:-1])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a line of some words\n" * 40, 20),  # too few lines: after words
        ("a line of some words\n" * 80, 10),
        ("a line of some words\n" * 40_000, 255),
        (("a long line " * 340 + "\n") * 80, 10),
        ("글" * 2000, 250),
    ],
)
def test_text_is_cut_rarely_enough_and_often_enough(text: str, pieces: int) -> None:
    assert len(pieces_of(text)) == pytest.approx(pieces, rel=0.1)


def test_counts_and_model_share_the_whole_of_what_is_to_come() -> None:
    """Of 1, 1, 1, 1, 2, 2, 3, 4 the discounts are those of Chen and Goodman's equation 26, by hand."""
    blend = learn_phrase_shares(np.array([1.0, 1, 1, 1, 2, 2, 3, 4]))
    share = 4 / (4 + 2 * 2)
    wanted = [1 - 2 * share * 2 / 4, 2 - 3 * share * 1 / 2, 3 - 4 * share * 1 / 1]
    assert blend["discounts"] == pytest.approx(wanted)
    left = 4 * (1 - wanted[0]) + 2 * (2 - wanted[1]) + (3 - wanted[2]) + (4 - wanted[2])
    assert float(blend["model_share"]) == pytest.approx(1 - left / 15, abs=1e-6)  # type: ignore[arg-type]
    assert left / float(blend["total"]) == pytest.approx(left / 15)  # type: ignore[arg-type]


def test_where_nothing_was_seen_twice_most_is_left_to_the_model() -> None:
    blend = learn_phrase_shares(np.ones(50))
    assert blend["model_share"] == pytest.approx(0.9)
    assert 50 * (1 - 0.9) / float(blend["total"]) == pytest.approx(0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [np.ones(50), np.array([1.0, 1, 1, 1, 2, 2, 3, 4]), np.array([70.0, 900.0])])
def test_the_share_of_the_unseen_can_be_told(counts: NDArray[np.float64]) -> None:
    blend = learn_phrase_shares(counts, 0.25)
    taken = np.array([0.0, *blend["discounts"]], dtype=np.float64)  # type: ignore[misc]
    left = counts - np.interp(counts, range(4), taken)
    assert blend["model_share"] == pytest.approx(0.25)
    assert left.sum() / float(blend["total"]) == pytest.approx(0.75)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_of_the_unseen_out_of_bounds_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"unseen_share must be in \(0, 1\), got"):
        BlendSettings(unseen_share=share)
