"""A loaded model: a verified checkpoint with its alphabet and its runtime, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import END_ID, SYMBOLS, alphabet_from_bytes
from model.channel import DEFAULT_COSTS
from model.checkpoint import open_checkpoint
from model.conditions import GENERATE_TASK
from model.errors import CheckpointError
from model.keys import alphabet_keys, fold
from model.memory import Beginnings, Reader, Recent
from model.mixture import mixture_from
from model.native.library import core
from model.ngram import NGRAM_FILE, NgramNetwork, open_ngram
from model.phrases import PHRASES_FILE, open_phrase_index
from model.runtime import SEQUENCE_FILE, STEP_FILE, WEIGHTS_FILE, open_runtime

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from model.alphabet import Alphabet
    from model.channel import ChannelCosts
    from model.checkpoint import Checkpoint
    from model.completion import CompletionReply, CompletionRequest
    from model.keys import AlphabetKeys
    from model.mixture import Mixture
    from model.ngram import Ngram
    from model.runtime import Network

ALPHABET_FILE = "alphabet.model"
GENERATIVE_TASKS = ("autocomplete", "text", GENERATE_TASK)


@dataclass(frozen=True, kw_only=True)
class MemorySettings:
    """What a model may keep of what it said, for the next keystroke.

    beginnings_bytes: for what its network said after beginnings, about; completions: of replies, some 400 bytes each.
    """

    beginnings_bytes: int = 8 * 1024**2
    completions: int = 10_000


DEFAULT_MEMORY = MemorySettings()


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """All that answering needs; what it remembers aside nothing in it changes, so threads may share it.

    runtime: the network; ngram: a part of it, None where the network is alone; keys: of the alphabet; costs: of
    matches that are not exact; mixture: with the phrases seen, None for running text; word_ends, folded: (V,) of
    ``word_ends_of`` and ``folded_ids``; memory: what may be kept of what it said; labels: by which texts can be
    generated, none where it knows none; beginnings: what its network said after them lately; reader: the network as
    search asks it; replies: that were given lately.
    """

    name: str
    version: str
    task: str
    checkpoint: Checkpoint
    alphabet: Alphabet
    runtime: Network
    ngram: Ngram | None
    keys: AlphabetKeys
    costs: ChannelCosts
    mixture: Mixture | None
    word_ends: NDArray[np.bool_]
    folded: NDArray[np.int32]
    memory: MemorySettings
    labels: tuple[str, ...] = ()
    beginnings: Beginnings = field(init=False)
    reader: Reader = field(init=False)
    replies: Recent[CompletionRequest, CompletionReply] = field(init=False)

    def __post_init__(self) -> None:
        beginnings = Beginnings(self.memory.beginnings_bytes, len(self.alphabet), self.runtime.state_width)
        object.__setattr__(self, "beginnings", beginnings)
        object.__setattr__(self, "reader", Reader(network=self.runtime, beginnings=beginnings))
        object.__setattr__(self, "replies", Recent(self.memory.completions, completions_of))


def load_model(path: Path, memory: MemorySettings = DEFAULT_MEMORY) -> LoadedModel:
    """Load the newest version of a model that verifies, or the one version that the path names.

    Args:
        path: a model's directory, or that of one of its versions.
        memory: what it may keep of what it said.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or its parts do not belong together.
    """
    return model_from(open_checkpoint(path), memory)


def model_from(checkpoint: Checkpoint, memory: MemorySettings = DEFAULT_MEMORY) -> LoadedModel:
    """Load a language model out of a verified checkpoint.

    Raises:
        CheckpointError: it is a model of another task, or its parts do not belong together.
    """
    core()  # which is missed now rather than by the first request
    path = checkpoint.directory
    if checkpoint.manifest.task not in GENERATIVE_TASKS:
        raise CheckpointError(
            f"{path}: the task must be one of {', '.join(GENERATIVE_TASKS)}, got {checkpoint.manifest.task!r}"
        )
    alphabet = alphabet_from_bytes(checkpoint.read(ALPHABET_FILE))
    for name in (STEP_FILE, SEQUENCE_FILE, WEIGHTS_FILE):
        checkpoint.path(name)  # refuses what the manifest does not list, and so was not verified
    ngram = open_ngram(checkpoint.path(NGRAM_FILE)) if NGRAM_FILE in checkpoint.files else None
    runtime = open_runtime(checkpoint.directory, ngram=None if ngram is None else NgramNetwork(ngram=ngram))
    if runtime.vocabulary_size != len(alphabet):
        raise CheckpointError(
            f"{path}: {STEP_FILE} must give as many log-probabilities as the alphabet has ids, "
            f"{len(alphabet)}, got {runtime.vocabulary_size}"
        )
    mixture = None
    if checkpoint.manifest.blend and checkpoint.manifest.task != "text":
        mixture = mixture_from(open_phrase_index(checkpoint.path(PHRASES_FILE)), checkpoint.manifest.blend)
        if mixture.index.largest_symbol >= len(alphabet):
            raise CheckpointError(
                f"{path}: {PHRASES_FILE} must hold ids of the alphabet, below {len(alphabet)}, "
                f"got {mixture.index.largest_symbol}"
            )
    return LoadedModel(
        name=checkpoint.name,
        version=checkpoint.version,
        task=checkpoint.manifest.task,
        checkpoint=checkpoint,
        alphabet=alphabet,
        runtime=runtime,
        ngram=ngram,
        keys=alphabet_keys(alphabet),
        costs=DEFAULT_COSTS,
        mixture=mixture,
        word_ends=word_ends_of(alphabet),
        folded=folded_ids(alphabet),
        memory=memory,
        labels=generated_labels(checkpoint) if checkpoint.manifest.task == GENERATE_TASK else (),
    )


def generated_labels(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Read the labels by which a model generates out of its manifest.

    Raises:
        CheckpointError: they are no list of different strings.
    """
    labels = checkpoint.manifest.text.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise CheckpointError(f"{checkpoint.name}: text, labels must be a list of strings")
    if not labels or len(set(map(str, labels))) < len(labels):
        raise CheckpointError(f"{checkpoint.name}: text, labels must be different, and one at least")
    return tuple(map(str, labels))


def completions_of(reply: CompletionReply) -> int:
    """Count the completions of a reply; one of none counts, too."""
    return max(len(reply.completions), 1)


def word_ends_of(alphabet: Alphabet) -> NDArray[np.bool_]:
    """Tell the characters that end a word, white space, and the end symbol: (V,)."""
    ends = np.zeros(len(alphabet), dtype=np.bool_)
    ends[END_ID] = True
    ends[SYMBOLS:] = [character.isspace() for character in alphabet.characters]
    return ends


def folded_ids(alphabet: Alphabet) -> NDArray[np.int32]:
    """Give each character's id, but one for both cases of a letter, and -1 for white space: (V,)."""
    first: dict[str, int] = {}
    folded = np.arange(len(alphabet), dtype=np.int32)
    for i, character in enumerate(alphabet.characters, start=SYMBOLS):
        folded[i] = -1 if character.isspace() else first.setdefault(fold(character), i)
    return folded
