"""The plain way to complete with a recurrent network: eager float32 torch, a beam, the prefix read from its start.

Legend: B beams, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from benchmarks.rounds import Contender
from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.errors import InputError
from training.checkpoints import load_network
from training.export import output_weights
from training.networks import RecurrentLanguageModel
from training.protocol import COMPLETIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from model.loaded import LoadedModel

LONGEST = 64  # characters, as the service allows by default


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, as everything else here does."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def plain_network(network: RecurrentLanguageModel) -> RecurrentLanguageModel:
    """Give the same function with plain layers only: what letters, ties and a projection add is added up once."""
    characters = network.characters
    settings = replace(network.settings, letters=False, tied=False)
    plain = RecurrentLanguageModel(settings, network.vocabulary_size)
    plain.recurrent.load_state_dict(network.recurrent.state_dict())
    matrix, bias = output_weights(characters)
    embedding = characters.embedding_matrix()
    with torch.no_grad():
        plain.characters.output.weight.copy_(torch.from_numpy(matrix).T)
        plain.characters.output.bias.copy_(torch.from_numpy(bias))
        if plain.characters.embedding is not None and embedding is not None:
            plain.characters.embedding.weight.copy_(embedding)
    return plain.eval()


def load_recurrent(model: LoadedModel) -> RecurrentLanguageModel:
    """Rebuild the network of a checkpoint that is one recurrent network.

    Raises:
        InputError: it is another.
    """
    network = load_network(model)
    if not isinstance(network, RecurrentLanguageModel):
        raise InputError(f"{model.name}: must be one recurrent network to be measured plainly, got another")
    return network


def beam_search(
    network: RecurrentLanguageModel, ids: Sequence[int], width: int = COMPLETIONS, longest: int = LONGEST
) -> list[tuple[tuple[int, ...], float]]:
    """Write on from a prefix, with the best beams at every step, until as many phrases are finished.

    Args:
        network: is asked one step for all beams at a time.
        ids: (T,) of the prefix; it is no completion of itself.
        width: of the beam, and phrases wanted.
        longest: characters that are added at most.

    Returns:
        What is added to the prefix and its log-probability, nats, best first.
    """
    finished: list[tuple[tuple[int, ...], float]] = []
    with torch.inference_mode():
        logits, state = network(torch.tensor([[BEGIN_ID, *ids]]))
        written: list[tuple[int, ...]] = [()]
        scores = torch.zeros(1)
        for length in range(longest + 1):
            rows = torch.log_softmax(logits[:, -1], dim=-1)  # (B, V)
            rows[:, [UNKNOWN_ID, BEGIN_ID] if length else [UNKNOWN_ID, BEGIN_ID, END_ID]] = -torch.inf
            totals = (scores[:, None] + rows).flatten()
            best, places = totals.topk(min(2 * width, len(totals)))
            live: list[tuple[int, int, float]] = []
            for rank, (score, place) in enumerate(zip(best.tolist(), places.tolist(), strict=True)):
                beam, symbol = divmod(place, rows.shape[1])
                if symbol == END_ID and rank < width and score > -torch.inf:
                    finished.append((written[beam], score))
                elif symbol != END_ID and len(live) < width and score > -torch.inf:
                    live.append((beam, symbol, score))
            if len(finished) >= width or length == longest or not live:
                break
            beams, symbols, kept = zip(*live, strict=True)
            written = [(*written[beam], symbol) for beam, symbol in zip(beams, symbols, strict=True)]
            scores = torch.tensor(kept)
            logits, state = network(torch.tensor(symbols)[:, None], state[list(beams)])
    return sorted(finished, key=lambda each: -each[1])[:width]


def plain_way(model: LoadedModel) -> Contender[list[str]]:
    """Make a contender of the same weights used the plain way; run it within ``one_thread``."""
    network = plain_network(load_recurrent(model))

    def complete(prefix: str) -> list[str]:
        found = beam_search(network, model.alphabet.encode(prefix).tolist())
        return [prefix + model.alphabet.decode(added) for added, _ in found]

    def prepare(prefix: str) -> Callable[[], list[str]]:
        return lambda: complete(prefix)

    return Contender(name="plain", prepare=prepare)
