"""A training run of a transducer, from files of pairs to a finished, measured checkpoint."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import count_characters, train_alphabet
from model.letters import joined, spelled
from model.transducer import TRANSDUCE_TASK, load_transducer
from model.transduction import transduce
from training.clock import clock_of
from training.comparison import in_places
from training.devices import described
from training.display import Display, train_shown
from training.loop import start_run
from training.pairs import read_pairs, split_pairs
from training.provenance import Told, told_facts
from training.run import Trained, prepare
from training.transducer import Transducer, check_transducing
from training.transducer_checkpoints import write_transducer
from training.transducer_figures import NearestNeighbour, pair_scores
from training.transducer_learning import PairLessons, advance, encode_pairs, pair_nats
from training.transducer_samples import write_greedily

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model.alphabet import Alphabet
    from model.manifest import JSON
    from model.transducer import LoadedTransducer
    from training.classifier_settings import ClassifierSettings
    from training.loop import Outcome
    from training.pairs import Pairs
    from training.settings import TextSettings, TrainingSettings

MEASURED_SHARE, MEASURED_SECONDS = 0.1, (1.0, 60.0)  # of the time, kept for export and figures
VALIDATED_PAIRS, TESTED_SOURCES = 1_000, 2_000
RESULTS = 5  # asked for, of each text that is tested
LEAST_TESTED = 100  # whatever the time
LEARNED_PAIRS, LEAST_EPOCHS, MOST_EPOCHS = 1_000_000, 10, 100


@dataclass(frozen=True, kw_only=True)
class TransducerRun(Told):
    """All that a run is told; epochs: None for as many as the pairs ask for."""

    network: ClassifierSettings
    epochs: int | None = None

    def __post_init__(self) -> None:
        check_transducing(self.network)


def train_transducer(
    sources: Sequence[str], out: Path, told: TransducerRun, *, say: Callable[[str], None], began: float
) -> Trained:
    """Read, train, export, measure and write; in the time that was given.

    Args:
        sources: files, folders, globs or ``-``.
        out: the model's folder; a new version is made in it.
        told: how.
        say: is told what is being done, a line each.
        began: when the command began, by ``time.monotonic``.

    Raises:
        InputError: the pairs or a setting break a rule, there is no such device, or the folder cannot take the model.
    """
    device = prepare(told.training, out, TRANSDUCE_TASK)
    pairs = read_pairs(sources, told.reading, say)
    learned, held_out = split_pairs(pairs)
    say(f"read {len(pairs.sources):,} pairs, {len(held_out.sources):,} of them held out")
    epochs = told.epochs or round(min(max(LEARNED_PAIRS / len(learned.sources), LEAST_EPOCHS), MOST_EPOCHS))
    told = replace(told, training=replace(told.training, epochs=epochs))
    alphabets = tuple(alphabet_of(texts, told.text) for texts in (learned.sources, learned.targets))
    torch.manual_seed(told.training.seed)
    network = Transducer(told.network, len(alphabets[0]), len(alphabets[1]))
    parameters = sum(each.numel() for each in network.parameters())
    say(f"{told.network.encoder} of {parameters:,} parameters with a decoder, learning on {described(device)}")
    clock = clock_of(told.training, began)
    reserve = clock.kept(MEASURED_SHARE, MEASURED_SECONDS)
    left = max(clock.left() - reserve, 0.1)
    outcome = learn(network.to(device), learned, held_out, (alphabets[0], alphabets[1]), told.training, left)
    say(f"trained {outcome.epochs:.1f} epochs in {outcome.seconds:.0f} s (ended by {outcome.ended})")
    provenance: dict[str, JSON] = {
        "data": {
            "sources": list(sources),
            "pairs": len(learned.sources),
            "held_out_pairs": len(held_out.sources),
            "skipped_lines": pairs.skipped,
        },
        **told_facts(told, device),
        "outcome": in_places(asdict(outcome)),
    }
    write = partial(write_transducer, network=network.cpu().eval(), alphabets=(alphabets[0], alphabets[1]))
    figures = measured(write, held_out, learned, began + clock.seconds - reserve / 4)
    return Trained(directory=write(out, figures=figures, provenance=provenance), figures=figures)


def alphabet_of(texts: Sequence[str], settings: TextSettings) -> Alphabet:
    """Train the alphabet of texts, letter by letter."""
    counts = count_characters([spelled(text) for text in texts], np.ones(len(texts)))
    return train_alphabet(counts, character_limit=settings.characters)


def learn(
    network: Transducer,
    learned: Pairs,
    held_out: Pairs,
    alphabets: tuple[Alphabet, Alphabet],
    training: TrainingSettings,
    seconds: float,
) -> Outcome:
    """Train a network for so many seconds of wall clock at most, showing progress."""
    pairs, seen = (
        encode_pairs(*alphabets, [spelled(text) for text in part.sources], [spelled(text) for text in part.targets])
        for part in (learned, some_of(held_out))
    )
    lessons = PairLessons(pairs=pairs, settings=training)
    generator = np.random.default_rng(training.seed)

    def sample() -> str:
        source = held_out.sources[int(generator.integers(len(held_out.sources)))]
        ids = alphabets[0].encode(spelled(source))
        return f"{source} → {joined(alphabets[1].decode(write_greedily(network, ids)))}"

    return train_shown(
        start_run(network, training),
        lessons.batches,
        advance,
        partial(pair_nats, network, seen, training),
        training,
        Display(sample=sample),
        epoch_characters=lessons.epoch_characters,
        seconds=seconds,
        observer=None,
    )


def some_of(pairs: Pairs) -> Pairs:
    """Give as many pairs, by chance, as are looked at now and then."""
    chosen = np.zeros(len(pairs.sources), np.bool_)
    chosen[np.random.default_rng(0).permutation(len(chosen))[:VALIDATED_PAIRS]] = True
    return pairs.pick(chosen)


def measured(write: Callable[..., Path], held_out: Pairs, learned: Pairs, deadline: float) -> dict[str, JSON]:
    """Write a version for the while, and measure what it would serve on held-out pairs."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "measured", figures={}, provenance={})
        return pair_figures(load_transducer(Path(folder) / "measured"), held_out, learned, deadline)


def pair_figures(
    loaded: LoadedTransducer, pairs: Pairs, learned: Pairs | None, deadline: float = math.inf
) -> dict[str, JSON]:
    """Measure what is served, a text at a time, beside looking the nearest text up, until a deadline.

    Args:
        loaded: the model.
        pairs: that it did not learn from.
        learned: what it learned from; None where nobody knows.
        deadline: by ``time.monotonic``, after which no text is asked, but for the first hundred.
    """
    known = pairs.by_source()
    order = np.random.default_rng(0).permutation(len(known))
    sources = [list(known)[place] for place in order][:TESTED_SOURCES]
    transduce(loaded, sources[0], RESULTS)  # the first answer also waits for memory that later ones have
    neighbour = None if learned is None else NearestNeighbour(learned.by_source())
    replies, looked_up = [], []
    for source in sources:
        replies.append(transduce(loaded, source, RESULTS))
        looked_up.append([] if neighbour is None else neighbour.look_up(source))
        if time.monotonic() > deadline and len(replies) >= LEAST_TESTED:
            break
    sources = sources[: len(replies)]
    wanted = [known[source] for source in sources]
    median, last = np.percentile([reply.elapsed_ms for reply in replies], [50, 99])
    figures: dict[str, JSON] = {
        "texts": len(sources),
        "results": RESULTS,
        "transducing": pair_scores(wanted, [[text for text, _ in reply.results] for reply in replies]),
        "exact_replies": round(float(np.mean([reply.exact for reply in replies])), 4),
        "transducing_ms": {"p50": round(float(median), 3), "p99": round(float(last), 3)},
    }
    if neighbour is not None:
        figures["nearest"] = pair_scores(wanted, looked_up)
    return figures
