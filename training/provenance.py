"""What runs of all tasks are told, and tell of how their model was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from training.devices import described

if TYPE_CHECKING:
    from model.manifest import JSON
    from training.reading import ReadingSettings
    from training.settings import TextSettings, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run of any task is told; note: for the model card."""

    reading: ReadingSettings
    text: TextSettings
    training: TrainingSettings
    note: str = ""


def told_facts(told: Told, device: torch.device) -> dict[str, JSON]:
    """Give what a run was told, and where it learned, for its manifest."""
    return {
        "reading": asdict(told.reading),
        "text": asdict(told.text),
        "training": asdict(told.training),
        "torch": torch.__version__,
        "device": described(device),
        "note": told.note,
    }
