"""A classifier's checkpoint is read back whole: it says of a text what was trained, or is refused by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from test_classifier_graph import LABELS, drawn_wide, log_softmax, losses, some_texts

from model.alphabet import UNKNOWN_ID, Alphabet, alphabet_from_bytes, train_alphabet
from model.arrays import arrays_from
from model.checkpoint import FORMAT, Manifest, write_checkpoint
from model.classification import as_json_object, classify
from model.classifier import (
    CLASSIFIER_FILE,
    CLASSIFIER_TASK,
    LoadedClassifier,
    cut_text,
    ids_of,
    load_classifier,
    normalised,
)
from model.errors import CheckpointError, InputError
from model.hashed_ngrams import HASHED_NGRAMS_FILE, HashedNgrams, hashed_ngrams_from
from model.loaded import ALPHABET_FILE
from model.runtime import WEIGHTS_FILE
from model.texts import LONGEST_TEXT_CHARACTERS
from training.classifier import TextClassifier
from training.classifier_graph import export_classifier, hashed_ngrams_bytes
from training.classifier_settings import ClassifierSettings
from training.joining import Join
from training.labelled_formats import parse_pairs
from training.lines import BadLines

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.wide import WideLayer

NAMES = ["bad", "good", "나쁨", "좋음", "?"]
LONGEST = 30
JOIN = Join(network=1.0, wide=0.5)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a checkpoint is written of."""

    network: TextClassifier
    wide: WideLayer
    alphabet: Alphabet

    def files(self, *, with_network: bool = True, with_wide: bool = True) -> dict[str, bytes]:
        networks = [self.network] if with_network else []
        wide = self.wide if with_wide else None
        exported = export_classifier(networks, wide, [JOIN] * len(networks), 1.0)
        return {ALPHABET_FILE: self.alphabet.model, **exported}

    def logits(self, text: str) -> NDArray[np.float32]:
        """What torch says of a text, read alone."""
        ids = torch.from_numpy(self.alphabet.encode(cut_text(text, LONGEST)).astype(np.int64))
        with torch.no_grad():
            of_network = self.network(ids[None], torch.tensor([len(ids)])).numpy()[0]
        joined: NDArray[np.float32] = JOIN.network * of_network + JOIN.wide * self.wide.logits([text])[0]
        return joined


@pytest.fixture(scope="module")
def trained() -> Trained:
    alphabet = train_alphabet(dict.fromkeys("abcde 가", 1.0), character_limit=100)
    torch.manual_seed(0)
    settings = ClassifierSettings(encoder="branches", embedding_width=16, filters=16)
    network = TextClassifier(settings, len(alphabet), LABELS).eval()
    with torch.no_grad():
        network.embedding.weight.normal_()
    return Trained(network=network, wide=drawn_wide(), alphabet=alphabet)


def ngrams_of(files: dict[str, bytes]) -> HashedNgrams:
    """The n-grams that the files of a checkpoint know."""
    content = np.frombuffer(files[HASHED_NGRAMS_FILE], dtype=np.uint8)
    return hashed_ngrams_from(arrays_from(content, HASHED_NGRAMS_FILE))


def written(folder: Path, files: dict[str, bytes], task: str = CLASSIFIER_TASK, **text: Any) -> Path:
    """A checkpoint of a classifier, all right but for what is said of its text."""
    described: dict[str, Any] = {
        "labels": [*NAMES],
        "longest": LONGEST,
        "vocabulary_size": len(alphabet_from_bytes(files[ALPHABET_FILE])) if ALPHABET_FILE in files else 0,
        "ngrams": len(ngrams_of(files).hashes) if HASHED_NGRAMS_FILE in files else 0,
    }
    manifest = Manifest(
        format=FORMAT,
        task=task,
        created="2025-01-31T12:00:00+00:00",
        architecture={},
        text=described | text,
        quantisation={},
        blend={},
        figures={},
        provenance={},
    )
    return write_checkpoint(folder, manifest, files)


@pytest.fixture(scope="module")
def loaded(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> LoadedClassifier:
    return load_classifier(written(tmp_path_factory.mktemp("models") / "sorter", trained.files()))


def test_a_checkpoint_says_what_was_trained(trained: Trained, loaded: LoadedClassifier) -> None:
    """Texts shorter and longer than the network reads; n-grams are counted in the whole of them."""
    texts = some_texts((1, 5, LONGEST, LONGEST + 1, 40, 40, 40, 200))
    said = np.stack([loaded.log_probabilities(text) for text in texts])
    largest, mean = losses(said, np.stack([trained.logits(text) for text in texts]))
    assert largest < 0.1
    assert mean < 0.03
    assert (loaded.labels, loaded.longest, loaded.task) == (tuple(NAMES), LONGEST, "classify")
    assert loaded.version == "0001"


@pytest.mark.parametrize("with_network", [True, False])
def test_network_or_ngrams_may_be_alone(trained: Trained, with_network: bool, tmp_path: Path) -> None:
    files = trained.files(with_network=with_network, with_wide=not with_network)
    alone = load_classifier(written(tmp_path / "sorter", files))
    assert (alone.ngrams is None) == with_network
    texts = some_texts()
    expected = of_wide = trained.wide.logits(texts)
    if with_network:
        expected = np.stack([trained.logits(text) for text in texts]) - JOIN.wide * of_wide
    said = np.stack([alone.log_probabilities(text) for text in texts])
    assert losses(said, expected)[1] < 0.03


def test_characters_and_ngrams_never_seen_are_no_failure(trained: Trained, loaded: LoadedClassifier) -> None:
    """Of this text no n-gram is known but where it begins and ends."""
    text = "ΩΩ"
    np.testing.assert_allclose(loaded.log_probabilities(text), log_softmax(trained.logits(text)), atol=0.1)
    assert ids_of(loaded.alphabet, text, LONGEST).tolist() == [UNKNOWN_ID] * 2


def test_threads_that_ask_at_once_get_the_same_answer(loaded: LoadedClassifier) -> None:
    texts = some_texts(range(1, 60))
    expected = [loaded.log_probabilities(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        for answer, other in zip(pool.map(loaded.log_probabilities, texts), expected, strict=True):
            np.testing.assert_array_equal(answer, other)


def test_labels_are_ranked_by_their_probability(loaded: LoadedClassifier) -> None:
    reply = classify(loaded, " abcab\t")
    probabilities = list(reply.probabilities.values())
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert set(reply.probabilities) == set(NAMES)
    assert (reply.label, reply.probability) == next(iter(reply.probabilities.items()))
    exact = np.exp(loaded.log_probabilities("abcab"))
    assert reply.label == NAMES[int(exact.argmax())]
    as_json = as_json_object(reply, 2)
    assert as_json["text"] == " abcab\t"
    assert as_json["probabilities"] == {
        label: round(value, 6) for label, value in list(reply.probabilities.items())[:2]
    }


def test_a_text_is_read_as_training_had_it(loaded: LoadedClassifier) -> None:
    decomposed = "\u1100\u1161"  # the letters of 가
    assert normalised(f" \t{decomposed} ") == "가"
    assert ids_of(loaded.alphabet, "", 5).tolist() == [UNKNOWN_ID]
    for text in ("", " \t ", "\u3000"):
        with pytest.raises(InputError, match="a text must have a character that is no space, got none"):
            normalised(text)
    assert normalised("a" * LONGEST_TEXT_CHARACTERS)
    with pytest.raises(InputError, match="a text must have at most 100,000 characters, got 100,001"):
        normalised("a" * (LONGEST_TEXT_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", " a\r\rb \n", "\n\ta\n\nb", "a b", "a\u2028b"])
def test_line_breaks_are_what_they_were_in_training(loaded: LoadedClassifier, text: str) -> None:
    ((_, learned),) = parse_pairs([(1, "label", text)], ("label", "text"), BadLines("texts.csv", skip=False))
    assert normalised(text) == learned
    assert "\n" not in learned
    assert classify(loaded, text).probabilities == classify(loaded, learned).probabilities


def test_the_longest_text_that_is_learned_is_the_longest_that_is_asked() -> None:
    for text, fits in (("a" * LONGEST_TEXT_CHARACTERS, True), ("a" * (LONGEST_TEXT_CHARACTERS + 1), False)):
        bad_lines = BadLines("texts.csv", skip=True)
        learned = list(parse_pairs([(1, "label", text)], ("label", "text"), bad_lines))
        assert (len(learned), bad_lines.count) == ((1, 0) if fits else (0, 1))
        with nullcontext() if fits else pytest.raises(InputError, match="at most 100,000 characters"):
            assert normalised(text) == learned[0][1]


def test_of_a_text_too_long_its_beginning_and_its_end_are_kept() -> None:
    assert cut_text("abcdefghij", 8) == "abcdefij"
    assert cut_text("abcdefgh", 8) == "abcdefgh"
    assert cut_text("abcdef", 2) == "ab"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"labels": None}, "labels must be a list of strings, got NoneType"),
        ({"labels": ["a", 2, "c", "d", "e"]}, "labels must be a list of strings, got list"),
        ({"labels": ["a"]}, "labels must be at least two different ones, got 1"),
        ({"labels": ["a", "b", "c", "d", "a"]}, "labels must be at least two different ones, got 5"),
        ({"labels": ["a", "b"]}, "must give a log-probability for each of 2 labels"),
        ({"longest": "30"}, "longest must be a whole number, got '30'"),
        ({"longest": 0}, "longest must be a whole number, got 0"),
        ({"ngrams": 7}, "text, ngrams must be [0-9]+ as in the files, got 7"),
        ({"ngrams": None}, "text, ngrams must be [0-9]+ as in the files, got None"),
        ({"vocabulary_size": 7}, "text, vocabulary_size must be [0-9]+ as in the files, got 7"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    trained: Trained, tmp_path: Path, text: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_classifier(written(tmp_path / "sorter", trained.files(), **text))


def test_a_model_of_another_task_is_refused(trained: Trained, tmp_path: Path) -> None:
    path = written(tmp_path / "writer", trained.files(), task="autocomplete")
    with pytest.raises(CheckpointError, match="the task must be classify, got a model for autocomplete"):
        load_classifier(path)


@pytest.mark.parametrize("missing", [ALPHABET_FILE, CLASSIFIER_FILE, WEIGHTS_FILE, HASHED_NGRAMS_FILE])
def test_a_checkpoint_that_lacks_a_file_is_refused(trained: Trained, tmp_path: Path, missing: str) -> None:
    files = {name: content for name, content in trained.files().items() if name != missing}
    with pytest.raises(CheckpointError):
        load_classifier(written(tmp_path / "sorter", files))


@pytest.mark.parametrize("whose", [CLASSIFIER_FILE, WEIGHTS_FILE])
def test_files_of_different_models_are_refused(trained: Trained, tmp_path: Path, whose: str) -> None:
    """A graph for n-grams alone beside a network's weights, and the other way around."""
    other = trained.files(with_network=False)
    files = trained.files(with_wide=False) | {whose: other[whose]}
    with pytest.raises(CheckpointError):
        load_classifier(written(tmp_path / "sorter", files))


def test_ngrams_that_the_graph_does_not_ask_for_are_refused(trained: Trained, tmp_path: Path) -> None:
    files = trained.files(with_wide=False) | {HASHED_NGRAMS_FILE: trained.files()[HASHED_NGRAMS_FILE]}
    with pytest.raises(CheckpointError, match="must ask for ids, or for n-grams where the checkpoint has some"):
        load_classifier(written(tmp_path / "sorter", files))


def test_fewer_ngrams_than_the_graph_was_written_with_are_refused(trained: Trained, tmp_path: Path) -> None:
    """Every one of them would have a row, of another n-gram."""
    files, ngrams = trained.files(), trained.wide.ngrams
    fewer = replace(ngrams, hashes=ngrams.hashes[1:], rarities=ngrams.rarities[1:], scales=ngrams.scales[1:])
    files[HASHED_NGRAMS_FILE] = hashed_ngrams_bytes(fewer, fewer.scales)
    with pytest.raises(CheckpointError, match=f"text, ngrams must be {len(fewer.hashes)} as in the files"):
        load_classifier(written(tmp_path / "sorter", files, ngrams=len(ngrams.hashes)))


@pytest.mark.parametrize("with_network", [True, False])
def test_more_ngrams_than_the_graph_has_rows_are_refused(trained: Trained, tmp_path: Path, with_network: bool) -> None:
    files, ngrams = trained.files(with_network=with_network), trained.wide.ngrams
    more = replace(
        ngrams,
        hashes=np.append(ngrams.hashes, np.uint64(2**64 - 1)),
        rarities=np.append(ngrams.rarities, np.float32(1)),
        scales=np.append(ngrams.scales, np.float32(1)),
    )
    files[HASHED_NGRAMS_FILE] = hashed_ngrams_bytes(more, more.scales)
    with pytest.raises(CheckpointError, match="must have a row for each of"):
        load_classifier(written(tmp_path / "sorter", files))


def test_an_alphabet_larger_than_the_table_is_refused(trained: Trained, tmp_path: Path) -> None:
    larger = train_alphabet(dict.fromkeys("abcdef 가", 1.0), character_limit=100)
    files = trained.files() | {ALPHABET_FILE: larger.model}
    with pytest.raises(CheckpointError, match=f"must have a row for each of {len(larger)} characters"):
        load_classifier(written(tmp_path / "sorter", files))


def test_a_graph_that_gives_no_numbers_is_refused(trained: Trained, tmp_path: Path) -> None:
    spoilt = replace(trained, wide=replace(trained.wide, bias=np.full_like(trained.wide.bias, np.nan)))
    with pytest.raises(CheckpointError, match="must give finite log-probabilities, got others"):
        load_classifier(written(tmp_path / "sorter", spoilt.files()))


def test_a_classifier_without_a_single_ngram_loads_all_the_same(trained: Trained, tmp_path: Path) -> None:
    """As of texts that have nothing in common: what it says is its bias."""
    known = trained.wide.ngrams
    none = replace(known, hashes=known.hashes[:0], rarities=known.rarities[:0], scales=known.scales[:0])
    bare = replace(trained, wide=replace(trained.wide, ngrams=none, weights=trained.wide.weights[:0]))
    loaded = load_classifier(written(tmp_path / "sorter", bare.files(with_network=False)))
    np.testing.assert_allclose(loaded.log_probabilities("a"), log_softmax(trained.wide.bias), atol=1e-5)
