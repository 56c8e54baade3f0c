"""A training run from files to a finished, measured checkpoint."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from model.checkpoint import check_task, check_writable
from model.conditions import GENERATE_TASK
from model.errors import InputError
from model.loaded import load_model
from training.blending import blend_text, count_all
from training.checkpoints import checkpoint_files, write_model
from training.clock import clock_of
from training.comparison import ask_counts, ask_model, completion_figures
from training.conditioned import read_conditioned
from training.devices import choose_device
from training.figures import beside_teacher, bits_of_phrases, bits_of_stream, seen_and_unseen
from training.language_models import networks_of
from training.learning import Classroom, learn_all
from training.observation import recorded
from training.provenance import Told, told_facts
from training.reading import looks_like_running_text, read_phrases, read_running_text
from training.settings import BlendSettings
from training.starting import check_language, tell_unknown
from training.text import (
    PhraseText,
    StreamText,
    alphabet_of,
    first_characters,
    split_phrases,
    split_stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from model.alphabet import Alphabet
    from model.loaded import LoadedModel
    from model.manifest import JSON
    from training.language_distillation import Teaching
    from training.language_models import LanguageModel
    from training.settings import NetworkSettings, TrainingSettings
    from training.starting import Start

Task = Literal["auto", "autocomplete", "text", "generate"]
TEST_PHRASES = 1000  # of each set, completed for the figures
LEAST_TESTED = 20
SECONDS_A_TEST = 0.012  # of a completion, generously
TESTED_SHARE = 0.3  # of the seconds that are left, for completions
SCORED_SHARE = 0.2  # and for bits per character, by torch, int8, and each part
SCORED_A_SECOND = 1e8  # log-probabilities, generously: characters times the vocabulary
MOST_SCORED = 4e9  # log-probabilities: minutes at most where there is no limit
LEAST_SCORED = 2000  # characters


@dataclass(frozen=True, kw_only=True)
class RunSettings(Told):
    """All that a run is told of a language model; members are ``network`` and ``others`` in turn.

    start: the model that they begin from, if any; teaching: who teaches them, if anybody does.
    """

    task: Task
    network: NetworkSettings
    blend: BlendSettings = field(default_factory=BlendSettings)
    others: tuple[NetworkSettings, ...] = ()
    start: Start | None = None
    teaching: Teaching | None = None

    def __post_init__(self) -> None:
        if len(self.others) >= self.training.members:
            raise InputError(
                f"members must be at least {1 + len(self.others)}, one for each cell, got {self.training.members}"
            )

    @property
    def networks(self) -> list[NetworkSettings]:
        """What each member is."""
        kinds = (self.network, *self.others)
        return [kinds[number % len(kinds)] for number in range(self.training.members)]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a run made: the version's folder, and its figures."""

    directory: Path
    figures: dict[str, JSON]


def train_model(
    sources: Sequence[str],
    out: Path,
    settings: RunSettings,
    *,
    say: Callable[[str], None],
    began: float,
    report: Path | None = None,
) -> Trained:
    """Read, train, export, measure and write; in the time that was given.

    Args:
        sources: files, folders, globs or ``-``.
        out: the model's folder; a new version is made in it.
        settings: how.
        say: is told what is being done, a line each.
        began: when the command began, by ``time.monotonic``.
        report: where to write what was observed and measured, as HTML; None for nowhere.

    Raises:
        InputError: the text or a setting breaks a rule, there is no such device, or the folder cannot take the model.
    """
    if settings.start is not None:
        check_language(settings.start, settings.networks)
    device = prepare(settings.training, out, None if settings.task == "auto" else settings.task)
    task, text, data = read_text(sources, settings, say)
    if settings.task == "auto":
        check_task(out, task)
    known = settings.start if settings.teaching is None else settings.teaching.teacher
    if known is not None and known.written_labels != labels_of(text):
        raise InputError(
            f"{known.name} must write texts of the same labels as these, or both of none, got "
            f"{len(known.written_labels):,} labels and {len(labels_of(text)):,}"
        )
    alphabet, rare = alphabet_of(text, settings.text, None if known is None else known.alphabet)
    say(f"alphabet of {len(alphabet.characters):,} characters")
    if known is not None:
        tell_unknown(known, text.texts if isinstance(text, PhraseText) else [text.text], say)
    room = Classroom(
        text=text,
        alphabet=alphabet,
        rare=rare,
        training=settings.training,
        device=device,
        began=began,
        say=say,
        observes=report is not None,
        start=settings.start,
        teaching=settings.teaching,
    )
    learned = learn_all(room, settings.networks, out)
    network, outcomes = learned.network, learned.members.outcomes
    say("exporting and measuring")
    labels = labels_of(text)
    blend = blend_text(network, text, alphabet, rare, settings.blend)
    if isinstance(text, StreamText) and blend.manifest and blend.manifest["counted_characters"] != len(text.text):
        say(f"the n-gram is of the last {blend.manifest['counted_characters']:,} of the {len(text.text):,} characters")
    files, quantisation = checkpoint_files(network, alphabet, sample_of(text, alphabet), blend.shares)
    left = clock_of(settings.training, began).left()
    write = partial(write_model, task=task, network=network, quantisation=quantisation, labels=labels)
    with tempfile.TemporaryDirectory() as folder:
        parts = {**files, **blend.files}
        write(Path(folder) / "measured", parts, blend=blend.manifest, figures={}, provenance={})
        model = load_model(Path(folder) / "measured")
        figures = measure(network, text, model, seconds=left, seed=settings.training.seed)
    if settings.teaching is not None:
        figures["teacher"] = beside_teacher(network, settings.teaching.network(), text, alphabet)
    blend = count_all(blend, text, alphabet, rare, settings.blend)
    provenance: dict[str, JSON] = {
        "data": data,
        **told_facts(settings, device),
        "blend": asdict(settings.blend),
        "outcome": list(outcomes) if len(outcomes) > 1 else outcomes[0],
    }
    if settings.start is not None:
        provenance["from"] = settings.start.provenance
    if settings.teaching is not None:
        provenance["teacher"] = settings.teaching.provenance
    directory = write(out, {**files, **blend.files}, blend=blend.manifest, figures=figures, provenance=provenance)
    learned.members.forget()
    if report is not None:
        from training.training_report import write_training_report  # noqa: PLC0415 - it imports matplotlib

        record, title = recorded(learned.members.records, len(outcomes), f"Training of {out.name} {directory.name}")
        write_training_report(report, record, title=title, figures=figures)
    return Trained(directory=directory, figures=figures)


def labels_of(text: PhraseText | StreamText) -> tuple[str, ...]:
    """Give the labels of texts that begin with their symbols, none of other text."""
    return text.labels if isinstance(text, PhraseText) else ()


def prepare(training: TrainingSettings, out: Path, task: str | None = None) -> torch.device:
    """Choose the device and the threads, before anything is read, and see that a version can be written.

    Raises:
        InputError: there is no such device, the folder cannot be written, or it holds a model of another task.
    """
    device = choose_device(training.device)
    check_writable(out)
    if task is not None:
        check_task(out, task)
    torch.set_num_threads(training.threads or torch.get_num_threads())
    return device


def read_text(
    sources: Sequence[str], settings: RunSettings, say: Callable[[str], None]
) -> tuple[str, PhraseText | StreamText, dict[str, JSON]]:
    """Read the sources as phrases or as running text, and hold some out; say what was taken for what."""
    task, reason = settings.task, None
    if task == "auto":
        reason = looks_like_running_text(sources, settings.reading)
        task = "autocomplete" if reason is None else "text"
    if task == "text":
        stream = split_stream(read_running_text(sources, settings.reading))
        if settings.task == "auto":
            say(f"taken for running text, since {reason}; --task autocomplete takes each line for a phrase")
        say(f"read {len(stream.text) + len(stream.held_out):,} characters of running text, the last tenth held out")
        data: dict[str, JSON] = {
            "sources": list(sources),
            "characters": len(stream.text),
            "held_out_characters": len(stream.held_out),
        }
        return task, stream, data
    if task == GENERATE_TASK:
        return task, *read_conditioned(sources, settings.reading, say)
    phrases = read_phrases(sources, settings.reading, say)
    if phrases.skipped:
        say(f"left out {phrases.skipped:,} bad lines")
    split = split_phrases(phrases, settings.text)
    held_out = len(split.held_out_texts)
    say(f"read {len(phrases.texts):,} different phrases in {phrases.lines:,} lines, {held_out:,} held out")
    least = settings.blend.least_count
    below = int((phrases.counts < least).sum())
    if below:
        say(
            f"{below:,} of {len(phrases.texts):,} phrases have a count below --least-count {least:g}: the model "
            "suggests them, the counts do not"
        )
    data = {
        "sources": list(sources),
        "phrases": len(split.texts),
        "held_out_phrases": len(split.held_out_texts),
        "lines": phrases.lines,
        "skipped_lines": phrases.skipped,
        "total_count": float(phrases.counts.sum()),
    }
    return task, split, data


def measure(
    network: LanguageModel, text: PhraseText | StreamText, model: LoadedModel, *, seconds: float, seed: int
) -> dict[str, JSON]:
    """Measure what will be served, before the held-out phrases are counted in, on as much as the seconds allow."""
    members = len(networks_of(network))
    scored = min(seconds * SCORED_SHARE * SCORED_A_SECOND / members, MOST_SCORED) / network.vocabulary_size
    characters = max(LEAST_SCORED, int(scored))
    if isinstance(text, StreamText):
        return bits_of_stream(network, model, text.held_out[:characters])
    measured = first_characters(text.held_out_texts, characters)
    figures = bits_of_phrases(network, model, measured, text.held_out_counts[: len(measured)])
    if model.labels:
        return figures
    number = int(min(max(seconds * TESTED_SHARE / (2 * SECONDS_A_TEST * members), LEAST_TESTED), TEST_PHRASES))
    tests = seen_and_unseen(text.texts, text.counts, text.held_out_texts, number, seed)
    systems = [ask_model("model", model), ask_counts(text.texts, text.counts)]
    return {**figures, "completion": completion_figures(tests, systems)}


def sample_of(text: PhraseText | StreamText, alphabet: Alphabet) -> Iterator[torch.Tensor]:
    """Give some text, as ids (T,), for measuring the states of the network on."""
    shown = text.held_out_texts[:100] if isinstance(text, PhraseText) else [text.held_out[:2000]]
    for each in shown:
        yield torch.from_numpy(alphabet.encode(each).astype(np.int64))
