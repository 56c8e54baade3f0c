"""What network and n-gram count for is learned, and serves better than either alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.errors import InputError
from model.ngram import NgramNetwork
from training.blending import learn_phrase_shares
from training.checkpoints import load_network
from training.evaluation import network_scorer, phrase_losses, torch_scorer
from training.figures import prior_of
from training.settings import BlendSettings
from training.text import encode_phrases

if TYPE_CHECKING:
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


def test_running_text_has_neither_counts_nor_an_n_gram(running: LoadedModel) -> None:
    assert running.mixture is None
    assert running.ngram is None
    assert running.checkpoint.manifest.blend == {}


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
