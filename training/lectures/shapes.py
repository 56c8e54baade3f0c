"""One-to-one, one-to-many, many-to-one, many-to-many: each shape of the lectures on text made by rule."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import count_characters, train_alphabet
from training.classifier_settings import ClassifierSettings
from training.display import Display, train_shown
from training.lectures.classroom import PARTS, RULE_CHARACTERS, by_rule, learn
from training.lectures.hello import LETTERS, WORD, taught
from training.lectures.hello import SETTINGS as HELLO
from training.lectures.lesson import Lecture, Result, draw_bars, numbers_table
from training.loop import start_run
from training.settings import TrainingSettings
from training.tagged import TaggedTexts
from training.tagger import TextTagger
from training.tagger_learning import TagLessons, encode_tagged, mean_nats, tag_logits
from training.transducer import Transducer
from training.transducer_learning import PairLessons, advance, encode_pairs, pair_nats
from training.transducer_samples import write_greedily

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from training.lectures.lesson import Scale

VOWELS, CONSONANTS = "aeiou", "bcdfg"
SMALL_NETWORK = ClassifierSettings(
    encoder="recurrent", embedding_width=24, hidden_width=48, dropout=0.0, embedding_dropout=0.0
)
RIGHT, COMMONEST = "right", "always the commonest"


def random_words(number: int, seed: int) -> list[str]:
    """Draw words of three to eight letters."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list(VOWELS + CONSONANTS), int(generator.integers(3, 9)))) for _ in range(number)]


def training_for(scale: Scale) -> TrainingSettings:
    """Tell how the networks learn that are not classifiers."""
    return TrainingSettings(
        minutes=0,
        epochs=3 * scale.epochs,
        learning_rate=0.01,
        batch_characters=2 * RULE_CHARACTERS,
        precision="float32",
    )


def alphabet_of(texts: list[str]) -> Alphabet:
    """Take all characters of texts."""
    return train_alphabet(count_characters(texts, np.ones(len(texts))), character_limit=100)


def scores(right: float, wanted: Sequence[str] | NDArray[np.int64]) -> dict[str, float]:
    """Put the share that is right beside that of always saying the commonest of what is wanted."""
    _, counts = np.unique(np.asarray(wanted), return_counts=True)
    return {RIGHT: right, COMMONEST: float(counts.max() / counts.sum())}


def one_to_one(scale: Scale) -> dict[str, float]:
    """Tell vowels from consonants, a letter at a time, with plain layers over a window of one character."""
    letters = np.random.default_rng(0).choice(list(VOWELS + CONSONANTS), 10 * scale.names).tolist()
    numbers = np.array([int(letter in VOWELS) for letter in letters], np.int64)
    texts = by_rule(("consonant", "vowel"), letters, numbers)
    settings = ClassifierSettings(encoder="window", window_characters=1, embedding_width=8, hidden_width=8, dropout=0.0)
    learned = learn(settings, texts, scale.epochs, rate=0.02, batch_characters=RULE_CHARACTERS)
    return scores(learned.accuracy, texts.tested_numbers)


def one_to_many(scale: Scale) -> dict[str, float]:
    """Spell hello from its first letter; a letter is right or not."""
    network = taught(replace(HELLO, hidden_width=8), 20 * scale.epochs)
    written, state = [WORD[0]], network.initial_state(1)
    with torch.no_grad():
        for _ in WORD[1:]:
            logits, state = network.step(torch.tensor([LETTERS.index(written[-1])]), state)
            written.append(LETTERS[int(logits.argmax())])
    right = [one == other for one, other in zip(written[1:], WORD[1:], strict=True)]
    return scores(float(np.mean(right)), list(WORD[1:]))


def many_to_one(scale: Scale) -> dict[str, float]:
    """Tell whether a word has more vowels than consonants, with an LSTM's last state."""
    words = random_words(10 * scale.names, 1)
    numbers = np.array([int(sum(each in VOWELS for each in word) * 2 > len(word)) for word in words], np.int64)
    texts = by_rule(("not more", "more"), words, numbers)
    settings = replace(SMALL_NETWORK, pooling="last")
    learned = learn(settings, texts, scale.epochs, batch_characters=RULE_CHARACTERS)
    return scores(learned.accuracy, texts.tested_numbers)


def parted(words: list[str]) -> tuple[slice, slice, slice]:
    """Part words into those to learn from, to stop by and to be tested on."""
    ends = [len(words) * part // PARTS for part in (3, 4)]
    return slice(0, ends[0]), slice(ends[0], ends[1]), slice(ends[1], None)


def many_to_many(scale: Scale) -> dict[str, float]:
    """Tag each letter by whether it stood in the word before: equal lengths, and only memory tells."""
    words = random_words(10 * scale.names, 2)
    alphabet = alphabet_of(words)
    tags = [np.array([int(each in word[:at]) for at, each in enumerate(word)], np.int64) for word in words]
    learned, seen, tested = (
        encode_tagged(alphabet, TaggedTexts(tags=("new", "again"), texts=words[part], numbers=tags[part]), 64)
        for part in parted(words)
    )
    torch.manual_seed(0)
    network, training = TextTagger(replace(SMALL_NETWORK, bidirectional=False), len(alphabet), 2), training_for(scale)
    lessons = TagLessons(tagged=learned, settings=training)
    train_shown(
        start_run(network, training),
        lessons.batches,
        lessons.advance,
        lambda: mean_nats(tag_logits(network, seen, 2), seen.tags),
        training,
        Display(sample=str),
        epoch_characters=lessons.epoch_characters,
        seconds=math.inf,
        observer=None,
    )
    return scores(float((tag_logits(network, tested, 2).argmax(axis=1) == tested.tags).mean()), tested.tags)


def many_to_others(scale: Scale) -> dict[str, float]:
    """Write each vowel of a word twice and leave its consonants out: another length, by attention."""
    words = random_words(10 * scale.names, 3)
    others = ["".join(each * 2 for each in word if each in VOWELS) or "-" for word in words]
    source, target = alphabet_of(words), alphabet_of(others)
    learned, held_out, tested = parted(words)
    torch.manual_seed(0)
    network, training = Transducer(SMALL_NETWORK, len(source), len(target)), training_for(scale)
    lessons = PairLessons(pairs=encode_pairs(source, target, words[learned], others[learned]), settings=training)
    seen = encode_pairs(source, target, words[held_out], others[held_out])
    train_shown(
        start_run(network, training),
        lessons.batches,
        advance,
        lambda: pair_nats(network, seen, training),
        training,
        Display(sample=str),
        epoch_characters=lessons.epoch_characters,
        seconds=math.inf,
        observer=None,
    )
    written = [target.decode(write_greedily(network, source.encode(word))) for word in words[tested]]
    right = [one == other for one, other in zip(written, others[tested], strict=True)]
    return scores(float(np.mean(right)), others[tested])


def run(scale: Scale) -> Result:
    """Train a network of each shape."""
    numbers = {
        name: shape(scale)
        for name, shape in (
            ("one-to-one: a letter, its kind", one_to_one),
            ("one-to-many: h, then ello", one_to_many),
            ("many-to-one: a word, which kind it has more of", many_to_one),
            ("many-to-many: a word, of each letter whether it was there before", many_to_many),
            ("many-to-many: a word, its vowels twice", many_to_others),
        )
    }
    draw = draw_bars(numbers, [RIGHT, COMMONEST], "share")
    return Result(table=numbers_table("shape", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="shapes", question="Which shapes of input and output can be learned?", run=run)
