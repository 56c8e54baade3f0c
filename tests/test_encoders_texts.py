"""Every encoder reads a batch as it reads single texts, learns with all its weights, and runs in bfloat16."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_encoders_convolution import drawn, some_texts

from model.errors import InputError
from training.classifier_settings import ClassifierSettings
from training.encoders.build import ChainEncoder, encoder_of
from training.initialisation import initialise

CHANNELS = 3
PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "convolutions": ("convolution", {}),
    "convolutions, normalised": ("convolution", {"normalise": True, "activation": "gelu"}),
    "convolutions, valid": ("convolution", {"padding": "valid", "filter_width": 2, "pool_width": 1}),
    "convolutions, causal, residual": ("convolution", {"padding": "causal", "skip": "residual", "pool_width": 3}),
    "convolutions, highway": ("convolution", {"skip": "highway", "filter_width": 4, "activation": "tanh"}),
    "convolutions, strides": ("convolution", {"stride": 2, "blocks": 1, "activation": "sigmoid"}),
    "branches": ("branches", {}),
    "branches, residual, normalised": ("branches", {"skip": "residual", "normalise": True}),
    "lstm": ("recurrent", {"pooling": "last"}),
    "lstm, one direction": ("recurrent", {"pooling": "last", "bidirectional": False}),
    "gru, two layers, highway": ("recurrent", {"cell": "gru", "layers": 2, "skip": "highway", "pooling": "mean"}),
    "rnn, two layers, normalised": ("recurrent", {"cell": "rnn-tanh", "layers": 2, "normalise": True}),
    "rnn-relu, attention": ("recurrent", {"cell": "rnn-relu", "pooling": "attention"}),
    "window": ("window", {"window_characters": 6, "pooling": "attention"}),
    "window, residual": ("window", {"window_characters": 9, "layers": 3, "skip": "residual", "activation": "gelu"}),
    "convolutions under a gru": ("convolution/recurrent", {"cell": "gru", "pooling": "last"}),
    "branches under convolutions, attention": ("branches/convolution", {"pooling": "attention"}),
}


def settings_of(form: str, **others: Any) -> ClassifierSettings:
    encoder, changed = PARTS[form]
    small = {"filters": 4, "hidden_width": 4, "branch_widths": "1,2,3"}
    return ClassifierSettings(**{**small, "encoder": encoder, **changed, **others})


def chain_of(form: str, **others: Any) -> ChainEncoder:
    told = settings_of(form, **others)
    return ChainEncoder(told.chains[0], told, CHANNELS)


@pytest.mark.parametrize("form", PARTS)
@given(lengths=st.lists(st.integers(1, 14), min_size=1, max_size=5), more=st.integers(0, 9))
@settings(deadline=None, max_examples=25)
def test_a_batch_gives_what_single_texts_give(form: str, lengths: list[int], more: int) -> None:
    """However long the others are, and however many zeros stand behind the longest."""
    chain = drawn(chain_of(form))
    values, tensor = some_texts(lengths, CHANNELS)
    padded = torch.nn.functional.pad(values, (0, 0, 0, more))
    with torch.no_grad():
        together = chain(padded, tensor)
        places, left = padded, tensor
        for part in chain.parts:
            places, left = part(places, left)
        for row, length in enumerate(lengths):
            alone = chain(values[row : row + 1, :length], tensor[row : row + 1])
            torch.testing.assert_close(together[row], alone[0], rtol=0, atol=1e-10)
            assert not places[row, left[row] :].any()
    assert together.shape == (len(lengths), chain.output_width)
    assert int(left.min()) >= 1
    assert int(left.max()) <= places.shape[1]


@pytest.mark.parametrize("form", PARTS)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_every_parameter_gets_a_gradient(form: str, bfloat16: bool) -> None:
    chain = chain_of(form, dropout=0.1, recurrent_dropout=0.1)
    torch.manual_seed(1)
    initialise(chain, "auto", settings_of(form).activation, torch.Generator().manual_seed(0))
    values, lengths = some_texts([14, 9, 12, 3, 1, 8, 11, 14], CHANNELS)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        read = chain(values.float(), lengths)
    assert read.isfinite().all()
    read.float().square().sum().backward()
    for name, parameter in chain.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("form", PARTS)
def test_bfloat16_gives_about_the_same(form: str) -> None:
    """Its numbers have 8 bits: within a tenth of the largest."""
    chain = drawn(chain_of(form)).float()
    values, lengths = some_texts([14, 9, 1], CHANNELS)
    with torch.no_grad():
        exact = chain(values.float(), lengths)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = chain(values.float(), lengths)
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=0.1 * float(exact.abs().max()))


@pytest.mark.parametrize(
    ("form", "others", "drops"),
    [
        ("convolutions", {}, True),
        ("convolutions", {"convolutions": 1, "blocks": 1}, False),
        ("branches", {}, False),
        ("lstm", {}, False),
        ("lstm", {"layers": 2}, True),
        ("window", {}, False),
        ("window", {"layers": 2}, True),
        ("convolutions under a gru", {"convolutions": 1, "blocks": 1}, True),
    ],
)
def test_dropout_stands_between_layers_and_not_on_top(form: str, others: dict[str, Any], drops: bool) -> None:
    chain = drawn(chain_of(form, **others))
    values, lengths = some_texts([14, 9, 1], CHANNELS)
    torch.manual_seed(0)
    with torch.no_grad():
        predicted, trained = chain.eval()(values, lengths), chain.train()(values, lengths)
    assert torch.equal(predicted, trained) != drops


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_chain_is_its_parts_one_on_top_of_another(bidirectional: bool) -> None:
    """Its last state is that after the last place from the beginning, and after the first from the end."""
    chain = drawn(chain_of("convolutions under a gru", bidirectional=bidirectional))
    values, lengths = some_texts([14, 9, 1], CHANNELS)
    with torch.no_grad():
        lower, left = chain.parts[0](values, lengths)
        upper, left = chain.parts[1](lower, left)
        read = chain(values, lengths)
    assert left.tolist() == [3, 2, 1]
    for row in range(3):
        ends = torch.cat([upper[row, left[row] - 1, :4], upper[row, 0, 4:]])
        torch.testing.assert_close(read[row], ends, rtol=0, atol=1e-12)


def test_a_part_that_reads_no_values_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        encoder_of("wide", ClassifierSettings(), CHANNELS)
    assert str(caught.value) == "part must be one of convolution, branches, recurrent, window, got 'wide'"
