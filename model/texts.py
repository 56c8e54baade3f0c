"""What a text to sort is, alike where classifiers learn and where they are asked."""

import re

LONGEST_TEXT_CHARACTERS = 100_000
LINE_BREAK = re.compile(r"\r\n|\r|\n")


def one_spaced(text: str) -> str:
    """Put one space for each line break, and drop spaces and tabs at both ends."""
    return LINE_BREAK.sub(" ", text).strip(" \t")
