"""What network and n-gram count for is learned, and serves better than either alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.ngram import NgramNetwork
from training.checkpoints import load_network
from training.evaluation import network_scorer, phrase_losses, torch_scorer
from training.figures import prior_of
from training.text import encode_phrases

if TYPE_CHECKING:
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
