"""Filters of a network whose largest values over a text are all that its labels hear of: which fired, and where.

Source: Zhou et al. 2016, arXiv:1512.04150 (a label's weights times what filters give, place by place); Jacovi, Sar
Shalom and Goldberg 2018, arXiv:1809.08037 (of a text, the piece that a filter's largest value came from).

Legend: T places, K filters, R characters that the network reads, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.arrays import ArrayFile

FILTERS_FILE = "filters.bin"
LONGEST_STRIDE = 2**31  # characters, far more than a text has


@dataclass(frozen=True, kw_only=True)
class PooledFilters:
    """What filters count for, and which characters they see.

    weights: (K, C) float32, nats that a filter's largest value adds to a label's logit, times that value;
    before, after: (K,), characters that a filter sees around a place; stride: characters from a place to the next.
    """

    weights: NDArray[np.float32]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    stride: int

    def fired(self, activations: NDArray[np.float32], characters: int) -> Fired:
        """Find where each filter gave its largest value.

        Args:
            activations: (T, K), what the filters gave before pooling.
            characters: R.
        """
        places = activations.argmax(axis=0)
        return Fired(
            begins=np.clip(places * self.stride - self.before, 0, characters),
            ends=np.clip(places * self.stride + self.after + 1, 0, characters),
            logits=activations.max(axis=0)[:, None] * self.weights,
        )


@dataclass(frozen=True, kw_only=True)
class Fired:
    """Where filters fired in a text, and what for.

    begins, ends: (K,), the first character that a filter saw, and the one after the last; logits: (K, C), nats that
    it added to the labels' logits.
    """

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    logits: NDArray[np.float32]


def pooled_filters_from(file: ArrayFile, filters: int, labels: int) -> PooledFilters:
    """Take the filters out of their file of arrays.

    Args:
        file: with weights, before, after and a stride.
        filters: K that it must hold.
        labels: C that it must hold.

    Raises:
        CheckpointError: they do not belong together.
    """
    try:
        weights = np.asarray(file.arrays["weights"], np.float32)
        seen = [file.arrays[name] for name in ("before", "after")]
        stride = file.whole_number("stride", LONGEST_STRIDE, FILTERS_FILE)
    except KeyError as error:
        raise CheckpointError(f"{FILTERS_FILE} must hold what filters count for, got a file without {error}") from error
    if len(weights) != filters * labels or any(len(each) != filters for each in seen):
        raise CheckpointError(f"{FILTERS_FILE} must hold {filters} filters for {labels} labels, got others")
    if not np.isfinite(weights).all() or any(each.dtype.kind != "u" for each in seen):
        raise CheckpointError(f"{FILTERS_FILE} must hold finite weights and whole numbers of characters, got others")
    before, after = (each.astype(np.int64) for each in seen)
    return PooledFilters(weights=weights.reshape(filters, labels), before=before, after=after, stride=stride)
