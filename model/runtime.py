"""The runtime: a checkpoint's int8 graphs under ONNX Runtime, one thread, the same answer in every batch.

Legend: B batch, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from model.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

STEP_FILE = "step.onnx"
SEQUENCE_FILE = "sequence.onnx"
WEIGHTS_FILE = "int8.bin"


class Network(Protocol):
    """What search and generation ask of a language model, whoever computes it."""

    @property
    def state_width(self) -> int:
        """S, the numbers that one sequence is remembered by."""

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row.

        Args:
            ids: (B,).
            state: (B, S).

        Returns:
            log_probabilities (B, V) of what comes next, nats, and the new state (B, S).
        """

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences in one call.

        Args:
            sequence: ids (T, B), T at least 1.
            state: (B, S) before the first.

        Returns:
            log_probabilities (T, B, V) after each character, nats, and the states (T, B, S) there.
        """


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The ``Network`` of a checkpoint; safe to call from several threads."""

    step_session: InferenceSession
    sequence_session: InferenceSession
    state_width: int
    vocabulary_size: int

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row; see ``Network``."""
        log_probabilities, next_state = self.step_session.run(None, {"ids": ids, "state": state})
        return log_probabilities, next_state

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences in one call; see ``Network``."""
        log_probabilities, states = self.sequence_session.run(None, {"sequence": sequence, "first_state": state})
        return log_probabilities, states


def initial_state(network: Network, batch: int = 1) -> NDArray[np.float32]:
    """Give the state before anything was read: (B, S) zeros."""
    return np.zeros((batch, network.state_width), dtype=np.float32)


def open_runtime(directory: Path, *, threads: int = 1) -> Runtime:
    """Open the graphs of a verified checkpoint.

    Args:
        directory: holds step.onnx, sequence.onnx and int8.bin.
        threads: that one call may use.

    Raises:
        CheckpointError: ONNX Runtime refuses a graph, or the two do not belong together.
    """
    step, sequence = (open_session(directory / name, threads) for name in (STEP_FILE, SEQUENCE_FILE))
    try:
        (_, state), (_, first) = step.get_inputs(), sequence.get_inputs()
        (width, same), vocabulary = (state.shape[1], first.shape[1]), step.get_outputs()[0].shape[1]
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{STEP_FILE} must take ids and state and give two results, got others") from error
    if not isinstance(width, int) or not isinstance(vocabulary, int) or width != same:
        raise CheckpointError(f"{STEP_FILE} and {SEQUENCE_FILE} must share one state width, got {width} and {same}")
    return Runtime(step_session=step, sequence_session=sequence, state_width=width, vocabulary_size=vocabulary)


def open_session(path: Path, threads: int) -> InferenceSession:
    """Open one graph; its weights are read from the file beside it.

    Raises:
        CheckpointError: ONNX Runtime refuses it.
    """
    # The library looks once, when it is first imported: then it sends nothing and keeps no identifier on disk.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it refuses it also raises
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes share no base but this
        raise CheckpointError(
            f"{path.name} must be a graph that ONNX Runtime can open, got: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    """Give what an error says, on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
