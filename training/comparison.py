"""Completers asked for the same test phrases, side by side: by set of phrases, by way of typing, and in time.

Legend: P test phrases, Q of them typed key by key, N phrases of training.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from model.channel import KINDS
from model.completion import CompletionRequest, complete
from model.errors import InputError
from training.metrics import keystrokes_saved, reciprocal_rank, recoverable_length
from training.popularity import PopularCompletions
from training.protocol import COMPLETIONS, evaluate_completions
from training.typists import TYPISTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from model.loaded import LoadedModel
    from model.manifest import JSON

    Test = Sequence[tuple[str, str]]  # phrases, each with its prefix


@dataclass(frozen=True, kw_only=True)
class KeystrokeFigures:
    """What a completer scored on phrases that were typed key by key.

    Args:
        keystroke_phrases: how many phrases were typed.
        mrl: characters that could be taken off the end with the phrase still among the first ten, mean.
        keystrokes_saved: the share of a phrase's keys that was not needed, mean.
    """

    keystroke_phrases: int
    mrl: float
    keystrokes_saved: float


@dataclass(kw_only=True)
class System:
    """A completer with a name, which is asked once for each prefix and remembers what it said.

    complete: from a prefix to whole phrases, best first; answers: what it gave for each prefix so far; elapsed_ms: how
    long it took, the time of the one call; literal: what was typed is to it how the phrase begins and nothing else, so
    it has no place in a comparison of ways of typing.
    """

    name: str
    complete: Callable[[str], Sequence[str]]
    literal: bool = False
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elapsed_ms: dict[str, float] = field(default_factory=dict)

    def __call__(self, prefix: str) -> tuple[str, ...]:
        """Give the completions of a prefix."""
        if prefix not in self.answers:
            began = time.perf_counter()
            self.answers[prefix] = tuple(self.complete(prefix))
            self.elapsed_ms[prefix] = (time.perf_counter() - began) * 1000
        return self.answers[prefix]


def ask_model(
    name: str,
    model: LoadedModel,
    kinds: frozenset[str] = frozenset(KINDS),
    proven: Callable[[bool], object] | None = None,
) -> System:
    """Make a system of a model, of which what was typed is no completion: in a test more is always to come.

    Args:
        name: of the system.
        model: is asked for ten completions.
        kinds: of match that it may make.
        proven: told of each reply whether it is exact.
    """

    def complete_prefix(prefix: str) -> list[str]:
        reply = complete(model, CompletionRequest(prefix=prefix, limit=COMPLETIONS, kinds=kinds, finished=False))
        if proven is not None:
            proven(reply.exact)
        return [each.text for each in reply.completions]

    return System(name=name, complete=complete_prefix)


def ask_counts(texts: Sequence[str], counts: NDArray[np.float64]) -> System:
    """Make the system of most popular completion, of phrases (N,) and their counts."""
    popular = PopularCompletions(texts, counts)

    def complete_prefix(prefix: str) -> list[str]:
        return [text for text, _ in popular.complete(prefix, COMPLETIONS)]

    return System(name="most_popular", complete=complete_prefix, literal=True)


@dataclass(frozen=True, kw_only=True)
class Observations:
    """What one system did phrase by phrase, for pictures.

    prefix_lengths: (P,) characters typed; reciprocal_ranks: (P,); elapsed_ms: (P,); keystrokes_saved: (Q,) shares.
    """

    prefix_lengths: tuple[int, ...]
    reciprocal_ranks: tuple[float, ...]
    elapsed_ms: tuple[float, ...]
    keystrokes_saved: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured of a model.

    model: its name and version; figures: as they are printed; observed: what each system did phrase by phrase, by its
    name, empty for running text.
    """

    model: str
    figures: dict[str, JSON]
    observed: dict[str, Observations]


def completion_figures(
    tests: Mapping[str, Test], systems: Sequence[System], keystroke_phrases: int = 0
) -> dict[str, JSON]:
    """Score every system on every set of test phrases.

    Args:
        tests: phrases with their prefixes by set: seen, unseen, all; an empty set is left out.
        systems: are asked for ten completions of each prefix.
        keystroke_phrases: the first so many of each set are typed key by key too; 0 for none.
    """
    figures: dict[str, JSON] = {}
    for name, test in tests.items():
        if test:
            figures[name] = {system.name: in_places(_scored(test, system, keystroke_phrases)) for system in systems}
    return figures


def _scored(test: Test, system: System, keystroke_phrases: int) -> dict[str, float]:
    scored: dict[str, float] = asdict(evaluate_completions(test, system))
    if keystroke_phrases:
        typed = [phrase for phrase, _ in test[:keystroke_phrases]]
        scored |= asdict(evaluate_keystrokes(typed, system))
    return scored


def evaluate_keystrokes(phrases: Sequence[str], complete: Callable[[str], Sequence[str]]) -> KeystrokeFigures:
    """Type every phrase key by key, and take it back character by character, and score what is offered on the way.

    Args:
        phrases: each counts once; a completer is asked some ten times for each.
        complete: from what was typed to whole phrases, best first; the first ten count.

    Raises:
        InputError: there is nothing to test.
    """
    if not phrases:
        raise InputError("phrases must hold at least one phrase, got none")
    return KeystrokeFigures(
        keystroke_phrases=len(phrases),
        mrl=fmean(recoverable_length(phrase, complete, COMPLETIONS) for phrase in phrases),
        keystrokes_saved=fmean(keystrokes_saved(phrase, complete, COMPLETIONS) for phrase in phrases),
    )


def typed_figures(tests: Mapping[str, Test], systems: Sequence[System], number: int) -> dict[str, JSON]:
    """Score every system on phrases typed in each way of ``TYPISTS``, beside the same phrases' plain prefixes.

    For ``partial`` the plain prefix lacks the syllable that is half typed: beside it stands what typing the half gave.

    Args:
        tests: phrases with their prefixes by set; an empty set is left out, and so is a way that none can be typed in.
        systems: are asked for ten completions; those that are ``literal`` are left out.
        number: the first so many phrases of a set that can be typed in a way are.

    Returns:
        By set, way and system: phrases, mrr and hit_10 as typed, exact_mrr and exact_hit_10 for the plain prefixes.
    """
    figures: dict[str, JSON] = {}
    for name, test in tests.items():
        ways: dict[str, JSON] = {}
        for way, typist in TYPISTS.items():
            typed = [(phrase, prefix, typist(phrase, prefix)) for phrase, prefix in test]
            usable = [(phrase, prefix, text) for phrase, prefix, text in typed if text is not None][:number]
            if usable:
                ways[way] = {
                    system.name: in_places(_beside_exact(usable, system)) for system in systems if not system.literal
                }
        if ways:
            figures[name] = ways
    return figures


def _beside_exact(typed: Sequence[tuple[str, str, str]], system: System) -> dict[str, float]:
    changed = evaluate_completions([(phrase, text) for phrase, _, text in typed], system)
    exact = evaluate_completions([(phrase, prefix) for phrase, prefix, _ in typed], system)
    return {
        "phrases": len(typed),
        "mrr": changed.mrr,
        "hit_10": changed.hit_10,
        "exact_mrr": exact.mrr,
        "exact_hit_10": exact.hit_10,
    }


def observe(test: Test, system: System, keystroke_phrases: int) -> Observations:
    """Look a system's test over phrase by phrase; what it was asked before is not asked again.

    Args:
        test: phrases with their prefixes.
        system: is asked for ten completions of each.
        keystroke_phrases: the first so many are typed key by key.
    """
    return Observations(
        prefix_lengths=tuple(len(prefix) for _, prefix in test),
        reciprocal_ranks=tuple(reciprocal_rank(phrase, system(prefix), COMPLETIONS) for phrase, prefix in test),
        elapsed_ms=tuple(system.elapsed_ms[prefix] for _, prefix in test),
        keystrokes_saved=tuple(keystrokes_saved(phrase, system, COMPLETIONS) for phrase, _ in test[:keystroke_phrases]),
    )


def latency_figures(observed: Mapping[str, Observations]) -> dict[str, JSON]:
    """Give the median and the 99th percentile of the time of one completion, ms, by system."""
    return {
        name: {
            "p50": round(float(np.percentile(each.elapsed_ms, 50)), 3),
            "p99": round(float(np.percentile(each.elapsed_ms, 99)), 3),
        }
        for name, each in observed.items()
    }


def in_places(figures: dict[str, float]) -> dict[str, JSON]:
    """Round shares to four places."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
