"""How a network learns to turn texts into others: cross-entropy at every character written, by the same loop as all.

Legend: N pairs, B batch, T characters of a source, U of a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from training.batches import IGNORED, batch_edges, plan_batches
from training.devices import tensor_on, uses_bfloat16
from training.loop import descend
from training.loss import weighted_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from model.alphabet import Alphabet
    from training.loop import Run
    from training.settings import TrainingSettings
    from training.transducer import Transducer

SCORED_CHARACTERS = 8_192  # in one call


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """Pairs side by side.

    ids: (B, T) int64 of the sources, unknown beyond lengths (B,); inputs, targets: (B, U) int64, what was written
    before and what comes next, IGNORED where a target has ended.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Pairs (N,) as ids, each source of one at least; targets without their end."""

    sources: list[NDArray[np.int32]]
    targets: list[NDArray[np.int32]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters read and written of each pair, its end included: (N,)."""
        pairs = zip(self.sources, self.targets, strict=True)
        return np.array([len(source) + len(target) + 1 for source, target in pairs], np.int64)

    def batch(self, places: NDArray[np.int64]) -> PairBatch:
        """Lay pairs side by side."""
        sources = [self.sources[place] for place in places]
        targets = [self.targets[place] for place in places]
        lengths = np.array([len(each) for each in sources], np.int64)
        longest = max(map(len, targets)) + 1
        ids = np.full((len(places), int(lengths.max())), UNKNOWN_ID, np.int64)
        inputs = np.full((len(places), longest), BEGIN_ID, np.int64)
        wanted = np.full((len(places), longest), IGNORED, np.int64)
        for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
            ids[row, : len(source)] = source
            inputs[row, 1 : len(target) + 1] = target
            wanted[row, : len(target)] = target
            wanted[row, len(target)] = END_ID
        return PairBatch(ids=ids, lengths=lengths, inputs=inputs, targets=wanted)


def encode_pairs(
    source_alphabet: Alphabet, target_alphabet: Alphabet, sources: Sequence[str], targets: Sequence[str]
) -> PairSet:
    """Turn pairs that ``model.letters.spelled`` made into ids."""
    return PairSet(
        sources=[source_alphabet.encode(text) for text in sources],
        targets=[target_alphabet.encode(text) for text in targets],
    )


@dataclass(frozen=True, kw_only=True)
class PairLessons:
    """What a network learns from, and how."""

    pairs: PairSet
    settings: TrainingSettings

    @property
    def epoch_characters(self) -> float:
        """How many characters an epoch reads and writes."""
        return float(self.pairs.lengths.sum())

    def batches(self, epoch: int) -> Iterator[PairBatch]:
        """Give the batches of one epoch, counted from 0: each pair once, longer ones beside longer ones."""
        told = self.settings
        generator = np.random.Generator(np.random.Philox(key=[told.seed, epoch]))
        lengths = self.pairs.lengths
        plan = plan_batches(generator.permutation(len(lengths)), lengths, told.batch_characters)
        for position in generator.permutation(len(plan)):
            yield self.pairs.batch(plan[position])


def advance(
    run: Run[Transducer], batch: PairBatch, _state: Tensor | None, settings: TrainingSettings
) -> tuple[float, None]:
    """Take one step down the gradient; give the loss, nats a character written."""
    total, characters = pair_loss(run.network, batch, settings)
    descend(run, total / characters, settings)
    read = int(batch.lengths.sum()) + characters
    run.characters += read
    run.epoch_characters += read
    return float(total.detach()) / characters, None


def pair_loss(network: Transducer, batch: PairBatch, settings: TrainingSettings) -> tuple[Tensor, int]:
    """Give the summed loss of a batch, nats, and how many characters were to be written, ends included."""
    device = network.device
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
        logits, _ = network(*(tensor_on(device, each) for each in (batch.ids, batch.lengths, batch.inputs)))
    targets = tensor_on(device, batch.targets)
    there = targets != IGNORED
    total = weighted_cross_entropy(
        logits.flatten(0, 1), targets.clamp(min=0).flatten(), there.flatten().to(torch.float32)
    )
    return total, int(there.sum())


def pair_nats(network: Transducer, pairs: PairSet, settings: TrainingSettings) -> float:
    """Give the mean loss over pairs, nats a character written."""
    lengths = pairs.lengths
    order = np.argsort(lengths, kind="stable")
    total, characters = 0.0, 0
    with torch.no_grad():
        for places in np.split(order, batch_edges(lengths[order], SCORED_CHARACTERS)):
            lost, written = pair_loss(network, pairs.batch(places), settings)
            total, characters = total + float(lost), characters + written
    return total / characters
