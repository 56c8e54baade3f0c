"""Recurrent layers in both directions, and what a text is remembered by, are what their equations say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
import torch
from test_encoders_convolution import drawn, some_texts, written_norm
from test_encoders_skip import written_skip
from test_networks import written_out
from torch import nn

from training.classifier_settings import ClassifierSettings, Pooling, Skip
from training.encoders.places import reverse_places
from training.encoders.pooling import PoolingLayer
from training.encoders.recurrent import RecurrentEncoder, RecurrentLayer
from training.settings import Cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS: tuple[Cell, ...] = get_args(Cell)
HIDDEN = 3


def written_recurrence(cell: Cell, recurrence: nn.Module, places: list[NDArray[np.float64]]) -> list[list[float]]:
    """The state after each place, from the equations."""
    weights = {name: each.detach().numpy() for name, each in recurrence.named_parameters()}
    h, c, states = [0.0] * HIDDEN, [0.0] * HIDDEN, []
    for place in places:
        h, c = written_out(cell, weights, 0, [float(each) for each in place], h, c)
        states.append(h)
    return states


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("skip", get_args(Skip))
def test_two_layers_compute_the_recurrence_from_the_ends_that_were_asked_for(
    cell: Cell, bidirectional: bool, normalise: bool, skip: Skip
) -> None:
    settings = ClassifierSettings(
        cell=cell, layers=2, hidden_width=HIDDEN, bidirectional=bidirectional, normalise=normalise, skip=skip
    )
    encoder = drawn(RecurrentEncoder(settings, 3))
    values, lengths = some_texts([5, 1, 8])
    with torch.no_grad():
        read, left = encoder(values, lengths)
    assert left is lengths
    assert encoder.output_width == read.shape[2] == (2 * HIDDEN if bidirectional else HIDDEN)
    for row, length in enumerate(lengths.tolist()):
        places = list(values[row, :length].numpy())
        for number, (layer, norm) in enumerate(zip(encoder.layers, encoder.norms, strict=True)):
            assert isinstance(layer, RecurrentLayer)
            states = [written_recurrence(cell, layer.recurrences[0], places)]
            if bidirectional:
                states.append(written_recurrence(cell, layer.recurrences[1], places[::-1])[::-1])
            through = [written_norm(np.concatenate(both), norm) for both in zip(*states, strict=True)]
            if number:
                joined = zip(places, through, strict=True)
                through = [np.array(written_skip(encoder.skips[1], list(x), list(f))) for x, f in joined]
            places = through
        np.testing.assert_allclose(read[row, :length].numpy(), places, rtol=0, atol=1e-10)
        assert not read[row, length:].any()


def test_texts_are_turned_around_within_their_lengths() -> None:
    values = torch.arange(1, 9).view(2, 4, 1)
    turned = reverse_places(values, torch.tensor([4, 2]))
    assert turned.squeeze(2).tolist() == [[4, 3, 2, 1], [6, 5, 7, 8]]


def test_dropped_recurrent_weights_are_the_same_all_along_every_text_and_come_back_when_predicting() -> None:
    """A twin whose W_hh lacks what was dropped gives the same; 36 weights: one in 2^36 that none or all are dropped."""
    settings = ClassifierSettings(cell="gru", hidden_width=HIDDEN, bidirectional=False, recurrent_dropout=0.5)
    encoder = drawn(RecurrentEncoder(settings, 3))
    layer = encoder.layers[0]
    assert isinstance(layer, RecurrentLayer)
    whole = layer.recurrences[0].weight_hh_l0
    assert isinstance(whole, nn.Parameter)
    before = whole.detach().clone()
    values, lengths = some_texts([6, 4])
    encoder.train()
    torch.manual_seed(5)
    with torch.no_grad():
        dropped, _ = encoder(values, lengths)
        again, _ = encoder(values, lengths)
        assert torch.equal(whole, before)
        torch.manual_seed(5)
        mask = nn.functional.dropout(torch.ones_like(before), 0.5)
        predicted, _ = encoder.eval()(values, lengths)
        whole.mul_(mask)
        expected, _ = encoder(values, lengths)
    assert sorted(set(mask.flatten().tolist())) == [0.0, 2.0]
    torch.testing.assert_close(dropped, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(again, dropped)
    assert not torch.allclose(predicted, dropped)


def test_an_lstm_begins_by_remembering() -> None:
    encoder = RecurrentEncoder(ClassifierSettings(hidden_width=4, layers=2), 3)
    biases = {name: each for name, each in encoder.named_parameters() if "bias" in name}
    assert len(biases) == 8
    for name, bias in biases.items():
        assert (bias[4:8] == (1 if "ih" in name else 0)).all()


def written_pooling(kind: Pooling, pooling: PoolingLayer, text: NDArray[np.float64], backward: int) -> list[float]:
    """Of one text (N, C)."""
    columns = [[float(each) for each in column] for column in text.T]
    match kind:
        case "max":
            return [max(column) for column in columns]
        case "mean":
            return [sum(column) / len(column) for column in columns]
        case "last":
            forward = len(columns) - backward
            return [column[-1] if number < forward else column[0] for number, column in enumerate(columns)]
        case "attention":
            assert pooling.attention is not None
            matrix = pooling.attention.matrix.weight.detach().numpy()
            vector = pooling.attention.vector.weight.detach().numpy()[0]
            scores = []
            for place in text:
                hidden = [math.tanh(sum(w * x for w, x in zip(row, place, strict=True))) for row in matrix]
                scores.append(math.exp(sum(v * h for v, h in zip(vector, hidden, strict=True))))
            return [sum(s * x for s, x in zip(scores, column, strict=True)) / sum(scores) for column in columns]


@pytest.mark.parametrize("kind", get_args(Pooling))
@pytest.mark.parametrize("backward", [0, 2])
def test_a_text_is_remembered_by_what_was_asked_for(kind: Pooling, backward: int) -> None:
    pooling = drawn(PoolingLayer(kind, 4, backward))
    values, lengths = some_texts([5, 1, 3], channels=4)
    values[0] -= 5  # the largest of a text may lie below the zeros beyond it
    values[2, :3] -= 5
    with torch.no_grad():
        pooled = pooling(values, lengths)
    for row, length in enumerate(lengths.tolist()):
        expected = written_pooling(kind, pooling, values[row, :length].numpy(), backward)
        np.testing.assert_allclose(pooled[row].numpy(), expected, rtol=0, atol=1e-10)


def test_attention_weighs_places_of_the_text_only() -> None:
    pooling = drawn(PoolingLayer("attention", 4))
    assert pooling.attention is not None
    values, lengths = some_texts([5, 1, 3], channels=4)
    with torch.no_grad():
        weights = pooling.attention(values, lengths)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-12)
    assert [(row > 0).sum().item() for row in weights] == [5, 1, 3]
