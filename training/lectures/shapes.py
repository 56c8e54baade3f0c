"""One-to-one, one-to-many, many-to-one, many-to-many: each shape of the lectures on text made by rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import count_characters, train_alphabet
from training.batches import Batch
from training.classifier_settings import ClassifierSettings
from training.display import Display, train_shown
from training.lectures.classroom import learn, split
from training.lectures.hello import LETTERS, WORD
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table
from training.loop import advance as advance_language
from training.loop import start_run
from training.networks import RecurrentLanguageModel
from training.settings import NetworkSettings, TrainingSettings
from training.tagged import TaggedTexts
from training.tagger import TextTagger
from training.tagger_learning import TagLessons, encode_tagged, mean_nats, tag_logits
from training.transducer import Transducer
from training.transducer_learning import PairLessons, advance, encode_pairs, pair_nats
from training.transducer_samples import write_greedily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from training.lectures.lesson import Scale

VOWELS, CONSONANTS = "aeiou", "bcdfg"
SMALL_NETWORK = {"embedding_width": 24, "hidden_width": 48, "dropout": 0.0, "embedding_dropout": 0.0}


def random_words(number: int, seed: int) -> list[str]:
    """Draw words of three to eight letters."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list(VOWELS + CONSONANTS), int(generator.integers(3, 9)))) for _ in range(number)]


def training_for(scale: Scale) -> TrainingSettings:
    """Tell how the networks learn that are not classifiers."""
    return TrainingSettings(
        minutes=0, epochs=3 * scale.epochs, learning_rate=0.01, batch_characters=512, precision="float32"
    )


def alphabet_of(texts: list[str]) -> Alphabet:
    """Take all characters of texts."""
    return train_alphabet(count_characters(texts, np.ones(len(texts))), character_limit=100)


def one_to_one(scale: Scale) -> float:
    """Tell vowels from consonants, a letter at a time, with plain layers over a window of one character."""
    letters = np.random.default_rng(0).choice(list(VOWELS + CONSONANTS), 10 * scale.names).tolist()
    numbers = np.array([int(letter in VOWELS) for letter in letters], np.int64)
    settings = ClassifierSettings(encoder="window", window_characters=1, embedding_width=8, hidden_width=8, dropout=0.0)
    return learn(settings, split(("consonant", "vowel"), letters, numbers), scale, rate=0.02).accuracy


def one_to_many(scale: Scale) -> float:
    """Spell hello from its first letter; give the share of letters that are right."""
    torch.manual_seed(0)
    network = RecurrentLanguageModel(
        NetworkSettings(cell="rnn-tanh", layers=1, hidden_width=8, embedding_width=0, dropout=0.0), len(LETTERS)
    )
    ids = np.array([[LETTERS.index(letter) for letter in WORD]], np.int64)
    training = TrainingSettings(minutes=0, learning_rate=0.05, precision="float32")
    batch = Batch(inputs=ids[:, :-1], targets=ids[:, 1:], weights=np.ones(1, np.float32), continues=False)
    run = start_run(network, training)
    for _ in range(20 * scale.epochs):
        advance_language(run, batch, None, training)
    network.eval()
    written, state = [int(ids[0, 0])], network.initial_state(1)
    with torch.no_grad():
        for _ in WORD[1:]:
            logits, state = network.step(torch.tensor(written[-1:]), state)
            written.append(int(logits.argmax()))
    return float(np.mean([one == other for one, other in zip(written[1:], ids[0, 1:], strict=True)]))


def many_to_one(scale: Scale) -> float:
    """Tell whether a word has more vowels than consonants, with an LSTM's last state."""
    words = random_words(4 * scale.names, 1)
    numbers = np.array([int(sum(each in VOWELS for each in word) * 2 > len(word)) for word in words], np.int64)
    settings = ClassifierSettings(encoder="recurrent", pooling="last", **SMALL_NETWORK)  # type: ignore[arg-type]
    return learn(settings, split(("fewer", "more"), words, numbers), scale, epochs=2 * scale.epochs).accuracy


def many_to_many(scale: Scale) -> float:
    """Tag each letter by whether it stood in the word before: equal lengths, and only memory tells."""
    words = random_words(4 * scale.names, 2)
    alphabet = alphabet_of(words)
    tags = [np.array([int(each in word[:at]) for at, each in enumerate(word)], np.int64) for word in words]
    cut = len(words) * 4 // 5
    learned, held_out = (
        TaggedTexts(tags=("new", "again"), texts=words[part], numbers=tags[part])
        for part in (slice(0, cut), slice(cut, None))
    )
    settings = ClassifierSettings(encoder="recurrent", bidirectional=False, **SMALL_NETWORK)  # type: ignore[arg-type]
    torch.manual_seed(0)
    network, training = TextTagger(settings, len(alphabet), 2), training_for(scale)
    lessons = TagLessons(tagged=encode_tagged(alphabet, learned, 64), settings=training)
    seen = encode_tagged(alphabet, held_out, 64)

    def said() -> NDArray[np.float32]:
        return tag_logits(network, seen, 2)

    train_shown(
        start_run(network, training),
        lessons.batches,
        lessons.advance,
        lambda: mean_nats(said(), seen.tags),
        training,
        Display(sample=str),
        epoch_characters=lessons.epoch_characters,
        seconds=math.inf,
        observer=None,
    )
    return float((said().argmax(axis=1) == seen.tags).mean())


def many_to_others(scale: Scale) -> float:
    """Write a word twice as long: each vowel doubled, consonants left out; another length, by attention."""
    words = random_words(6 * scale.names, 3)
    others = ["".join(each * 2 for each in word if each in VOWELS) or "-" for word in words]
    source, target = alphabet_of(words), alphabet_of(others)
    cut = len(words) * 4 // 5
    settings = ClassifierSettings(encoder="recurrent", **SMALL_NETWORK)  # type: ignore[arg-type]
    torch.manual_seed(0)
    network, training = Transducer(settings, len(source), len(target)), training_for(scale)
    lessons = PairLessons(pairs=encode_pairs(source, target, words[:cut], others[:cut]), settings=training)
    held_out = encode_pairs(source, target, words[cut:], others[cut:])
    train_shown(
        start_run(network, training),
        lessons.batches,
        advance,
        lambda: pair_nats(network, held_out, training),
        training,
        Display(sample=str),
        epoch_characters=lessons.epoch_characters,
        seconds=math.inf,
        observer=None,
    )
    written = [target.decode(write_greedily(network, source.encode(word))) for word in words[cut:]]
    return float(np.mean([one == other for one, other in zip(written, others[cut:], strict=True)]))


def run(scale: Scale) -> Result:
    """Train a network of each shape."""
    numbers = {
        name: {"right": shape(scale)}
        for name, shape in (
            ("one-to-one: a letter, its kind", one_to_one),
            ("one-to-many: h, then ello", one_to_many),
            ("many-to-one: a word, which kind it has more of", many_to_one),
            ("many-to-many: a word, of each letter whether it was there before", many_to_many),
            ("many-to-many: a word, its vowels twice", many_to_others),
        )
    }
    return Result(
        table=numbers_table("shape", numbers), numbers=numbers, draw=draw_bars(numbers, ["right"], "share right")
    )


LECTURE = Lecture(name="shapes", question="Which shapes of input and output can be learned?", run=run)
