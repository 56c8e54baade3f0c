"""Pretraining: a recurrent part foretells characters from both ends before it learns labels.

Legend: T characters, V vocabulary size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from model.alphabet import count_characters, train_alphabet
from training.classifier import TextClassifier
from training.classifier_learning import TextLessons
from training.classifier_settings import ClassifierSettings
from training.letters import letters_of
from training.loop import start_run
from training.pretraining import (
    Foreteller,
    advance,
    first_recurrence,
    foretelling_loss,
    foretelling_nats,
    goes_on,
    pretrain,
)
from training.settings import TrainingSettings
from training.targets import Targets
from training.text_batches import TextBatch, encode_texts, pad_texts

if TYPE_CHECKING:
    from model.alphabet import Alphabet
    from training.loop import Run

TURNING = ["abcabcabcabc", "bcabcabcab", "cabcabcabcabca"]  # after a comes b, after b comes c, after c comes a
TRAINING = TrainingSettings(minutes=0, epochs=8, learning_rate=0.02, batch_characters=64, precision="float32")


def an_alphabet(texts: list[str]) -> Alphabet:
    return train_alphabet(count_characters(texts, np.ones(len(texts))), character_limit=50)


def a_model(alphabet: Alphabet, **changed: Any) -> Foreteller:
    """With a network of random weights that drops nothing."""
    torch.manual_seed(0)
    told: dict[str, Any] = {
        "encoder": "branches+recurrent",
        "embedding_width": 6,
        "filters": 3,
        "hidden_width": 8,
        "branch_widths": "2",
        "dropout": 0.0,
        "embedding_dropout": 0.0,
    }
    settings = ClassifierSettings(**told | changed)
    network = TextClassifier(settings, len(alphabet), 2, torch.from_numpy(letters_of(alphabet)))
    layer = first_recurrence(network)
    assert layer is not None
    return Foreteller(network, layer, encode_texts(alphabet, TURNING, 512))


def a_batch(alphabet: Alphabet, texts: list[str]) -> TextBatch:
    return pad_texts(encode_texts(alphabet, texts, 512), np.arange(len(texts)))


def foretold(model: Foreteller, alphabet: Alphabet, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the logits (T - 1, V) of the characters after each, and of those before each."""
    batch = a_batch(alphabet, [text])
    model.eval()
    with torch.no_grad():
        seen, _ = model(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths))
        logits = seen @ model.network.embedding_matrix().T + model.bias
    after, before = logits.split(len(text) - 1)
    return after, before


class TestForeteller:
    def test_the_next_character_is_foretold_from_those_before_it_alone(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet)
        one, _ = foretold(model, alphabet, "abcabc")
        other, _ = foretold(model, alphabet, "abccba")
        torch.testing.assert_close(one[:3], other[:3])  # what follows a, ab and abc
        assert not torch.allclose(one[3], other[3])

    def test_the_character_before_is_foretold_from_those_after_it_alone(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet)
        _, one = foretold(model, alphabet, "abcabc")
        _, other = foretold(model, alphabet, "cbaabc")
        torch.testing.assert_close(one[2:], other[2:])  # what stands before abc, bc and c
        assert not torch.allclose(one[1], other[1])

    def test_loss_is_the_written_out_one(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet).eval()
        text = "abca"
        ids = alphabet.encode(text)
        after, before = foretold(model, alphabet, text)
        wanted = -sum(
            float(rows.log_softmax(dim=1)[place, int(ids[place + shift])])
            for rows, shift in ((after, 1), (before, 0))
            for place in range(3)
        )
        total, characters = foretelling_loss(model, a_batch(alphabet, [text]), TRAINING)
        assert characters == 6
        assert float(total.detach()) == pytest.approx(wanted, rel=1e-5)

    def test_in_training_the_characters_of_the_batch_stand_for_all(self) -> None:
        alphabet = an_alphabet(["abcd"])
        model = a_model(alphabet)
        model.shares = torch.zeros(len(alphabet))
        for character, share in {"a": 0.5, "b": 0.25, "c": 0.01, "d": 0.24}.items():
            model.shares[int(alphabet.encode(character)[0])] = share
        batch = a_batch(alphabet, ["abca"])
        after, before = foretold(model, alphabet, "abca")
        rows = torch.cat([after, before])
        wanted = 0.0
        ids = {character: int(alphabet.encode(character)[0]) for character in "abc"}
        chances = {c: 1 - (1 - float(model.shares[number])) ** 4 for c, number in ids.items()}  # of 4 characters drawn
        for row, own in zip(rows, "bcaabc", strict=True):
            others = sum(math.exp(row[ids[c]]) / chances[c] for c in "abc" if c != own)
            wanted -= math.log(math.exp(row[ids[own]]) / (math.exp(row[ids[own]]) + others))
        total, characters = foretelling_loss(model.train(), batch, TRAINING)
        assert characters == 6
        assert float(total.detach()) == pytest.approx(wanted, rel=1e-4)

    def test_where_all_characters_are_in_the_batch_training_loses_what_is_measured(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet)
        with torch.no_grad():
            model.bias[model.shares == 0] = -1e4  # what stands in no text
        batch = a_batch(alphabet, TURNING * 9)
        with torch.no_grad():
            measured, _ = foretelling_loss(model.eval(), batch, TRAINING)
            trained, _ = foretelling_loss(model.train(), batch, TRAINING)
        assert float(trained) == pytest.approx(float(measured), rel=1e-4)

    def test_one_direction_foretells_once(self) -> None:
        alphabet = an_alphabet(TURNING)
        _, characters = foretelling_loss(a_model(alphabet, bidirectional=False), a_batch(alphabet, ["abca"]), TRAINING)
        assert characters == 3

    def test_a_batch_loses_what_its_texts_lose_alone(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet).eval()
        texts = ["abcabc", "b", "cab"]
        with torch.no_grad():
            total, characters = foretelling_loss(model, a_batch(alphabet, texts), TRAINING)
            alone = [foretelling_loss(model, a_batch(alphabet, [text]), TRAINING)[0] for text in ("abcabc", "cab")]
        assert characters == 2 * (5 + 2)
        assert float(total) == pytest.approx(float(alone[0] + alone[1]), rel=1e-5)

    @pytest.mark.parametrize("cell", ["rnn-tanh", "gru", "lstm"])
    def test_gradient_reaches_embedding_and_both_directions_and_nothing_else_of_the_network(self, cell: str) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet, cell=cell)
        total, _ = foretelling_loss(model, a_batch(alphabet, TURNING), TRAINING)
        total.backward()  # type: ignore[no-untyped-call]
        reached = {name for name, each in model.network.named_parameters() if each.grad is not None and each.grad.any()}
        recurrent = {name for name, _ in model.network.named_parameters() if ".recurrences." in name}
        assert any(".recurrences.1." in name for name in recurrent)
        assert reached == {"embedding.weight", *recurrent}

    def test_hangul_learns_through_its_letters(self) -> None:
        alphabet = an_alphabet(["가나다라"])
        model = a_model(alphabet)
        total, _ = foretelling_loss(model, a_batch(alphabet, ["가나다"]), TRAINING)
        total.backward()  # type: ignore[no-untyped-call]
        assert model.network.letters_in is not None
        assert model.network.letters_in.grad is not None
        assert model.network.letters_in.grad.any()


class TestFirstRecurrence:
    @pytest.mark.parametrize("encoder", ["recurrent", "branches+recurrent", "wide+recurrent", "recurrent/convolution"])
    def test_is_what_reads_characters(self, encoder: str) -> None:
        network = TextClassifier(ClassifierSettings(encoder=encoder, layers=2), 9, 2)
        layer = first_recurrence(network)
        assert layer is not None
        assert layer.recurrences[0].input_size == network.settings.embedding_width

    @pytest.mark.parametrize("encoder", ["branches", "convolution/recurrent", "window", "wide+branches/recurrent"])
    def test_is_none_where_something_else_reads_them(self, encoder: str) -> None:
        assert first_recurrence(TextClassifier(ClassifierSettings(encoder=encoder), 9, 2)) is None


def lessons(alphabet: Alphabet, texts: list[str]) -> TextLessons:
    return TextLessons(
        texts=encode_texts(alphabet, texts, 512),
        targets=Targets(numbers=np.zeros(len(texts), np.int64), labels=2),
        weights=np.ones(len(texts), np.float32),
        settings=TRAINING,
    )


class TestPretrain:
    def test_learns_what_follows(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet, dropout=0.1)
        held_out = encode_texts(alphabet, ["bcabca"], 512)
        before = foretelling_nats(model.eval(), held_out, TRAINING)
        outcome = pretrain(model, lessons(alphabet, TURNING * 30), held_out, math.inf, alphabet)
        after = foretelling_nats(model, held_out, TRAINING)
        assert outcome.held_out_bits * math.log(2) == pytest.approx(after, rel=1e-4)  # the best weights are left
        assert after < 0.2 < before
        assert alphabet.decode(goes_on(model, alphabet.encode("ab"), 5)) == "cabca"

    def test_texts_of_one_character_tell_nothing_and_harm_nothing(self) -> None:
        alphabet = an_alphabet(TURNING)
        model = a_model(alphabet)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        held_out = encode_texts(alphabet, ["a"], 512)
        assert foretelling_nats(model, held_out, TRAINING) == math.inf
        outcome = pretrain(model, lessons(alphabet, ["a", "b"] * 9), held_out, math.inf, alphabet)
        assert outcome.epochs > 0
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

    def test_a_step_counts_what_it_read(self) -> None:
        alphabet = an_alphabet(TURNING)
        run: Run[Foreteller] = start_run(a_model(alphabet), TRAINING)
        loss, state = advance(run, a_batch(alphabet, ["abc", "ab"]), None, TRAINING)
        assert (run.characters, run.epoch_characters, run.steps, state) == (5, 5, 1, None)
        assert loss > 0
