"""The exported graph of a wide layer says what the layer says, also of a text without n-grams.

Legend: N n-grams of a text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_classifier_graph import LABELS, drawn_wide, log_softmax, losses, opened, some_texts

from model.arrays import open_arrays
from model.hashed_ngrams import HASHED_NGRAMS_FILE, hashed_ngrams_from
from training.classifier_graph import export_classifier
from training.ngram_occurrences import known_ngrams

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("hidden", [0, 6])
def test_the_wide_layer_says_what_it_said(hidden: int, tmp_path: Path) -> None:
    """A scale for each row loses less than one for each column; 3 to 25 thousandths of the spread were found; 40."""
    wide, texts = drawn_wide(hidden), some_texts()
    session = opened(export_classifier([], wide, [], 1.0), tmp_path)
    assert [port.name for port in session.get_outputs()] == ["log_probabilities", *([] if hidden else ["rows"])]
    ngrams = hashed_ngrams_from(open_arrays(tmp_path / HASHED_NGRAMS_FILE))
    said = []
    for text in texts:
        places, values = ngrams.of_text(text)
        said.append(session.run(["log_probabilities"], {"ngrams": places, "values": values})[0])
        if not hidden:
            (rows,) = session.run(["rows"], {"ngrams": places, "values": values})
            np.testing.assert_allclose(said[-1], log_softmax(values @ rows + wide.bias), atol=1e-4)
    assert losses(np.stack(said), wide.logits(texts))[0] < (0.06 if hidden else 0.03)


@pytest.mark.parametrize("hidden", [0, 6])
def test_a_text_without_a_known_ngram_gets_the_bias(hidden: int, tmp_path: Path) -> None:
    wide = drawn_wide(hidden)
    session = opened(export_classifier([], wide, [], 1.0), tmp_path)
    none = {"ngrams": np.empty(0, np.int64), "values": np.empty(0, np.float32)}
    expected = wide.bias
    if wide.output is not None:
        expected = np.maximum(wide.bias, 0) @ wide.output[0] + wide.output[1]
    (said,) = session.run(["log_probabilities"], none)
    np.testing.assert_allclose(said, log_softmax(expected), atol=1e-5)


def test_a_wide_layer_may_know_no_ngram_and_have_rows_of_zeros(tmp_path: Path) -> None:
    wide = drawn_wide()
    nothing = np.zeros((0, LABELS), np.float32)
    unknowing = replace(wide, ngrams=known_ngrams(["ab"], 1, 2, 2, 9, across_spaces=True), weights=nothing)
    zeros = replace(wide, weights=np.zeros_like(wide.weights))
    for number, each in enumerate((unknowing, zeros)):
        directory = tmp_path / str(number)
        directory.mkdir()
        session = opened(export_classifier([], each, [], 1.0), directory)
        places, values = hashed_ngrams_from(open_arrays(directory / HASHED_NGRAMS_FILE)).of_text("abc")
        assert len(places) == (len(wide.ngrams.of_text("abc")[0]) if number else 0)
        (said,) = session.run(["log_probabilities"], {"ngrams": places, "values": values})
        np.testing.assert_allclose(said, log_softmax(wide.bias), atol=1e-5)
