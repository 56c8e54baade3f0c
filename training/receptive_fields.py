"""Which characters each filter of a chain sees, and what its largest value counts for: written for activation maps.

Source: Dumoulin and Visin 2016, arXiv:1603.07285 (sizes of strided convolutions).
Legend: T places, K filters, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from model.arrays import write_arrays
from training.encoders.branches import Branches, BranchesEncoder
from training.encoders.convolution import ConvolutionEncoder
from training.encoders.window import WindowEncoder
from training.onnx_graph import array, quantise_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.classifier import TextClassifier
    from training.encoders.build import ChainEncoder, Encoder, StackedParts
    from training.encoders.convolution import Convolution
    from training.encoders.layer import ActivatedLayer


@dataclass(frozen=True, kw_only=True)
class ReceptiveFields:
    """Characters that values at a place t hang on: from t · stride - before to t · stride + after.

    before, after: (K,) int64, or (1,) where all channels see the same.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    stride: int

    def seen_through(self, before: list[int], after: list[int], stride: int) -> ReceptiveFields:
        """Give the fields of filters on top, each of which sees so many places here before its own and after it."""
        return ReceptiveFields(
            before=self.before.max() + np.array(before) * self.stride,
            after=self.after.max() + np.array(after) * self.stride,
            stride=self.stride * stride,
        )


def fields_through(fields: ReceptiveFields, part: Encoder) -> ReceptiveFields:
    """Give the fields of a part of a chain on top of fields.

    A state of a recurrence hangs on more than its place, but is taken for what stands there.
    """
    match part:
        case BranchesEncoder():
            branches = cast("Branches", part.layer.weighted).branches
            around = [reach(cast("Convolution", each)) for each in branches for _ in range(filters_in(each))]
            fields = fields.seen_through([before for before, _ in around], [after for _, after in around], 1)
        case ConvolutionEncoder():
            for number, layer in enumerate(part.layers):
                convolution = cast("Convolution", cast("ActivatedLayer", layer).weighted)
                before, after = reach(convolution)
                fields = fields.seen_through([before], [after], convolution.filters.stride[0])
                if (number + 1) % part.convolutions == 0:
                    fields = fields.seen_through([0], [part.pooling.width - 1], part.pooling.width)
    return fields


def fields_of(chain: StackedParts) -> ReceptiveFields:
    """Give the fields of a chain's last part."""
    fields = ReceptiveFields(before=np.zeros(1, np.int64), after=np.zeros(1, np.int64), stride=1)
    for part in chain.parts:
        fields = fields_through(fields, cast("Encoder", part))
    return fields


def filters_in(convolution: object) -> int:
    """Give how many filters slide side by side."""
    return cast("Convolution", convolution).filters.out_channels


def reach(convolution: Convolution) -> tuple[int, int]:
    """Give how many places before its own a filter sees, and how many after it."""
    before = convolution.around[0]
    return before, convolution.filters.kernel_size[0] - 1 - before


def pooled_filters_bytes(network: TextClassifier) -> bytes | None:
    """Write what the filters of the first chain count for, as ``pooled_filters_from`` reads it.

    Their weights are those of the int8 graph.

    Returns:
        None where it is not the largest values of a chain that are heard of.
    """
    chain = cast("ChainEncoder", network.chains[0])
    if chain.pooling.kind != "max" or any(isinstance(part, WindowEncoder) for part in chain.parts):
        return None
    fields = fields_of(chain)
    quantised, scales = quantise_columns(array(network.output.weight).T)
    weights = quantised[: chain.output_width] * scales  # (K, C)
    before, after = (
        np.broadcast_to(each, chain.output_width).astype(np.uint32) for each in (fields.before, fields.after)
    )
    return write_arrays(
        {"weights": weights.reshape(-1).astype(np.float32), "before": before, "after": after}, {"stride": fields.stride}
    )
