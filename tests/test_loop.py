"""The loop learns, stops when it should, and leaves the best weights it saw."""

from __future__ import annotations

import dataclasses
import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from model.alphabet import BEGIN_ID, END_ID, Alphabet, count_characters, train_alphabet
from model.errors import InputError
from training import loop
from training.batches import Batch, PhraseSet, phrase_batches, stream_batches
from training.loop import Outcome, Progress, advance, carried, loss_nats, start_run, train_network
from training.networks import RecurrentLanguageModel
from training.settings import NetworkSettings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = ["hello", "help", "yellow", "low"]
CHARACTERS = sum(len(word) + 1 for word in WORDS)


def alphabet_of_words() -> Alphabet:
    return train_alphabet(count_characters(WORDS, np.ones(len(WORDS))), character_limit=100)


def words_as_ids(words: list[str]) -> PhraseSet:
    ids, offsets = alphabet_of_words().encode_many(words)
    return PhraseSet(ids=ids, offsets=offsets, weights=np.ones(len(words)))


def small_network(seed: int = 0, **settings: Any) -> RecurrentLanguageModel:
    torch.manual_seed(seed)
    chosen = {"hidden_width": 16, "embedding_width": 8, "dropout": 0.0, **settings}
    return RecurrentLanguageModel(NetworkSettings(**chosen), len(alphabet_of_words()))


def loss_of(network: RecurrentLanguageModel, batch: Batch) -> float:
    with torch.no_grad():
        total, characters = loss_nats(network(torch.from_numpy(batch.inputs))[0], batch)
    return float(total / characters)


def train(
    network: RecurrentLanguageModel,
    batches: Callable[[int], Iterable[Batch]],
    validate: Callable[[], float],
    *,
    epoch_characters: float = CHARACTERS,
    report: Callable[[Progress], None] = lambda _: None,
    **settings: Any,
) -> Outcome:
    """Train by epochs alone, in float32."""
    chosen = TrainingSettings(**{"minutes": 0.0, "precision": "float32", "learning_rate": 0.02, **settings})
    return train_network(
        start_run(network, chosen),
        batches,
        advance,
        validate,
        chosen,
        epoch_characters=epoch_characters,
        seconds=math.inf,
        report=report,
    )


def batches_of_words(epoch: int) -> Iterable[Batch]:
    return phrase_batches(words_as_ids(WORDS), batch_characters=12, seed=0, epoch=epoch)


def words_as_one_batch() -> Batch:
    (batch,) = phrase_batches(words_as_ids(WORDS), batch_characters=1000, seed=0, epoch=0)
    return batch


def spelt_after(network: RecurrentLanguageModel, ids: list[int], characters: int) -> str:
    """What the network finds likeliest, one character after the other."""
    state, written = network.initial_state(1), []
    with torch.no_grad():
        for each in ids:
            logits, state = network.step(torch.tensor([each]), state)
        for _ in range(characters):
            written.append(int(logits.argmax()))
            logits, state = network.step(torch.tensor(written[-1:]), state)
    return alphabet_of_words().decode([each for each in written if each != END_ID]) + "." * written.count(END_ID)


@pytest.mark.parametrize("seed", range(3))
def test_a_one_hot_network_learns_to_spell_hello(seed: int) -> None:
    """After the same l comes l once and o once: only the state can tell."""
    network = small_network(seed, cell="rnn-tanh", hidden_width=10, embedding_width=0)
    hello = words_as_ids(["hello"])
    train(
        network,
        lambda epoch: phrase_batches(hello, batch_characters=100, seed=seed, epoch=epoch),
        lambda: loss_of(network, next(phrase_batches(hello, batch_characters=100, seed=0, epoch=0))),
        epoch_characters=6,
        epochs=150,
        seed=seed,
    )
    h = int(alphabet_of_words().encode("h")[0])
    assert spelt_after(network, [BEGIN_ID, h], 5) == "ello."


def test_a_network_learns_to_spell_hello_from_running_text() -> None:
    network = small_network(cell="rnn-tanh", embedding_width=0)
    text = alphabet_of_words().encode("hello" * 40)

    def batches(epoch: int) -> Iterable[Batch]:
        return stream_batches(text, rows=4, window=10, seed=0, epoch=epoch)

    train(network, batches, lambda: loss_of(network, next(iter(batches(0)))), epoch_characters=200, epochs=25)
    h = int(alphabet_of_words().encode("h")[0])
    assert spelt_after(network, [BEGIN_ID, h], 9) == "ellohello"


def test_running_text_goes_on_from_the_state_of_the_batch_before() -> None:
    """At a rate of next to nothing, windows read one after the other lose what the whole text at once does."""
    network = small_network()
    text = alphabet_of_words().encode("hello yellow" * 4)
    (whole,) = stream_batches(text, rows=1, window=len(text), seed=0, epoch=0)
    expected, told = loss_of(network, whole), list[Progress]()
    windows = list(stream_batches(text, rows=1, window=len(text) // 2, seed=0, epoch=0))
    train(
        network,
        lambda _: windows,
        lambda: 0.0,
        epochs=1,
        epoch_characters=len(text),
        learning_rate=1e-30,
        report=told.append,
    )
    first, both = (each.bits_per_character * math.log(2) for each in told)
    second = both * (0.98 + 1) - 0.98 * first  # the running mean weighs what is older by 0.98
    assert (first + second) / 2 == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("cell", ["rnn-tanh", "rnn-relu", "gru", "lstm"])
def test_one_batch_can_be_overfitted(cell: str) -> None:
    """What remains is the choice of the word and of what follows hel and low, which no network can know."""
    network, batch = small_network(cell=cell, hidden_width=32), words_as_one_batch()
    train(network, lambda _: [batch], lambda: loss_of(network, batch), epochs=200)
    # log 4 to choose a word, less log 2 for the h that two share, and log 2 twice to tell those two apart
    unknowable = 4 * math.log(4) / CHARACTERS
    assert unknowable - 1e-6 < loss_of(network, batch) < unknowable + 0.02


def weights_after(seed: int) -> dict[str, Tensor]:
    network = small_network(seed, dropout=0.3, layers=2)
    batch = words_as_one_batch()
    train(network, batches_of_words, lambda: loss_of(network, batch), epochs=10, seed=seed)
    return network.state_dict()


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    first, again, other = weights_after(3), weights_after(3), weights_after(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_run_ends_when_validation_no_longer_improves_and_leaves_the_best_weights() -> None:
    network = small_network()
    losses = iter([3.0, 2.0, 1.0, *itertools.repeat(1.0, 1000)])
    seen: list[dict[str, Tensor]] = []

    def validate() -> float:
        assert not network.training
        seen.append({name: each.clone() for name, each in network.state_dict().items()})
        return next(losses)

    outcome = train(network, batches_of_words, validate, epochs=100)
    # the one at the end comes after those that wore patience out
    assert len(seen) == 3 + loop.PATIENCE + 1
    assert outcome.epochs < 50
    assert outcome.ended == "no better on held-out text"
    assert outcome.held_out_bits == pytest.approx(1 / math.log(2))
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, seen[2][name])
    assert not all(torch.equal(seen[2][name], seen[-1][name]) for name in seen[2])
    assert not network.training


def test_a_run_of_epochs_reads_all_of_them_and_says_so() -> None:
    network = small_network()
    batch = words_as_one_batch()
    outcome = train(network, batches_of_words, lambda: loss_of(network, batch), epochs=3)
    assert outcome.ended == "3 epochs"
    assert outcome.epochs == 3
    assert outcome.characters == 3 * CHARACTERS
    assert outcome.steps == sum(len(list(batches_of_words(epoch))) for epoch in range(3))


def test_a_run_ends_when_its_time_is_up_with_weights_validated() -> None:
    network = small_network()
    batch = words_as_one_batch()
    settings = TrainingSettings(precision="float32")
    outcome = train_network(
        start_run(network, settings),
        batches_of_words,
        advance,
        lambda: loss_of(network, batch),
        settings,
        epoch_characters=CHARACTERS,
        seconds=1e-9,
        report=lambda _: None,
    )
    assert outcome.steps <= 1
    assert outcome.ended == "time"
    assert outcome.held_out_bits == pytest.approx(loss_of(network, batch) / math.log(2))


def test_averaged_weights_are_validated_and_kept_while_learning_goes_on_from_those_of_the_last_step() -> None:
    """Averaging changes what is kept, not the steps: the losses of training are the same with it and without."""
    kept: dict[float, Tensor] = {}
    losses: dict[float, list[float]] = {}
    for averaging in (0.0, 10.0):
        network, told = small_network(), list[Progress]()
        validated = list[float]()

        def validate(network: RecurrentLanguageModel = network, validated: list[float] = validated) -> float:
            validated.append(loss_of(network, words_as_one_batch()))
            return validated[-1]

        outcome = train(network, batches_of_words, validate, epochs=12, averaging=averaging, report=told.append)
        losses[averaging] = [each.bits_per_character for each in told]
        kept[averaging] = torch.cat([each.flatten() for each in network.parameters()])
        assert outcome.held_out_bits * math.log(2) == pytest.approx(min(validated))
        assert loss_of(network, words_as_one_batch()) == pytest.approx(min(validated))
    assert losses[0.0] == losses[10.0]
    assert not torch.equal(kept[0.0], kept[10.0])


def test_averaged_weights_do_better_where_steps_are_long() -> None:
    """At a learning rate so high that the last step lies to one side of where the loss is least."""
    least = {}
    for averaging in (0.0, 10.0):
        network = small_network()
        validate = partial(loss_of, network, words_as_one_batch())
        outcome = train(network, batches_of_words, validate, epochs=25, learning_rate=0.2, averaging=averaging)
        least[averaging] = outcome.held_out_bits
    assert least[10.0] < least[0.0]


def test_progress_rises_to_one_and_tells_the_loss() -> None:
    network, told = small_network(), list[Progress]()
    batch = words_as_one_batch()
    train(network, batches_of_words, lambda: loss_of(network, batch), epochs=30, report=told.append)
    shares = [each.done for each in told]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert shares[-1] == 1
    assert told[0].held_out_bits is None
    assert told[0].bits_per_character == pytest.approx(math.log2(len(alphabet_of_words())), rel=0.2)
    assert told[-1].held_out_bits is not None
    assert told[-1].bits_per_character < told[0].bits_per_character
    assert told[-1].epoch == 30


def test_the_learning_rate_rises_then_falls_to_little() -> None:
    settings = TrainingSettings(learning_rate=0.5)
    rates = [loop.learning_rate_at(done / 1000, settings) for done in range(1001)]
    assert rates[0] < 0.05
    assert max(rates) == rates[20] == 0.5
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] == pytest.approx(0.5 * loop.LAST_RATE)


def test_a_loss_that_is_no_number_ends_the_run_with_advice() -> None:
    network = small_network()
    with torch.no_grad():
        network.characters.output.bias[0] = math.nan
    with pytest.raises(InputError, match="loss must stay a number, got nan at step 1: lower --learning-rate"):
        train(network, batches_of_words, lambda: 0.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"minutes": -1.0}, "minutes must be at least 0, got -1.0"),
        ({"minutes": math.inf}, "minutes must be at least 0, got inf"),
        ({"minutes": math.nan}, "minutes must be at least 0, got nan"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"batch_characters": 0}, "batch_characters must be at least 1, got 0"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"threads": -1}, "threads must be at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive number, got 0.0"),
        ({"gradient_limit": math.nan}, "gradient_limit must be a positive number, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
        ({"count_power": -1.0}, "count_power must be at least 0, got -1.0"),
        ({"precision": "int4"}, "precision must be one of auto, float32, bfloat16, got 'int4'"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, got 'tpu'"),
    ],
)
def test_settings_that_train_nothing_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainingSettings(**values)
    assert str(caught.value) == message


def test_a_row_that_begins_anew_forgets_and_the_others_go_on() -> None:
    inputs = np.array([[BEGIN_ID, 5], [4, 5]])
    batch = Batch(inputs=inputs, targets=inputs, weights=np.ones(2, np.float32), continues=True)
    state = torch.ones(2, 3)
    kept = carried(state, batch)
    assert kept is not None
    assert kept.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert carried(state, dataclasses.replace(batch, continues=False)) is None
    assert carried(None, batch) is None
