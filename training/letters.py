"""The letters that Hangul syllables are made of, so that a network can know a rare syllable by its letters.

Legend: V vocabulary size, J letters: 19 initial consonants, 21 vowels, 27 final consonants and none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import SYMBOLS
from model.hangul import LEADING, TRAILING, VOWELS, letter_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet


def letters_of(alphabet: Alphabet) -> NDArray[np.float32]:
    """Tell of which letters every character is made: (V, J) 0 or 1, three of them 1 for a syllable, none for others."""
    # where each kind begins in a row, and where the last ends; no final consonant counts as one
    *firsts, width = np.cumsum([0, len(LEADING), len(VOWELS), len(TRAILING) + 1]).tolist()
    letters = np.zeros((len(alphabet), width), dtype=np.float32)
    for i, character in enumerate(alphabet.characters, start=SYMBOLS):
        numbers = letter_numbers(character)
        if numbers is not None:
            letters[i, np.add(firsts, numbers)] = 1
    return letters
