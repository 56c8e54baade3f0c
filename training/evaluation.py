"""Evaluation: what a model makes of text that it was not trained on.

Legend: B batch, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from model.alphabet import BEGIN_ID, UNKNOWN_ID
from model.ngram import Ngram, NgramNetwork
from model.runtime import initial_state
from training.batches import IGNORED, Batch, pad_phrases
from training.devices import tensor_on
from training.metrics import bits_per_character

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.runtime import Network
    from training.batches import PhraseSet
    from training.export import Shares
    from training.language_models import LanguageModel

BATCH_NUMBERS = 4_000_000  # log-probabilities held at once
STATE_NUMBERS = 20_000_000  # of states: those after every character are read
LANES = 16  # places of running text read side by side
WINDOW = 128  # characters read in one call


class Scorer(Protocol):
    """Gives the log-probability of known characters, whoever computes it."""

    def __call__(
        self, inputs: NDArray[np.int64], targets: NDArray[np.int64], state: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Score sequences.

        Args:
            inputs: (B, T) ids that are read.
            targets: (B, T) ids that follow each; what stands at IGNORED is anything.
            state: (B, S) before the first; nothing was read when None.

        Returns:
            log P of each target, nats (B, T), and the state (B, S) after the last.
        """


@dataclass(frozen=True, kw_only=True)
class TorchNetwork:
    """A network under training as search and generation know one: its step form, in float32."""

    network: LanguageModel

    @property
    def state_width(self) -> int:
        """S."""
        return self.network.state_width

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row; see ``model.runtime.Network``."""
        device = self.network.device
        with torch.no_grad():
            logits, after = self.network.step(tensor_on(device, ids), tensor_on(device, state))
            return logits.log_softmax(dim=-1).cpu().numpy(), after.cpu().numpy()

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences; see ``model.runtime.Network``."""
        log_probabilities, states = [], []
        for ids in sequence:
            scored, state = self.step(ids, state)
            log_probabilities.append(scored)
            states.append(state)
        return np.stack(log_probabilities), np.stack(states)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """An n-gram that is mixed with a network, and the shares of both."""

    ngram: Ngram
    shares: Shares

    def rows(
        self, inputs: NDArray[np.int64], state: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read sequences with the n-gram.

        Args:
            inputs: (B, T) ids, from BEGIN on where nothing was read.
            state: (B, 1) before the first; nothing was read when None.

        Returns:
            log P after each character, nats (B, T, V), and the state (B, 1) after the last.
        """
        network = NgramNetwork(ngram=self.ngram)
        before = initial_state(network, len(inputs)) if state is None else state
        rows, states = network.read(np.ascontiguousarray(inputs.T), before)
        return np.ascontiguousarray(rows.transpose(1, 0, 2)), states[-1]


def torch_scorer(network: LanguageModel, prior: Prior | None = None) -> Scorer:
    """Score with a torch network in float32, whole sequences at once, mixed with an n-gram if there is one.

    The state is the network's, then the n-gram's.
    """

    def score(
        inputs: NDArray[np.int64], targets: NDArray[np.int64], state: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        with torch.no_grad():
            own = network.state_width
            before = None if state is None else tensor_on(network.device, np.ascontiguousarray(state[:, :own]))
            logits, last = network(tensor_on(network.device, inputs), before)
            after = last.cpu().numpy()
            if prior is not None:
                rows, contexts = prior.rows(inputs, None if state is None else state[:, own:])
                logits = prior.shares.network * logits.log_softmax(dim=-1)
                logits += prior.shares.ngram * tensor_on(network.device, rows)
                after = np.concatenate([after, contexts], axis=1)
            wanted = tensor_on(network.device, np.maximum(targets, 0))[..., None]
            scored = logits.log_softmax(dim=-1).gather(2, wanted)
        return scored[..., 0].double().cpu().numpy(), after

    return score


def network_scorer(network: Network) -> Scorer:
    """Score with what serves: a checkpoint's int8 runtime."""

    def score(
        inputs: NDArray[np.int64], targets: NDArray[np.int64], state: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        before = np.zeros((len(inputs), network.state_width), np.float32) if state is None else state
        rows = max(1, STATE_NUMBERS // (inputs.shape[1] * max(network.state_width, 1)))
        scored, after = np.empty(inputs.shape), np.empty_like(before)
        for start in range(0, len(inputs), rows):
            part = slice(start, start + rows)
            log_probabilities, states = network.read(np.ascontiguousarray(inputs[part].T), before[part])
            wanted = np.maximum(targets[part], 0).T[..., None]
            scored[part] = np.take_along_axis(log_probabilities, wanted, axis=2)[..., 0].T
            after[part] = states[-1]
        return scored, after

    return score


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The summed loss of text, nats, over its characters, ends of phrases counted; both weighted."""

    nats: float
    characters: float

    @property
    def bits_per_character(self) -> float:
        """Bits, for they compare across alphabets and are what a compressor would need."""
        return bits_per_character(self.nats, self.characters)


def phrase_losses(scorer: Scorer, phrases: PhraseSet, alphabet: Alphabet) -> NDArray[np.float64]:
    """Score phrases, each begun and ended: the loss of each, nats (phrases,).

    An unknown character costs what tells it from all unknown ones.
    """
    nats = np.zeros(len(phrases))
    for chosen, batch in phrases_in_batches(phrases, len(alphabet)):
        scored, _ = scorer(batch.inputs, batch.targets, None)
        nats[chosen] = losses(scored, batch.targets, alphabet).sum(axis=1)
    return nats


def weighted_loss(nats: NDArray[np.float64], phrases: PhraseSet, weights: NDArray[np.float64]) -> Loss:
    """Sum the losses of phrases (phrases,), each as often as its weight says (phrases,)."""
    return Loss(nats=float((nats * weights).sum()), characters=float((phrases.lengths * weights).sum()))


def stream_loss(scorer: Scorer, ids: NDArray[np.int32], alphabet: Alphabet) -> Loss:
    """Score running text in lanes side by side, each begun anew: a little dearer than in one piece."""
    nats, characters, state = 0.0, 0, None
    for inputs, targets in stream_windows(ids):
        scored, state = scorer(inputs, targets, state)
        nats += float(losses(scored, targets, alphabet).sum())
        characters += targets.size
    return Loss(nats=nats, characters=float(characters))


def stream_windows(ids: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Lay running text out in lanes side by side, one going on where the other ends; see ``lane_windows``."""
    lanes = max(1, min(LANES, len(ids) // WINDOW))
    length = len(ids) // lanes
    return lane_windows(ids[: lanes * length].reshape(lanes, length).astype(np.int64))


def lane_windows(lanes: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give what is read of lanes of text, each from BEGIN on, and what follows: (B, WINDOW or less) after another."""
    inputs = np.concatenate([np.full((len(lanes), 1), BEGIN_ID), lanes[:, :-1]], axis=1)
    for start in range(0, lanes.shape[1], WINDOW):
        part = slice(start, start + WINDOW)
        yield inputs[:, part], lanes[:, part]


def losses(scored: NDArray[np.float64], targets: NDArray[np.int64], alphabet: Alphabet) -> NDArray[np.float64]:
    """Turn log-probabilities (B, T) into losses (B, T), nats: 0 where padded, dearer where unknown."""
    unknown = (targets == UNKNOWN_ID) * math.log(alphabet.unknown_code_points)
    return np.where(targets == IGNORED, 0.0, unknown - scored)


def phrases_in_batches(phrases: PhraseSet, vocabulary_size: int) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Lay phrases of like length side by side, as many as memory allows; with the number of each."""
    order = np.argsort(phrases.lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = int(phrases.lengths[order[min(start + 255, len(order) - 1)]])
        rows = max(1, min(256, BATCH_NUMBERS // (longest * vocabulary_size)))
        chosen = order[start : start + rows]
        yield chosen, pad_phrases(phrases, chosen, np.ones(len(chosen), np.float32))
        start += rows
