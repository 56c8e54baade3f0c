"""Places of texts of different lengths in one batch.

Legend: B batch, T places, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def within(lengths: Tensor, places: int) -> Tensor:
    """Tell which places are within their text: (B, T) of lengths (B,)."""
    return torch.arange(places, device=lengths.device) < lengths.unsqueeze(1)


def beyond(lengths: Tensor, places: int) -> Tensor:
    """Tell which places lie beyond their text: (B, T, 1) of lengths (B,)."""
    return ~within(lengths, places).unsqueeze(2)


def keep_places(values: Tensor, lengths: Tensor) -> Tensor:
    """Make values (B, T, C) zero beyond the lengths (B,)."""
    return values.masked_fill(beyond(lengths, values.shape[1]), 0)


def reverse_places(values: Tensor, lengths: Tensor) -> Tensor:
    """Turn each text of values (B, T, C) around within its length (B,); what lies beyond stays where it is."""
    place = torch.arange(values.shape[1], device=values.device)
    ends = lengths.unsqueeze(1)
    order = torch.where(place < ends, ends - 1 - place, place)  # (B, T)
    return values.gather(1, order.unsqueeze(2).expand_as(values))
