"""What was said lately is kept in bounded room, and answers with it are those without it.

Legend: B batch, T time steps, V vocabulary size, S state width.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import BEGIN_ID, SYMBOLS
from model.completion import MOST_BY_INITIALS, Completion, CompletionReply, CompletionRequest, complete
from model.loaded import LoadedModel, MemorySettings
from model.memory import ENTRY_BYTES, ID_BYTES, LOOK_BACK, Beginnings, Reader, Recent, Said
from model.runtime import initial_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.runtime import Network

NOTHING = MemorySettings(beginnings_bytes=0, completions=0)


@dataclass(kw_only=True)
class Counting:
    """A network that notes how many characters each call reads; ``steps``: those of its steps alone."""

    network: Network
    calls: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    @property
    def state_width(self) -> int:
        return self.network.state_width

    def step(
        self, ids: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.calls.append(len(ids))
        self.steps.append(len(ids))
        return self.network.step(ids, state)

    def read(
        self, sequence: NDArray[np.int64], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.calls.append(sequence.size)
        return self.network.read(sequence, state)


def counted(model: LoadedModel, memory: MemorySettings) -> tuple[LoadedModel, list[int]]:
    """Give a model that remembers so much, and where the sizes of its network's calls are noted."""
    network = Counting(network=model.runtime)
    return replace(model, runtime=network, memory=memory), network.calls


def answer(model: LoadedModel, request: CompletionRequest) -> tuple[tuple[Completion, ...], bool]:
    """Give all of a reply but the time that it took."""
    reply = complete(model, request)
    return reply.completions, reply.exact


def answers(model: LoadedModel, prefix: str) -> tuple[tuple[Completion, ...], bool]:
    return answer(model, CompletionRequest(prefix=prefix, limit=5))


def test_what_was_not_used_for_longest_makes_room() -> None:
    recent: Recent[str, str] = Recent(6, len)
    for value in ("aa", "bb", "cc"):
        recent.put(value[0], value)
    assert recent.get("a") == "aa"
    recent.put("d", "dd")
    assert [recent.get(key) for key in "abcd"] == ["aa", None, "cc", "dd"]
    assert (recent.hits, recent.misses, len(recent)) == (4, 1, 3)
    recent.put("e", "larger than all")
    recent.put("f", "four")
    assert [recent.get(key) for key in "acdef"] == [None, None, "dd", None, "four"]


def said(value: float, number: int = 1) -> Said:
    return Said(np.full((number, 2), value, np.float32), np.full((number, 1), value, np.float32))


def test_beginnings_not_used_for_longest_make_room_and_their_rows_are_used_again() -> None:
    size = 4 * 3 + ENTRY_BYTES + ID_BYTES
    beginnings = Beginnings(3 * size, vocabulary_size=2, state_width=1)
    for each in (1, 2, 3):
        beginnings.put([(each,)], said(each))
    assert beginnings.get([(1,)])[0] == [0]
    beginnings.put([(4,)], said(4))
    known, given = beginnings.get([(1,), (2,), (3,), (4,), (1,)])
    assert known == [0, 2, 3, 4]
    assert given.rows[:, 0].tolist() == given.states[:, 0].tolist() == [1, 3, 4, 1]
    beginnings.put([(1,)], said(9))
    assert beginnings.get([(1,)])[1].rows[0, 0] == 9
    assert (beginnings.hits, beginnings.misses, len(beginnings), beginnings.taken) == (6, 1, 3, 3 * size)


def test_of_more_beginnings_than_there_is_room_for_the_last_are_kept() -> None:
    beginnings = Beginnings(2 * (4 * 3 + ENTRY_BYTES + ID_BYTES), vocabulary_size=2, state_width=1)
    numbered = Said(np.repeat(np.arange(5, dtype=np.float32)[:, None], 2, axis=1), np.ones((5, 1), np.float32))
    beginnings.put([(each,) for each in range(5)], numbered)
    known, given = beginnings.get([(each,) for each in range(5)])
    assert known == [3, 4]
    assert given.rows[:, 0].tolist() == [3, 4]


def test_long_beginnings_take_more_of_the_room_and_one_that_is_longer_than_all_is_not_kept() -> None:
    entry = 4 * 3 + ENTRY_BYTES
    beginnings = Beginnings(4 * entry, vocabulary_size=2, state_width=1)
    long, longer = (1,) * (2 * entry // ID_BYTES), (2,) * (4 * entry // ID_BYTES)
    for each, ids in enumerate([(1,), (2,), long, longer, (3,)]):
        beginnings.put([ids], said(each))
        assert beginnings.taken <= beginnings.room
    known, given = beginnings.get([(1,), (2,), long, longer, (3,)])
    assert known == [4] or (known == [2, 4] and given.rows[:, 0].tolist() == [2, 4])
    assert given.rows[-1, 0] == 4


IDS = st.lists(st.integers(SYMBOLS, SYMBOLS + 20), max_size=LOOK_BACK + 8).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(IDS, st.integers(0, LOOK_BACK + 8)), min_size=1, max_size=6), st.sampled_from([0, 4, 200]))
def test_a_reader_says_what_its_network_says_whatever_it_read_before(
    phrases: LoadedModel, asked: list[tuple[tuple[int, ...], int]], room: int
) -> None:
    """Bit for bit: beginnings of one another, cut anywhere, read anew or gone on from."""
    network = phrases.runtime
    size = 4 * (len(phrases.alphabet) + network.state_width) + ENTRY_BYTES
    reader = Reader(network=network, beginnings=Beginnings(room * size, len(phrases.alphabet), network.state_width))
    everything = (*asked, *((ids[: len(ids) // 2], 0) for ids, _ in asked), *((ids * 2, 1) for ids, _ in asked))
    for ids, wanted in everything:
        first = min(wanted, len(ids))
        rows, states = reader.read(ids, first)
        expected, after = network.read(np.array([[BEGIN_ID], *([each] for each in ids)]), initial_state(network))
        np.testing.assert_array_equal(rows, expected[first:, 0])
        np.testing.assert_array_equal(states, after[first:, 0])


def test_a_reader_steps_as_its_network_does_and_asks_only_for_what_it_does_not_know(phrases: LoadedModel) -> None:
    network = Counting(network=phrases.runtime)
    reader = Reader(network=network, beginnings=Beginnings(10**7, len(phrases.alphabet), network.state_width))
    _, states = reader.read((), 0)
    one, two, three = (SYMBOLS,), (SYMBOLS + 1,), (SYMBOLS + 2,)
    for beginnings, asked in (([one, two], 2), ([two], 0), ([three, one, two], 1)):
        network.calls.clear()
        before = np.repeat(states, len(beginnings), axis=0)
        rows, after = reader.step(beginnings, before)
        assert sum(network.calls) == asked
        expected, expected_after = phrases.runtime.step(np.array([ids[-1] for ids in beginnings]), before)
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_array_equal(after, expected_after)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("San FRrio샌디시ㅅㅏ ", max_size=5), min_size=1, max_size=4), st.sampled_from([20_000, 10**7]))
def test_typing_key_by_key_and_back_gives_the_same_with_and_without_memory(
    phrases: LoadedModel, words: list[str], room: int
) -> None:
    remembering = replace(phrases, memory=MemorySettings(beginnings_bytes=room, completions=15))
    forgetful = replace(phrases, memory=NOTHING)
    for word in words:
        typed = [word[:end] for end in range(len(word) + 1)]
        for prefix in typed + typed[::-1]:
            assert answers(remembering, prefix) == answers(forgetful, prefix)


def test_running_text_gives_the_same_with_and_without_memory(running: LoadedModel) -> None:
    remembering, forgetful = (replace(running, memory=each) for each in (MemorySettings(), NOTHING))
    text = "hello\n" * 8 + "hel\nlo"
    for end in range(len(text)):
        assert answers(remembering, text[:end]) == answers(forgetful, text[:end])


def test_a_keystroke_goes_on_from_the_one_before_it(phrases: LoadedModel, running: LoadedModel) -> None:
    """What was typed is not read again, nor what search looked at for the key before and looks at again."""
    for model, typed in ((phrases, "San Franc"), (running, "hello\n" * 20 + "hel")):
        remembering, calls = counted(model, MemorySettings())
        forgetful, all_calls = counted(model, NOTHING)
        for end in (len(typed) - 1, len(typed)):
            calls.clear()
            all_calls.clear()
            assert answers(remembering, typed[:end]) == answers(forgetful, typed[:end])
        assert sum(calls) < sum(all_calls) - len(typed) + 1


def test_a_long_row_of_initials_finds_what_was_seen_and_asks_the_network_only_so_much(phrases: LoadedModel) -> None:
    """Little may be made up for it, but to know that takes thousands of beginnings."""
    model, calls = counted(phrases, NOTHING)
    reply = complete(model, CompletionRequest(prefix="ㅅㅍㄹㅅㅅㅋ"))
    assert ("샌프란시스코", "initials") in [(each.text, each.match) for each in reply.completions]
    assert not reply.exact
    assert sum(calls) < MOST_BY_INITIALS + 200


def test_the_same_question_again_is_answered_without_the_network(phrases: LoadedModel) -> None:
    model, calls = counted(phrases, MemorySettings())
    request = CompletionRequest(prefix="San", limit=5)
    first = complete(model, request)
    calls.clear()
    again = complete(model, request)
    assert not calls
    assert replace(again, elapsed_ms=0.0) == replace(first, elapsed_ms=0.0)
    assert (model.replies.hits, model.replies.misses) == (1, 1)
    complete(model, replace(request, limit=4))
    assert model.replies.hits == 1


def test_a_reply_that_was_cut_short_is_not_given_again(phrases: LoadedModel) -> None:
    model, calls = counted(phrases, MemorySettings())
    request = CompletionRequest(prefix="S", max_expansions=2)
    assert not complete(model, request).exact
    calls.clear()
    assert not complete(model, request).exact
    assert (model.replies.hits, model.replies.misses) == (0, 2)


def test_a_model_that_takes_the_place_of_another_remembers_nothing_of_it(phrases: LoadedModel) -> None:
    model = replace(phrases, memory=MemorySettings())
    before = answers(model, "San")
    assert phrases.mixture is not None
    other = replace(model, mixture=replace(phrases.mixture, least_count=1e9))
    assert answers(other, "San") == answers(replace(other, memory=NOTHING), "San") != before
    assert answers(model, "San") == before


def test_threads_share_what_is_remembered(phrases: LoadedModel) -> None:
    model = replace(phrases, memory=MemorySettings(beginnings_bytes=200_000, completions=25))
    prefixes = [
        text[:end] for text in ("San Francisco", "Seoul", "시드니", "Sao Paulo") for end in range(len(text))
    ] * 3
    expected = [answers(replace(phrases, memory=NOTHING), prefix) for prefix in prefixes]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda prefix: answers(model, prefix), prefixes))
    assert found == expected


@pytest.mark.parametrize("memory", [NOTHING, MemorySettings(completions=0), MemorySettings(beginnings_bytes=0)])
def test_a_model_may_remember_nothing(phrases: LoadedModel, memory: MemorySettings) -> None:
    model, calls = counted(phrases, memory)
    replies: list[CompletionReply] = [complete(model, CompletionRequest(prefix="San")) for _ in range(2)]
    assert replies[0].completions == replies[1].completions
    assert calls
