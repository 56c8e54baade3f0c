"""The network that sorts texts, whatever its encoders: it learns, and reads a text alike alone and beside others.

Legend: B batch, T characters, V vocabulary size, C labels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.alphabet import UNKNOWN_ID, train_alphabet
from training.classifier import TextClassifier
from training.classifier_settings import ClassifierSettings
from training.letters import letters_of

V, C = 40, 5
ENCODERS = [
    "convolution",
    "branches",
    "recurrent",
    "window",
    "convolution/recurrent",
    "branches/recurrent",
    "recurrent/convolution",
    "wide+branches+recurrent",
    "convolution+branches+window",
]
SMALL: dict[str, Any] = {
    "embedding_width": 10,
    "filters": 12,
    "hidden_width": 11,
    "branch_widths": "2,3",
    "window_characters": 6,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
}


def a_network(encoder: str, **changed: Any) -> TextClassifier:
    torch.manual_seed(3)
    return TextClassifier(ClassifierSettings(encoder=encoder, **SMALL | changed), V, C)


def some_texts(number: int = 12, longest: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    """Ids (B, T) with anything beyond the lengths (B,), the longest first, and labels (B,)."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(4, longest + 1, (number,), generator=generator)
    lengths[0] = longest
    return (
        torch.randint(4, V, (number, longest), generator=generator),
        lengths,
        torch.randint(C, (number,), generator=generator),
    )


def loss_of(network: TextClassifier) -> Tensor:
    ids, lengths, labels = some_texts()
    return nn.functional.cross_entropy(network(ids, lengths), labels)


@pytest.mark.parametrize("cell", ["rnn-tanh", "gru", "lstm"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_gradient_reaches_every_parameter(encoder: str, cell: str) -> None:
    """With a smooth activation function, so that no unit is switched off, and attention over the places."""
    network = a_network(encoder, cell=cell, activation="gelu", pooling="attention", normalise=True, skip="highway")
    loss_of(network).backward()  # type: ignore[no-untyped-call]
    for name, weights in network.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


@pytest.mark.parametrize("pooling", ["max", "mean", "last", "attention"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_batch_says_of_a_text_what_it_says_of_it_alone(encoder: str, pooling: str) -> None:
    network = a_network(encoder, pooling=pooling).double().eval()
    ids, lengths, _ = some_texts()
    with torch.no_grad():
        together = network(ids, lengths)
        alone = [network(ids[row : row + 1, :length], lengths[row : row + 1]) for row, length in enumerate(lengths)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-10)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_at_first_labels_are_about_equally_likely(encoder: str) -> None:
    """At default sizes: a loss of ln 5 = 1.61 nats, found .13 away at most."""
    ids, lengths, labels = some_texts(64, 40)
    for seed in range(8):
        torch.manual_seed(seed)
        network = TextClassifier(ClassifierSettings(encoder=encoder), V, C).eval()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(network(ids, lengths), labels)
        assert float(loss) == pytest.approx(math.log(C), abs=0.2)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_one_batch_can_be_learned_by_heart(encoder: str) -> None:
    network = a_network(encoder)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = loss_of(network)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(loss_of(network).detach()) < 0.05


def test_characters_are_dropped_in_training_only_and_are_read_as_unknown() -> None:
    """A dropped character has the embedding of the unknown one: a third of 24,000, within 5 standard deviations."""
    share = 1 / 3
    network = a_network("window", character_dropout=share)
    ids, lengths = torch.full((1200, 20), 7), torch.full((1200,), 20)
    torch.manual_seed(0)
    rows = network.embedding.weight
    read = network.embed(ids, lengths)  # (B, T, E)
    dropped = (read == rows[UNKNOWN_ID]).all(dim=2)
    assert ((read == rows[7]).all(dim=2) == ~dropped).all()
    assert float(dropped.float().mean()) == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / ids.numel()))
    assert (ids == 7).all()
    network.eval()
    assert (network.embed(ids, lengths) == rows[7]).all()


def test_what_lies_beyond_a_text_is_zero_and_never_read() -> None:
    network = a_network("branches")
    ids, lengths, _ = some_texts()
    values = network.embed(ids, lengths)
    beyond = torch.arange(ids.shape[1]) >= lengths[:, None]
    assert (values[beyond] == 0).all()
    assert (values[~beyond] != 0).all()


def test_syllables_that_share_letters_share_weights() -> None:
    """What 각 and 간 have in common is learned from either; a Latin letter is read as itself alone."""
    alphabet = train_alphabet(dict.fromkeys("각간한a", 1.0), character_limit=100)
    letters = torch.from_numpy(letters_of(alphabet))
    settings = ClassifierSettings(encoder="window", **SMALL)
    network = TextClassifier(settings, len(alphabet), C, letters)
    assert network.letters_in is not None
    first, second, other, latin = alphabet.encode("각간한a").tolist()
    expected = network.embedding.weight[first] + letters[first] @ network.letters_in
    torch.testing.assert_close(network.embedding_matrix()[first], expected)
    torch.testing.assert_close(network.embedding_matrix()[latin], network.embedding.weight[latin])
    assert (letters[first] * letters[second]).sum() == 2
    before = network.embedding_matrix().detach().clone()
    with torch.no_grad():
        network.letters_in.add_(letters[first][:, None])  # as if learned from 각 alone
    moved = (network.embedding_matrix() - before).detach()
    torch.testing.assert_close(moved[[first, second, latin], 0], torch.tensor([3.0, 2.0, 0.0]))
    assert moved[other, 0] == (letters[first] * letters[other]).sum()


@pytest.mark.parametrize(("characters", "told"), [("abc", True), ("각간", False)])
def test_letters_are_shared_only_where_there_are_some_and_it_was_told(characters: str, told: bool) -> None:
    alphabet = train_alphabet(dict.fromkeys(characters, 1.0), character_limit=100)
    settings = ClassifierSettings(encoder="window", letters=told, **SMALL)
    network = TextClassifier(settings, len(alphabet), C, torch.from_numpy(letters_of(alphabet)))
    assert network.letters_in is None
    assert np.array_equal(network.embedding_matrix().detach().numpy(), network.embedding.weight.detach().numpy())
