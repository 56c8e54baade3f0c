"""A checkpoint that tags texts, ready to be asked: its graph under ONNX Runtime, one text at a time.

Legend: T characters, C tags.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import alphabet_from_bytes
from model.checkpoint import open_checkpoint
from model.errors import CheckpointError
from model.loaded import ALPHABET_FILE
from model.runtime import WEIGHTS_FILE, first_line, open_session
from model.spacing import SPACING_TAGS, SPACING_TASK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from model.alphabet import Alphabet
    from model.checkpoint import Checkpoint
    from model.manifest import Manifest

TAG_TASK = "tag"
TAGGER_TASKS = (TAG_TASK, SPACING_TASK)
TAGGER_FILE = "tag.onnx"


@dataclass(frozen=True, kw_only=True)
class LoadedTagger:
    """All that tagging a text needs; nothing in it changes, so threads may share it.

    tags: (C,); session: gives log_probabilities (T, C); longest: characters that it reads at once.
    """

    name: str
    version: str
    checkpoint: Checkpoint
    alphabet: Alphabet
    tags: tuple[str, ...]
    session: InferenceSession
    longest: int

    @property
    def task(self) -> str:
        """What the model is for."""
        return self.checkpoint.manifest.task

    @property
    def spaces(self) -> bool:
        """Whether tags say where spaces stand."""
        return self.task == SPACING_TASK

    def log_probabilities(self, characters: str) -> NDArray[np.float32]:
        """Give log P of every tag at each character: (T, C), nats; T at least 1.

        A text longer than what is read at once is read in pieces that overlap by a quarter, and of what is said of a
        character twice that counts which saw more on both sides.
        """
        ids = self.alphabet.encode(characters).astype(np.int64)
        said = np.zeros((len(ids), len(self.tags)), np.float32)
        for piece in pieces(len(ids), self.longest):
            (given,) = self.session.run(["log_probabilities"], {"ids": ids[piece.begin : piece.end]})
            said[piece.kept_begin : piece.kept_end] = given[
                piece.kept_begin - piece.begin : piece.kept_end - piece.begin
            ]
        return said


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Characters of a text that are read at once, from ``begin`` on, and those of which that is kept."""

    begin: int
    end: int
    kept_begin: int
    kept_end: int


def pieces(characters: int, longest: int) -> Iterator[Piece]:
    """Part so many characters into pieces of at most ``longest``, neighbours overlapping by a quarter."""
    margin = longest // 8  # at each end of a piece that has a neighbour there
    begin = 0
    while True:
        end = min(begin + longest, characters)
        last = end == characters
        yield Piece(
            begin=begin,
            end=end,
            kept_begin=begin + (margin if begin else 0),
            kept_end=end if last else end - margin,
        )
        if last:
            return
        begin = end - 2 * margin


def load_tagger(path: Path) -> LoadedTagger:
    """Load the newest version of a tagger that verifies, or the one version that the path names.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or a model of another task.
    """
    return tagger_from(open_checkpoint(path))


def tagger_from(checkpoint: Checkpoint) -> LoadedTagger:
    """Load a tagger out of a verified checkpoint, and have it tag one character.

    Raises:
        CheckpointError: it is a model of another task, or its parts do not belong together.
    """
    path, manifest = checkpoint.directory, checkpoint.manifest
    if manifest.task not in TAGGER_TASKS:
        raise CheckpointError(f"{path}: the task must be {' or '.join(TAGGER_TASKS)}, got a model for {manifest.task}")
    tags, longest = tags_from(manifest, path), manifest.text.get("longest")
    if not isinstance(longest, int) or longest < 1:
        raise CheckpointError(f"{path}: text, longest must be a whole number, got {longest!r}")
    for name in (TAGGER_FILE, WEIGHTS_FILE):
        checkpoint.path(name)  # refuses what the manifest does not list, and so was not verified
    alphabet = alphabet_from_bytes(checkpoint.read(ALPHABET_FILE))
    if manifest.text.get("vocabulary_size") != len(alphabet):
        raise CheckpointError(f"{path}: text, vocabulary_size must be {len(alphabet)} as in the files")
    session = open_session(checkpoint.directory / TAGGER_FILE, threads=1)
    check_graph(session, len(alphabet), len(tags), path)
    return LoadedTagger(
        name=checkpoint.name,
        version=checkpoint.version,
        checkpoint=checkpoint,
        alphabet=alphabet,
        tags=tags,
        session=session,
        longest=longest,
    )


def tags_from(manifest: Manifest, path: Path) -> tuple[str, ...]:
    """Read the names of the tags out of the manifest.

    Raises:
        CheckpointError: they are not at least two strings, or not those of spaces where spaces are told.
    """
    tags = manifest.text.get("tags")
    if not isinstance(tags, list) or len(tags) < 2 or not all(isinstance(tag, str) for tag in tags):
        raise CheckpointError(f"{path}: text, tags must be at least two strings")
    if manifest.task == SPACING_TASK and tuple(tags) != SPACING_TAGS:
        raise CheckpointError(f"{path}: text, tags must be {', '.join(SPACING_TAGS)} for {SPACING_TASK}")
    return tuple(map(str, tags))


def check_graph(session: InferenceSession, characters: int, tags: int, path: Path) -> None:
    """Check what a graph asks for and gives, and have it read the last of so many characters.

    Raises:
        CheckpointError: it is another graph than a tagger's, or its table of characters ends before.
    """
    if [port.name for port in session.get_inputs()] != ["ids"]:
        raise CheckpointError(f"{path}: {TAGGER_FILE} must ask for ids alone")
    shapes = {port.name: port.shape for port in session.get_outputs()}
    if shapes.get("log_probabilities", [])[1:] != [tags]:
        raise CheckpointError(f"{path}: {TAGGER_FILE} must give a log-probability for each of {tags} tags")
    try:  # ONNX Runtime does not look for the last character before
        (given,) = session.run(["log_probabilities"], {"ids": np.array([characters - 1])})
    except Exception as error:  # ONNX Runtime's own classes share no base but this
        raise CheckpointError(
            f"{path}: {TAGGER_FILE} must have a row for each of {characters} characters, got: {first_line(error)}"
        ) from error
    if given.shape != (1, tags) or not np.isfinite(given).all():
        raise CheckpointError(f"{path}: {TAGGER_FILE} must give finite log-probabilities, got others")
