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

    from model.ngram import NgramNetwork

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
    """The ``Network`` of a checkpoint; safe to call from several threads.

    Source: Li et al. 2022, arXiv:2210.14431 (an n-gram's log-probabilities added to a network's logits).
    Differs: both are weighted, and the network is trained by itself
    (decisions/0006-counts-and-an-n-gram-beside-the-network.md).

    ngram: what its graphs are told beside the characters, log P of an n-gram, whose context one more number of the
    state remembers; None for graphs that ask for none.
    """

    step_session: InferenceSession
    sequence_session: InferenceSession
    graph_state_width: int
    vocabulary_size: int
    ngram: NgramNetwork | None = None

    @property
    def state_width(self) -> int:
        """S, the graph's own state and the n-gram's."""
        return self.graph_state_width + (0 if self.ngram is None else self.ngram.state_width)

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one character more in each row; see ``Network``."""
        if self.ngram is None:
            return self.checked(self.step_session.run(None, {"ids": ids, "state": state}), ids.shape)
        own = self.graph_state_width
        prior, contexts = self.ngram.step(ids, state[:, own:])
        inputs = {"ids": ids, "state": np.ascontiguousarray(state[:, :own]), "prior": prior}
        log_probabilities, next_state = self.checked(self.step_session.run(None, inputs), ids.shape)
        return log_probabilities, np.concatenate([next_state, contexts], axis=1)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read whole sequences in one call; see ``Network``."""
        if self.ngram is None:
            inputs = {"sequence": sequence, "first_state": state}
            return self.checked(self.sequence_session.run(None, inputs), sequence.shape)
        own = self.graph_state_width
        prior, contexts = self.ngram.read(sequence, state[:, own:])
        inputs = {"sequence": sequence, "first_state": np.ascontiguousarray(state[:, :own]), "prior": prior}
        log_probabilities, states = self.checked(self.sequence_session.run(None, inputs), sequence.shape)
        return log_probabilities, np.concatenate([states, contexts], axis=2)

    def checked(
        self, given: list[NDArray[np.float32]], shape: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give what a graph gave for ids of a shape, if it is what it said: others follow it without looking.

        Raises:
            CheckpointError: it is not.
        """
        rows, states = given
        if (
            rows.shape != (*shape, self.vocabulary_size)
            or states.shape != (*shape, self.graph_state_width)
            or rows.dtype != np.float32
            or states.dtype != np.float32
        ):
            raise CheckpointError(
                f"{STEP_FILE} and {SEQUENCE_FILE} must give {self.vocabulary_size} log-probabilities and "
                f"{self.graph_state_width} numbers of a state for each character, as float32, got "
                f"{rows.shape} of {rows.dtype} and {states.shape} of {states.dtype}"
            )
        return rows, states


def initial_state(network: Network, batch: int = 1) -> NDArray[np.float32]:
    """Give the state before anything was read: (B, S) zeros."""
    return np.zeros((batch, network.state_width), dtype=np.float32)


def open_runtime(directory: Path, *, ngram: NgramNetwork | None = None, threads: int = 1) -> Runtime:
    """Open the graphs of a verified checkpoint.

    Args:
        directory: holds step.onnx, sequence.onnx and int8.bin.
        ngram: for graphs that ask for its log-probabilities.
        threads: that one call may use.

    Raises:
        CheckpointError: ONNX Runtime refuses a graph, or the two do not belong together, or not to the n-gram.
    """
    step = open_session(directory / STEP_FILE, threads)
    sequence = open_session(directory / SEQUENCE_FILE, threads)
    try:
        (_, state, *prior), (_, first, *priors) = step.get_inputs(), sequence.get_inputs()
        (width, same), vocabulary = (state.shape[1], first.shape[1]), step.get_outputs()[0].shape[1]
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{STEP_FILE} must take ids and state and give two results, got others") from error
    if not isinstance(width, int) or not isinstance(vocabulary, int) or width != same:
        raise CheckpointError(f"{STEP_FILE} and {SEQUENCE_FILE} must share one state width, got {width} and {same}")
    if not len(prior) == len(priors) == (ngram is not None):
        raise CheckpointError(f"{STEP_FILE} and {SEQUENCE_FILE} must ask for an n-gram where the checkpoint has one")
    if ngram is not None and len(ngram.ngram.base) != vocabulary:
        raise CheckpointError(
            f"the n-gram must know {vocabulary} characters as {STEP_FILE}, got {len(ngram.ngram.base)}"
        )
    return Runtime(
        step_session=step,
        sequence_session=sequence,
        graph_state_width=width,
        vocabulary_size=vocabulary,
        ngram=ngram,
    )


def open_session(path: Path, threads: int) -> InferenceSession:
    """Open one graph; its weights are read from the file beside it.

    Args:
        path: of the graph.
        threads: that one call may use.

    Raises:
        CheckpointError: ONNX Runtime refuses it.
    """
    # The library looks once, when it is first imported: then it sends nothing and keeps no identifier on disk.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # An arena keeps as much as the largest call ever took, 12 MB a model, and makes a call faster by 2 or 3 %.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
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
