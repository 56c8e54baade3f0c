"""What the parts of a classifier learn from, and how.

Legend: D texts to learn from, M held out, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model.errors import InputError
from training.classifier_settings import ClassifierSettings, SortingSettings
from training.provenance import Told

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from training.clock import Clock
    from training.label_split import SplitTexts
    from training.starting import Start
    from training.targets import Targets


@dataclass(frozen=True, kw_only=True)
class ClassifierRun(Told):
    """All that a run is told.

    members: the settings of each; epochs: None for as many as the texts ask for; start: the model that the networks
    begin from, if any.
    """

    members: tuple[ClassifierSettings, ...]
    epochs: int | None = None
    sorting: SortingSettings = field(default_factory=SortingSettings)
    start: Start | None = None

    def __post_init__(self) -> None:
        if len(self.members) > 1 and not any(each.reads_characters for each in self.members):
            raise InputError(
                f"members must have a network beside their n-grams to differ, got {len(self.members)} of n-grams alone"
            )


@dataclass(frozen=True, kw_only=True)
class Room:
    """What the parts of a classifier learn from, and how.

    text_weights: (D,) of the texts to learn from, targets: what their labels should be; held_out_weights: (M,) of the
    texts held out, held_out: what theirs should be; observes: whether it is watched how a network learns.
    """

    told: ClassifierRun
    split: SplitTexts
    alphabet: Alphabet
    device: torch.device
    clock: Clock
    targets: Targets
    held_out: Targets
    text_weights: NDArray[np.float64]
    held_out_weights: NDArray[np.float64]
    say: Callable[[str], None]
    observes: bool = False
