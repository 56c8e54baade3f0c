"""The automaton of what was typed, against each kind of match written out plainly, on every short string."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, END_ID, UNKNOWN_ID, Alphabet, train_alphabet
from model.channel import DEFAULT_COSTS, KINDS, ChannelCosts, Correction
from model.errors import InputError
from model.hangul import Composer, compose, initial, is_consonant, is_syllable, keystrokes, to_hangul_keys, to_latin
from model.keys import AlphabetKeys, alphabet_keys, is_hangul, is_lone_letter, key_presses
from model.typed import TypedQuery, typed_query

UNKNOWN = "漢"
ALPHABETS = (
    "가각게ㄱㅏ",
    "고과ㄱㅗㅏ",
    "삼ㅅ성 사",
    "감사ㄱㅅㄳ",
    "abAB가",
    "각rkRㄱ",
    "eEㄷ더h",
    "므aksㅁ만",
    "삼a A성ㅅ",
)
ALL = frozenset(KINDS)


@cache
def small(characters: str) -> tuple[Alphabet, AlphabetKeys]:
    alphabet = train_alphabet(dict.fromkeys(characters, 1.0), character_limit=1000)
    return alphabet, alphabet_keys(alphabet)


def large_characters() -> str:
    examples = "서울강남안녕하세요가각간게고과갑값삼성장바구니한글날아케과학수학ㄳㅄ"
    letters = "ㄱㄲㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎㅏㅑㅓㅗㅛㅜㅠㅡㅣㅘ"
    return "".join(sorted(set(examples + letters + "abcdefghlopstvABEGHLPSTV 1.")))


def asked(typed: str, kinds: frozenset[str] = ALL, corrections: tuple[tuple[str, float], ...] = ()) -> TypedQuery:
    alphabet, keys = small(large_characters())
    return typed_query(
        typed,
        alphabet,
        keys,
        kinds,
        corrections=[Correction(ids=tuple(alphabet.encode(text).tolist()), cost=cost) for text, cost in corrections],
    )


@dataclass(frozen=True, kw_only=True)
class AsTyped:
    """What it costs that a phrase was typed so, on the right keyboard and with no slip; -inf if it cannot be."""

    typed: str
    kinds: frozenset[str]
    known: str

    def cost(self, phrase: str, i: int = 0, *, paid: bool = False, skips: bool = False) -> float:
        """For the rest of a phrase, when ``i`` keys are matched."""
        keys = [(character, at) for character in self.typed for at, _ in enumerate(keystrokes(character))]
        if i == len(keys):
            return 0.0
        if not phrase:
            return -math.inf
        (character, at), meant, rest = keys[i], phrase[0], phrase[1:]
        after = i + len(keystrokes(character))
        exact = at == 0 and meant == character
        if meant not in self.known:
            unknown = -math.log(0x110000 - 0x800 - len(self.known))
            return unknown + self.cost(rest, after, paid=paid) if exact else -math.inf
        ways = [self.by_initial(phrase, i, character, paid=paid, skips=skips)]
        if exact:
            ways.append(self.cost(rest, after, paid=paid))
        elif "partial" in self.kinds:
            ways.append(self.by_beginning(phrase, i, character, paid=paid))
        if "case" in self.kinds and not exact and at == 0 and meant.lower() == character.lower():
            ways.append(DEFAULT_COSTS.case + self.cost(rest, after, paid=paid))
        return max(ways)

    def owner(self, i: int) -> int:
        """Which character has a key."""
        return [at for at, character in enumerate(self.typed) for _ in keystrokes(character)][i]

    def by_beginning(self, phrase: str, i: int, character: str, *, paid: bool) -> float:
        fee = 0.0 if paid or is_lone_letter(self.typed[-1]) else DEFAULT_COSTS.partial
        written, left = keystrokes(phrase[0]), keystrokes(self.typed)[i:]
        if left.startswith(written):
            lone = DEFAULT_COSTS.lone_letter if is_lone_letter(phrase[0]) and is_syllable(character) else 0.0
            return fee + lone + self.cost(phrase[1:], i + len(written), paid=True)
        return fee if written.startswith(left) else -math.inf

    def by_initial(self, phrase: str, i: int, character: str, *, paid: bool, skips: bool) -> float:
        key = keystrokes(self.typed)[i]
        if "initials" not in self.kinds or not is_consonant(key) or is_syllable(character):
            return -math.inf
        if initial(phrase[0]) == key:
            later = any(is_syllable(each) for each in self.typed[self.owner(i) + 1 :])
            inside = DEFAULT_COSTS.initials_inside if later else 0.0
            return DEFAULT_COSTS.initials + inside + self.cost(phrase[1:], i + 1, paid=paid, skips=True)
        if not phrase[0].isspace() or not i:
            return -math.inf
        return self.cost(phrase[1:], i, paid=paid, skips=True) + (0.0 if skips else DEFAULT_COSTS.initials)


def is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def keyboard_fee(character: str, meant: str, *, in_syllable: bool) -> float:
    """What a character costs more for what it is, with no heed to the keyboard that was on."""
    both_latin = is_latin(character) and is_latin(meant)
    fee = DEFAULT_COSTS.lone_letter if in_syllable and (is_lone_letter(meant) or both_latin) else 0.0
    if both_latin or (is_hangul(character) and is_hangul(meant)):
        return fee + DEFAULT_COSTS.unswitched
    unshifted = is_hangul(character) and meant.isupper() and key_presses(meant).islower()
    return fee + DEFAULT_COSTS.case if unshifted else fee


def by_keys(phrase: str, typed: str, kinds: frozenset[str], known: str) -> float:
    """What it costs that a phrase was typed so with no heed to the keyboard that was on."""
    originals = [(character, at) for character in typed for at, _ in enumerate(keystrokes(character))]
    presses = key_presses(typed)
    shown = [character for character in compose(keystrokes(to_hangul_keys(typed))) for _ in keystrokes(character)]
    if not any(press.isascii() and press.isalpha() for press in presses):
        return -math.inf

    def cost(phrase: str, i: int) -> float:
        if i == len(presses):
            return 0.0
        if not phrase:
            return -math.inf
        (character, at), meant, rest, left = originals[i], phrase[0], phrase[1:], presses[i:]
        written = key_presses(meant)
        exact = at == 0 and meant == character
        if meant not in known:
            unknown = -math.log(0x110000 - 0x800 - len(known))
            return unknown + cost(rest, i + len(keystrokes(character))) if exact else -math.inf
        latin_typed, latin_meant = is_latin(character), is_latin(meant)
        fee = keyboard_fee(character, meant, in_syllable=is_syllable(shown[i]))
        if latin_meant and latin_typed and not exact:
            same = "case" in kinds and meant.lower() == character.lower()
            return DEFAULT_COSTS.case + fee + cost(rest, i + 1) if same else -math.inf
        ways = [-math.inf]
        if exact or left.startswith(written):
            ways.append(fee + cost(rest, i + len(written)))
        elif "case" in kinds and latin_meant and meant.lower() == left[0].lower():
            ways.append(DEFAULT_COSTS.case + fee + cost(rest, i + 1))
        elif "partial" in kinds and written.startswith(left):
            ways.append(fee)
        return max(ways)

    return wrong_keyboard(typed) + cost(phrase, 0)


def wrong_keyboard(typed: str) -> float:
    """What it costs to have typed all this on the wrong keyboard."""
    return DEFAULT_COSTS.keyboard + len(keystrokes(typed)) * DEFAULT_COSTS.keyboard_key


def walk(query: TypedQuery, ids: list[int]) -> float:
    """What the automaton charges for a whole phrase."""
    place, cost = 0, 0.0
    for i in [*ids, END_ID]:
        arcs = query.arcs(place)
        if arcs is None:
            return cost
        at = np.flatnonzero(arcs.ids == i)
        if not len(at):
            return -math.inf
        cost += float(arcs.costs[at[0]])
        place = int(arcs.places[at[0]])
    return cost


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, str, frozenset[str], tuple[tuple[str, float], ...]]:
    """An alphabet, something typed, kinds of match, and corrections."""
    known = draw(st.sampled_from(ALPHABETS))
    kinds = frozenset(draw(st.sets(st.sampled_from(KINDS)))) if draw(st.booleans()) else ALL
    correction = st.tuples(st.text(known, min_size=1, max_size=3), st.sampled_from([-2.0, -4.5, -6.0]))
    corrections = draw(st.lists(correction, max_size=3))
    # What follows a correction is a character that is known, so unknown ones are asked for without corrections.
    return known, draw(st.text(known + UNKNOWN * (not corrections), min_size=1, max_size=4)), kinds, tuple(corrections)


@settings(max_examples=60, deadline=None)
@given(question=questions())
def test_every_string_costs_what_its_cheapest_way_costs(
    question: tuple[str, str, frozenset[str], tuple[tuple[str, float], ...]],
) -> None:
    """All strings of up to four characters, one of them unknown; and each is explained at the same cost."""
    known, typed, kinds, corrections = question
    alphabet, keys = small(known)
    meant = [Correction(ids=tuple(alphabet.encode(text).tolist()), cost=cost) for text, cost in corrections]
    query = typed_query(typed, alphabet, keys, kinds, corrections=meant)
    for length in range(5):
        for phrase in map("".join, product(known + UNKNOWN * (UNKNOWN in typed), repeat=length)):
            ids = alphabet.encode(phrase).tolist()
            costs = [AsTyped(typed=typed, kinds=kinds, known=known).cost(phrase)]
            if "keyboard" in kinds:
                costs.append(by_keys(phrase, typed, kinds, known))
            if "slip" in kinds:
                costs.extend(cost for text, cost in corrections if phrase.startswith(text))
            assert walk(query, ids) == pytest.approx(max(costs), abs=1e-4), phrase
            if max(costs) > -math.inf:
                match, text = query.explain(phrase), query.text(ids)
                assert match.cost == pytest.approx(max(costs), abs=1e-4), phrase
                assert all(text[first:end] == phrase[first:end] for first, end in match.highlight), phrase
            else:
                with pytest.raises(InputError, match="text must match"):
                    query.explain(phrase)


@settings(max_examples=60, deadline=None)
@given(question=questions())
def test_places_are_deterministic_and_no_arc_gains_anything(
    question: tuple[str, str, frozenset[str], tuple[tuple[str, float], ...]],
) -> None:
    known, typed, kinds, corrections = question
    alphabet, keys = small(known)
    meant = [Correction(ids=tuple(alphabet.encode(text).tolist()), cost=cost) for text, cost in corrections]
    query = typed_query(typed, alphabet, keys, kinds, corrections=meant)
    place, reached = 0, 1
    while place < reached:  # each place's arcs may make new ones, which are numbered as they are made
        arcs, again = query.arcs(place), query.arcs(place)
        assert (arcs is None) == (again is None)
        if arcs is not None and again is not None:
            assert all(map(np.array_equal, astuple(arcs), astuple(again)))
            assert [each.dtype.name for each in (arcs.ids, arcs.costs, arcs.places)] == ["int64", "float32", "int64"]
            assert len(arcs.ids) == len(arcs.costs) == len(arcs.places) == len(np.unique(arcs.ids)) > 0
            assert np.isfinite(arcs.costs).all()
            assert (arcs.costs <= 0).all()
            assert BEGIN_ID not in arcs.ids
            new = np.unique(arcs.places[arcs.places >= reached])
            assert new.tolist() == list(range(reached, reached + len(new)))
            reached += len(new)
            if UNKNOWN not in typed:
                assert UNKNOWN_ID not in arcs.ids
        place += 1


@pytest.mark.parametrize(
    ("typed", "phrase", "kind", "cost", "highlight"),
    [
        ("서울 ㄱ", "서울 강남", "partial", 0.0, ((0, 4),)),
        ("서울 강", "서울 강남", "exact", 0.0, ((0, 4),)),
        ("안녀", "안녕하세요", "partial", DEFAULT_COSTS.partial, ((0, 2),)),
        ("각", "각", "exact", 0.0, ((0, 1),)),
        ("각", "가게", "partial", DEFAULT_COSTS.partial, ((0, 2),)),
        ("고", "과학", "partial", DEFAULT_COSTS.partial, ((0, 1),)),
        ("갑", "값", "partial", DEFAULT_COSTS.partial, ((0, 1),)),
        ("가ㄱ", "각", "partial", 0.0, ((0, 1),)),
        ("ㄳ", "ㄱㅅ", "partial", 0.0, ((0, 2),)),
        ("ㅄ", "ㅂㅅ", "partial", 0.0, ((0, 2),)),
        ("ㄱ", "강남", "partial", 0.0, ((0, 1),)),
        ("한ㄱ", "한글날", "partial", 0.0, ((0, 2),)),
        ("앜ㅋ", "아ㅋㅋㅋ", "partial", DEFAULT_COSTS.lone_letter, ((0, 3),)),
        ("아ㅋㅋ", "아ㅋㅋ", "exact", 0.0, ((0, 3),)),
        ("ㅋㅋㅋ", "ㅋㅋㅋㅋ", "exact", 0.0, ((0, 3),)),
        ("ㅅㅅ", "삼성", "initials", DEFAULT_COSTS.initials, ((0, 2),)),
        ("ㅅㅅ", "삼  성", "initials", DEFAULT_COSTS.initials, ((0, 1), (3, 4))),
        ("ㅈㅂㄱㄴ", "장바구니", "initials", 3 * DEFAULT_COSTS.initials, ((0, 4),)),
        ("한ㄱㄴ", "한글날", "initials", DEFAULT_COSTS.initials, ((0, 3),)),
        (
            "ㅅ서",
            "삼성",
            "initials",
            DEFAULT_COSTS.initials + DEFAULT_COSTS.initials_inside + DEFAULT_COSTS.partial,
            ((0, 2),),
        ),
        ("ㄳ", "가 성", "initials", DEFAULT_COSTS.initials, ((0, 1), (2, 3))),
        ("hEl", "Hello", "case", 2 * DEFAULT_COSTS.case, ((0, 3),)),
        ("ㅅㅅ tv", "삼성 TV", "initials", 2 * DEFAULT_COSTS.initials + 2 * DEFAULT_COSTS.case, ((0, 5),)),
        ("gksrmf", "한글날", "keyboard", wrong_keyboard("gksrmf"), ((0, 2),)),
        ("gksrm", "한글날", "keyboard", wrong_keyboard("gksrm"), ((0, 2),)),
        ("rkr", "가게", "keyboard", wrong_keyboard("rkr"), ((0, 2),)),
        ("ㅗ디ㅣㅐ", "hello", "keyboard", wrong_keyboard("ㅗ디ㅣㅐ"), ((0, 5),)),
        ("ㅗ디ㅣㅐ", "Hello", "keyboard", wrong_keyboard("ㅗ디ㅣㅐ") + DEFAULT_COSTS.case, ((0, 5),)),
        ("ㅗ디ㅣㅐ", "hEllo", "keyboard", wrong_keyboard("ㅗ디ㅣㅐ") + DEFAULT_COSTS.case, ((0, 5),)),
        ("ㅗㄸㅣㅐ", "hElo", "keyboard", wrong_keyboard("ㅗㄸㅣㅐ"), ((0, 4),)),
        ("강남 ㅅㅍ", "강남 tv", "keyboard", wrong_keyboard("강남 ㅅㅍ") + 2 * DEFAULT_COSTS.unswitched, ((0, 5),)),
        ("rkdska tv", "강남 tv", "keyboard", wrong_keyboard("rkdska tv") + 2 * DEFAULT_COSTS.unswitched, ((0, 5),)),
        (
            "so tkatjd",
            "So 삼성",
            "keyboard",
            wrong_keyboard("so tkatjd")
            + DEFAULT_COSTS.case
            + 2 * (DEFAULT_COSTS.lone_letter + DEFAULT_COSTS.unswitched),
            ((0, 5),),
        ),
        ("고ㅏ하가", "과하각", "partial", DEFAULT_COSTS.partial, ((0, 3),)),
        ("과항", "과학 tv", "slip", -6.0, ((0, 2),)),
        ("", "한글", "exact", 0.0, ()),
    ],
)
def test_a_phrase_is_explained_by_its_best_kind(
    typed: str, phrase: str, kind: str, cost: float, highlight: tuple[tuple[int, int], ...]
) -> None:
    match = asked(typed, corrections=(("과학", -6.0),)).explain(phrase)
    assert (match.kind, match.highlight) == (kind, highlight)
    assert match.cost == pytest.approx(cost)


@pytest.mark.parametrize(
    ("typed", "phrase", "kind"),
    [
        ("안녀", "안녕", "partial"),
        ("a", "A", "case"),
        ("ㅅㅅ", "삼성", "initials"),
        ("gksrmf", "한글", "keyboard"),
        ("삼상", "삼성", "slip"),
    ],
)
def test_each_kind_can_be_switched_off(typed: str, phrase: str, kind: str) -> None:
    corrections = (("삼성", -6.0),)
    everything_else = ALL - {kind, "slip"} if kind != "slip" else ALL - {kind}
    assert asked(typed, ALL, corrections).explain(phrase).kind == kind
    with pytest.raises(InputError, match="text must match"):
        asked(typed, everything_else, corrections).explain(phrase)


def test_the_last_initial_is_paid_for_only_where_no_partial_match_is_asked_for() -> None:
    assert asked("ㅅㅅ", frozenset({"initials"})).explain("삼성").cost == pytest.approx(2 * DEFAULT_COSTS.initials)
    assert asked("ㅅㅅ", frozenset({"initials", "partial"})).explain("삼성").cost == DEFAULT_COSTS.initials


def test_of_ways_that_cost_the_same_the_earlier_kind_is_named() -> None:
    """The correction 삼 is done a character before what was typed is."""
    assert asked("삼성", corrections=(("삼", 0.0),)).explain("삼성").kind == "exact"
    match = asked("안녀", corrections=(("안녕", DEFAULT_COSTS.partial),)).explain("안녕하세요")
    assert (match.kind, match.cost) == ("partial", DEFAULT_COSTS.partial)


def test_of_corrections_that_are_the_same_the_cheapest_counts() -> None:
    assert asked("삼상", corrections=(("삼성", -4.0), ("삼성", -6.0), ("삼", -5.0))).explain("삼성").cost == -4.0


def test_nothing_is_asked_for_once_the_best_way_is_done() -> None:
    """Neither the rest of a correction nor of an initial can gain anything after that."""
    query = asked("삼", corrections=(("삼성", -6.0),))
    first = query.arcs(0)
    assert first is not None
    assert query.arcs(int(first.places[first.ids == query.alphabet.ids[ord("삼")]][0])) is None


@pytest.mark.parametrize("kinds", [frozenset[str](), frozenset({"exact"}), ALL])
def test_nothing_typed_asks_for_nothing_and_what_was_typed_is_always_exact(kinds: frozenset[str]) -> None:
    assert asked("", kinds, (("삼성", -6.0),)).arcs(0) is None
    assert asked("서울 1.", kinds).explain("서울 1.").kind == "exact"


def test_the_exact_way_is_forced_when_nothing_else_is_asked_for() -> None:
    query, place = asked("서울 강남", frozenset({"exact"})), 0
    for _ in "서울 강남":
        arcs = query.arcs(place)
        assert arcs is not None
        assert (len(arcs.ids), arcs.costs.tolist()) == (1, [0.0])
        place = int(arcs.places[0])
    assert query.arcs(place) is None


def test_a_way_that_cannot_end_is_not_begun() -> None:
    """하 for 한 would leave ㄴ, which is no character of this alphabet; with ㄴ in it, ㄴ is paid for at 하."""
    for letters, expected in (("", -math.inf), ("ㄴ", DEFAULT_COSTS.partial + DEFAULT_COSTS.lone_letter)):
        alphabet, keys = small("하한글" + letters)
        arcs = typed_query("한글", alphabet, keys, frozenset({"partial"})).arcs(0)
        assert arcs is not None
        costs = dict(zip(arcs.ids.tolist(), arcs.costs.tolist(), strict=True))
        assert costs.get(int(alphabet.ids[ord("하")]), -math.inf) == pytest.approx(expected)


def test_what_is_behind_a_better_way_stays_open_to_any_character_and_to_the_end() -> None:
    """The correction 가 is done after one character, while 가나 is still being matched at no cost."""
    alphabet, keys = small("가나다")
    correction = Correction(ids=(int(alphabet.ids[ord("가")]),), cost=-6.0)
    query = typed_query("가나", alphabet, keys, frozenset({"slip"}), corrections=[correction])
    first = query.arcs(0)
    assert first is not None
    assert first.costs.tolist() == [0.0]
    arcs = query.arcs(int(first.places[0]))
    assert arcs is not None
    costs = dict(zip(arcs.ids.tolist(), arcs.costs.tolist(), strict=True))
    ga, na, da = (int(alphabet.ids[ord(character)]) for character in "가나다")
    assert costs == {END_ID: -6.0, ga: -6.0, na: 0.0, da: -6.0}
    assert all(query.arcs(int(place)) is None for place in arcs.places)


def test_unknown_characters_come_back_as_they_were_typed() -> None:
    alphabet, keys = small("가나삼ㄱㅅ")
    query = typed_query("漢ㅅ字ㄱ", alphabet, keys)
    ids = [UNKNOWN_ID, *alphabet.encode("삼").tolist(), UNKNOWN_ID, *alphabet.encode("가나").tolist()]
    assert query.text(ids) == "漢삼字가나"
    unknown = -math.log(alphabet.unknown_code_points)
    assert query.explain("漢삼字가나").cost == pytest.approx(2 * unknown + DEFAULT_COSTS.initials, abs=1e-4)
    with pytest.raises(InputError, match="text must match"):
        query.explain("字삼漢가나")


@given(phrase=st.text(large_characters(), min_size=1, max_size=8))
def test_a_phrase_typed_key_by_key_is_admitted_at_every_key(phrase: str) -> None:
    composer = Composer()
    for key in keystrokes(phrase):
        composer.press(key)
        assert asked(composer.text).explain(phrase).kind in {"exact", "partial"}


@given(phrase=st.text(large_characters(), min_size=1, max_size=8))
def test_a_phrase_typed_on_the_wrong_keyboard_is_admitted_at_every_key(phrase: str) -> None:
    """Hangul with the Latin keyboard on, and Latin with the Hangul keyboard on."""
    for wrong in (to_latin, lambda keys: compose(to_hangul_keys(keys))):
        for end in range(1, len(keystrokes(phrase)) + 1):
            typed = wrong(keystrokes(phrase)[:end])
            kind = asked(typed, frozenset({"partial", "keyboard"})).explain(phrase).kind
            assert kind == "keyboard" or phrase.startswith(typed) or keystrokes(phrase).startswith(keystrokes(typed))


@given(phrase=st.text("가게각과ab ", min_size=1, max_size=5), typed=st.text("가게각과ㄱㅏab ", min_size=1, max_size=3))
def test_partial_means_that_the_keys_typed_begin_the_keys_of_the_phrase(phrase: str, typed: str) -> None:
    query = asked(typed, frozenset({"partial"}))
    if keystrokes(phrase).startswith(keystrokes(typed)):
        assert query.explain(phrase).kind == ("exact" if phrase.startswith(typed) else "partial")
    else:
        with pytest.raises(InputError, match="text must match"):
            query.explain(phrase)


def test_a_thousand_characters_are_taken() -> None:
    text = "한글날 abㄳ" * 143
    query = asked(text)
    assert query.explain(text + "가").highlight == ((0, len(text)),)
    assert walk(query, query.alphabet.encode(text).tolist()) == 0.0


@pytest.mark.parametrize("cost", [0.1, math.nan, -math.inf])
def test_a_cost_that_is_none_is_refused(cost: float) -> None:
    with pytest.raises(InputError, match="case must be finite and at most 0"):
        ChannelCosts(case=cost)
    with pytest.raises(InputError, match="a correction must have"):
        Correction(ids=(3,), cost=cost)


def test_a_correction_of_nothing_and_a_kind_that_is_none_are_refused() -> None:
    with pytest.raises(InputError, match="a correction must have"):
        Correction(ids=(), cost=-1.0)
    with pytest.raises(InputError, match=r"kinds must be of exact, .* got jamo"):
        asked("가", frozenset({"jamo"}))
