"""Text comes in from files, folders, globs and standard input, or is refused by name and line."""

import gzip
import io
import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from training.reading import (
    ReadingSettings,
    looks_like_running_text,
    merge_counts,
    read_phrase_lines,
    read_phrases,
    read_running_text,
)

WEIRD = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e\ufeff\u00a0 '\",;#"
SKIP = ReadingSettings(skip_bad_lines=True)


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(source: str, settings: ReadingSettings | None = None) -> dict[str, float]:
    phrases = read_phrases([source], settings or ReadingSettings())
    return dict(zip(phrases.texts, phrases.counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("plain.txt", "b\na\nb\n", {"b": 2, "a": 1}),
        ("no_end.txt", "a\nb", {"a": 1, "b": 1}),
        ("crlf.txt", "a\r\nb\r\n", {"a": 1, "b": 1}),
        ("old_mac.txt", "a\rb\r", {"a": 1, "b": 1}),
        ("blank.txt", "\n  \na\n\n", {"a": 1}),
        ("spaces.txt", "  a b  \n", {"a b": 1}),
        ("mark.txt", b"\xef\xbb\xbfa\n", {"a": 1}),
        ("utf16.txt", "서울\n부산".encode("utf-16"), {"서울": 1, "부산": 1}),
        ("utf32.csv", "text\n서울\n".encode("utf-32"), {"서울": 1}),
        ("nfd.txt", "\u1109\u1165\u110b\u116e\u11af\n서울\n", {"서울": 2}),
        ("counts.txt", "a\t24000000\nb\t2.5\na\t1e3\n", {"a": 24_001_000, "b": 2.5}),
        ("counts", "a\t3\r\n", {"a": 3}),
        ("headed.txt", "phrase\tcount\na\t3\n", {"a": 3}),
        ("table.tsv", 'country\tName\tPopulation\nKR\t서"울\t3\n', {'서"울': 3}),
        ("table.csv", 'title,count\n"a, b",3\n"c\nd",4\n"e ""f""",5\n,\n', {"a, b": 3, "c d": 4, 'e "f"': 5}),
        ("blank_in_quotes.csv", 'text\n"c\n\nd"\n', {"c  d": 1}),
        ("objects.jsonl", '{"query": "a\\nb", "count": 2}\n{"query": "\\u00e9"}\n', None),
        ("objects.ndjson", '{"query": "e\\u0301"}\n\n{"query": "\\u00e9", "x": 1}\n', {"é": 2}),
        ("counted.jsonl", '{"text": "a", "frequency": 2}\n{"text": "b", "frequency": 0.5}\n', {"a": 2, "b": 0.5}),
        ("tabs.txt", "a\tb\nc\nd\n", {"a\tb": 1, "c": 1, "d": 1}),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_is_read_by_its_name_and_first_lines(
    tmp_path: Path, name: str, content: str | bytes, counts: dict[str, float] | None, zipped: bool
) -> None:
    data = content.encode() if isinstance(content, str) else content
    source = write(tmp_path, name + ".gz" * zipped, gzip.compress(data) if zipped else data)
    if counts is None:
        with pytest.raises(InputError, match="line 2: count must be a positive number, got a line with only query"):
            read(source)
    else:
        assert read(source) == counts


def test_columns_are_taken_as_told_and_a_missing_one_is_named_with_those_there(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "city,name,people\nSeoul,x,3\n")
    assert read(source, ReadingSettings(text_column="city", count_column="people")) == {"Seoul": 3}
    assert read(source, ReadingSettings(text_column="city")) == {"Seoul": 1}
    with pytest.raises(InputError, match=r"--text-column must be one of its columns \(city, name, people\), got town"):
        read(source, ReadingSettings(text_column="town"))
    with pytest.raises(InputError, match="--count-column must be one of its columns"):
        read(source, ReadingSettings(count_column="count"))
    with pytest.raises(InputError, match="must be two columns"):
        read(source, ReadingSettings(text_column="people", count_column="people"))
    plain = write(tmp_path, "a.txt", "Seoul\n")
    with pytest.raises(InputError, match="is read as lines"):
        read(plain, ReadingSettings(text_column="city"))


def test_a_told_format_wins_over_the_name(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.csv", "a,1\n"), ReadingSettings(format="lines")) == {"a,1": 1}
    assert read(write(tmp_path, "a.txt", "a\t1\n"), ReadingSettings(format="lines")) == {"a\t1": 1}
    assert read(write(tmp_path, "b.txt", "text,count\na,2\n"), ReadingSettings(format="csv")) == {"a": 2}


def test_other_encodings_are_read_and_their_bad_lines_named(tmp_path: Path) -> None:
    korean = ReadingSettings(encoding="cp949")
    source = write(tmp_path, "a.txt", "서울\n똠방\n".encode("cp949"))
    assert read(source, korean) == {"서울": 1, "똠방": 1}
    with pytest.raises(InputError, match="line 1: text must be utf-8"):
        read(source)
    broken = write(tmp_path, "b.txt", "서울\n".encode("cp949") + b"\xb0\n" + "부산\n".encode("cp949"))
    with pytest.raises(InputError, match="line 2: text must be cp949"):
        read(broken, korean)
    assert read(broken, ReadingSettings(encoding="cp949", skip_bad_lines=True)) == {"서울": 1, "부산": 1}
    marked = write(tmp_path, "c.txt", "서울\n".encode("utf-8-sig"))
    with pytest.raises(InputError, match="begins with the mark of UTF-8"):
        read(marked, korean)
    assert read(write(tmp_path, "d.txt", "東京\n京都\n".encode("iso2022-jp")), ReadingSettings(encoding="iso2022-jp"))
    cut = write(tmp_path, "e.txt", "a\nb\n".encode("utf-16-le") + b"c")
    with pytest.raises(InputError, match="line 3: text must be utf-16-le"):
        read(cut, ReadingSettings(encoding="utf-16-le"))


def test_folders_globs_and_files_are_read_in_order_and_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.txt", "b/1.txt", "b/deep/3.txt", "b/.hidden", "b/.git/config", "c[1].txt"):
        write(tmp_path, name, f"{name}\n")
    below = ["b/1.txt", "b/2.txt", "b/deep/3.txt"]
    assert read_phrases(["b"], ReadingSettings()).texts == below
    assert read_phrases(["b/*.txt"], ReadingSettings()).texts == below[:2]
    assert read_phrases(["**/*.txt"], ReadingSettings()).texts == [*below, "c[1].txt"]
    assert read_phrases(["c[1].txt"], ReadingSettings()).texts == ["c[1].txt"]
    assert read_phrases([str(tmp_path / "b" / "d*")], ReadingSettings()).texts == below[2:]
    again = read_phrases(["b/2.txt", "b", "b/../b"], ReadingSettings())
    assert again.texts == ["b/2.txt", "b/1.txt", "b/deep/3.txt"]
    assert again.counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "content",
    [b"a\t2\nb\t1\n", gzip.compress(b"a\t2\nb\t1\n"), b'{"text": "a", "count": 2}\n{"text": "b", "count": 1}\n'],
)
def test_standard_input_is_read_where_a_dash_stands(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    buffered = io.BufferedReader(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffered))
    assert looks_like_running_text(["-"], ReadingSettings()) is None
    assert read("-") == {"a": 2, "b": 1}


def test_standard_input_that_is_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        read("-")


def test_lines_are_kept_in_their_order_with_repeats_and_merge_into_the_phrases(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("서울\n\n b \n서울\n".encode())
    (tmp_path / "b.tsv").write_bytes("phrase\tcount\nb\t3\n서울\t2\n".encode())
    sources = [str(tmp_path / "a.txt"), str(tmp_path / "b.tsv")]
    lines = read_phrase_lines(sources, ReadingSettings())
    assert lines == [("서울", 1.0), ("b", 1.0), ("서울", 1.0), ("b", 3.0), ("서울", 2.0)]
    merged = read_phrases(sources, ReadingSettings())
    assert merge_counts(lines) == dict(zip(merged.texts, merged.counts.tolist(), strict=True)) == {"서울": 4, "b": 4}
    with pytest.raises(InputError, match="must hold a phrase"):
        read_phrase_lines([os.devnull], ReadingSettings())


def test_counts_are_summed_over_files_and_a_line_without_one_counts_1(tmp_path: Path) -> None:
    sources = [write(tmp_path, "a.txt", "a\t24000000\nb\t1\n"), write(tmp_path, "b.txt", "b\nc\n")]
    reports: list[str] = []
    phrases = read_phrases(sources, ReadingSettings(), reports.append)
    assert phrases.texts == ["a", "b", "c"]
    assert phrases.counts.tolist() == [24_000_000, 2, 1]
    assert phrases.counts.dtype == np.float64
    assert (phrases.has_counts, phrases.lines, phrases.skipped) == (True, 4, 0)
    assert reports == ["only some of the files have counts; a line of the others counts 1"]
    assert not read_phrases(sources[1:], ReadingSettings()).has_counts


phrase_texts = st.text(
    st.one_of(st.sampled_from(WEIRD), st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\t")),
    min_size=1,
    max_size=20,
).map(lambda text: unicodedata.normalize("NFC", f"글{text}끝"))


@given(st.dictionaries(phrase_texts, st.integers(1, 10**9), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_any_phrase_comes_back_exactly_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int], line_end: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    plain = write(folder, "a.txt", line_end.join(counts))
    assert read(plain, ReadingSettings(format="lines")) == dict.fromkeys(counts, 1)
    tabbed = "".join(f"{text}\t{count}{line_end}" for text, count in counts.items())
    assert read(write(folder, "b.txt", tabbed)) == counts
    assert read(write(folder, "b.tsv", f"text\tcount{line_end}{tabbed}")) == counts
    quoted = "".join('"' + text.replace('"', '""') + f'",{count}{line_end}' for text, count in counts.items())
    assert read(write(folder, "c.csv", f"text,count{line_end}{quoted}")) == counts
    objects = "".join(json.dumps({"text": text, "count": n}) + line_end for text, n in counts.items())
    assert read(write(folder, "d.jsonl", objects)) == counts


def test_lines_longer_than_a_chunk_and_line_ends_cut_by_one_are_read_whole(tmp_path: Path) -> None:
    lines = [f"{number} 서울" for number in range(200_000)]
    content = "\r\n".join(lines)
    assert len(content) > 2_000_000
    for shift in ("", "x", "xx"):
        phrases = read_phrases([write(tmp_path, "a.txt", shift + content)], ReadingSettings())
        assert phrases.texts == [shift + lines[0], *lines[1:]]
    book = "가" * 3_000_000
    assert read_running_text([write(tmp_path, "b.txt", book)], ReadingSettings()) == book + "\n"


def test_running_text_is_one_stream_whose_files_and_lines_end_in_newlines(tmp_path: Path) -> None:
    first = write(tmp_path, "a.txt", b"\xef\xbb\xbfOne\r\n\r\n  two\x0c\n")
    second = write(tmp_path, "b.txt.gz", gzip.compress("e\u0301\u2028nd".encode()))
    text = read_running_text([first, second], ReadingSettings())
    assert text == "One\n\n  two\x0c\né\u2028nd\n"
    with pytest.raises(InputError, match="line 2: text must be utf-8"):
        read_running_text([write(tmp_path, "c.txt", b"a\n\xff\nb\n")], ReadingSettings())
    assert read_running_text([str(tmp_path / "c.txt")], SKIP) == "a\nb\n"
    with pytest.raises(InputError, match="must hold text, but it is empty"):
        read_running_text([write(tmp_path, "d.txt", b"\n\n")], ReadingSettings())
    with pytest.raises(InputError, match=r"must be plain text, got .* as csv"):
        read_running_text([write(tmp_path, "e.csv", b"text\na\n")], ReadingSettings())


def test_a_book_looks_like_running_text_and_phrases_do_not(tmp_path: Path) -> None:
    def reason(name: str, content: str) -> str | None:
        return looks_like_running_text([write(tmp_path, name, content)], ReadingSettings())

    assert reason("paragraphs.txt", "one line\n" * 5 + ("\n" + "one line\n" * 5) * 20) == "16 % of its lines are blank"
    assert reason("long.txt", ("word " * 40 + "\n") * 30) == "its lines are 200 characters long on average"
    assert reason("cut.txt", ("서울 " * 100 + "\n") * 5_000) == "its lines are 300 characters long on average"
    assert reason("phrases.txt", "one line\n" * 100 + "\n\n") is None
    assert reason("few.txt", "a\n\nb\n") is None
    assert reason("counts.txt", ("x" * 200 + "\t3\n\n") * 30) is None
    assert reason("table.csv", "text\n" + ("x" * 200 + "\n\n") * 30) is None
    assert reason("nothing.txt", "") is None
    with pytest.raises(InputError):
        looks_like_running_text([str(tmp_path / "missing")], ReadingSettings())
