"""What a run is told on the command line, as the settings of its task."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from model.command_options import settings_from
from model.errors import InputError
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.reading import ReadingSettings
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from training.classifier_room import ClassifierRun
    from training.run import RunSettings, Task
    from training.starting import Start
    from training.tagger_run import TaggerRun
    from training.transducer_run import TransducerRun

# Where others than language models learn best in another way (decisions/0013-what-classifiers-are-made-of.md).
CLASSIFIER_TRAINING = {"learning_rate": 0.002, "batch_characters": 4096, "averaging": 10.0}
# What a tagger is where nothing else is told.
TAGGER = {"encoder": "branches/recurrent", "pool_width": 1, "hidden_width": 128, "dropout": 0.3}
TAGGER_TRAINING = {**CLASSIFIER_TRAINING, "averaging": 0.0}
TRANSDUCER_TRAINING = {"learning_rate": 0.003, "batch_characters": 4096}
TRANSDUCER = {"encoder": "recurrent", "pool_width": 1, "hidden_width": 192, "dropout": 0.3}
STUDENT = {"encoder": "wide+branches"}  # what a student is where nothing else is told
LANGUAGE = (TextSettings, NetworkSettings, TrainingSettings, BlendSettings)  # what a language model is told by
CLASSIFIER = (TextSettings, TrainingSettings, ClassifierSettings, SortingSettings)  # what a classifier is told by
TAGGERS = (TextSettings, TrainingSettings, ClassifierSettings)  # what a tagger is told by
PHRASES_ALONE = ("count_power", "held_out_below", "least_count", "unseen_share")
MIXED_ALONE = (*PHRASES_ALONE, "ngram_order")  # with an n-gram
IDLE: dict[str, tuple[str, ...]] = {
    "text": (*PHRASES_ALONE, "text_column", "label_column", "count_column"),
    "autocomplete": ("window", "label_column"),
    "generate": (*MIXED_ALONE, "window"),
}  # auto is either
WHAT = {"text": "models of running text", "generate": "models that write texts of labels"}
NOT_FOR_LABELS = (*MIXED_ALONE, "window")
NOT_FOR_LINES = (*NOT_FOR_LABELS, "format", "text_column", "label_column", "count_column")  # whose lines have one form
NOT_FOR_PAIRS = (
    *NOT_FOR_LINES,
    "members",
    "processes",
    "letters",
    "pooling",
    "ngram_least",
    "ngram_most",
    "ngram_spaces",
    "ngram_texts",
    "ngram_hidden",
    "longest",
)
NOT_FOR_TAGS = (*NOT_FOR_LINES, "pooling", "ngram_least", "ngram_most", "ngram_spaces", "ngram_texts", "ngram_hidden")
NETWORKS = ("convolution", "branches", "recurrent", "window")  # parts that read characters
# What only some parts of an encoder make use of, and which those are.
READERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("filter_width", "stride", "padding", "convolutions", "blocks", "pool_width"), ("convolution",)),
    **dict.fromkeys(("cell", "bidirectional", "recurrent_dropout", "pretrain"), ("recurrent",)),
    **dict.fromkeys(("ngram_least", "ngram_most", "ngram_spaces", "ngram_texts", "ngram_hidden"), ("wide",)),
    **dict.fromkeys(("layers", "hidden_width"), ("recurrent", "window")),
    "filters": ("convolution", "branches"),
    "branch_widths": ("branches",),
    "window_characters": ("window",),
    "activation": ("convolution", "branches", "window"),
    "pooling": ("convolution", "branches", "recurrent"),
    **dict.fromkeys(("embedding_width", "letters", "longest", "normalise", "skip", "initialise"), NETWORKS),
    **dict.fromkeys(("character_dropout", "embedding_dropout", "dropout"), NETWORKS),
    **dict.fromkeys(("learning_rate", "weight_decay", "gradient_limit", "averaging"), NETWORKS),
    **dict.fromkeys(("epochs", "batch_characters", "precision"), NETWORKS),
}
FIRST_SKIPPED = {"convolution", "branches"}  # parts of which a connection skips the first layer, too


def refuse_idle(told: Collection[str], used: tuple[type, ...], idle: Collection[str], what: str) -> None:
    """Refuse options of a run that would change nothing of it.

    Args:
        told: names of the options that somebody told.
        used: the settings that the run is made of.
        idle: names of fields of theirs that it makes no use of all the same.
        what: the run is of, in the plural.

    Raises:
        InputError: there is one.
    """
    taken = {each.name for settings in (ReadingSettings, *used) for each in fields(settings)} - set(idle)
    known = {each.name for settings in (ReadingSettings, *LANGUAGE, *CLASSIFIER) for each in fields(settings)}
    for name in told:
        if name in known - taken:
            raise InputError(f"--{name.replace('_', '-')} changes nothing of {what}: leave it out")


def refuse_unread(told: Collection[str], members: Sequence[ClassifierSettings], used: Collection[str] = ()) -> None:
    """Refuse options of a run that no part of any member makes use of.

    Args:
        told: names of the options that somebody told.
        members: what they came to.
        used: options that something beside the parts makes use of.

    Raises:
        InputError: there is one.
    """
    encoders = ",".join(dict.fromkeys(each.encoder for each in members))
    parts = {part for each in members for chain in each.chains for part in chain}
    for name in told:
        readers = READERS.get(name, ())
        if readers and name not in used and not parts & set(readers):
            raise InputError(
                f"--{name.replace('_', '-')} changes nothing of {encoders}: leave it out, or tell an --encoder with "
                + " or ".join(readers)
            )
    if "skip" in told and not parts & FIRST_SKIPPED and all(each.layers == 1 for each in members):
        raise InputError(f"--skip changes nothing of {encoders} with one layer: leave it out, or tell more --layers")


def language_run(
    task: Task, told: dict[str, Any], reading: ReadingSettings, note: str, start: Start | None = None
) -> RunSettings:
    """Give what a run of a language model is told.

    Args:
        task: of the run.
        told: options of the command, without those left to their default.
        reading: how text is read.
        note: for the model card.
        start: the model that it goes on from: what it is told of its network it is told against what that one is.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.run import RunSettings  # noqa: PLC0415 - it imports torch

    refuse_idle(told, LANGUAGE, IDLE.get(task, ()), WHAT.get(task, "language models"))
    before = [{}] if start is None else [asdict(each) for each in start.settings]
    training = settings_from(TrainingSettings, {"members": len(before), **told})
    cells = [{"cell": cell} for cell in told.get("cell", ())] or [{}]
    network, *others = (
        settings_from(NetworkSettings, {**before[number % len(before)], **told, **cells[number % len(cells)]})
        for number in range(len(cells) if start is None else max(len(cells), training.members))
    )
    return RunSettings(
        task=task,
        reading=reading,
        text=settings_from(TextSettings, told),
        network=network,
        others=tuple(others),
        training=training,
        blend=settings_from(BlendSettings, told),
        note=note,
        start=start,
    )


def classifier_run(
    told: dict[str, Any], reading: ReadingSettings, note: str, start: Start | None = None
) -> ClassifierRun:
    """Give what a run of a classifier is told.

    Args:
        told: options of the command, without those left to their default: some have another default here.
        reading: how text is read.
        note: for the model card.
        start: the model that its networks begin from, whose settings they have where they are told no others.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.classifier_room import ClassifierRun  # noqa: PLC0415 - it imports torch

    refuse_idle(told, CLASSIFIER, NOT_FOR_LABELS, "models that sort texts")
    before: list[dict[str, Any]] = [{}]
    if start is not None:
        from training.starting import classifier_defaults  # noqa: PLC0415 - it imports torch

        before = [classifier_defaults(start, number) for number in range(len(start.settings) if start.labels else 1)]
    training = settings_from(TrainingSettings, {**CLASSIFIER_TRAINING, "members": len(before), **told})
    members = members_told(told, training.members, before)
    refuse_unread(told, members)
    return ClassifierRun(
        reading=reading,
        text=settings_from(TextSettings, told),
        members=members,
        training=training,
        epochs=told.get("epochs"),
        sorting=settings_from(SortingSettings, told),
        note=note,
        start=start,
    )


def members_told(told: dict[str, Any], least: int, before: Sequence[dict[str, Any]]) -> tuple[ClassifierSettings, ...]:
    """Give the settings of each member, which take encoders and cells in turn.

    Args:
        told: options of the command, without those left to their default.
        least: members, at least; as many as there are encoders or cells, if those are more.
        before: what members are where nothing else is told, in turn.

    Raises:
        InputError: an option breaks its rule.
    """
    several = {"encoder": told["encoder"].split(",")} if "encoder" in told else {}
    several |= {"cell": told["cell"]} if "cell" in told else {}
    return tuple(
        settings_from(
            ClassifierSettings,
            {
                **before[number % len(before)],
                **told,
                **{name: values[number % len(values)] for name, values in several.items()},
            },
        )
        for number in range(max(least, *map(len, several.values()), 1))
    )


def tagger_run(task: str, told: dict[str, Any], reading: ReadingSettings, note: str) -> TaggerRun:
    """Give what a run of a tagger is told; ``task`` is spacing or tag, the rest as for ``classifier_run``.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.tagger_run import TaggerRun  # noqa: PLC0415 - it imports torch

    refuse_idle(told, TAGGERS, NOT_FOR_TAGS, "models that tag characters")
    training = settings_from(TrainingSettings, {**TAGGER_TRAINING, **told})
    members = members_told(told, training.members, [TAGGER])
    refuse_unread(told, members)
    return TaggerRun(
        task=task,
        reading=reading,
        text=settings_from(TextSettings, told),
        members=members,
        training=replace(training, members=len(members)),
        epochs=told.get("epochs"),
        note=note,
    )


def transducer_run(told: dict[str, Any], reading: ReadingSettings, note: str) -> TransducerRun:
    """Give what a run of a transducer is told, as for ``classifier_run``.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.transducer_run import TransducerRun  # noqa: PLC0415 - it imports torch

    refuse_idle(told, TAGGERS, NOT_FOR_PAIRS, "models that turn texts into others")
    cells = {"cell": told["cell"][0]} if "cell" in told else {}
    if len(told.get("cell", ())) > 1:
        raise InputError("--cell must be one of those that turn texts into others, which have one member, got several")
    network = settings_from(ClassifierSettings, {**TRANSDUCER, **told, **cells})
    refuse_unread(told, [network], used=("cell", "hidden_width"))  # of what writes, too
    return TransducerRun(
        reading=reading,
        text=settings_from(TextSettings, told),
        network=network,
        training=settings_from(TrainingSettings, {**TRANSDUCER_TRAINING, **told}),
        epochs=told.get("epochs"),
        note=note,
    )
