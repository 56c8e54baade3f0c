"""Explanations as people see them: in colour on a terminal, with signs under the text elsewhere; and as JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest

from model.classifier import load_classifier
from model.explanation import Explanation, FiredFilter, FiredNgram, as_json_explanation, explain
from model.explanation_lines import NAME_COLUMNS, columns_of, explanation_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def explanation(characters: str, occlusion: Sequence[float], left_out: int = 0) -> Explanation:
    """One whose n-grams say the same as hiding, and whose filters are not to be had."""
    return Explanation(
        label="good",
        characters=characters,
        left_out=left_out,
        occlusion=np.array(occlusion),
        ngrams=np.array(occlusion),
        filters=None,
        top_ngrams=(FiredNgram(text="⟨가", begin=0, end=1, times=2, contribution=1.25),),
        top_filters=(FiredFilter(number=3, width=2, text="가\t", begin=0, end=2, contribution=-0.5),),
    )


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def test_signs_stand_under_their_characters() -> None:
    """Hangul takes two columns; a value below a tenth of the largest is left blank."""
    text = "a가b나 c"
    lines = list(explanation_lines(explanation(text, [0.1, 4, -1, -4, 0.39, 1]), coloured=False, columns=80))
    assert lines == [
        "why good: + speaks for it, # much; - against it, = much",
        "           a가b나 c",
        "hidden      ##-== +",
        "n-grams     ##-== +",
        "hidden     largest +4.00 nats",
        "n-grams    largest +4.00 nats",
        "filters    not to be had: no filters whose largest values count",
        "most       n-grams: '⟨가' +1.25",
        "most       filters: '가␉' -0.50",
    ]
    assert lines[1].index("가") == lines[2].index("##")
    state = FiredFilter(number=1, width=1, text="가", begin=0, end=1, contribution=2.0)
    of_states = replace(explanation(text, [0.1, 4, -1, -4, 0.39, 1]), top_filters=(state,))
    assert list(explanation_lines(of_states, coloured=False, columns=80)) == lines[:-1]
    assert columns(lines[1][: lines[1].index("나")]) == lines[2].index("==")


@pytest.mark.parametrize("wide", [21, 22, 23])
def test_long_texts_are_cut_into_lines_that_fit(wide: int) -> None:
    text = "가나다라마바사아자차" * 2 + "abc"
    lines = list(explanation_lines(explanation(text, [1.0] * len(text)), coloured=False, columns=wide))
    shown = [line for line in lines[1:] if line.startswith(" " * NAME_COLUMNS)]
    signs = [line for line in lines if line.startswith("hidden") and "#" in line]
    assert "".join(line.strip() for line in shown) == text
    assert [columns(line) for line in shown] == [len(line) for line in signs]
    assert max(map(columns, shown)) <= wide


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("a", 1),
        ("가", 2),
        ("\uff21", 2),
        ("😀", 2),
        ("\u0301", 0),
        ("\t", 1),
        ("\x1b", 1),
        ("\u200d", 1),
        ("\u11a8", 0),
    ],
)
def test_columns_are_those_of_a_terminal(character: str, expected: int) -> None:
    assert columns_of(character) == expected


def test_what_controls_a_terminal_is_shown_not_sent() -> None:
    text = "a\x1b[31m\n\u202e\x7f\ud800"
    for coloured in (True, False):
        said = "\n".join(explanation_lines(explanation(text, [1.0] * len(text)), coloured=coloured, columns=80))
        plain = click.unstyle(said)
        assert "a␛[31m␊���" in plain
        assert not set("\x1b\u202e\x7f\ud800") & set(plain)


def test_colours_tell_for_from_against_by_shades() -> None:
    lines = list(explanation_lines(explanation("abcd", [4, 1, 0, -4]), coloured=True, columns=80))
    assert click.unstyle(lines[1]) == "hidden     abcd  (largest +4.00 nats)"
    strong, weak, against = (
        click.style(letter, fg=16, bg=shade) for letter, shade in (("a", 76), ("b", 194), ("d", 203))
    )
    assert strong + weak + "c" + against in lines[1]
    assert lines[3] == "filters    (not to be had: no filters whose largest values count)"


def test_what_is_left_out_is_said() -> None:
    for coloured in (True, False):
        assert "1,234 more characters were read, but are not explained" in list(
            explanation_lines(explanation("a", [1.0], left_out=1234), coloured=coloured, columns=80)
        )


def test_a_text_that_next_to_nothing_speaks_for_has_no_signs() -> None:
    for values in ([0.0, 0.0], [0.009, -0.005]):
        lines = list(explanation_lines(explanation("ab", values), coloured=False, columns=80))
        assert lines[2] == "hidden"


def machim(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "machim", "classify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def on_a_terminal(*arguments: str, no_color: str) -> str:
    """What the command writes to a terminal."""
    ours, its = pty.openpty()
    try:
        command = [sys.executable, "-m", "machim", "classify", *arguments]
        subprocess.run(command, stdout=its, check=True, env={**os.environ, "NO_COLOR": no_color})
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(its)


def test_colour_is_for_terminals_that_may_have_it(classifiers: Path) -> None:
    arguments = (str(classifiers / "countries"), "서울 강남", "--explain")
    coloured = on_a_terminal(*arguments, no_color="")
    assert "\x1b[48;5;" in coloured
    assert "green speaks for it" in coloured
    for plain in (on_a_terminal(*arguments, no_color="1"), machim(*arguments).stdout):
        assert "\x1b" not in plain
        assert "+ speaks for it, # much" in plain


def test_json_has_the_explanation(classifiers: Path) -> None:
    model = str(classifiers / "countries")
    replies = machim(model, "서울 강남", "Busan", "--explain", "--label", "Japan", "--json").stdout.splitlines()
    for line, text in zip(replies, ("서울 강남", "Busan"), strict=True):
        said = json.loads(line)["explanation"]
        assert said == as_json_explanation(explain(load_classifier(classifiers / "countries"), text, "Japan"))
        assert (said["label"], said["characters"], said["left_out"]) == ("Japan", text, 0)
        assert len(said["occlusion"]) == len(said["ngrams"]) == len(said["filters"]) == len(text)
        for each in (*said["top_ngrams"], *said["top_filters"]):
            assert text[each["from"] : each["to"]] == each["text"].strip("⟨⟩")
        assert set(said["top_filters"][0]) == {"filter", "width", "text", "from", "to", "contribution"}
        assert set(said["top_ngrams"][0]) == {"text", "from", "to", "times", "contribution"}
    assert "explanation" not in json.loads(machim(model, "Busan", "--json").stdout)


def test_a_label_that_cannot_be_explained_is_refused(classifiers: Path) -> None:
    model = str(classifiers / "countries")
    for arguments, message in (
        (("Busan", "--explain", "--label", "Atlantis"), "label must be one of the "),
        (("Busan", "--label", "Japan"), "--label must come with --explain, got --label Japan alone"),
    ):
        refused = machim(model, *arguments)
        assert refused.returncode == 2
        assert f"machim: {message}" in refused.stderr
        assert refused.stdout == ""
