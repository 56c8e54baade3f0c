"""A sigmoid at the end, where 0 to 1 is wanted: of two labels, softmax is the sigmoid of their logits' difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from model.generation import softmax
from training.classifier_settings import ClassifierSettings
from training.lectures.classroom import RULE_CHARACTERS, by_rule, learn, said
from training.lectures.lesson import Lecture, Result, numbers_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.lectures.lesson import Scale

WORDS = ("aaab", "aabb", "abbb", "abab", "aaaa", "bbbb")
SETTINGS = ClassifierSettings(encoder="recurrent", pooling="last", embedding_width=8, hidden_width=16, dropout=0.0)


def run(scale: Scale) -> Result:
    """Learn which of two letters a word has more of, and look at the logits of some words."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(2, size=(8 * scale.names, 5))
    texts = ["".join("ab"[letter] for letter in row) for row in drawn]
    parted = by_rule(("more a", "more b"), texts, (drawn.sum(axis=1) > 2).astype(np.int64))
    learned = learn(SETTINGS, parted, scale.epochs, rate=0.01, batch_characters=RULE_CHARACTERS)
    logits = said(learned.network, learned.room, list(WORDS))
    sigmoid = torch.sigmoid(torch.from_numpy(logits[:, 1] - logits[:, 0])).numpy()
    numbers = {
        word: {
            "logit of more a": float(of_word[0]),
            "logit of more b": float(of_word[1]),
            "P(more b), sigmoid of their difference": float(one),
            "P(more b), softmax": float(softmax(of_word)[1]),
        }
        for word, of_word, one in zip(WORDS, logits, sigmoid, strict=True)
    }

    def draw(axes: Axes) -> None:
        across = np.linspace(-16, 16, 200)
        axes.plot(across, 1 / (1 + np.exp(-across)), color="grey", label="sigmoid")
        for word, of_word, one in zip(WORDS, logits, sigmoid, strict=True):
            axes.plot(of_word[1] - of_word[0], one, marker="o", linestyle="", label=word)
        axes.set_xlabel("difference of logits")
        axes.set_ylabel("probability of more b")
        axes.legend()

    return Result(table=numbers_table("word", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="outputs", question="Where does a sigmoid belong, if not between layers?", run=run)
