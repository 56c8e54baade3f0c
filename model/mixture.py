"""The phrases seen and the model joined: P(q) = share of the count of q + model share times P_model(q).

The larger a count, the smaller the part of it that is taken off for what was not seen; all that is taken off is the
model's. So a beginning that was seen often speaks by its counts, and one that was not by the model alone.
Source: absolute discounting with three discounts, Chen and Goodman 1998, section 3, with whole phrases for n-grams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model.errors import CheckpointError
from model.native.library import FLOAT64, MixtureNumbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.manifest import JSON
    from model.phrases import PhraseIndex


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """How phrases seen and a model share what is probable.

    index: of the phrases seen; model_share: of the whole, in (0, 1]; discounts: what is taken off counts of at most 1,
    at most 2, and more, each less than such a count; total: that what is left of counts is divided by;
    least_count: a phrase seen less often is suggested by the model only.

    Raises:
        CheckpointError: a share or a discount is out of its bounds.
    """

    index: PhraseIndex
    model_share: float
    discounts: tuple[float, float, float]
    total: float
    least_count: float

    def __post_init__(self) -> None:
        one, two, more = self.discounts
        shares = 0 < self.model_share <= 1 and 0 <= one <= 1 and 0 <= two <= 2 and 0 <= more <= 3
        if not (shares and self.total > 0 and self.least_count >= 0):
            raise CheckpointError(
                "a blend must have a model_share in (0, 1], discounts in [0, 1], [0, 2] and [0, 3], a positive"
                f" total and a least_count of at least 0, got {self.model_share}, {self.discounts}, {self.total},"
                f" {self.least_count}"
            )

    def with_cost_of_unseen(self, cost: float) -> Mixture:
        """Give one in which what the model says of a phrase is worth less by a cost, nats."""
        return replace(self, model_share=self.model_share * math.exp(cost)) if cost else self

    @property
    def log_model_share(self) -> float:
        """Nats."""
        return math.log(self.model_share)

    @property
    def numbers(self) -> MixtureNumbers:
        """What the compiled core must know of it."""
        return MixtureNumbers((FLOAT64 * 3)(*self.discounts), self.total, self.least_count, self.log_model_share)

    def log_share(self, count: float) -> float:
        """Give what a count is worth: log of its share, nats; -inf below the least count. It never falls.

        Between whole counts, and below 1, discounts go on in straight lines, so that more is never worth less.
        """
        one, two, more = self.discounts
        if count >= 3:
            left = count - more
        elif count >= 2:
            left = count - two - (count - 2) * (more - two)
        elif count >= 1:
            left = count - one - (count - 1) * (two - one)
        else:
            left = count - count * one
        share = left / self.total if count >= self.least_count else 0.0
        return math.log(share) if share > 0.0 else -math.inf


def mixture_from(index: PhraseIndex, blend: Mapping[str, JSON]) -> Mixture:
    """Read a mixture as a manifest keeps it.

    Raises:
        CheckpointError: a number is missing, or out of its bounds.
    """
    try:
        share, total = blend["model_share"], blend["total"]
        one, two, more = blend["discounts"]  # type: ignore[misc, str-unpack]
        return Mixture(
            index=index,
            model_share=float(share),  # type: ignore[arg-type]
            discounts=(float(one), float(two), float(more)),  # type: ignore[arg-type]
            total=float(total),  # type: ignore[arg-type]
            least_count=float(blend["least_count"]),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"a blend must have model_share, discounts, total and least_count, got: {dict(blend)!r}"
        ) from error
