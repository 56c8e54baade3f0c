"""A checkpoint that sorts texts, ready to be asked: its graph under ONNX Runtime, one text at a time.

A text is read alone, so what is said of it does not depend on the texts beside it.

Legend: T characters, N n-grams of a text, C labels.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import UNKNOWN_ID, alphabet_from_bytes
from model.arrays import open_arrays
from model.checkpoint import open_checkpoint
from model.errors import CheckpointError, InputError
from model.hashed_ngrams import HASHED_NGRAMS_FILE, hashed_ngrams_from
from model.loaded import ALPHABET_FILE
from model.pooled_filters import FILTERS_FILE, pooled_filters_from
from model.runtime import WEIGHTS_FILE, first_line, open_session
from model.texts import LONGEST_TEXT_CHARACTERS, one_spaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from model.alphabet import Alphabet
    from model.checkpoint import Checkpoint
    from model.hashed_ngrams import HashedNgrams
    from model.manifest import JSON
    from model.pooled_filters import PooledFilters

CLASSIFIER_TASK = "classify"
CLASSIFIER_FILE = "classify.onnx"
# What a graph gives beside log-probabilities, for who asks: values of filters, and the rows of n-grams' weights.
ACTIVATIONS, NGRAM_ROWS = "activations", "rows"


@dataclass(frozen=True, kw_only=True)
class LoadedClassifier:
    """All that sorting a text needs; nothing in it changes, so threads may share it.

    labels: (C,); ngrams: that count, None where the network is alone; session: gives log_probabilities (C,);
    asks: the inputs of its graph; gives: its outputs; longest: characters that the network reads of a text;
    filters: what activations count for, None where it is not their largest values that do.
    """

    name: str
    version: str
    checkpoint: Checkpoint
    alphabet: Alphabet
    labels: tuple[str, ...]
    ngrams: HashedNgrams | None
    session: InferenceSession
    asks: frozenset[str]
    gives: frozenset[str]
    longest: int
    filters: PooledFilters | None

    @property
    def task(self) -> str:
        """What the model is for, as ``LoadedModel`` says it."""
        return CLASSIFIER_TASK

    def log_probabilities(self, text: str) -> NDArray[np.float32]:
        """Give log P of every label for a text that ``normalised`` made: (C,), nats."""
        (scored,) = self.outputs(text, ["log_probabilities"])
        return scored

    def outputs(self, text: str, names: list[str]) -> list[NDArray[np.float32]]:
        """Give what the graph gives for a text that ``normalised`` made, by names of ``gives``."""
        inputs: dict[str, NDArray[np.generic]] = {}
        if "ids" in self.asks:
            inputs["ids"] = ids_of(self.alphabet, text, self.longest)
        if self.ngrams is not None:
            inputs["ngrams"], inputs["values"] = self.ngrams.of_text(text)
        given: list[NDArray[np.float32]] = self.session.run(names, inputs)
        return given


def normalised(text: str) -> str:
    """Give a text as training has it: NFC, a space for each line break, without spaces and tabs at its ends.

    Raises:
        InputError: nothing is left of it, or it is too long.
    """
    if len(text) > LONGEST_TEXT_CHARACTERS:
        raise InputError(f"a text must have at most {LONGEST_TEXT_CHARACTERS:,} characters, got {len(text):,}")
    text = one_spaced(unicodedata.normalize("NFC", text))
    if not text or text.isspace():
        raise InputError("a text must have a character that is no space, got none")
    return text


def cut_text(text: str, longest: int) -> str:
    """Cut a text that is longer: its first three quarters of ``longest`` characters and its last quarter are kept."""
    last = longest // 4
    return text if len(text) <= longest else text[: longest - last] + text[len(text) - last :]


def ids_of(alphabet: Alphabet, text: str, longest: int) -> NDArray[np.int64]:
    """Turn a text into the ids that the network reads: (T,), cut, and at least one."""
    ids = alphabet.encode(cut_text(text, longest)).astype(np.int64)
    return ids if len(ids) else np.array([UNKNOWN_ID])


def load_classifier(path: Path) -> LoadedClassifier:
    """Load the newest version of a classifier that verifies, or the one version that the path names.

    Raises:
        InputError: there is nothing of the kind at the path.
        CheckpointError: what is there is damaged, or a model of another task.
    """
    return classifier_from(open_checkpoint(path))


def classifier_from(checkpoint: Checkpoint) -> LoadedClassifier:
    """Load a classifier out of a verified checkpoint, and have it sort one made-up text.

    Raises:
        CheckpointError: it is a model of another task, or its parts do not belong together.
    """
    path, manifest = checkpoint.directory, checkpoint.manifest
    if manifest.task != CLASSIFIER_TASK:
        raise CheckpointError(f"{path}: the task must be {CLASSIFIER_TASK}, got a model for {manifest.task}")
    labels, longest = labels_from(manifest.text, checkpoint.name), manifest.text.get("longest")
    if not isinstance(longest, int) or longest < 1:
        raise CheckpointError(f"{path}: text, longest must be a whole number, got {longest!r}")
    for name in (CLASSIFIER_FILE, WEIGHTS_FILE):
        checkpoint.path(name)  # refuses what the manifest does not list, and so was not verified
    ngrams = None
    if HASHED_NGRAMS_FILE in checkpoint.files:
        ngrams = hashed_ngrams_from(open_arrays(checkpoint.path(HASHED_NGRAMS_FILE)))
    alphabet = alphabet_from_bytes(checkpoint.read(ALPHABET_FILE))
    counted = {"vocabulary_size": len(alphabet), "ngrams": 0 if ngrams is None else len(ngrams.hashes)}
    for name, number in counted.items():
        if manifest.text.get(name) != number:
            raise CheckpointError(
                f"{path}: text, {name} must be {number} as in the files, got {manifest.text.get(name)!r}"
            )
    session = open_session(checkpoint.directory / CLASSIFIER_FILE, threads=1)
    asks = frozenset(port.name for port in session.get_inputs())
    if ("values" in asks) != (ngrams is not None) or not asks <= {"ids", "ngrams", "values"}:
        raise CheckpointError(
            f"{path}: {CLASSIFIER_FILE} must ask for ids, or for n-grams where the checkpoint has some"
        )
    shapes = {port.name: port.shape for port in session.get_outputs()}
    check_shapes(shapes, len(labels), path)
    filters = None
    if FILTERS_FILE in checkpoint.files and ACTIVATIONS in shapes:
        file = open_arrays(checkpoint.path(FILTERS_FILE))
        filters = pooled_filters_from(file, shapes[ACTIVATIONS][1], len(labels))
    loaded = LoadedClassifier(
        name=checkpoint.name,
        version=checkpoint.version,
        checkpoint=checkpoint,
        alphabet=alphabet,
        labels=labels,
        ngrams=ngrams,
        session=session,
        asks=asks,
        gives=frozenset(shapes),
        longest=longest,
        filters=filters,
    )
    check_tables(loaded)
    return loaded


def check_shapes(shapes: Mapping[str, list[int | str]], labels: int, path: Path) -> None:
    """Check the shapes of what a graph gives, by name.

    Raises:
        CheckpointError: one is another than whoever asks for it looks for.
    """
    if shapes.get("log_probabilities") != [labels]:
        raise CheckpointError(f"{path}: {CLASSIFIER_FILE} must give a log-probability for each of {labels} labels")
    for name in {ACTIVATIONS, NGRAM_ROWS} & shapes.keys():
        if len(shapes[name]) != 2 or not isinstance(shapes[name][1], int):
            raise CheckpointError(f"{path}: {CLASSIFIER_FILE} must give {name} as a matrix, got {shapes[name]}")
    if NGRAM_ROWS in shapes and shapes[NGRAM_ROWS][1] != labels:
        raise CheckpointError(f"{path}: {CLASSIFIER_FILE} must give {NGRAM_ROWS} of {labels} labels")


def check_tables(loaded: LoadedClassifier) -> None:
    """Have the graph look up the last character and the last n-gram, which ONNX Runtime does not look for before.

    Raises:
        CheckpointError: a table of the graph ends before, or what the graph gives is no probability.
    """
    inputs: dict[str, NDArray[np.generic]] = {}
    if "ids" in loaded.asks:
        inputs["ids"] = np.array([len(loaded.alphabet) - 1])
    if loaded.ngrams is not None:
        last = np.arange(len(loaded.ngrams.hashes))[-1:]
        inputs["ngrams"], inputs["values"] = last, loaded.ngrams.values(last, np.ones(len(last), np.int64))
    try:
        (given,) = loaded.session.run(["log_probabilities"], inputs)
    except Exception as error:  # ONNX Runtime's own classes share no base but this
        raise CheckpointError(
            f"{loaded.checkpoint.directory}: {CLASSIFIER_FILE} must have a row for each of {len(loaded.alphabet)} "
            f"characters and of the n-grams, got: {first_line(error)}"
        ) from error
    if not np.isfinite(given).all():
        raise CheckpointError(
            f"{loaded.checkpoint.directory}: {CLASSIFIER_FILE} must give finite log-probabilities, got others"
        )


def labels_from(text: dict[str, JSON], name: str) -> tuple[str, ...]:
    """Read the labels out of the manifest.

    Raises:
        CheckpointError: they are not at least two different strings.
    """
    labels = text.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise CheckpointError(f"{name}: text, labels must be a list of strings, got {type(labels).__name__}")
    if len(labels) < 2 or len(set(map(str, labels))) < len(labels):
        raise CheckpointError(f"{name}: text, labels must be at least two different ones, got {len(labels)}")
    return tuple(map(str, labels))
