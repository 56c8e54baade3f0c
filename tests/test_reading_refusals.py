"""What cannot be read is refused by file and line, in one line of words, and nothing else is raised."""

import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from model.errors import InputError
from training.formats import FORMATS
from training.reading import (
    Phrases,
    ReadingSettings,
    looks_like_running_text,
    read_phrases,
    read_running_text,
)

SKIP = ReadingSettings(skip_bad_lines=True)


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(source: str, settings: ReadingSettings | None = None) -> dict[str, float]:
    phrases = read_phrases([source], settings or ReadingSettings())
    return dict(zip(phrases.texts, phrases.counts.tolist(), strict=True))


BAD_LINES = [
    ("a.txt", b"good\n\xff\xfebad\n", "line 2: text must be utf-8 (see --encoding), got byte 0xff"),
    ("a.txt", "good\t3\nbad\n", "line 2: a line must be a phrase, a TAB and its count, got bad"),
    ("a.txt", "good\t3\nbad\t0\n", "line 2: a count must be a positive number such as 3 or 2.5"),
    ("a.txt", "good\t3\nbad\t-1\n", "got -1"),
    ("a.txt", "good\t3\nbad\tnan\n", "got nan"),
    ("a.txt", "good\t3\nbad\tinf\n", "got inf"),
    ("a.txt", "good\t3\nbad\t1e400\n", "got 1e400"),
    ("a.txt", "good\t3\nbad\t24,000\n", "got 24,000"),
    ("a.txt", "good\t3\nbad\t1_000\n", "got 1_000"),
    ("a.txt", "good\t3\nbad\t\uff13\n", "got \uff13"),
    ("a.txt", "good\t3\nbad\tmany\n", "got many"),
    ("a.txt", "good\t3\nbad\t\n", "got nothing"),
    ("a.txt", "good\t3\n\t4\n", "line 2: a count must have a phrase before it"),
    ("a.txt", "good\ngood\ngood\nbad\t3\n", "line 4: no line may have a count where most have none"),
    ("a.txt", "good\n" + "x" * 1_001, "line 2: a phrase must have at most 1,000 characters, got 1,001"),
    ("a.csv", "text,count\ngood,3\nbad\n", "line 3: a row must have the header's 2 columns, got 1"),
    ("a.csv", "text,count\ngood,3\nbad,3,4\n", "line 3: a row must have the header's 2 columns, got 3"),
    ("a.csv", "text,count\ngood,3\n,3\n", "line 3: text must hold a phrase, got none"),
    ("a.csv", 'text,count\n"go\nod",3\nbad,0\n', "line 4: a count must be a positive number"),
    ("a.csv", 'text,count\ngood,3\n"bad,3\n', "line 3: a row must be CSV with its quotes closed"),
    ("a.tsv", "text\tcount\ngood\t3\nbad\n", "line 3: a row must have the header's 2 columns, got 1"),
    ("a.jsonl", '{"text": "good"}\nbad\n', "line 2: a line must be a JSON object, got bad"),
    ("a.jsonl", '{"text": "good"}\n["bad"]\n', 'line 2: a line must be a JSON object, got ["bad"]'),
    ("a.jsonl", '{"text": "good"}\n' + "[" * 100_000 + "\n", "line 2: a line must be a JSON object, got [[["),
    ("a.jsonl", '{"text": "good"}\n{"text": 3}\n', "line 2: text must be a string, got 3"),
    ("a.jsonl", '{"text": "good"}\n{"txt": "bad"}\n', "line 2: text must be a string, got a line with only txt"),
    ("a.jsonl", '{"text": "good"}\n{"text": " "}\n', "line 2: text must hold a phrase, got none"),
    ("a.jsonl", '{"text": "good"}\n{"text": "\\ud800"}\n', "line 2: text must hold neither NUL nor a lone surrogate"),
    ("a.jsonl", '{"text": "good"}\n{"text": "\\u0000"}\n', "line 2: text must hold neither NUL nor a lone surrogate"),
    ("a.jsonl", '{"text": "good"}\n{"text": "b", "count": 1}\n', "must have no count where the first has none"),
    ("a.jsonl", '{"text": "good", "count": 1}\n{"text": "b", "count": true}\n', "line 2: count must be a positive"),
    ("a.jsonl", '{"text": "good", "count": 1}\n{"text": "b", "count": NaN}\n', "line 2: a count must be a positive"),
    ("a.jsonl", '{"text": "good", "count": 1}\n{"text": "b", "count": 1' + "0" * 400 + "}\n", "got inf"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_LINES)
def test_a_bad_line_is_named_by_file_and_number_or_left_out_when_told(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    source = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read(source)
    assert str(caught.value).startswith(f"{source}, line ")
    assert message in str(caught.value)
    assert "--skip-bad-lines" in str(caught.value)
    assert "\n" not in str(caught.value)
    reports: list[str] = []
    phrases = read_phrases([source], SKIP, reports.append)
    assert set(phrases.texts) <= {"good", "go od"}
    assert phrases.skipped == 1
    assert phrases.lines == 1 + int(phrases.counts.sum() if not phrases.has_counts else 1)
    assert len(reports) == 1
    assert "bad lines left out: 1, the first at line " in reports[0]


BAD_FILES = [
    ("empty.txt", b"", "must hold a phrase, but it is empty"),
    ("blank.txt", b"\n \n", "must hold a phrase, but it is empty"),
    ("header.csv", b"text,count\n", "must hold a phrase, but it is empty"),
    ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "must be text, but it is a binary file"),
    ("wide.txt", "abc\n".encode("utf-16-le"), "see --encoding"),
    ("cut.txt.gz", gzip.compress(b"abc\n" * 1000)[:-9], "damaged or cut short"),
    ("flipped.txt.gz", gzip.compress(b"abc\n")[:-5] + b"12345", "damaged or cut short"),
    ("named.txt.gz", b"abc\n", "must be gzip, as its name says"),
    ("columns.csv", b"city,people\nSeoul,3\n", "--text-column must be told"),
    ("columns.csv", b"city,people\nSeoul,3\n", "got city, people"),
    ("columns.jsonl", b'{"city": "Seoul"}\n', "--text-column must be told"),
    ("half.txt", b"\xff\xfea\x00\n\x00b", "line 2: text must be utf-16"),
    ("long.jsonl", b"x" * 16_000_001, "longer than 16,000,000 characters"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
@pytest.mark.parametrize("settings", [ReadingSettings(), SKIP])
def test_a_bad_file_is_refused_whole_by_name(
    tmp_path: Path, name: str, content: bytes, message: str, settings: ReadingSettings
) -> None:
    source = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read(source, settings)
    assert str(caught.value).startswith(source)
    assert message in str(caught.value)


def test_a_file_of_bad_lines_only_is_refused_even_when_they_are_to_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its 2 lines are bad, the first at line 1"):
        read(write(tmp_path, "a.jsonl", "a\nb\n"), SKIP)


@pytest.mark.parametrize("word", ["missing.txt", "*.nothing", "empty_folder", "", "a\0b", "x" * 5_000, "a[\0]*"])
def test_a_word_that_stands_for_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty_folder" / ".git").mkdir(parents=True)
    with pytest.raises(InputError):
        read(word)


def test_nothing_named_is_refused() -> None:
    with pytest.raises(InputError, match="at least one file"):
        read_phrases([], ReadingSettings())


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path, "a.txt", "a\n")

    def deny(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(InputError, match=r"a\.txt cannot be read: Permission denied"):
        read(source)


@pytest.mark.parametrize("encoding", ["", "no-such", "hex", "idna", "undefined", "unicode_escape", "a\0b", "서울"])
def test_an_encoding_that_no_file_has_is_refused(encoding: str) -> None:
    with pytest.raises(InputError, match="encoding must be one that text files have"):
        ReadingSettings(encoding=encoding)


def test_a_format_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="format must be one of auto, lines"):
        ReadingSettings(format="xml")


def test_random_bytes_are_phrases_or_refused_and_nothing_else(tmp_path: Path) -> None:
    generator = random.Random(7)  # noqa: S311 - no secret
    openings = [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b\x08", b"text,count\n", b"text\tcount\n", b'{"text": "']
    alphabets = [bytes(range(256)), bytes(range(1, 256)), b'ab,\t\n"\r{}:1.e\\u-']
    outcomes = {True: 0, False: 0}
    for number in range(1_000):
        size = generator.randrange(80)
        noise = bytes(generator.choices(generator.choice(alphabets), k=size))
        source = write(tmp_path, "noise", generator.choice(openings) + noise)
        encoding = ("utf-8", "cp949", "utf-16", "iso2022-kr", "utf-7")[number % 5]
        for form in FORMATS:
            settings = ReadingSettings(format=form, encoding=encoding, skip_bad_lines=number % 2 == 0)
            try:
                phrases = read_phrases([source], settings)
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 - most inputs must not raise the same
                outcomes[False] += 1
                continue
            assert isinstance(phrases, Phrases)
            assert all(0 < len(text.encode()) <= 4_000 for text in phrases.texts)
            assert np.isfinite(phrases.counts).all()
            outcomes[True] += 1
        try:
            looks_like_running_text([source], ReadingSettings(encoding=encoding))
            read_running_text([source], ReadingSettings(encoding=encoding))
        except InputError:
            continue
    assert min(outcomes.values()) > 300
