"""Text letter by letter: a Hangul syllable as its conjoining letters, so that one never met is spelled all the same."""

from __future__ import annotations

import unicodedata

from model.hangul import is_syllable


def spelled(text: str) -> str:
    """Give a text (NFC) with every Hangul syllable as its conjoining letters, all else as it is."""
    return "".join(unicodedata.normalize("NFD", each) if is_syllable(each) else each for each in text)


def joined(letters: str) -> str:
    """Give a text with conjoining letters as syllables, as far as they make some."""
    return unicodedata.normalize("NFC", letters)
