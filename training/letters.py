"""The letters that Hangul syllables are made of, so that a network can know a rare syllable by its letters.

Legend: V vocabulary size, J letters: 19 initial consonants, 21 vowels, 27 final consonants and none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.alphabet import SYMBOLS
from model.hangul import is_syllable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.alphabet import Alphabet

FIRST_SYLLABLE = 0xAC00
INITIALS, VOWELS, FINALS = 19, 21, 28  # no final consonant counts as one


def letters_of(alphabet: Alphabet) -> NDArray[np.float32]:
    """Tell of which letters every character is made: (V, J) 0 or 1, three of them 1 for a syllable, none for others.

    Source: the Unicode Standard, section 3.12: syllable = (initial * 21 + vowel) * 28 + final + U+AC00.
    """
    letters = np.zeros((len(alphabet), INITIALS + VOWELS + FINALS), dtype=np.float32)
    for i, character in enumerate(alphabet.characters, start=SYMBOLS):
        if is_syllable(character):
            rest, final = divmod(ord(character) - FIRST_SYLLABLE, FINALS)
            first, vowel = divmod(rest, VOWELS)
            letters[i, [first, INITIALS + vowel, INITIALS + VOWELS + final]] = 1
    return letters
