"""A student learns to sort texts from what a teacher, a classifier of one or several members, says of them.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531.
Legend: D texts to learn from, M held out, C labels.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from model.classifier import CLASSIFIER_TASK, load_classifier
from model.errors import InputError
from training.classification_metrics import accuracy
from training.classifier_checkpoints import rebuild_classifier
from training.classifier_figures import classifier_figures, logits_of_parts, rounded
from training.classifier_run import counted, learn_classifier, make_room
from training.clock import clock_of
from training.label_split import SplitTexts, held_out_of, label_weights, pick, split_labelled, without_rare_labels
from training.labelled import looks_labelled, read_labelled
from training.reading import read_phrases
from training.run import prepare
from training.sources import one_line
from training.tables import as_mapping
from training.targets import Targets, Taught
from training.wide import learn_again, plan_of
from training.wide_choice import WIDE_SHARE
from training.wide_lesson import Lesson, prepare_lesson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from model.classifier import LoadedClassifier
    from model.manifest import JSON
    from training.classifier_checkpoints import Classifier
    from training.classifier_figures import Observed, PartLogits
    from training.classifier_room import ClassifierRun
    from training.classifier_settings import DistillationSettings
    from training.clock import Clock
    from training.run import Trained

SHOWN_LABELS = 5
LEAST_TEXTS = 2  # without labels: one to learn from and one to measure on


@dataclass(frozen=True, kw_only=True)
class Material:
    """Texts for a student, and which of them (D,) have a label of their own; the others' is the teacher's likeliest."""

    split: SplitTexts
    labelled: NDArray[np.bool_]

    @property
    def has_labels(self) -> bool:
        """Whether any text has one; then those held out all do."""
        return bool(self.labelled.any())


def distill_classifier(
    path: Path,
    sources: Sequence[str],
    out: Path,
    told: ClassifierRun,
    teaching: DistillationSettings,
    *,
    say: Callable[[str], None],
    began: float,
) -> Trained:
    """Read, ask the teacher, train the student, measure both and write the student; in the time that was given.

    Args:
        path: of the teacher.
        sources: files, folders, globs or ``-``, each of texts with labels or of texts alone.
        out: the student's folder; a new version is made in it.
        told: what the student is and how it learns.
        teaching: how it learns from the teacher.
        say: is told what is being done, a line each.
        began: when the command began, by ``time.monotonic``.

    Raises:
        InputError: the texts or a setting break a rule, there is no such device, or the folder cannot take the model.
        CheckpointError: the teacher is damaged, or a model of another task.
    """
    device = prepare(told.training, out, CLASSIFIER_TASK)
    loaded = load_classifier(path)
    material = read_material(sources, told, loaded, say)
    teacher = without_held_out(rebuild_classifier(loaded), loaded, material, clock_of(told.training, began), say)
    asked = time.monotonic()
    logits, of_held_out = (
        teacher_logits(teacher, texts, device) for texts in (material.split.texts, material.split.held_out_texts)
    )
    say(
        f"the teacher {loaded.name} {loaded.version} said what it thinks of {len(logits) + len(of_held_out):,} texts "
        f"in {time.monotonic() - asked:.0f} s"
    )
    split = with_likeliest(material, logits, of_held_out)
    shares = teaching.truth_share * material.labelled
    share = teaching.truth_share if material.has_labels else 0.0
    targets, held_out = (
        Targets(
            numbers=numbers,
            labels=len(split.labels),
            taught=Taught(logits=said, temperature=teaching.distill_temperature, truth=truth.astype(np.float32)),
        )
        for numbers, said, truth in (
            (split.numbers, logits, shares),
            (split.held_out_numbers, of_held_out, np.full(len(of_held_out), share)),
        )
    )
    room = make_room(told, split, targets, held_out, device=device, say=say, began=began)

    def measure(student: Classifier, parts: PartLogits) -> tuple[dict[str, JSON], Observed]:
        figures, observed = classifier_figures(student, split, parts)
        said = of_held_out.argmax(axis=1)
        agreement: dict[str, JSON] = {"agreement": rounded(accuracy(said, observed.probabilities.argmax(axis=1)))}
        if not material.has_labels:  # whether the teacher is right, nobody knows
            figures = {"texts": figures["texts"], "labels": figures["labels"], "teacher": agreement}
            return figures, observed
        right = rounded(accuracy(split.held_out_numbers, said))
        return {**figures, "teacher": {"accuracy": right, **agreement}}, observed

    provenance: dict[str, JSON] = {
        "data": {"sources": list(sources), **counted(split), "texts_without_label": int((~material.labelled).sum())},
        "teacher": {"name": loaded.name, "version": loaded.version},
        "teaching": asdict(teaching),
    }
    return learn_classifier(room, out, provenance, measure)


def read_material(
    sources: Sequence[str], told: ClassifierRun, teacher: LoadedClassifier, say: Callable[[str], None]
) -> Material:
    """Read texts with labels and texts alone; hold some out: of texts with labels, where there are any.

    The same texts with labels that the teacher learned from are parted as they were for the teacher.

    Raises:
        InputError: a source breaks a rule, a label is none of the teacher's, or there are too few texts.
    """
    expected = frozenset(teacher.labels)
    labelled = [source for source in sources if looks_labelled([source], told.reading, expected) is not None]
    plain = [source for source in sources if source not in labelled]
    alone = read_phrases(plain, told.reading, say).texts if plain else []
    if labelled:
        read = without_rare_labels(read_labelled(labelled, told.reading, say), told.sorting.least_texts, say)
        unknown = sorted(set(read.labels) - expected)
        if unknown:
            shown = ", ".join(map(one_line, unknown[:SHOWN_LABELS])) + (", ..." if len(unknown) > SHOWN_LABELS else "")
            raise InputError(f"labels must be those that the teacher {teacher.name} knows, got others: {shown}")
        split = renumbered(split_labelled(read), teacher.labels)
        met = {*split.texts, *split.held_out_texts}
        alone = [text for text in alone if text not in met]
        known = len(split.texts)
        numbers = np.concatenate([split.numbers, np.zeros(len(alone), np.int64)])
        split = replace(split, texts=[*split.texts, *alone], numbers=numbers)
    else:
        split, known = split_texts(alone, teacher.labels), 0
    held_out = len(split.held_out_texts)
    say(
        f"read {known + held_out if labelled else 0:,} texts with labels and {len(alone):,} without, "
        f"{held_out:,} of them held out"
    )
    return Material(split=split, labelled=np.arange(len(split.texts)) < known)


def split_texts(texts: Sequence[str], labels: tuple[str, ...]) -> SplitTexts:
    """Hold a hashed share of different texts out, which have no labels yet.

    Raises:
        InputError: they are too few.
    """
    out = held_out_of(texts)
    return SplitTexts(
        labels=labels,
        texts=pick(texts, ~out),
        numbers=np.zeros(int((~out).sum()), np.int64),
        held_out_texts=pick(texts, out),
        held_out_numbers=np.zeros(int(out.sum()), np.int64),
    )


def renumbered(split: SplitTexts, labels: tuple[str, ...]) -> SplitTexts:
    """Number the labels of texts as those of a teacher, who knows all of them, are numbered."""
    places = np.array([labels.index(label) for label in split.labels])
    return replace(split, labels=labels, numbers=places[split.numbers], held_out_numbers=places[split.held_out_numbers])


def teacher_logits(teacher: Classifier, texts: Sequence[str], device: torch.device) -> NDArray[np.float32]:
    """Give what a teacher says of texts, in float32, many at a time: (D, C), nats."""
    for network in teacher.networks:
        network.to(device)
    logits = teacher.logits(*logits_of_parts(teacher, texts))
    for network in teacher.networks:
        network.cpu()
    return np.asarray(logits / teacher.temperature, np.float32)


def with_likeliest(material: Material, logits: NDArray[np.float32], of_held_out: NDArray[np.float32]) -> SplitTexts:
    """Give texts without a label the one that the teacher takes for likeliest.

    Args:
        material: read.
        logits: (D, C) of the teacher.
        of_held_out: (M, C).
    """
    split = material.split
    return replace(
        split,
        numbers=np.where(material.labelled, split.numbers, logits.argmax(axis=1)),
        held_out_numbers=split.held_out_numbers if material.has_labels else of_held_out.argmax(axis=1),
    )


def without_held_out(
    teacher: Classifier, loaded: LoadedClassifier, material: Material, clock: Clock, say: Callable[[str], None]
) -> Classifier:
    """Give the teacher as it was when it was measured: with n-grams that have not learned the held-out texts.

    They have by the time it is served (``wide_choice.relearn_wide``), and what they say of other texts lets the
    student know: with such a teacher a student had .88 on held-out texts and .85, as its teacher, on new ones.
    """
    if teacher.wide is None or not material.has_labels:
        return teacher
    manifest, split = loaded.checkpoint.manifest, material.split
    data, sorting = (as_mapping(manifest.provenance.get(name)) for name in ("data", "sorting"))
    plan, balance = plan_of(manifest.provenance), sorting.get("balance")
    same = data.get("held_out_digest") == split.held_out_digest
    if not same or plan is None or not isinstance(balance, float):
        say(
            f"other texts with labels made {loaded.name}: if it learned from some of those that are held out here, the "
            "figures of both are too good"
        )
        return teacher
    say(f"learning the n-grams of {loaded.name} without the held-out texts, which it knows by now")
    numbers = split.numbers[material.labelled]
    lesson = Lesson(
        texts=pick(split.texts, material.labelled),
        targets=Targets(numbers=numbers, labels=len(split.labels)),
        text_weights=label_weights(numbers, len(split.labels), balance)[numbers],
    )
    settings = next(each for each in teacher.settings if each.is_wide)
    prepared = prepare_lesson(lesson, settings)
    seed = as_mapping(manifest.provenance.get("training")).get("seed")
    learned = learn_again(prepared, plan, seed if isinstance(seed, int) else 0, clock.deadline(WIDE_SHARE))
    if not learned.finished:
        say("there was no time for that: the figures of both are too good; more --minutes would mend it")
        return teacher
    return replace(teacher, wide=learned.layer)
