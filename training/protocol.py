"""Which phrases are held out, where they are cut for a test, and what a completer scores on them.

Legend: P phrases, q a phrase, m the fewest characters typed before completions are asked for.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import InputError
from model.hangul import is_syllable
from training.metrics import is_hit, mean_reciprocal_rank, partial_reciprocal_rank

COMPLETIONS = 10  # the list a person is shown: MRR@10, hit at 10
FEWEST_PHRASES = 20  # below this a twentieth is not one phrase
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class ProtocolSettings:
    """Which test phrases are drawn, where they are cut, and how many of them are typed key by key."""

    protocol: Literal["count", "kim"] = field(
        default="count",
        metadata={
            "help": "count draws phrases by their counts, with replacement; kim (Kim 2019) draws lines as they stand,"
            " repeats too, each at most once, with random.Random(0).sample."
        },
    )
    phrases: int = field(default=1000, metadata={"help": "Phrases to complete."})
    least_prefix: int | None = field(
        default=None,
        metadata={
            "help": "Fewest characters typed before completions are asked for; longer phrases are the test. Left out:"
            " 1 for a phrase that begins with a Hangul syllable, else 2."
        },
    )
    keystroke_phrases: int = field(
        default=200,
        metadata={"help": "Most phrases of seen, unseen and all to measure MRL and keystrokes saved on; 0 for none."},
    )
    typed_phrases: int = field(
        default=1000,
        metadata={
            "help": "Most phrases of seen, unseen and all to type half, in the other case, as initials, on the wrong"
            " keyboard and with a slip; 0 for none."
        },
    )
    seed: int = field(default=0, metadata={"help": "Of the draw by count."})

    def __post_init__(self) -> None:
        for name, least in (("phrases", 1), ("least_prefix", 1), ("keystroke_phrases", 0), ("typed_phrases", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, got {value}")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed must be in [0, {MAX_SEED}], got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class CompletionFigures:
    """What a completer scored on a list of phrases.

    Args:
        phrases: how many phrases were asked for.
        mrr: MRR@10.
        pmrr: MRR@10 of the phrase or a part of it that ends where a word ends.
        hit_1: the share of phrases that came first.
        hit_10: the share of phrases that were among the first ten.
    """

    phrases: int
    mrr: float
    pmrr: float
    hit_1: float
    hit_10: float


def least_prefix_length(phrase: str, minimum: int | None = None) -> int:
    """Return m: the ``minimum`` that is set; else 1 for a phrase that begins with a Hangul syllable, and 2 for others.

    A syllable is two keys or more.
    """
    if minimum is not None:
        return minimum
    return 1 if is_syllable(phrase[:1]) else 2


def prefix_length(phrase: str, minimum: int) -> int:
    """Return where a test phrase is cut: the same place on every machine and in every run.

    Source: Kim 2019, EMNLP, *Subword Language Model for Query Auto-Completion*:
    ``m + md5(q + "0") mod (len(q) - m)``, the digest of the UTF-8 bytes read as one integer.

    Returns:
        at least ``minimum`` and below the phrase's length, so that something is left to complete.

    Raises:
        InputError: the phrase is not longer than ``minimum``.
    """
    if len(phrase) <= minimum:
        raise InputError(f"phrase must be longer than {minimum} characters, got {phrase!r}")
    return minimum + digest(phrase + "0") % (len(phrase) - minimum)


def cut_phrases(phrases: Sequence[str], minimum: int | None = None) -> tuple[tuple[str, str], ...]:
    """Pair every phrase with the prefix typed for it; phrases not longer than their m are left out.

    Args:
        phrases: in the order wanted.
        minimum: m for all of them; None for ``least_prefix_length`` of each.
    """
    return tuple(
        (phrase, phrase[: prefix_length(phrase, least_prefix_length(phrase, minimum))])
        for phrase in phrases
        if len(phrase) > least_prefix_length(phrase, minimum)
    )


def sample_test_phrases(texts: Sequence[str], number: int | None, minimum: int | None = None) -> tuple[str, ...]:
    """Draw test phrases, each as often as it is listed: for *unseen* phrases, and for logs of real queries.

    Source: Kim 2019: of the phrases longer than m, ``random.Random(0).sample``.

    Args:
        texts: phrases; those not longer than their m are left out.
        number: how many; all of them, in their own order, where it is None or there are no more.
        minimum: m for all of them; None for ``least_prefix_length`` of each.
    """
    usable = [text for text in texts if len(text) > least_prefix_length(text, minimum)]
    if number is None or number >= len(usable):
        return tuple(usable)
    return tuple(random.Random(0).sample(usable, number))  # noqa: S311 - a published draw, not a secret


def draw_by_count(
    texts: Sequence[str],
    counts: NDArray[np.float64],
    number: int,
    generator: np.random.Generator,
    minimum: int | None = None,
) -> tuple[str, ...]:
    """Draw training phrases as people would type them, by count and with replacement: for *seen* phrases.

    Args:
        texts: (P,) phrases; those not longer than their m are left out.
        counts: (P,) how often each was seen.
        number: how many draws.
        generator: where the luck comes from.
        minimum: m for all of them; None for ``least_prefix_length`` of each.

    Raises:
        InputError: no text is longer than its m.
    """
    usable = np.flatnonzero([len(text) > least_prefix_length(text, minimum) for text in texts])
    if not len(usable):
        shortest = 2 if minimum is None else minimum
        raise InputError(f"texts must hold a phrase longer than its shortest prefix ({shortest} characters), got none")
    shares = counts[usable] / counts[usable].sum()
    return tuple(texts[place] for place in generator.choice(usable, size=number, p=shares).tolist())


def is_held_out(phrase: str, denominator: int = 20) -> bool:
    """Say whether a phrase falls into the hashed twentieth: ``md5(q) mod 20 == 0``.

    The phrase alone decides, so another run, another order or a longer file holds out the same ones.
    The bytes hashed are the phrase's own, those of ``prefix_length`` have "0" after them: where a phrase is
    cut says nothing about whether it is held out.
    """
    return digest(phrase) % denominator == 0


def split_held_out(
    texts: Sequence[str],
    counts: NDArray[np.float64],
    *,
    denominator: int = 20,
    below: float | None = None,
    most: int = 20_000,
) -> NDArray[np.bool_]:
    """Choose the phrases to hold out of training.

    Args:
        texts: (P,) different phrases: the same one twice would be trained on and held out.
        counts: (P,) how often each was seen.
        denominator: one phrase in so many is chosen, by its hash.
        below: phrases with this count or more are never held out; None lets every phrase be.
        most: where more are chosen, those with the smallest digests are held out and the rest trained on.

    Returns:
        (P,) True where the phrase is held out.

    Raises:
        InputError: the texts are not all different, not as many as the counts, or too few to hold any out.
    """
    if len(texts) != len(counts):
        raise InputError(f"counts must be one for each of {len(texts)} phrases, got {len(counts)}")
    if len(set(texts)) != len(texts):
        raise InputError("phrases must differ, got the same one twice: add up the counts of equal phrases first")
    if len(texts) < FEWEST_PHRASES:
        raise InputError(
            f"too few lines to hold any out: at least {FEWEST_PHRASES} different phrases are needed, "
            f"got {len(texts)}; add more lines"
        )
    chosen = [
        place
        for place, (text, count) in enumerate(zip(texts, counts.tolist(), strict=True))
        if (below is None or count < below) and is_held_out(text, denominator)
    ]
    if not chosen:
        kind = "different phrases" if below is None else f"different phrases, those with counts below {below:g},"
        raise InputError(
            f"too few lines to hold any out: one in {denominator} of the {kind} is chosen by its hash, "
            f"got none of {len(texts)}; add more lines"
        )
    if len(chosen) > most:
        chosen = sorted(chosen, key=lambda place: digest(texts[place]))[:most]
    held_out = np.zeros(len(texts), dtype=np.bool_)
    held_out[chosen] = True
    return held_out


def evaluate_completions(
    test: Sequence[tuple[str, str]], complete: Callable[[str], Sequence[str]]
) -> CompletionFigures:
    """Type the prefix of every test phrase and score what is offered.

    Report *seen* phrases (they occur in training), *unseen* ones and all: each is a call of its own.

    Args:
        test: pairs of a phrase and its prefix, as ``cut_phrases`` makes them.
        complete: from a prefix to whole phrases, best first; the first ten count.

    Raises:
        InputError: there is nothing to test.
    """
    if not test:
        raise InputError("test must hold at least one phrase longer than its shortest prefix, got none")
    phrases = [phrase for phrase, _ in test]
    offered = [complete(prefix) for _, prefix in test]
    return CompletionFigures(
        phrases=len(test),
        mrr=mean_reciprocal_rank(phrases, offered, COMPLETIONS),
        pmrr=fmean(map(partial_reciprocal_rank, phrases, offered, [COMPLETIONS] * len(test))),
        hit_1=fmean(map(is_hit, phrases, offered, [1] * len(test))),
        hit_10=fmean(map(is_hit, phrases, offered, [COMPLETIONS] * len(test))),
    )


def digest(text: str) -> int:
    """Give a text's MD5, of its UTF-8 bytes, as one integer: the same luck on every machine."""
    return int(md5(text.encode(), usedforsecurity=False).hexdigest(), 16)
