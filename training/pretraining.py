"""What a recurrent part learns of texts before it learns labels: to foretell characters, as a language model.

From the beginning of a text each state foretells the character after it, from the end the one before it.
Source: Dai and Le 2015, arXiv:1511.01432; Peters et al. 2018, arXiv:1802.05365 (both directions). Differs: no text but
the one that is to be sorted is needed, and all of the network goes on learning when it learns labels.

Legend: B batch, T characters, N characters foretold, V vocabulary size, E embedding width, H hidden width.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.devices import tensor_on, uses_bfloat16
from training.display import Display, train_shown
from training.dropout import LockedDropout
from training.encoders.build import ChainEncoder
from training.encoders.places import within
from training.encoders.recurrent import RecurrentEncoder, RecurrentLayer
from training.loop import descend, start_run
from training.loss import weighted_cross_entropy
from training.text_batches import batches_in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from training.classifier import TextClassifier
    from training.classifier_learning import TextLessons
    from training.loop import Outcome, Run
    from training.settings import TrainingSettings
    from training.text_batches import TextBatch, TextSet

PRETRAINED_SHARE = 0.4  # of a network's time, at most
RATE = 2.0  # times the learning rate with which labels are learned
DROPOUT_SHARE = 0.5  # of the dropout with which labels are learned
EPOCHS = 10  # at most: as time allows, and as long as held-out texts gain
SCORED_CHARACTERS = 4_096  # in one call
SHOWN_CHARACTERS = 12


def first_recurrence(network: TextClassifier) -> RecurrentLayer | None:
    """Give the recurrent layer of a network that reads characters themselves; None where it has none."""
    for chain in network.chains:
        part = chain.parts[0] if isinstance(chain, ChainEncoder) else None
        if isinstance(part, RecurrentEncoder):
            layer = part.layers[0]
            assert isinstance(layer, RecurrentLayer)  # noqa: S101 - all of its layers are
            return layer
    return None


class Foreteller(nn.Module):
    """A classifier's embedding and first recurrent layer as a language model; what is on top is thrown away later."""

    shares: Tensor

    def __init__(self, network: TextClassifier, layer: RecurrentLayer, texts: TextSet) -> None:
        """Foretell with the parts of a network, which learn in place, the characters of such texts."""
        super().__init__()
        self.network = network
        self.layer = layer
        width, hidden = network.settings.embedding_width, network.settings.hidden_width
        self.outputs = nn.ModuleList(nn.Linear(hidden, width) for _ in layer.recurrences)
        self.bias = nn.Parameter(torch.zeros(network.vocabulary_size))
        self.drop = LockedDropout(network.settings.dropout * DROPOUT_SHARE)
        counts = torch.from_numpy(np.bincount(texts.ids, minlength=network.vocabulary_size))
        self.register_buffer("shares", counts / counts.sum().clamp(min=1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what is read must be."""
        return self.bias.device

    def forward(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """See what each character of texts is foretold from: those before it, and where both ends are read those after.

        Args:
            ids: (B, T) int64, T at least 2; what lies beyond the lengths is anything.
            lengths: (B,) int64, at least 1.

        Returns:
            what is seen (N, E), to be held against the embedding, and the characters foretold (N,) int64: those of each
            text after its first, text by text, then those before its last.
        """
        states = self.drop(self.layer(self.network.embed(ids, lengths), lengths))  # (B, T, H or 2 H)
        forward, *backward = states.split(self.network.settings.hidden_width, dim=2)
        there = within(lengths, ids.shape[1])[:, 1:]  # (B, T - 1)
        seen, foretold = [self.outputs[0](forward[:, :-1][there])], [ids[:, 1:][there]]
        for output, each in zip(list(self.outputs)[1:], backward, strict=True):
            seen.append(output(each[:, 1:][there]))
            foretold.append(ids[:, :-1][there])
        return torch.cat(seen), torch.cat(foretold)

    def loss(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, int]:
        """Give the summed loss of texts (), nats, and how many characters are foretold.

        While training, a character is held against those of the batch alone, a quarter of an alphabet of thousands,
        each of which stands for others as rare: it counts by one over its chance to be in a batch of so many.
        Source: Bengio and Senecal 2008, IEEE Transactions on Neural Networks 19(4) (sampled characters).

        Args:
            ids: (B, T) int64, T at least 2; what lies beyond the lengths is anything.
            lengths: (B,) int64, at least 1.
        """
        seen, foretold = self(ids, lengths)
        matrix, bias, ones = self.network.embedding_matrix(), self.bias, torch.ones(len(foretold), device=ids.device)
        if not self.training:
            return weighted_cross_entropy(nn.functional.linear(seen, matrix, bias), foretold, ones), len(foretold)
        kept, places = foretold.unique(return_inverse=True)
        # Of a text of T characters T are foretold where both ends are read, the first from behind it, else T - 1.
        drawn = int(lengths[lengths > 1].sum()) if len(self.outputs) > 1 else len(foretold)
        chances = torch.log(-torch.expm1(drawn * torch.log1p(-self.shares[kept])))
        logits = nn.functional.linear(seen, matrix[kept], bias[kept]).float() - chances
        logits = logits.scatter_add(1, places[:, None], chances[places][:, None])
        return weighted_cross_entropy(logits, places, ones), len(foretold)


def advance(
    run: Run[Foreteller], batch: TextBatch, _state: Tensor | None, settings: TrainingSettings
) -> tuple[float, None]:
    """Take one step down the gradient; give the loss, nats a character: 0 of texts of one character each."""
    read = int(batch.lengths.sum())
    run.characters += read
    run.epoch_characters += read
    if batch.ids.shape[1] < 2:
        return 0.0, None
    total, characters = foretelling_loss(run.network, batch, settings)
    descend(run, total / characters, settings)
    return float(total.detach()) / characters, None


def foretelling_loss(model: Foreteller, batch: TextBatch, settings: TrainingSettings) -> tuple[Tensor, int]:
    """Give ``Foreteller.loss`` of a batch whose longest text has at least 2 characters."""
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(settings.precision, device)):
        return model.loss(tensor_on(device, batch.ids), tensor_on(device, batch.lengths))


def foretelling_nats(model: Foreteller, texts: TextSet, settings: TrainingSettings) -> float:
    """Give the mean loss over texts, nats a character; infinite where no text has two characters."""
    total, characters = 0.0, 0
    with torch.no_grad():
        for batch in batches_in_order(texts, batch_characters=SCORED_CHARACTERS):
            if batch.ids.shape[1] > 1:  # one to see, one to foretell
                lost, foretold = foretelling_loss(model, batch, settings)
                total, characters = total + float(lost), characters + foretold
    return total / characters if characters else math.inf


def pretrain(model: Foreteller, lessons: TextLessons, held_out: TextSet, seconds: float, alphabet: Alphabet) -> Outcome:
    """Let a model learn to foretell the characters of texts, for so many seconds of wall clock at most.

    Args:
        model: to train; it is left with the weights that foretold best.
        lessons: the texts, and how they are learned.
        held_out: texts on which it is seen which weights foretell best.
        seconds: to train for; infinite for epochs alone.
        alphabet: of the ids.
    """
    told = lessons.settings
    settings = replace(told, learning_rate=told.learning_rate * RATE, epochs=EPOCHS)
    return train_shown(
        start_run(model, settings),
        lessons.batches,
        advance,
        partial(foretelling_nats, model, held_out, settings),
        settings,
        Display(sample=sampler(model, held_out, alphabet, told.seed), doing="pretraining"),
        epoch_characters=lessons.epoch_characters,
        seconds=seconds,
        observer=None,
    )


def sampler(model: Foreteller, texts: TextSet, alphabet: Alphabet, seed: int) -> Callable[[], str]:
    """Make the sample that is shown now and then: half of a held-out text, and how the model would go on."""
    generator = np.random.default_rng(seed)

    def sample() -> str:
        place = int(generator.integers(len(texts)))
        ids = texts.ids[texts.offsets[place] : texts.offsets[place + 1]]
        begun = ids[: max(1, len(ids) // 2)]
        return f"{alphabet.decode(begun)[-40:]!r} → {alphabet.decode(goes_on(model, begun, SHOWN_CHARACTERS))!r}"

    return sample


def goes_on(model: Foreteller, ids: NDArray[np.int32], characters: int) -> NDArray[np.int32]:
    """Give the likeliest character after ids (T,), T at least 1, then the likeliest after that, and so on."""
    training = model.training
    model.eval()
    read = torch.tensor(ids, dtype=torch.int64, device=model.device)[None]
    with torch.no_grad():
        for _ in range(characters):
            # One place more, whose id is not looked at: what stands before the last place foretells it.
            there = torch.cat([read, read[:, -1:]], dim=1)
            seen, _ = model(there, torch.tensor([there.shape[1]], device=model.device))
            logits = seen[read.shape[1] - 1] @ model.network.embedding_matrix().T + model.bias
            read = torch.cat([read, logits.argmax()[None, None]], dim=1)
    model.train(training)
    found: NDArray[np.int32] = read[0, len(ids) :].int().cpu().numpy()
    return found
