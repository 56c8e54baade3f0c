"""How a network learns to tag: cross-entropy at every character, by the same loop as all others.

Legend: B batch, T characters, D pieces of texts, N characters of all of them, C tags.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.devices import tensor_on, uses_bfloat16
from training.encoders.places import within
from training.loop import descend
from training.text_batches import TextSet, batches_in_order, shuffled_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from model.alphabet import Alphabet
    from training.loop import Run
    from training.settings import TrainingSettings
    from training.tagged import TaggedTexts
    from training.tagger import TextTagger
    from training.text_batches import TextBatch

SCORED_CHARACTERS = 16_384  # in one call


@dataclass(frozen=True, kw_only=True)
class TaggedSet:
    """Pieces of texts as ids, and the tag of each character: those of piece i are tags[offsets[i] : offsets[i + 1]]."""

    pieces: TextSet
    tags: NDArray[np.int64]

    def tags_of(self, batch: TextBatch) -> NDArray[np.int64]:
        """Give the tags of the characters of a batch, text by text: (the sum of its lengths,)."""
        return self.tags[self.places_of(batch)]

    def places_of(self, batch: TextBatch) -> NDArray[np.int64]:
        """Give where the characters of a batch stand among all, text by text: (the sum of its lengths,)."""
        begins = self.pieces.offsets[batch.places]
        return np.concatenate(
            [np.arange(begin, begin + length) for begin, length in zip(begins, batch.lengths, strict=True)]
        )


def encode_tagged(alphabet: Alphabet, read: TaggedTexts, longest: int) -> TaggedSet:
    """Turn texts with tags into ids, longer ones in pieces of ``longest`` characters."""
    ids, offsets = alphabet.encode_many(read.texts)
    cuts = [np.arange(begin, end, longest) for begin, end in pairwise(offsets)]
    bounds = np.concatenate([*cuts, offsets[-1:]])
    return TaggedSet(pieces=TextSet(ids=ids, offsets=bounds), tags=np.concatenate(read.numbers))


@dataclass(frozen=True, kw_only=True)
class TagLessons:
    """What a network learns from, and how."""

    tagged: TaggedSet
    settings: TrainingSettings

    @property
    def epoch_characters(self) -> float:
        """How many characters an epoch reads."""
        return float(len(self.tagged.tags))

    def batches(self, epoch: int) -> Iterator[TextBatch]:
        """Give the batches of one epoch, counted from 0."""
        told = self.settings
        return shuffled_batches(self.tagged.pieces, batch_characters=told.batch_characters, seed=told.seed, epoch=epoch)

    def advance(
        self, run: Run[TextTagger], batch: TextBatch, _state: Tensor | None, settings: TrainingSettings
    ) -> tuple[float, None]:
        """Take one step down the gradient; give the loss, nats a character."""
        device = run.network.device
        lengths = tensor_on(device, batch.lengths)
        with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
            logits = run.network(tensor_on(device, batch.ids), lengths)  # (B, T, C)
        there = within(lengths, logits.shape[1])
        tags = tensor_on(device, self.tagged.tags_of(batch))
        loss = torch.nn.functional.cross_entropy(logits[there].float(), tags)
        descend(run, loss, settings)
        run.characters += len(tags)
        run.epoch_characters += len(tags)
        return float(loss.detach()), None


def tag_logits(network: TextTagger, tagged: TaggedSet, tags: int) -> NDArray[np.float32]:
    """Give a network's logits at every character, in float32: (N, C), nats."""
    logits = np.zeros((len(tagged.tags), tags), np.float32)
    training = network.training
    network.eval()
    with torch.no_grad():
        for batch in batches_in_order(tagged.pieces, batch_characters=SCORED_CHARACTERS):
            lengths = tensor_on(network.device, batch.lengths)
            scored = network(tensor_on(network.device, batch.ids), lengths)
            said = scored[within(lengths, scored.shape[1])]
            logits[tagged.places_of(batch)] = said.float().cpu().numpy()
    network.train(training)
    return logits


def mean_nats(logits: NDArray[np.float32], tags: NDArray[np.int64]) -> float:
    """Give the mean cross-entropy of tags (N,) with logits (N, C), nats a character."""
    scored = torch.from_numpy(np.asarray(logits, np.float64))
    return float(torch.nn.functional.cross_entropy(scored, torch.from_numpy(tags)))
