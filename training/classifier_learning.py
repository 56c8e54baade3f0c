"""How a network learns to sort texts: cross-entropy with labels, by the same loop as language models.

Legend: B batch, T characters, D texts, M held-out texts, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.devices import tensor_on, uses_bfloat16
from training.encoders.window import WindowEncoder
from training.loop import descend
from training.rbm import pretrain_window
from training.text_batches import TextSet, batches_in_order, encode_texts, pad_texts, shuffled_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from training.classifier import TextClassifier
    from training.classifier_room import Room
    from training.label_split import SplitTexts
    from training.loop import Run
    from training.settings import TrainingSettings
    from training.targets import Targets
    from training.text_batches import TextBatch

SCORED_CHARACTERS = 16_384  # in one call
VALIDATED_TEXTS = 2_000  # held out, at each validation
MACHINE_TEXTS, MACHINE_BATCH = 4_096, 32  # that restricted Boltzmann machines learn from, and at once


@dataclass(frozen=True, kw_only=True)
class TextLessons:
    """What a network learns from.

    targets: of the D texts; weights: (D,) float32, how much each text counts, 1 on average; settings: how.
    """

    texts: TextSet
    targets: Targets
    weights: NDArray[np.float32]
    settings: TrainingSettings

    @property
    def epoch_characters(self) -> float:
        """How many characters an epoch reads."""
        return float(self.texts.lengths.sum())

    def batches(self, epoch: int) -> Iterator[TextBatch]:
        """Give the batches of one epoch, counted from 0."""
        return shuffled_batches(
            self.texts, batch_characters=self.settings.batch_characters, seed=self.settings.seed, epoch=epoch
        )

    def advance(
        self, run: Run[TextClassifier], batch: TextBatch, _state: Tensor | None, settings: TrainingSettings
    ) -> tuple[float, None]:
        """Take one step down the gradient; give the loss, nats a text."""
        device = run.network.device
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
            logits = run.network(tensor_on(device, batch.ids), tensor_on(device, batch.lengths))
        each = self.targets.losses(logits.float(), batch.places)  # (B,)
        weights = tensor_on(device, self.weights[batch.places])
        loss = (each * weights).sum() / weights.sum()
        descend(run, loss, settings)
        read = int(batch.lengths.sum())
        run.characters += read
        run.epoch_characters += read
        return float(loss.detach()), None


def lessons_of(room: Room, longest: int) -> TextLessons:
    """Give what a network learns that reads so many characters of a text."""
    return TextLessons(
        texts=encode_texts(room.alphabet, room.split.texts, longest),
        targets=room.targets,
        weights=room.text_weights.astype(np.float32),
        settings=room.told.training,
    )


def validated_texts(split: SplitTexts) -> tuple[NDArray[np.int64], list[str]]:
    """Give held-out texts to look at now and then, and their places: a fair part, since the file may be sorted."""
    places = np.random.default_rng(0).permutation(len(split.held_out_texts))[:VALIDATED_TEXTS]
    return places, [split.held_out_texts[place] for place in places]


def begin_with_machines(network: TextClassifier, texts: TextSet, generator: torch.Generator) -> list[tuple[float, ...]]:
    """Set the layers of a network's window by restricted Boltzmann machines on a fair part of the texts.

    Args:
        network: changed in place, on the CPU.
        texts: to learn from.
        generator: of what is drawn.

    Returns:
        of every layer the reconstruction error in every pass; see ``training.rbm``.
    """
    chosen = torch.randperm(len(texts), generator=generator)[:MACHINE_TEXTS].numpy()
    values = []
    network.eval()
    with torch.no_grad():
        for places in np.split(chosen, range(MACHINE_BATCH, len(chosen), MACHINE_BATCH)):
            batch = pad_texts(texts, places)
            values.append(network.embed(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths)))
    network.train()
    errors: list[tuple[float, ...]] = []
    for part in network.modules():
        if isinstance(part, WindowEncoder):
            errors += pretrain_window(part, values, generator)
    return errors


def network_logits(network: TextClassifier, texts: TextSet, labels: int) -> NDArray[np.float32]:
    """Give a network's logits of texts, in float32: (D, C), nats."""
    logits = np.zeros((len(texts), labels), np.float32)
    training = network.training
    network.eval()
    with torch.no_grad():
        for batch in batches_in_order(texts, batch_characters=SCORED_CHARACTERS):
            scored = network(tensor_on(network.device, batch.ids), tensor_on(network.device, batch.lengths))
            logits[batch.places] = scored.float().cpu().numpy()
    network.train(training)
    return logits


def mean_loss(
    logits: NDArray[np.floating], known: NDArray[np.int64] | NDArray[np.float32], weights: NDArray[np.float64]
) -> float:
    """Give the mean cross-entropy of labels (M,), or their probabilities (M, C), with logits (M, C), nats a text.

    Each text counts by its weight (M,).
    """
    scored, wanted = torch.from_numpy(np.asarray(logits, np.float64)), torch.from_numpy(known)
    wanted = wanted.double() if wanted.dim() > 1 else wanted
    each = torch.nn.functional.cross_entropy(scored, wanted, reduction="none")
    return float(np.average(each.numpy(), weights=weights))
