"""How good completions and predictions are, each figure with its unit."""

from collections.abc import Callable, Sequence
from math import log
from statistics import fmean

from model.errors import InputError
from model.hangul import Composer, keystrokes


def reciprocal_rank(target: str, completions: Sequence[str], limit: int = 10) -> float:
    """Score where the phrase that was meant stands among the first ``limit`` completions.

    Unit: 1 / rank, in [0, 1], 0 where it is absent; a person reads a list from its top, so the step from the
    first place to the second costs more than the one from the ninth to the tenth.
    """
    for rank, completion in enumerate(completions[:limit], start=1):
        if completion == target:
            return 1.0 / rank
    return 0.0


def partial_reciprocal_rank(target: str, completions: Sequence[str], limit: int = 10) -> float:
    """Score where the first useful part of the phrase that was meant stands (the PMRR of one phrase).

    Unit: 1 / rank, in [0, 1], of the first completion that is the phrase, or a beginning of it that ends
    where one of its words ends: chosen, it saves keys though the phrase is not finished.

    Source: Park & Chiba 2017, *A Neural Language Model for Query Auto-Completion*, SIGIR.
    """
    for rank, completion in enumerate(completions[:limit], start=1):
        if completion == target or _begins_at_a_word_boundary(target, completion):
            return 1.0 / rank
    return 0.0


def _begins_at_a_word_boundary(target: str, beginning: str) -> bool:
    return bool(beginning) and target.startswith(beginning) and target[len(beginning)].isspace()


def mean_reciprocal_rank(targets: Sequence[str], completions: Sequence[Sequence[str]], limit: int = 10) -> float:
    """Average ``reciprocal_rank`` over phrases: the MRR@``limit``.

    Unit: 1 / rank, in [0, 1]; each phrase of ``targets`` weighs the same, so draw phrases by count where
    frequent ones shall weigh more.

    Raises:
        InputError: there is no phrase, or not one list of completions for each.
    """
    if not targets or len(targets) != len(completions):
        raise InputError(
            "completions must be one list for each of at least one phrase, "
            f"got {len(completions)} lists for {len(targets)} phrases"
        )
    return fmean(map(reciprocal_rank, targets, completions, [limit] * len(targets)))


def is_hit(target: str, completions: Sequence[str], limit: int) -> bool:
    """Say whether the phrase that was meant is among the first ``limit`` completions.

    Unit: none; the mean over phrases is the share of people who found theirs on a list of that length.
    """
    return target in completions[:limit]


def recoverable_length(target: str, complete: Callable[[str], Sequence[str]], limit: int = 10) -> int:
    """Count the characters that can be taken off the end of a phrase, one by one, with the phrase still offered.

    Unit: characters, from 0 to the phrase's length; the first step that loses the phrase ends the count, whatever
    would be offered for less. The mean over phrases is the MRL. The phrase typed whole is not asked for.

    Source: Kim 2019, EMNLP, *Subword Language Model for Query Auto-Completion*.

    Args:
        target: the phrase that is meant.
        complete: from what was typed to whole phrases, best first.
        limit: how many of them are looked at.
    """
    for taken_off in range(1, len(target) + 1):
        if not is_hit(target, complete(target[:-taken_off]), limit):
            return taken_off - 1
    return len(target)


def keystrokes_saved(target: str, complete: Callable[[str], Sequence[str]], limit: int = 10) -> float:
    """Give the share of a phrase's keys that a person is spared who chooses it as soon as it is offered.

    Unit: 1 - (keys typed until the phrase is offered, plus one to choose it) / keys of the phrase, in [0, 1). Keys of
    Hangul are those of the two-set keyboard, and after each of them the list is asked for what an input method shows.
    It is looked at before the first key too. Who has typed all chooses nothing, so no phrase costs more keys than it
    has: one that is offered at the last key, or never, saves 0.

    Args:
        target: the phrase that is meant.
        complete: from what was typed to whole phrases, best first.
        limit: how many of them are looked at.

    Raises:
        InputError: the phrase is empty.
    """
    keys = keystrokes(target)
    if not keys:
        raise InputError("target must have at least one character, got none")
    composer = Composer()
    for typed, key in enumerate(keys):
        if is_hit(target, complete(composer.text), limit):
            return 1.0 - (typed + 1) / len(keys)
        composer.press(key)
    return 0.0


def bits_per_character(total_nats: float, characters: float) -> float:
    """Turn a summed negative log-probability into bits per character.

    Unit: bits, nats / ln 2: what a compressor would write for one character, so texts of other lengths can be
    compared. That a phrase ends is information too: ``total_nats`` includes the cost of every END, and
    ``characters`` counts one for it. This rule holds for every bits per character that machim reports. Both
    may be weighted sums.

    Args:
        total_nats: nats, the sum of -ln p over all characters and ENDs.
        characters: how many predictions that sum has: the phrases' characters, plus one END for each phrase.

    Raises:
        InputError: ``characters`` is not above 0.
    """
    if not characters > 0:
        raise InputError(f"characters must be above 0, got {characters}")
    return total_nats / characters / log(2.0)
