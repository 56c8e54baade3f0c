"""What a transducer that still learns makes of one text: the likeliest character, again and again.

Legend: T characters read, U written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from model.alphabet import BEGIN_ID, END_ID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.transducer import Transducer

MOST_WRITTEN = 60


def write_greedily(network: Transducer, ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the ids (U,) that are written for ids (T,), T at least 1; the end is none of them."""
    training, device = network.training, network.device
    network.eval()
    written: list[int] = []
    with torch.no_grad():
        read = torch.tensor(ids, dtype=torch.int64, device=device)[None]
        memory = network.read(read, torch.tensor([len(ids)], device=device))
        state = torch.zeros(1, network.state_width, device=device)
        last = BEGIN_ID
        while len(written) < MOST_WRITTEN:
            logits, state, _ = network.step(torch.tensor([last], device=device), state, memory)
            last = int(logits.argmax())
            if last == END_ID:
                break
            written.append(last)
    network.train(training)
    return np.array(written, np.int32)
