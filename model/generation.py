"""Generation: text that goes on from a beginning, drawn character by character.

Legend: V vocabulary size.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID
from model.conditions import label_symbol, symbol_of
from model.errors import InputError
from model.query import normalise
from model.runtime import initial_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.loaded import LoadedModel
    from model.runtime import Network

MAX_PREFIX_CHARACTERS = 10_000
MAX_CHARACTERS = 10_000
MAX_TEMPERATURE = 10.0
Real = TypeVar("Real", bound=np.floating)
STRETCH = 256  # characters read in one call: each gives V log-probabilities, and only the last are needed


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """What to write on from, and how boldly.

    Raises:
        InputError: a value is out of its bounds.
    """

    prefix: str = field(default="", metadata={"help": "What to write on from."})
    label: str | None = field(
        default=None,
        metadata={"help": "The label of what is written, of a model that learned by labels; drawn when left out."},
    )
    max_characters: int = field(default=200, metadata={"help": "The most characters to write."})
    temperature: float = field(
        default=1.0, metadata={"help": "Below 1 the likely becomes likelier, above 1 less so; 0 takes the likeliest."}
    )
    top_k: int = field(default=0, metadata={"help": "Choose among this many likeliest characters; 0 for all."})
    top_p: float = field(
        default=1.0, metadata={"help": "Choose among the fewest likeliest characters whose probabilities reach this."}
    )
    seed: int | None = field(
        default=None, metadata={"help": "The same seed writes the same text; drawn when left out."}
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", normalise(self.prefix))
        object.__setattr__(self, "label", None if self.label is None else normalise(self.label))
        if len(self.prefix) > MAX_PREFIX_CHARACTERS:
            raise InputError(f"prefix must be at most {MAX_PREFIX_CHARACTERS} characters, got {len(self.prefix)}")
        if not 1 <= self.max_characters <= MAX_CHARACTERS:
            raise InputError(f"max_characters must be in [1, {MAX_CHARACTERS}], got {self.max_characters}")
        if not 0 <= self.temperature <= MAX_TEMPERATURE:
            raise InputError(f"temperature must be in [0, {MAX_TEMPERATURE:g}], got {self.temperature}")
        if self.top_k < 0:
            raise InputError(f"top_k must be at least 0, got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be in [0, 2^63), got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class GenerationReply:
    """What was written: the prefix and the text after it in one; ``ended`` when it came to an end by itself.

    label: told or drawn, of a model that learned by labels.
    """

    prefix: str
    text: str
    ended: bool
    seed: int
    label: str | None = None


def generate(model: LoadedModel, request: GenerationRequest) -> GenerationReply:
    """Write on from a prefix; the seed drawn or given decides every character.

    Raises:
        InputError: the model does not know the label, or was trained without labels.
    """
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    generator = np.random.Generator(np.random.PCG64(seed))
    symbol = symbol_of(request.label, model.labels, request.prefix)
    sequence = np.concatenate([[BEGIN_ID], model.alphabet.encode(symbol + request.prefix)]).astype(np.int64)
    row, state = read_prefix(model.runtime, sequence)
    symbols = model.alphabet.encode("".join(map(label_symbol, range(len(model.labels))))).astype(np.int64)
    label = request.label
    if model.labels and label is None:
        drawn = draw(row[0][symbols], request, generator)
        label = model.labels[drawn]
        row, state = model.runtime.step(symbols[[drawn]], state)
    # Running text never ends, an unknown character cannot be written, and a label stands at the beginning alone.
    banned = [UNKNOWN_ID, BEGIN_ID, *([END_ID] if model.task == "text" else []), *symbols.tolist()]
    written: list[int] = []
    ended = False
    while len(written) < request.max_characters:
        logits = row[0].copy()
        logits[banned] = -np.inf
        character = draw(logits, request, generator)
        if character == END_ID:
            ended = True
            break
        written.append(character)
        row, state = model.runtime.step(np.array([character]), state)
    text = request.prefix + model.alphabet.decode(written)
    return GenerationReply(prefix=request.prefix, text=text, ended=ended, seed=seed, label=label)


def read_prefix(network: Network, sequence: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read ids (T,) a stretch at a time; give the last log-probabilities (1, V), nats, and the state (1, S)."""
    state = initial_state(network)
    for start in range(0, len(sequence), STRETCH):
        log_probabilities, states = network.read(sequence[start : start + STRETCH, None], state)
        row, state = log_probabilities[-1], states[-1]
    return row, state


def draw(logits: NDArray[np.float32], request: GenerationRequest, generator: np.random.Generator) -> int:
    """Draw one id from logits (V,), nats, after temperature, top-k and top-p, in this order."""
    if request.temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # next to a temperature near 0, all but the likeliest become impossible
        scaled = ((logits - logits.max()).astype(np.float64) / request.temperature).astype(np.float32)
    probabilities = softmax(keep_nucleus(keep_top(scaled, request.top_k), request.top_p)).astype(np.float64)
    return int(generator.choice(len(probabilities), p=probabilities / probabilities.sum()))


def softmax(logits: NDArray[Real]) -> NDArray[Real]:
    """Turn logits (..., V), nats, into probabilities (..., V)."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[Real] = raised / raised.sum(axis=-1, keepdims=True)
    return probabilities


def keep_top(logits: NDArray[np.float32], top_k: int) -> NDArray[np.float32]:
    """Keep the ``top_k`` most likely characters (0: all); of equals at the edge, all.

    Source: Fan et al. 2018, arXiv:1805.04833.

    Args:
        logits: (..., V) nats.
        top_k: at least 0.

    Returns:
        (..., V); dropped characters are -inf.
    """
    if top_k == 0 or top_k >= logits.shape[-1]:
        return logits
    edge = np.partition(logits, -top_k, axis=-1)[..., -top_k, None]
    return np.where(logits < edge, -np.inf, logits).astype(logits.dtype)


def keep_nucleus(logits: NDArray[np.float32], top_p: float) -> NDArray[np.float32]:
    """Keep the fewest most-likely characters whose probabilities reach ``top_p``.

    Source: Holtzman et al. 2020, arXiv:1904.09751.

    Args:
        logits: (..., V) nats.
        top_p: probability mass to keep, in (0, 1]; 1 keeps every character.

    Returns:
        (..., V); dropped characters are -inf, and at least one survives.
    """
    if math.isclose(top_p, 1.0):
        return logits
    order = np.argsort(-logits, axis=-1, kind="stable")
    mass = np.cumsum(np.take_along_axis(softmax(logits), order, axis=-1), axis=-1)
    before = np.concatenate([np.zeros_like(mass[..., :1]), mass[..., :-1]], axis=-1)
    kept = np.empty_like(logits, dtype=np.bool_)
    np.put_along_axis(kept, order, (before < top_p) | (before == 0), axis=-1)
    return np.where(kept, logits, -np.inf).astype(logits.dtype)
