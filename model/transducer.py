"""A checkpoint that turns texts into others, ready to be asked: its graphs under ONNX Runtime, one text at a time.

Legend: B batch, T characters of the source, U of the target, V target vocabulary size, S state width, M memory width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import alphabet_from_bytes
from model.checkpoint import open_checkpoint
from model.errors import CheckpointError
from model.loaded import ALPHABET_FILE
from model.runtime import WEIGHTS_FILE, first_line, open_session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from model.alphabet import Alphabet
    from model.checkpoint import Checkpoint

TRANSDUCE_TASK = "transduce"
READ_FILE, WRITE_FILE = "read.onnx", "write.onnx"
SOURCE_ALPHABET_FILE = "source.model"  # of what is read; that of what is written has the usual name


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a model saw of a text: memory (T, M), and keys (T, H) by which it is attended to."""

    memory: NDArray[np.float32]
    keys: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class WritingNetwork:
    """The decoder over one text, as search asks a ``Network``."""

    session: InferenceSession
    reading: Reading
    state_width: int

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Write one character more in each row; see ``Network``."""
        rows, states, _ = self.write(ids, state)
        return rows, states

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Write whole sequences; see ``Network``."""
        rows, states, _ = self.follow(sequence, state)
        return rows, states

    def write(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Write one character more, and tell what was looked at.

        Args:
            ids: (B,).
            state: (B, S).

        Returns:
            log_probabilities (B, V), nats; the new state (B, S); attention (B, T), which adds up to 1.
        """
        inputs = {"ids": ids, "state": state, "memory": self.reading.memory, "keys": self.reading.keys}
        rows, states, attention = self.session.run(["log_probabilities", "next_state", "attention"], inputs)
        return rows, states, attention

    def follow(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Write whole sequences (U, B) from states (B, S): what ``write`` gives after each, one after another."""
        steps = []
        for ids in sequence:
            steps.append(self.write(ids, state))
            state = steps[-1][1]
        rows, states, attention = (np.stack(each) for each in zip(*steps, strict=True))
        return rows, states, attention


@dataclass(frozen=True, kw_only=True)
class LoadedTransducer:
    """All that turning a text into another needs; nothing in it changes, so threads may share it."""

    name: str
    version: str
    checkpoint: Checkpoint
    source_alphabet: Alphabet
    alphabet: Alphabet
    reading: InferenceSession
    writing: InferenceSession
    state_width: int

    @property
    def task(self) -> str:
        """What the model is for."""
        return TRANSDUCE_TASK

    def network_for(self, source: str) -> WritingNetwork:
        """Read a text that ``model.letters.spelled`` made, of one character at least, and be ready to write."""
        ids = self.source_alphabet.encode(source).astype(np.int64)
        memory, keys = self.reading.run(["memory", "keys"], {"ids": ids})
        return WritingNetwork(
            session=self.writing, reading=Reading(memory=memory, keys=keys), state_width=self.state_width
        )


def load_transducer(path: Path) -> LoadedTransducer:
    """Load the newest version of a transducer that verifies, or the one version that the path names.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or a model of another task.
    """
    return transducer_from(open_checkpoint(path))


def transducer_from(checkpoint: Checkpoint) -> LoadedTransducer:
    """Load a transducer out of a verified checkpoint, and have it read and write the last characters that it knows.

    Raises:
        CheckpointError: it is a model of another task, or its parts do not belong together.
    """
    path, manifest = checkpoint.directory, checkpoint.manifest
    if manifest.task != TRANSDUCE_TASK:
        raise CheckpointError(f"{path}: the task must be {TRANSDUCE_TASK}, got a model for {manifest.task}")
    for name in (READ_FILE, WRITE_FILE, WEIGHTS_FILE):
        checkpoint.path(name)  # refuses what the manifest does not list, and so was not verified
    source, target = (alphabet_from_bytes(checkpoint.read(name)) for name in (SOURCE_ALPHABET_FILE, ALPHABET_FILE))
    sizes = {"source_vocabulary_size": len(source), "vocabulary_size": len(target)}
    for name, size in sizes.items():
        if manifest.text.get(name) != size:
            raise CheckpointError(
                f"{path}: text, {name} must be {size} as in the files, got {manifest.text.get(name)!r}"
            )
    sessions = [open_session(checkpoint.directory / name, threads=1) for name in (READ_FILE, WRITE_FILE)]
    widths = {port.name: port.shape[1:] for port in sessions[1].get_inputs()}
    if widths.keys() != {"ids", "state", "memory", "keys"} or list(map(type, widths["state"])) != [int]:
        raise CheckpointError(f"{path}: {WRITE_FILE} must ask for ids, state, memory and keys")
    loaded = LoadedTransducer(
        name=checkpoint.name,
        version=checkpoint.version,
        checkpoint=checkpoint,
        source_alphabet=source,
        alphabet=target,
        reading=sessions[0],
        writing=sessions[1],
        state_width=widths["state"][0],
    )
    check_writing(loaded)
    return loaded


def check_writing(loaded: LoadedTransducer) -> None:
    """Have a model read the last character of one alphabet and write on from the last of the other.

    Raises:
        CheckpointError: its graphs do not fit each other or the alphabets.
    """
    path = loaded.checkpoint.directory
    try:  # ONNX Runtime does not look for last characters before
        memory, keys = loaded.reading.run(["memory", "keys"], {"ids": np.array([len(loaded.source_alphabet) - 1])})
        network = WritingNetwork(
            session=loaded.writing, reading=Reading(memory=memory, keys=keys), state_width=loaded.state_width
        )
        state = np.zeros((1, loaded.state_width), np.float32)
        rows, states, attention = network.write(np.array([len(loaded.alphabet) - 1]), state)
    except Exception as error:  # ONNX Runtime's own classes share no base but this
        raise CheckpointError(
            f"{path}: {READ_FILE} and {WRITE_FILE} must fit each other and the alphabets, got: {first_line(error)}"
        ) from error
    shapes = rows.shape, states.shape, attention.shape
    if shapes != ((1, len(loaded.alphabet)), state.shape, (1, 1)) or not np.isfinite(rows).all():
        raise CheckpointError(
            f"{path}: {WRITE_FILE} must give finite log-probabilities of {len(loaded.alphabet)} characters, a state "
            f"and what was looked at, got shapes {shapes}"
        )
