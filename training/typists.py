"""How people type a phrase when it is not simply its first characters: half a syllable, the other case, a wrong key.

Each typist takes a phrase and the prefix at which it is cut, and gives what stands in the box, or None where a phrase
cannot be typed in this way. A typist that needs luck takes it from the phrase's hash, so the same phrase is typed the
same way in every run.
"""

import random
from collections.abc import Callable

from model.hangul import (
    CONSONANT_KEYS,
    VOWEL_KEYS,
    compose,
    initials,
    is_syllable,
    keystrokes,
    to_hangul,
    to_hangul_keys,
    to_latin,
)
from training.protocol import digest

Typist = Callable[[str, str], str | None]

SYLLABLES_OF_INITIALS = 3
KEYSTROKES_OF_SLIP = 4
HANGUL_KEYS = "".join(sorted(CONSONANT_KEYS | VOWEL_KEYS))
LATIN_KEYS = "abcdefghijklmnopqrstuvwxyz"
SLIPS = ("substitution", "insertion", "deletion", "transposition")


def type_half_a_syllable(phrase: str, prefix: str) -> str | None:
    """Type the prefix and the syllable after it but for its last key; with the prefix 서, 서울 is typed 서우.

    A consonant alone may go onto the syllable before it, as an input method shows it: 가구 with the prefix 가 is 각.

    Returns:
        None where no syllable follows the prefix.
    """
    following = phrase[len(prefix) : len(prefix) + 1]
    if not is_syllable(following):
        return None
    return compose(keystrokes(prefix) + keystrokes(following)[:-1])


def type_in_other_case(_phrase: str, prefix: str) -> str | None:
    """Type large letters small and small letters large.

    Returns:
        None where no letter has another case, or one of them has it in more characters than one, such as SS for ß.
    """
    typed = prefix.swapcase()
    return typed if typed != prefix and len(typed) == len(prefix) else None


def type_initials(phrase: str, _prefix: str) -> str | None:
    """Type the initial consonants of the whole phrase without its spaces; what is no syllable is typed as it is.

    Returns:
        None for fewer than three syllables: one or two consonants say too little.
    """
    if sum(map(is_syllable, phrase)) < SYLLABLES_OF_INITIALS:
        return None
    return "".join(initials(phrase).split())


def type_on_wrong_keyboard(_phrase: str, prefix: str) -> str | None:
    """Type the prefix with the keyboard set to the other script: 한글 is gksrmf, and hello ㅗ디ㅣㅐ.

    Returns:
        None where the prefix has letters of both scripts, or of neither.
    """
    keys = keystrokes(prefix)
    latin, hangul = to_hangul_keys(keys) != keys, to_latin(keys) != keys
    if latin == hangul:
        return None
    return to_latin(prefix) if hangul else to_hangul(prefix)


def type_with_a_slip(phrase: str, prefix: str) -> str | None:
    """Type the prefix with one wrong keystroke: as likely one changed, put in, left out, or exchanged with the next.

    The wrong key is any other of the same keyboard, Hangul's for a Hangul key and the Latin small letters for others.

    Returns:
        None for fewer than four keystrokes, or where two are to be exchanged and all are the same.
    """
    keys = keystrokes(prefix)
    if len(keys) < KEYSTROKES_OF_SLIP:
        return None
    generator = random.Random(digest(phrase + "slip"))  # noqa: S311 - a fixed draw, not a secret
    slip = generator.choice(SLIPS)
    if slip == "transposition":
        differing = [place for place in range(len(keys) - 1) if keys[place] != keys[place + 1]]
        if not differing:
            return None
        place = generator.choice(differing)
        return compose(keys[:place] + keys[place + 1] + keys[place] + keys[place + 2 :])
    place = generator.randrange(len(keys))
    if slip == "deletion":
        return compose(keys[:place] + keys[place + 1 :])
    wrong = generator.choice([key for key in _keyboard_of(keys[place]) if key != keys[place]])
    after = keys[place:] if slip == "insertion" else keys[place + 1 :]
    return compose(keys[:place] + wrong + after)


def _keyboard_of(key: str) -> str:
    return HANGUL_KEYS if key in HANGUL_KEYS else LATIN_KEYS


# By the kind of match that each asks of a completer.
TYPISTS: dict[str, Typist] = {
    "partial": type_half_a_syllable,
    "case": type_in_other_case,
    "initials": type_initials,
    "keyboard": type_on_wrong_keyboard,
    "slip": type_with_a_slip,
}
