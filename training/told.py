"""What a run is told on the command line, as the settings of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.command_options import settings_from
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.settings import BlendSettings, NetworkSettings, TextSettings, TrainingSettings

if TYPE_CHECKING:
    from training.classifier_room import ClassifierRun
    from training.reading import ReadingSettings
    from training.run import RunSettings, Task

# Where a classifier learns best otherwise than a language model (decisions/0013-what-classifiers-are-made-of.md).
CLASSIFIER_TRAINING = {"learning_rate": 0.002, "batch_characters": 4096}
STUDENT = {"encoder": "wide+branches"}  # what a student is where nothing else is told


def language_run(task: Task, options: dict[str, Any], reading: ReadingSettings, note: str) -> RunSettings:
    """Give what a run of a language model is told.

    Args:
        task: of the run.
        options: of the command, all of them.
        reading: how text is read.
        note: for the model card.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.run import RunSettings  # noqa: PLC0415 - it imports torch

    network, *others = (settings_from(NetworkSettings, {**options, "cell": cell}) for cell in options["cell"])
    return RunSettings(
        task=task,
        reading=reading,
        text=settings_from(TextSettings, options),
        network=network,
        others=tuple(others),
        training=settings_from(TrainingSettings, options),
        blend=settings_from(BlendSettings, options),
        note=note,
    )


def classifier_run(told: dict[str, Any], reading: ReadingSettings, note: str) -> ClassifierRun:
    """Give what a run of a classifier is told.

    Args:
        told: options of the command, without those left to their default: some have another default here.
        reading: how text is read.
        note: for the model card.

    Raises:
        InputError: an option breaks its rule.
    """
    from training.classifier_room import ClassifierRun  # noqa: PLC0415 - it imports torch

    training = settings_from(TrainingSettings, {**CLASSIFIER_TRAINING, **told})
    encoders = told.get("encoder", ClassifierSettings.encoder).split(",")
    cells = told.get("cell", (ClassifierSettings.cell,))
    members = max(training.members, len(encoders), len(cells))
    return ClassifierRun(
        reading=reading,
        text=settings_from(TextSettings, told),
        members=tuple(
            settings_from(
                ClassifierSettings,
                {**told, "encoder": encoders[number % len(encoders)], "cell": cells[number % len(cells)]},
            )
            for number in range(members)
        ),
        training=training,
        epochs=told.get("epochs"),
        sorting=settings_from(SortingSettings, told),
        note=note,
    )
