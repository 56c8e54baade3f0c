"""What a run is told: the network, how text becomes ids, and how it is trained; nothing here needs torch."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Literal, get_args

from model.errors import InputError

Cell = Literal["rnn-tanh", "rnn-relu", "gru", "lstm"]
LanguageCell = Literal["rnn-tanh", "rnn-relu", "gru", "lstm", "convolution"]
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]
MOST_ORDER = 16
RECURRENT_LAYERS, CAUSAL_LAYERS = 1, 4
MOST_CHARACTERS = 60_000  # of an alphabet: the keys of its characters are numbers of two bytes


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices.

    Raises:
        InputError: with the choices.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_range(settings: object, bounds: tuple[tuple[str, int, int], ...]) -> None:
    """Refuse settings of which a number is below its least or above its most, each named with both.

    Raises:
        InputError: with the range.
    """
    for name, least, most in bounds:
        if not least <= getattr(settings, name) <= most:
            raise InputError(f"{name} must be in [{least}, {most}], got {getattr(settings, name)}")


def check_share(settings: object, *names: str) -> None:
    """Refuse settings of which a share to be dropped is below 0, or leaves nothing.

    Raises:
        InputError: with the range.
    """
    for name in names:
        if not 0 <= getattr(settings, name) < 1:
            raise InputError(f"{name} must be in [0, 1), got {getattr(settings, name)}")


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What the network is; kept in the checkpoint, which is rebuilt from it alone."""

    cell: LanguageCell = field(
        default="lstm",
        metadata={
            "help": "The recurrence: rnn-tanh, rnn-relu, gru or lstm; or convolution, causal and gated. Members of an"
            " ensemble take several in turn: lstm,gru,convolution.",
            "several": True,
        },
    )
    layers: int = field(
        default=0,
        metadata={
            "help": "Layers, one on top of the other; convolutions each see twice as far back as the one below. 0 for"
            " 1 recurrent layer, or 4 convolutions."
        },
    )
    hidden_width: int = field(
        default=384,
        metadata={
            "help": "Units of each recurrent layer, filters of a causal convolution; by default 256 to classify, 128 to"
            " tag, 192 to transduce."
        },
    )
    filter_width: int = field(
        default=3, metadata={"help": "Places that a filter of stacked or causal convolutions sees."}
    )
    embedding_width: int = field(
        default=256,
        metadata={
            "help": "Width of the learned character embedding; 0 feeds characters one-hot to a language model; by"
            " default 128 to classify, to tag and to transduce."
        },
    )
    dropout: float = field(
        default=0.25,
        metadata={
            "help": "Share of values dropped in training: of embeddings, between layers, on top; by default"
            " 0.5 to classify, 0.3 to tag and to transduce."
        },
    )
    tied: bool = field(default=True, metadata={"help": "Use the embedding as output weights too, where there is one."})
    letters: bool = field(
        default=True,
        metadata={"help": "Share weights between Hangul syllables that share letters; no matter elsewhere."},
    )

    def __post_init__(self) -> None:
        check_choice("cell", self.cell, get_args(LanguageCell))
        check_range(
            self,
            (("layers", 0, 32), ("hidden_width", 1, 8192), ("filter_width", 2, 64), ("embedding_width", 0, 8192)),
        )
        check_share(self, "dropout")
        if self.layers == 0:
            object.__setattr__(self, "layers", CAUSAL_LAYERS if self.cell == "convolution" else RECURRENT_LAYERS)

    @property
    def ties(self) -> bool:
        """Whether the output weights are the embedding: one-hot has none."""
        return self.tied and self.embedding_width > 0


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How text becomes ids, and what is kept from training to measure on."""

    characters: int = field(
        default=10_000, metadata={"help": "The most characters in the alphabet; rarer ones count as unknown."}
    )
    held_out_below: float | None = field(
        default=None,
        metadata={"help": "Hold out only phrases with a count below this; by default, none of the heaviest twentieth."},
    )

    def __post_init__(self) -> None:
        if not 1 <= self.characters <= MOST_CHARACTERS:
            raise InputError(f"characters must be in [1, {MOST_CHARACTERS}], got {self.characters}")
        if self.held_out_below is not None and not self.held_out_below > 0:
            raise InputError(f"held_out_below must be positive, got {self.held_out_below}")


@dataclass(frozen=True, kw_only=True)
class BlendSettings:
    """What is mixed with the network of a model of phrases or of running text."""

    ngram_order: int | None = field(
        default=None,
        metadata={
            "help": "Order of the character n-gram that is mixed with the network; 0 leaves the network alone. By"
            " default 8, and 6 for alphabets of 500 characters or more."
        },
    )
    least_count: float = field(
        default=1.0,
        metadata={"help": "Suggest a phrase because it was seen only if its count is at least this."},
    )

    unseen_share: float | None = field(
        default=None,
        metadata={
            "help": "Share of the phrases to come that were never seen: more favours what the model makes up over what"
            " was seen. By default learned from how many phrases were seen once, twice and so on; 0.9 where each was"
            " seen once, as in a list without counts."
        },
    )

    def __post_init__(self) -> None:
        if self.unseen_share is not None and not 0 < self.unseen_share < 1:
            raise InputError(f"unseen_share must be in (0, 1), got {self.unseen_share}")
        if self.ngram_order is not None and not 0 <= self.ngram_order <= MOST_ORDER:
            raise InputError(f"ngram_order must be in [0, {MOST_ORDER}], got {self.ngram_order}")
        if not 0 <= self.least_count < math.inf:
            raise InputError(f"least_count must be at least 0, got {self.least_count}")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a network is trained; kept in the checkpoint as provenance only."""

    minutes: float = field(
        default=10.0,
        metadata={
            "help": "Wall-clock limit of the whole command, export and measuring included; 0 for none, which with the"
            " same seed and text gives the same weights again on a CPU."
        },
    )
    epochs: int = field(
        default=50,
        metadata={
            "help": "The most times to go through the text; to classify, tag and transduce, by default 3 or 4 to 60:"
            " the fewer texts, the more often."
        },
    )
    seed: int = field(default=0, metadata={"help": "Of weights, order and dropout."})
    members: int = field(
        default=1,
        metadata={
            "help": "Networks to train, each from a seed of its own and in an equal share of the time; their"
            " probabilities are averaged. A run that is stopped goes on from the members done when it is run again."
        },
    )
    processes: int = field(
        default=1,
        metadata={"help": "Members to train at once, each by a process of its own with a share of the threads."},
    )
    batch_characters: int = field(
        default=2048,
        metadata={
            "help": "Characters a step of training reads, about; by default 4096 to classify, to tag and to transduce."
        },
    )
    window: int = field(
        default=128, metadata={"help": "Running text: characters that a gradient reaches back through."}
    )
    learning_rate: float = field(
        default=0.004,
        metadata={"help": "Of AdamW, at its highest; by default 0.002 to classify and to tag, 0.003 to transduce."},
    )
    weight_decay: float = field(default=0.01, metadata={"help": "Of AdamW."})
    gradient_limit: float = field(default=1.0, metadata={"help": "Norm to which a longer gradient is cut."})
    averaging: float = field(
        default=0.0,
        metadata={
            "help": "How weights are averaged over the steps: 0 keeps those of one step, 10 the mean of the last"
            " eleventh of all steps, about; by default 10 to classify."
        },
    )
    count_power: float = field(
        default=0.0, metadata={"help": "A phrase of count c is read c to this power times as often as one of count 1."}
    )
    precision: Precision = field(
        default="auto",
        metadata={
            "help": "float32, bfloat16, or auto: bfloat16 where the device has it. On a GPU the recurrence takes TF32."
        },
    )
    device: Device = field(
        default="auto",
        metadata={"help": "Where the network learns: cpu, cuda, or auto: a GPU where torch sees one, else the CPU."},
    )
    threads: int = field(default=0, metadata={"help": "Processor threads; 0 for all cores."})

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1),
            ("seed", 0),
            ("members", 1),
            ("processes", 1),
            ("batch_characters", 1),
            ("window", 1),
            ("threads", 0),
        ):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name, most in (
            ("seed", 2**63 - 1),
            ("members", 64),
            ("processes", 64),
            ("threads", 1024),
            ("batch_characters", 2**24),
            ("window", 2**16),
        ):
            if getattr(self, name) > most:
                raise InputError(f"{name} must be at most {most}, got {getattr(self, name)}")
        for name in ("learning_rate", "gradient_limit"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be a positive number, got {getattr(self, name)}")
        for name in ("minutes", "weight_decay", "averaging", "count_power"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be at least 0, got {getattr(self, name)}")
        check_choice("precision", self.precision, get_args(Precision))
        check_choice("device", self.device, get_args(Device))

    def threads_of_each(self, members: int) -> int:
        """Give the processor threads with which each of so many members is trained, at least 1."""
        threads = self.threads or os.cpu_count() or 1
        return max(1, threads // min(self.processes, members))
