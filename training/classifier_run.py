"""A training run of a classifier, from files to a finished, measured checkpoint.

Legend: M held-out texts, C labels.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import count_characters, train_alphabet
from model.classifier import CLASSIFIER_TASK
from training.classifier_checkpoints import Classifier, write_classifier
from training.classifier_figures import classifier_figures, logits_of_parts
from training.classifier_members import learn_networks
from training.classifier_room import ClassifierRun, Room
from training.clock import clock_of
from training.encoders.convolution import sizes
from training.joining import Join, fit_join, fit_temperature
from training.label_split import label_weights, split_labelled, without_rare_labels
from training.labelled import read_labelled
from training.observation import recorded
from training.provenance import told_facts
from training.run import Trained, prepare
from training.starting import check_classifier, tell_unknown
from training.targets import Targets
from training.wide_choice import choose_wide, relearn_wide, seconds_kept
from training.wide_lesson import told_of_spaces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch

    from model.manifest import JSON
    from training.classifier_figures import Observed, PartLogits
    from training.label_split import SplitTexts
    from training.settings import TrainingSettings

LEARNED_TEXTS, LEAST_STEPS = 600_000, 1_000  # at least, as far as the number of epochs allows
LEAST_EPOCHS, MOST_EPOCHS = 4, 60


def train_classifier(
    sources: Sequence[str],
    out: Path,
    told: ClassifierRun,
    *,
    say: Callable[[str], None],
    began: float,
    report: Path | None = None,
) -> Trained:
    """Read, train, join, export, measure and write; in the time that was given.

    Args:
        sources: files, folders, globs or ``-``.
        out: the model's folder; a new version is made in it.
        told: how.
        say: is told what is being done, a line each.
        began: when the command began, by ``time.monotonic``.
        report: where to write what was observed and measured, as HTML; None for nowhere.

    Raises:
        InputError: the texts or a setting break a rule, there is no such device, or the folder cannot take the model.
    """
    device = prepare(told.training, out, CLASSIFIER_TASK)
    if told.start is not None:
        check_classifier(told.start, told.members)
    read = without_rare_labels(read_labelled(sources, told.reading, say), told.sorting.least_texts, say)
    split = split_labelled(read)
    say(
        f"read {len(read.texts):,} texts with {len(split.labels):,} labels, {len(split.held_out_texts):,} of them "
        "held out"
    )
    targets, held_out = (
        Targets(numbers=numbers, labels=len(split.labels)) for numbers in (split.numbers, split.held_out_numbers)
    )
    observes = report is not None
    room = make_room(told, split, targets, held_out, device=device, say=say, began=began, observes=observes)
    data: dict[str, JSON] = {
        "sources": list(sources),
        **counted(split),
        "disputed_texts": read.disputed,
        "lines": read.lines,
        "skipped_lines": read.skipped,
    }
    return learn_classifier(room, out, {"data": data}, lambda made, said: classifier_figures(made, split, said), report)


def counted(split: SplitTexts) -> dict[str, JSON]:
    """Tell how many texts there are, and by a digest which of them are held out."""
    return {
        "texts": len(split.texts),
        "held_out_texts": len(split.held_out_texts),
        "held_out_digest": split.held_out_digest,
        "labels": len(split.labels),
    }


def make_room(
    told: ClassifierRun,
    split: SplitTexts,
    targets: Targets,
    held_out: Targets,
    *,
    device: torch.device,
    say: Callable[[str], None],
    began: float,
    observes: bool = False,
) -> Room:
    """Lay out what the parts of a classifier learn from: the alphabet, how much each text counts, how long to learn."""
    decided = {each: told_of_spaces(each, split.texts) for each in set(told.members) if each.is_wide}
    told = replace(
        told,
        training=replace(told.training, epochs=told.epochs or epochs_for(split, told.training)),
        members=tuple(decided.get(each, each) for each in told.members),
    )
    longest = max(map(len, split.texts))
    for each in told.members:
        if any("convolution" in chain for chain in each.chains):
            sizes(each, min(longest, each.longest))  # which refuses what leaves no place of the longest text
    if told.start is None:
        counts = count_characters(split.texts, np.ones(len(split.texts)))
        alphabet = train_alphabet(counts, character_limit=told.text.characters)
    else:
        alphabet = told.start.alphabet
        tell_unknown(told.start, split.texts, say)
    weights = label_weights(split.numbers, len(split.labels), told.sorting.balance)
    return Room(
        told=told,
        split=split,
        alphabet=alphabet,
        device=device,
        clock=clock_of(told.training, began),
        targets=targets,
        held_out=held_out,
        text_weights=weights[split.numbers],
        held_out_weights=weights[split.held_out_numbers],
        say=say,
        observes=observes,
    )


def learn_classifier(
    room: Room,
    out: Path,
    provenance: dict[str, JSON],
    measure: Callable[[Classifier, PartLogits], tuple[dict[str, JSON], Observed]],
    report: Path | None = None,
) -> Trained:
    """Learn, join, export, measure and write.

    Args:
        room: what from.
        out: the model's folder.
        provenance: where the texts are from; how they were learned is added.
        measure: gives the figures, before the n-grams learn what is measured on; is told what the parts say of it.
        report: where to write what was observed and measured, as HTML; None for nowhere.
    """
    told, chosen = room.told, None
    if any(each.is_wide for each in told.members):
        chosen = choose_wide(room)
    learned = learn_networks(room, out, 0.0 if chosen is None else seconds_kept(room, chosen))
    parts = Classifier(
        labels=room.split.labels,
        alphabet=room.alphabet,
        settings=told.members,
        networks=learned.networks,
        wide=None if chosen is None else chosen.layer,
        joins=(),
        temperature=1.0,
    )
    said = logits_of_parts(parts, room.split.held_out_texts)
    classifier = join(room, parts, said)
    figures, observed = measure(classifier, said)
    if chosen is not None:
        classifier = replace(classifier, wide=relearn_wide(room, chosen))
    made: dict[str, JSON] = {
        **told_facts(told, room.device),
        "sorting": asdict(told.sorting),
        **({} if chosen is None else chosen.plan.facts()),
        "outcomes": list(learned.members.outcomes),
    }
    if told.start is not None:
        made["from"] = told.start.provenance
    directory = write_classifier(out, classifier, figures=figures, provenance=provenance | made)
    learned.members.forget()
    if report is not None:
        from training.classifier_report import write_classifier_report  # noqa: PLC0415 - it imports matplotlib

        record, title = recorded(
            learned.members.records, len(learned.networks), f"Training of {out.name} {directory.name}"
        )
        write_classifier_report(report, record, title=title, figures=figures, observed=observed)
    return Trained(directory=directory, figures=figures)


def epochs_for(split: SplitTexts, training: TrainingSettings) -> int:
    """Choose how often to go through texts: the fewer they are, the more often."""
    characters = sum(map(len, split.texts))
    steps = max(1.0, characters / training.batch_characters)  # an epoch
    wanted = max(LEARNED_TEXTS / len(split.texts), LEAST_STEPS / steps)
    return round(min(max(wanted, LEAST_EPOCHS), MOST_EPOCHS))


def join(room: Room, parts: Classifier, said: PartLogits) -> Classifier:
    """Find how much each source of logits counts, and how sure their sum is, on held-out texts.

    Where texts of rare labels count more in training, they do so here, or what was gained would be given back; but how
    sure the sum is, which changes no label, is found on texts as they come.

    Args:
        room: whose texts are held out.
        parts: not joined yet.
        said: by them of the held-out texts.
    """
    known, joins = room.held_out.known(), []
    of_networks, of_wide = said
    for logits in of_networks:
        if of_wide is None:
            joins.append(Join(network=1 / fit_temperature(logits, known, room.held_out_weights), wide=0.0))
        else:
            joins.append(fit_join(logits, of_wide, known, room.held_out_weights))
    classifier = replace(parts, joins=tuple(joins))
    return replace(classifier, temperature=fit_temperature(classifier.logits(*said), known))
