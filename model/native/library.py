"""The compiled core, plain C in this folder, as ``ctypes`` calls it; other threads run meanwhile.

An array is passed by its address, so whoever passes it keeps it until the call is over, or as long as what it was given
to is in use.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from model.errors import MachimError

if TYPE_CHECKING:
    from array import array

    from numpy.typing import NDArray

EXTENSION = "model.native._core"
ADDRESS, INT32, INT64, FLOAT64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_double
FLOAT32 = ctypes.c_float
NO_MEMORY = -9  # of memory.h
# By name: the types of what each function takes, and that of what it gives.
FUNCTIONS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "machim_ngram_follow": ((ADDRESS, ADDRESS, ADDRESS, INT64, INT64, ADDRESS), None),
    "machim_ngram_rows": ((ADDRESS, ADDRESS, INT64, ADDRESS), None),
    "machim_slips_new": ((ADDRESS,), ADDRESS),
    "machim_slips_run": ((ADDRESS, INT32), INT32),
    "machim_slips_give": ((ADDRESS, ADDRESS, ADDRESS, INT64), INT32),
    "machim_slips_free": ((ADDRESS,), None),
    "machim_query_new": ((ADDRESS,), ADDRESS),
    "machim_query_free": ((ADDRESS,), None),
    "machim_query_put": ((ADDRESS, INT32, ADDRESS, ADDRESS, ADDRESS), INT32),
    "machim_query_admits": ((ADDRESS, ADDRESS, INT32), INT32),
    "machim_query_count": ((ADDRESS, INT32), INT32),
    "machim_query_give": ((ADDRESS, INT32, ADDRESS, ADDRESS, ADDRESS), None),
    "machim_query_align": ((ADDRESS, INT32, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS), INT32),
    "machim_seen_new": ((ADDRESS, ADDRESS, ADDRESS, INT32), ADDRESS),
    "machim_seen_free": ((ADDRESS,), None),
    "machim_seen_run": ((ADDRESS, INT32), INT32),
    "machim_seen_others": ((ADDRESS,), FLOAT64),
    "machim_seen_count": ((ADDRESS, ADDRESS), INT32),
    "machim_seen_give": ((ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS), None),
    "machim_search_new": ((ADDRESS,), ADDRESS),
    "machim_search_free": ((ADDRESS,), None),
    "machim_search_expect": ((ADDRESS, INT32, ADDRESS, ADDRESS, ADDRESS, ADDRESS, FLOAT64, ADDRESS), INT32),
    "machim_search_know": ((ADDRESS, ADDRESS, INT32, FLOAT64, FLOAT64, FLOAT64, INT32), INT32),
    "machim_search_begin": ((ADDRESS, INT32, ADDRESS, ADDRESS, INT32), INT32),
    "machim_search_more": ((ADDRESS,), INT32),
    "machim_search_take": ((ADDRESS, INT32, ADDRESS, ADDRESS), INT32),
    "machim_search_add": ((ADDRESS, ADDRESS), INT32),
    "machim_search_best_cut": ((ADDRESS,), FLOAT64),
    "machim_search_count": ((ADDRESS,), INT32),
    "machim_search_give": ((ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS), None),
}


class Numbers(ctypes.Structure):
    """``Numbers`` of phrases.h: whole numbers of two bytes or of four."""

    _fields_ = (("first", ADDRESS), ("bytes", INT32))


class PhraseTables(ctypes.Structure):
    """``Phrases`` of phrases.h."""

    _fields_ = (
        ("firsts", ADDRESS),
        ("bests", ADDRESS),
        ("widths", Numbers),
        ("symbols", Numbers),
        ("tails", Numbers),
    )


class NgramTables(ctypes.Structure):
    """``Ngram`` of ngram.c."""

    _fields_ = (
        ("log_base", ADDRESS),
        ("log_rests", ADDRESS),
        ("lefts", ADDRESS),
        ("logs", ADDRESS),
        ("starts", ADDRESS),
        ("shorter", ADDRESS),
        ("symbols", Numbers),
        ("vocabulary", INT32),
        ("contexts", INT32),
    )


class MixtureNumbers(ctypes.Structure):
    """``Mixture`` of phrases.h."""

    _fields_ = (
        ("discounts", FLOAT64 * 3),
        ("total", FLOAT64),
        ("least_count", FLOAT64),
        ("log_model_share", FLOAT64),
    )


class Wanted(ctypes.Structure):
    """``Wanted`` of finished.h."""

    _fields_ = (
        ("folded", ADDRESS),
        ("ahead", ADDRESS),
        ("ahead_count", INT32),
        ("limit", INT32),
        ("longest", INT32),
        ("may_be_typed", INT32),
        ("only_if_seen", INT32),
    )


class SearchTables(ctypes.Structure):
    """``Options`` of frontier.h."""

    _fields_ = (
        ("phrases", ADDRESS),
        ("query", ADDRESS),
        ("boundary", ADDRESS),
        ("mixture", MixtureNumbers),
        ("wanted", Wanted),
        ("near", FLOAT64),
    )


class SlipQuestion(ctypes.Structure):
    """``SlipQuestion`` of slips.c."""

    _fields_ = (
        ("phrases", ADDRESS),
        ("numbers", ADDRESS),
        ("relations", ctypes.c_char_p),
        ("longest", INT32),
        ("row", INT32),
        ("typed", INT32),
        ("edits", INT32),
        ("most", INT32),
        ("budget", INT32),
        ("other_case", FLOAT32),
        ("slip", FLOAT32),
        ("neighbour", FLOAT32),
        ("transposition", FLOAT32),
        ("at_start", FLOAT32),
        ("least_count", FLOAT32),
        ("least_worth", FLOAT32),
    )


class KeyTables(ctypes.Structure):
    """``KeyTable`` of readings.h."""

    _fields_ = (("numbers", ADDRESS), ("in_order", ADDRESS), ("longest", INT32), ("count", INT32))


class GroupTables(ctypes.Structure):
    """``Groups`` of readings.h."""

    _fields_ = (("firsts", ADDRESS), ("ids", ADDRESS))


class AlphabetTables(ctypes.Structure):
    """``AlphabetKeys`` of readings.h."""

    _fields_ = (
        ("strokes", KeyTables),
        ("presses", KeyTables),
        ("folded", GroupTables),
        ("initials", GroupTables),
        ("white_space", ADDRESS),
        ("marks", ADDRESS),
        ("white_spaces", INT32),
        ("vocabulary", INT32),
    )


class ReadingTables(ctypes.Structure):
    """``Reading`` of readings.h."""

    _fields_ = (("keys", ADDRESS), ("kind", INT32), ("count", INT32), ("partial", FLOAT64))


class TypedTables(ctypes.Structure):
    """``Typed`` of readings.h."""

    _fields_ = (
        ("keys", ADDRESS),
        ("characters", ADDRESS),
        ("readings", ReadingTables * 2),
        ("lengths", ADDRESS),
        ("ids", ADDRESS),
        ("costs", ADDRESS),
        ("reading_count", INT32),
        ("corrections", INT32),
        ("kinds", INT32),
        ("lone_letter", FLOAT64),
        ("other_case", FLOAT64),
        ("initials", FLOAT64),
        ("initials_inside", FLOAT64),
        ("unswitched", FLOAT64),
        ("unknown", FLOAT64),
        ("keyboard", FLOAT64),
    )


class Made:
    """Something that the core made: it is freed when nobody knows of it any more.

    Raises:
        MemoryError: there was no memory for it.
    """

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name = name
        self.address: int | None = None
        self.address = getattr(core(), f"machim_{name}_new")(*arguments)
        if self.address is None:
            raise MemoryError(f"a {name} must have memory, got none")

    def __del__(self) -> None:
        if self.address is not None:
            getattr(core(), f"machim_{self.name}_free")(self.address)


def checked(status: int) -> int:
    """Give the status of a call, unless it is ``NO_MEMORY``.

    Raises:
        MemoryError: it is.
    """
    if status == NO_MEMORY:
        raise MemoryError("a search must have memory, got none")
    return status


@lru_cache(maxsize=1)
def core() -> ctypes.CDLL:
    """Load the core, once.

    Raises:
        MachimError: machim was not built.
    """
    found = find_spec(EXTENSION)
    if found is None or found.origin is None:
        raise MachimError("the compiled core must be there, got none: install machim again, with `pip install .`")
    library = ctypes.CDLL(found.origin)
    for name, (taken, given) in FUNCTIONS.items():
        function = getattr(library, name, None)
        if function is None:
            raise MachimError("the compiled core must be of this version, got another: install machim again")
        function.argtypes, function.restype = taken, given
    return library


def address(values: NDArray[Any]) -> int:
    """Give where an array begins.

    Raises:
        ValueError: it does not lie in one piece.
    """
    if not values.flags.c_contiguous:
        raise ValueError("an array must lie in one piece")
    return int(values.ctypes.data)


def address_of(values: array[Any]) -> int:
    """Give where a plain array begins, sooner than for an array of numpy's."""
    return values.buffer_info()[0]


def numbers(values: NDArray[Any]) -> Numbers:
    """Describe an array of uint16 or uint32."""
    return Numbers(address(values), values.dtype.itemsize)
