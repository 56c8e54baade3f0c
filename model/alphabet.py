"""The alphabet: text to ids and back, one id a character, kept as a SentencePiece ``char`` model.

Legend: V vocabulary size (the three symbols and the characters), T characters, N characters of many texts.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sentencepiece

from model.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

UNKNOWN_ID = 0
BEGIN_ID = 1
END_ID = 2
SYMBOLS = 3

CODE_POINTS = 0x110000
SURROGATES = 0x800
# What SentencePiece keeps for itself, and the private code points that stand for it inside the model. Only these
# six private code points can never be known.
STAND_INS = {
    "\0": "\U0010ff00",
    "\n": "\U0010ff01",
    "\r": "\U0010ff02",
    "\x1f": "\U0010ff05",
    " ": "\u2581",  # SentencePiece's own choice
    "\u2581": "\U0010ff03",
    "\u2585": "\U0010ff04",
}
PRIVATE = frozenset(STAND_INS.values()) - {"\u2581"}


@dataclass(frozen=True, kw_only=True)
class Alphabet:
    """The characters that a network knows, in the order of their ids.

    A character that is not among them is *unknown*: all of them share ``UNKNOWN_ID``. A network that gives the
    unknown symbol probability p gives each single unknown character p / (number of unknown code points), so that
    what it says of any string at all is a probability. The private code points U+10FF00 to U+10FF05 are always
    unknown: they stand in the SentencePiece model for characters that it keeps for itself. Everything else that
    was trained on comes back exactly.
    """

    characters: str
    model: bytes
    ids: NDArray[np.int32]  # (CODE_POINTS,) the id of each code point

    def __len__(self) -> int:
        return SYMBOLS + len(self.characters)

    @property
    def unknown_code_points(self) -> int:
        """How many different characters share the unknown symbol."""
        return CODE_POINTS - SURROGATES - len(self.characters)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Turn a text into ids: (T,), neither begun nor ended."""
        return self.ids[code_points(text)]

    def encode_many(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Turn texts into one run of ids (N,) and the bounds of each in it (texts + 1,)."""
        lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return self.encode("".join(texts)), offsets

    def decode(self, ids: Sequence[int] | NDArray[np.int32]) -> str:
        """Turn ids back into text; an unknown is U+FFFD, and what begins and ends a phrase is nothing."""
        return "".join(
            self.characters[i - SYMBOLS] if i >= SYMBOLS else "\ufffd"
            for i in (int(each) for each in ids)
            if i not in {BEGIN_ID, END_ID}
        )


def code_points(text: str) -> NDArray[np.uint32]:
    """Give the code points of a text, lone surrogates as they are: (T,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def count_characters(texts: Sequence[str], counts: NDArray[np.float64]) -> dict[str, float]:
    """Count each character of the texts, a text of count c as c times."""
    lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    totals = np.bincount(code_points("".join(texts)), weights=np.repeat(counts, lengths))
    return {chr(point): float(totals[point]) for point in np.flatnonzero(totals)}


def train_alphabet(totals: dict[str, float], *, character_limit: int) -> Alphabet:
    """Train a SentencePiece ``char`` model over the characters counted most.

    Args:
        totals: the count of each character; any scale.
        character_limit: the most characters to know; the least counted beyond it become unknown.

    Raises:
        InputError: there is no character to know, or the limit is below 1.
    """
    if character_limit < 1:
        raise InputError(f"character_limit must be at least 1, got {character_limit}")
    candidates = [
        character for character in totals if character not in PRIVATE and not 0xD800 <= ord(character) < 0xE000
    ]
    if not candidates:
        raise InputError("the text must hold at least one character, got none")
    kept = sorted(candidates, key=lambda character: (-totals[character], character))[:character_limit]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        # one line a character, so that none is lost to a limit on the length or the number of lines
        sentence_iterator=iter([STAND_INS.get(character, character) for character in kept]),
        model_writer=written,
        model_type="char",
        vocab_size=SYMBOLS + len(kept),
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        unk_id=UNKNOWN_ID,
        bos_id=BEGIN_ID,
        eos_id=END_ID,
        pad_id=-1,
        minloglevel=2,
    )
    return alphabet_from_bytes(written.getvalue())


def alphabet_from_bytes(model: bytes) -> Alphabet:
    """Read the alphabet out of a SentencePiece ``char`` model as ``train_alphabet`` makes them.

    Raises:
        CheckpointError: the bytes are no such model.
    """
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(model)
        pieces = [processor.IdToPiece(i) for i in range(processor.GetPieceSize())]
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"alphabet.model must be a SentencePiece model, got: {error}") from error
    originals = {stand_in: character for character, stand_in in STAND_INS.items()}
    characters = "".join(originals.get(piece, piece) for piece in pieces[SYMBOLS:])
    if pieces[:SYMBOLS] != ["<unk>", "<s>", "</s>"] or len(characters) != len(pieces) - SYMBOLS:
        raise CheckpointError("alphabet.model must hold <unk>, <s>, </s> and then single characters, got others")
    ids = np.zeros(CODE_POINTS, dtype=np.int32)  # UNKNOWN_ID; of zeros only what is written takes memory
    ids[code_points(characters)] = np.arange(SYMBOLS, len(pieces), dtype=np.int32)
    return Alphabet(characters=characters, model=model, ids=ids)
