"""A language model that learns from what another, of one member or several, says after every character.

Source: Hinton, Vinyals and Dean 2015, arXiv:1503.02531.
Legend: B batch, T time steps, V vocabulary size, S state width (the student's, then the teacher's).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from model.errors import InputError
from training.batches import IGNORED
from training.checkpoints import set_weights
from training.devices import tensor_on, uses_bfloat16
from training.language_models import join_networks, make_network
from training.letters import letters_of
from training.loop import carried, count_read, descend, loss_nats
from training.settings import NetworkSettings

if TYPE_CHECKING:
    from torch import Tensor

    from model.manifest import JSON
    from training.batches import Batch
    from training.classifier_settings import DistillationSettings
    from training.language_models import LanguageModel
    from training.loop import Run
    from training.settings import TrainingSettings
    from training.starting import Start


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """Who teaches, and how."""

    teacher: Start
    settings: DistillationSettings

    def network(self) -> LanguageModel:
        """Rebuild the teacher.

        Raises:
            InputError: it is no language model.
        """
        letters = torch.from_numpy(letters_of(self.teacher.alphabet))
        networks = []
        for settings, tensors in zip(self.teacher.settings, self.teacher.tensors, strict=True):
            if not isinstance(settings, NetworkSettings):
                raise InputError(f"the teacher of a language model must be one, got {self.teacher.name}")
            networks.append(make_network(settings, len(self.teacher.alphabet), letters))
            set_weights(networks[-1], tensors, self.teacher.name)
        return join_networks(networks).eval()

    @property
    def provenance(self) -> dict[str, JSON]:
        """What a checkpoint says of it."""
        return {**self.teacher.provenance, **asdict(self.settings)}


@dataclass(frozen=True, kw_only=True)
class TaughtSteps:
    """Takes steps towards the text and what a teacher says of it; the teacher is where the student is."""

    teacher: LanguageModel
    settings: DistillationSettings

    def advance(
        self, run: Run[LanguageModel], batch: Batch, state: Tensor | None, settings: TrainingSettings
    ) -> tuple[float, Tensor]:
        """Take one step as ``training.loop.advance`` does; give the loss, nats a character, and both states (B, S).

        With z the student's logits and v the teacher's: truth · H(character, softmax(z)) + (1 - truth) · T² ·
        H(softmax(v / T), softmax(z / T)).
        """
        device, share = run.network.device, self.settings.truth_share
        ids, before = tensor_on(device, batch.inputs), carried(state, batch)
        own = taught = None
        if before is not None:
            own, taught = torch.split(before, [run.network.state_width, self.teacher.state_width], dim=1)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
            with torch.no_grad():
                said, after = self.teacher(ids, taught)
            logits, last = run.network(ids, own)
        total, characters = loss_nats(logits, batch)
        temperature = self.settings.distill_temperature
        learned = taught_nats(logits, said, batch, temperature)
        loss = (share * total + (1 - share) * temperature**2 * learned) / characters
        descend(run, loss, settings)
        count_read(run, batch)
        return float(loss.detach()), torch.cat([last.detach(), after], dim=1)


def taught_nats(logits: Tensor, said: Tensor, batch: Batch, temperature: float) -> Tensor:
    """Give the summed cross-entropy of what a teacher says with what a student says, both softened.

    Args:
        logits: (B, T, V) of the student, nats.
        said: (B, T, V) logits of the teacher.
        batch: which places count, and how much each row.
        temperature: that both are divided by.

    Returns:
        The weighted sum over the places that are no padding, nats.
    """
    learned = tensor_on(logits.device, batch.targets) != IGNORED  # (B, T)
    weights = tensor_on(logits.device, batch.weights)[:, None].expand_as(learned)[learned]
    wanted = (said[learned].float() / temperature).softmax(dim=1)
    each = torch.nn.functional.cross_entropy(logits[learned].float() / temperature, wanted, reduction="none")
    return (each * weights).sum()
