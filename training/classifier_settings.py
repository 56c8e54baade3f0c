"""What a classifier is: its parts and how they are joined; nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from model.errors import InputError
from model.hashed_ngrams import MOST_NGRAM
from training.settings import Cell, check_choice, check_range, check_share

Activation = Literal["sigmoid", "tanh", "relu", "gelu"]
Padding = Literal["valid", "same", "causal"]
Pooling = Literal["max", "mean", "last", "attention"]
Skip = Literal["none", "residual", "highway"]
NgramSpaces = Literal["auto", "across", "within"]
Initialisation = Literal["auto", "zeros", "small", "xavier", "he", "orthogonal", "rbm"]
PARTS = ("wide", "convolution", "branches", "recurrent", "window")
MOST_BRANCHES = 16


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """What a classifier is; kept in the checkpoint, which is rebuilt from it alone."""

    encoder: str = field(
        default="wide+recurrent",
        metadata={
            "help": "Parts of a classifier: wide (hashed n-grams), convolution (stacked), branches (parallel filter"
            " widths), recurrent, window (plain layers over the first characters). A + sets parts side by side, a /"
            " sets one on top of another, as in wide+convolution/recurrent. Members of an ensemble take several in"
            " turn, with commas between them; n-grams, where one has them, are joined with the network of each."
        },
    )
    embedding_width: int = field(default=128, metadata={"help": "Width of the learned character embedding."})
    letters: bool = field(
        default=True,
        metadata={"help": "Share weights between Hangul syllables that share letters; no matter elsewhere."},
    )
    character_dropout: float = field(
        default=0.0, metadata={"help": "To classify: share of characters that training reads as unknown."}
    )
    embedding_dropout: float = field(
        default=0.2, metadata={"help": "To classify: share of embedding values dropped in training, along a text."}
    )
    dropout: float = field(
        default=0.5, metadata={"help": "Share of values dropped in training: between layers, on top."}
    )
    recurrent_dropout: float = field(
        default=0.0, metadata={"help": "To classify: share of recurrent weights dropped in each step of training."}
    )
    activation: Activation = field(
        default="relu", metadata={"help": "Activation function of convolutions and plain layers."}
    )
    normalise: bool = field(default=False, metadata={"help": "Normalise each layer's values (layer normalisation)."})
    skip: Skip = field(
        default="none",
        metadata={
            "help": "Connections that skip a layer, where it keeps the size: none, residual (added), highway (gated)."
        },
    )
    initialise: Initialisation = field(
        default="auto",
        metadata={
            "help": "First weights: zeros, small (random), xavier, he, orthogonal, rbm (of plain layers), or auto: he"
            " before ReLU and GELU, xavier elsewhere, orthogonal for recurrent weights."
        },
    )
    filters: int = field(default=128, metadata={"help": "Filters of each convolution."})
    filter_width: int = field(default=3, metadata={"help": "Characters that a filter of stacked convolutions sees."})
    stride: int = field(default=1, metadata={"help": "Characters from one place of a filter to the next."})
    padding: Padding = field(
        default="same", metadata={"help": "Zeros around the text: valid (none), same (keeps the size) or causal."}
    )
    convolutions: int = field(default=2, metadata={"help": "Convolutions before each pooling."})
    blocks: int = field(default=2, metadata={"help": "Times that convolutions and pooling are repeated."})
    pool_width: int = field(
        default=2,
        metadata={"help": "Places that max pooling makes one of, those left over at the end unseen; 1 pools nothing."},
    )
    branch_widths: str = field(
        default="2,3,4,5", metadata={"help": "Filter widths of the branches, with commas between them."}
    )
    cell: Cell = field(default="lstm", metadata={"help": "The recurrence: rnn-tanh, rnn-relu, gru or lstm."})
    layers: int = field(default=1, metadata={"help": "Recurrent or plain layers, one on top of the other."})
    hidden_width: int = field(default=256, metadata={"help": "Units of each recurrent or plain layer."})
    bidirectional: bool = field(default=True, metadata={"help": "Read texts from both ends, where recurrent."})
    pooling: Pooling = field(
        default="max",
        metadata={"help": "What a text is remembered by: max or mean over its places, last state, or attention."},
    )
    window_characters: int = field(
        default=40,
        metadata={
            "help": "Characters that the window sees, from the beginning of a text; to tag, around each character."
        },
    )

    longest: int = field(
        default=512,
        metadata={
            "help": "Characters that the network reads of a text: of a longer one its first three quarters of so many"
            " and its last quarter. N-grams are counted in the whole text."
        },
    )
    ngram_least: int = field(default=1, metadata={"help": "Characters of the shortest n-gram of the wide part."})
    ngram_most: int = field(default=5, metadata={"help": "Characters of the longest n-gram of the wide part."})
    ngram_spaces: NgramSpaces = field(
        default="auto",
        metadata={
            "help": "Whether an n-gram of the wide part may go across a space as if there were none: across, within"
            " (words), or auto: across where most letters are Hangul, whose words are written together and apart."
        },
    )
    ngram_texts: int = field(default=2, metadata={"help": "Texts that an n-gram must stand in to be known."})
    ngram_hidden: int = field(
        default=0, metadata={"help": "Hidden units over the n-grams of the wide part; 0 for one linear layer."}
    )

    def __post_init__(self) -> None:
        chains_of(self.encoder)
        widths_of(self.branch_widths)
        for name, choices in (
            ("activation", Activation),
            ("padding", Padding),
            ("pooling", Pooling),
            ("skip", Skip),
            ("ngram_spaces", NgramSpaces),
            ("initialise", Initialisation),
            ("cell", Cell),
        ):
            check_choice(name, getattr(self, name), get_args(choices))
        check_range(
            self,
            (
                ("embedding_width", 1, 8192),
                ("filters", 1, 8192),
                ("filter_width", 1, 256),
                ("stride", 1, 256),
                ("convolutions", 1, 64),
                ("blocks", 1, 64),
                ("pool_width", 1, 256),
                ("layers", 1, 32),
                ("hidden_width", 1, 8192),
                ("window_characters", 1, 4096),
                ("longest", 2, 100_000),
                ("ngram_least", 1, MOST_NGRAM),
                ("ngram_most", self.ngram_least, MOST_NGRAM),
                ("ngram_texts", 1, 1_000_000),
                ("ngram_hidden", 0, 4096),
            ),
        )
        if self.initialise == "rbm" and ("window",) not in self.chains:
            raise InputError(f"initialise may be rbm only where a window is among the parts, got {self.encoder!r}")
        check_share(self, "character_dropout", "embedding_dropout", "dropout", "recurrent_dropout")

    @property
    def chains(self) -> tuple[tuple[str, ...], ...]:
        """The parts side by side, each a chain of parts one on top of another, the first nearest to the text."""
        return chains_of(self.encoder)

    @property
    def is_wide(self) -> bool:
        """Whether n-grams are a part."""
        return ("wide",) in self.chains

    @property
    def reads_characters(self) -> bool:
        """Whether there is a network beside the n-grams, if there are any."""
        return self.chains != (("wide",),)

    @property
    def widths(self) -> tuple[int, ...]:
        """Filter widths of the branches."""
        return widths_of(self.branch_widths)


@dataclass(frozen=True, kw_only=True)
class SortingSettings:
    """What a classifier is told beside what its network is."""

    balance: float = field(
        default=0.0,
        metadata={
            "help": "How much more texts of rare labels count in training: 0 every text alike, 1 every label alike, so"
            " that most of the rare ones are found; between them, at about 0.5, macro F1 is highest."
        },
    )

    least_texts: int = field(
        default=0,
        metadata={"help": "Leave out labels with fewer different texts than so many; 0 leaves none out."},
    )

    pretrain: bool = field(
        default=True,
        metadata={
            "help": "Let a recurrent part that reads characters first learn to foretell those of the texts from both"
            " ends, as a language model does, in up to two fifths of the networks' time; members that are alike do it"
            " together."
        },
    )

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise InputError(f"balance must be in [0, 1], got {self.balance}")
        if self.least_texts < 0:
            raise InputError(f"least_texts must be at least 0, got {self.least_texts}")


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """How a student learns from its teacher."""

    distill_temperature: float = field(
        default=2.0,
        metadata={
            "help": "What the teacher's and the student's logits are divided by while the student learns from the"
            " teacher: the more, the more the labels count that the teacher takes for unlikely."
        },
    )
    truth_share: float = field(
        default=0.5,
        metadata={
            "help": "Share of what a student learns that is its text: the label, where there is one, or the next"
            " character; the rest is what the teacher says of them."
        },
    )

    def __post_init__(self) -> None:
        if not 0 < self.distill_temperature <= 100:
            raise InputError(f"distill_temperature must be in (0, 100], got {self.distill_temperature}")
        if not 0 <= self.truth_share <= 1:
            raise InputError(f"truth_share must be in [0, 1], got {self.truth_share}")


def chains_of(encoder: str) -> tuple[tuple[str, ...], ...]:
    """Read an encoder such as ``wide+convolution/recurrent``.

    Raises:
        InputError: a part is unknown, stands twice, or cannot stand on or under another.
    """
    chains = tuple(tuple(chain.split("/")) for chain in encoder.split("+"))
    for chain in chains:
        for part in chain:
            check_choice("encoder", part, PARTS)
        if len(chain) > 1 and {"wide", "window"} & set(chain):
            raise InputError(f"encoder must have wide and window beside other parts (+), not in a /, got {encoder!r}")
    if len(set(chains)) < len(chains):
        raise InputError(f"encoder must name a part once, got {encoder!r}")
    return chains


def widths_of(branch_widths: str) -> tuple[int, ...]:
    """Read filter widths such as ``2,3,4,5``.

    Raises:
        InputError: they are not whole numbers in range, all different.
    """
    try:
        widths = tuple(int(width) for width in branch_widths.split(","))
    except ValueError as error:
        raise InputError(f"branch_widths must be whole numbers such as 2,3,4,5, got {branch_widths!r}") from error
    if len(set(widths)) < len(widths) or not all(1 <= width <= 256 for width in widths) or len(widths) > MOST_BRANCHES:
        raise InputError(
            f"branch_widths must be at most {MOST_BRANCHES} different widths in [1, 256], got {branch_widths!r}"
        )
    return widths
