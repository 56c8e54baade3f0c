"""Arrays come back from their file as they were written, or are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import ALIGNMENT, MAGIC, TYPES, arrays_from, open_arrays, write_arrays
from model.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
ARRAYS = st.dictionaries(
    NAMES, st.tuples(st.sampled_from(sorted(TYPES)), st.lists(st.integers(0, 60_000), max_size=50)), max_size=4
)


def read(content: bytes) -> dict[str, list[float]]:
    opened = arrays_from(np.frombuffer(content, dtype=np.uint8), "planted.bin")
    return {name: values.tolist() for name, values in opened.arrays.items()}


@settings(max_examples=100, deadline=None)
@given(ARRAYS, st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_arrays_and_numbers_come_back(given: dict[str, tuple[str, list[int]]], numbers: dict[str, float]) -> None:
    arrays = {name: np.array(values, dtype=kind) for name, (kind, values) in given.items()}
    content = write_arrays(arrays, numbers)
    opened = arrays_from(np.frombuffer(content, dtype=np.uint8), "planted.bin")
    assert opened.numbers == numbers
    assert opened.arrays.keys() == arrays.keys()
    for name, values in arrays.items():
        assert opened.arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(opened.arrays[name], values)
        if len(values):
            address = opened.arrays[name].__array_interface__["data"][0]
            base = np.frombuffer(content, dtype=np.uint8).__array_interface__["data"][0]
            assert (address - base) % ALIGNMENT == 0


def test_a_file_is_mapped_and_nobody_can_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "arrays.bin"
    path.write_bytes(write_arrays({"some": np.arange(10, dtype=np.uint32)}, {"two": 2.0}))
    opened = open_arrays(path)
    assert opened.arrays["some"].tolist() == list(range(10))
    assert not opened.arrays["some"].flags.writeable


GOOD = write_arrays({"some": np.arange(100, dtype=np.float32)}, {"two": 2.0})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        MAGIC,
        b"machimB1" + GOOD[8:],
        GOOD[: len(GOOD) // 2],
        GOOD.replace(b'"numbers"', b'"members"'),
        GOOD.replace(b"<f4", b"|O8"),
        MAGIC + (2**40).to_bytes(8, "little") + GOOD[16:],
        MAGIC + (4).to_bytes(8, "little") + b"[1]]",
    ],
)
def test_a_damaged_file_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    assert read(GOOD)["some"][:3] == [0, 1, 2]
    path = tmp_path / "planted.bin"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"planted\.bin"):
        open_arrays(path)
