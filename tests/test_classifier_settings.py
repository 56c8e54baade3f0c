"""What a classifier is told is read, or refused in one line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from model.errors import InputError
from training.classifier_settings import ClassifierSettings


def test_parts_stand_side_by_side_or_one_on_top_of_another() -> None:
    settings = ClassifierSettings(encoder="wide+convolution/recurrent+window", branch_widths="3,1,7")
    assert settings.chains == (("wide",), ("convolution", "recurrent"), ("window",))
    assert settings.widths == (3, 1, 7)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"encoder": "wide+transformer"},
            "encoder must be one of wide, convolution, branches, recurrent, window, got 'transformer'",
        ),
        ({"encoder": ""}, "encoder must be one of wide, convolution, branches, recurrent, window, got ''"),
        (
            {"encoder": "wide/recurrent"},
            "encoder must have wide and window beside other parts (+), not in a /, got 'wide/recurrent'",
        ),
        (
            {"encoder": "convolution/window"},
            "encoder must have wide and window beside other parts (+), not in a /, got 'convolution/window'",
        ),
        ({"encoder": "wide+wide"}, "encoder must name a part once, got 'wide+wide'"),
        ({"branch_widths": "2,x"}, "branch_widths must be whole numbers such as 2,3,4,5, got '2,x'"),
        ({"branch_widths": "2,2"}, "branch_widths must be at most 16 different widths in [1, 256], got '2,2'"),
        ({"branch_widths": "0"}, "branch_widths must be at most 16 different widths in [1, 256], got '0'"),
        ({"activation": "swish"}, "activation must be one of sigmoid, tanh, relu, gelu, got 'swish'"),
        ({"padding": "full"}, "padding must be one of valid, same, causal, got 'full'"),
        ({"pooling": "min"}, "pooling must be one of max, mean, last, attention, got 'min'"),
        ({"skip": "dense"}, "skip must be one of none, residual, highway, got 'dense'"),
        (
            {"initialise": "ones"},
            "initialise must be one of auto, zeros, small, xavier, he, orthogonal, rbm, got 'ones'",
        ),
        ({"cell": "sru"}, "cell must be one of rnn-tanh, rnn-relu, gru, lstm, got 'sru'"),
        ({"embedding_width": 0}, "embedding_width must be in [1, 8192], got 0"),
        ({"filters": 0}, "filters must be in [1, 8192], got 0"),
        ({"filter_width": 257}, "filter_width must be in [1, 256], got 257"),
        ({"stride": 0}, "stride must be in [1, 256], got 0"),
        ({"convolutions": 0}, "convolutions must be in [1, 64], got 0"),
        ({"blocks": 65}, "blocks must be in [1, 64], got 65"),
        ({"pool_width": 0}, "pool_width must be in [1, 256], got 0"),
        ({"layers": 0}, "layers must be in [1, 32], got 0"),
        ({"hidden_width": 0}, "hidden_width must be in [1, 8192], got 0"),
        ({"window_characters": 5000}, "window_characters must be in [1, 4096], got 5000"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), got 1.0"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout must be in [0, 1), got -0.1"),
        ({"character_dropout": math.nan}, "character_dropout must be in [0, 1), got nan"),
        ({"embedding_dropout": 2}, "embedding_dropout must be in [0, 1), got 2"),
    ],
)
def test_settings_that_make_no_classifier_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ClassifierSettings(**values)
    assert str(caught.value) == message
