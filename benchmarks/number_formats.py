"""A checkpoint's network in several number formats, each as a ``Runtime`` with the checkpoint's n-gram.

ONNX Runtime on a CPU has no products in bfloat16: 1.32 refuses MatMul and Gemm of them, NOT_IMPLEMENTED. So bfloat16 is
torch's, and float32 is there twice, to tell what the format does from what torch does.

Legend: B batch, T time steps, V vocabulary size, S state width, G·H widths of the gates, R rows of a matrix,
C its columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import onnx
import torch

from benchmarks.plain import load_recurrent, plain_network
from model.ngram import NgramNetwork
from model.runtime import STEP_FILE, Runtime, open_runtime
from training import export, recurrent_graph
from training.figures import prior_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from model.loaded import LoadedModel
    from training.export import Shares
    from training.networks import RecurrentLanguageModel
    from training.onnx_graph import Graph, Weights


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """A network in one format.

    weight_bytes: of all its weights; step_bytes: of those that a step reads whole, without what is looked up.
    """

    runtime: Runtime
    weight_bytes: int
    step_bytes: int


@dataclass(frozen=True, kw_only=True)
class TorchStep:
    """What a session of ``step.onnx`` computes, in eager torch.

    network: plain, its output weighted by the network's share; prior_share: of the n-gram; bfloat16: of the products.
    """

    network: RecurrentLanguageModel
    prior_share: float
    bfloat16: bool

    def logits(self, ids: NDArray[np.int64], state: NDArray[np.float32]) -> tuple[torch.Tensor, torch.Tensor]:
        """Read one character more: logits (B, V) float32, and the new state (B, S)."""
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits, after = self.network.step(torch.from_numpy(ids), torch.from_numpy(state))
        return logits.float(), after

    def mixed(self, logits: torch.Tensor, prior: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Turn logits (..., V) and what the n-gram says into log-probabilities (..., V), nats."""
        with torch.inference_mode():
            if prior is not None:
                logits = logits.add(torch.from_numpy(prior), alpha=self.prior_share)
            return logits.log_softmax(dim=-1).numpy()

    def run(self, _names: None, inputs: Mapping[str, NDArray[np.generic]]) -> tuple[NDArray[np.float32], ...]:
        """Give log_probabilities (B, V) and next_state (B, S); see ``training.export.export``."""
        logits, after = self.logits(inputs["ids"], inputs["state"])  # type: ignore[arg-type]
        return self.mixed(logits, inputs.get("prior")), after.numpy()  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class TorchSequence:
    """What a session of ``sequence.onnx`` computes: the same step for each character."""

    step: TorchStep

    def run(self, _names: None, inputs: Mapping[str, NDArray[np.generic]]) -> tuple[NDArray[np.float32], ...]:
        """Give log_probabilities (T, B, V) and states (T, B, S); see ``training.export.export``."""
        state, logits, states = inputs["first_state"], [], []
        for ids in inputs["sequence"]:
            read, after = self.step.logits(ids, state)  # type: ignore[arg-type]
            state = after.numpy()
            logits.append(read)
            states.append(state)
        return self.step.mixed(torch.stack(logits), inputs.get("prior")), np.stack(states)  # type: ignore[arg-type]


def number_formats(model: LoadedModel, folder: Path) -> dict[str, NumberFormat]:
    """Bring a model's network into every format.

    Args:
        model: its checkpoint has the int8 form, and the float32 weights that the others are made of.
        folder: for the files of the float32 graphs; needed as long as they are.

    Raises:
        CheckpointError: the weights do not fit the architecture.
        InputError: it is not one recurrent network.
    """
    network, prior = load_recurrent(model), prior_of(model)
    shares = None if prior is None else prior.shares
    ngram = None if prior is None else NgramNetwork(ngram=prior.ngram)
    with (
        patch.object(export, "product", float32_product),
        patch.multiple(recurrent_graph, product=float32_product, table_of_inputs=recurrent_graph.first_inputs),
    ):
        files = export.export(network, [], shares).files
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {
        "int8": graph_format(model.checkpoint.directory, ngram),
        "float32": graph_format(folder, ngram),
        "bfloat16_torch": torch_format(network, shares, ngram, bfloat16=True),
        "float32_torch": torch_format(network, shares, ngram, bfloat16=False),
    }


def float32_product(
    graph: Graph, weights: Weights, name: str, value: str, matrix: NDArray[np.float32], _scale: float
) -> str:
    """Multiply a value (..., R) by a matrix (R, C) in float32, where ``training.onnx_graph.product`` does in int8."""
    return graph.add("MatMul", value, weights.add(f"{name}_weights", matrix))


def graph_format(directory: Path, ngram: NgramNetwork | None) -> NumberFormat:
    """Open exported graphs, whose one table is looked up."""
    graph = onnx.load(directory / STEP_FILE, load_external_data=False).graph
    sizes = {
        each.name: int(entry.value)
        for each in graph.initializer
        for entry in each.external_data
        if entry.key == "length"
    }
    return NumberFormat(
        runtime=open_runtime(directory, ngram=ngram),
        weight_bytes=sum(sizes.values()),
        step_bytes=sum(size for name, size in sizes.items() if name != "table"),
    )


def torch_format(
    network: RecurrentLanguageModel, shares: Shares | None, ngram: NgramNetwork | None, *, bfloat16: bool
) -> NumberFormat:
    """Make a network of plain layers, whose one embedding is looked up.

    In bfloat16 its matrices are kept so, or autocast would round them again in every step; biases, states, and what
    is computed with them, stay float32.
    """
    plain = plain_network(network)
    plain.characters.output.weight.data *= 1.0 if shares is None else shares.network
    plain.characters.output.bias.data *= 1.0 if shares is None else shares.network
    if bfloat16:
        for parameter in plain.parameters():
            if parameter.dim() > 1:
                parameter.data = parameter.data.bfloat16()
    sizes = {name: each.numel() * each.element_size() for name, each in plain.named_parameters()}
    step = TorchStep(network=plain, prior_share=0.0 if shares is None else shares.ngram, bfloat16=bfloat16)
    return NumberFormat(
        runtime=Runtime(
            step_session=step,
            sequence_session=TorchSequence(step=step),
            graph_state_width=plain.state_width,
            vocabulary_size=plain.vocabulary_size,
            ngram=ngram,
        ),
        weight_bytes=sum(sizes.values()),
        step_bytes=sum(size for name, size in sizes.items() if name != "characters.embedding.weight"),
    )
