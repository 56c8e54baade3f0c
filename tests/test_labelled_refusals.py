"""What is no text with a label is refused by file and line, in one line of words, and nothing else is raised."""

import gzip
import random
from pathlib import Path

import pytest

from model.errors import InputError
from training.formats import FORMATS
from training.labelled import looks_labelled, read_labelled
from training.reading import ReadingSettings, read_phrases

SKIP = ReadingSettings(skip_bad_lines=True)


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


BAD_LINES = [
    ("a.txt", b"x\tgood\nx\t\xff\n", "line 2: text must be utf-8 (see --encoding), got byte 0xff"),
    ("a.txt", "x\tgood\nbad\n", "line 2: where no header names its columns a line must be a label, a TAB and its text"),
    ("a.txt", "x\tgood\nx\tbad\tbad\n", "got x, bad, bad"),
    ("a.txt", "x\tgood\n\n\tbad\n", "line 3: the first column must hold a label, got none"),
    ("a.txt", "x\tgood\nx\t" + "b" * 100_001, "line 2: a text must have at most 100,000 characters, got 100,001"),
    ("a.csv", "label,text\nx,good\n" + "b" * 201 + ",bad", "line 3: a label must have at most 200 characters, got 201"),
    (
        "a.csv",
        "x,good\nbad\n",
        "line 2: where no header names its columns a line must be a label, a comma and its text",
    ),
    ("a.csv", "text,label\ngood,x\nbad\n", "line 3: a row must have the header's 2 columns, got 1"),
    ("a.csv", "text,label\ngood,x\nbad,\n", "line 3: label must hold a label, got none"),
    ("a.csv", 'text,label\n"go\nod",x\nbad,\n', "line 4: label must hold a label, got none"),
    ("a.csv", 'text,label\ngood,x\n"bad,x\n', "line 3: a row must be CSV with its quotes closed"),
    ("a.tsv", "text\tlabel\ngood\tx\nbad\tx\ty\n", "line 3: a row must have the header's 2 columns, got 3"),
    ("a.jsonl", '{"text": "good", "label": "x"}\nbad\n', "line 2: a line must be a JSON object, got bad"),
    ("a.jsonl", '{"text": "good", "label": "x"}\n{"text": 3, "label": "x"}\n', "line 2: text must be a string, got 3"),
    (
        "a.jsonl",
        '{"text": "good", "label": "x"}\n{"text": "bad", "label": null}\n',
        "line 2: label must be a string, a whole number, true or false, got null",
    ),
    ("a.jsonl", '{"text": "good", "label": "x"}\n{"text": "bad", "label": 0.5}\n', "got 0.5"),
    ("a.jsonl", '{"text": "good", "label": "x"}\n{"text": "bad"}\n', "got a line with only text"),
    ("a.jsonl", '{"text": "good", "label": "x"}\n{"text": "bad", "label": "\\ud800"}\n', "nor a lone surrogate"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_LINES)
def test_a_bad_line_is_named_by_file_and_number_or_left_out_when_told(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    source = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read_labelled([source], ReadingSettings())
    assert str(caught.value).startswith(f"{source}, line ")
    assert message in str(caught.value)
    assert "--skip-bad-lines" in str(caught.value)
    assert "\n" not in str(caught.value)
    said: list[str] = []
    labelled = read_labelled([source], SKIP, said.append)
    assert [text.replace(" ", "") for text in labelled.texts] == ["good"]
    assert (labelled.labels, labelled.lines, labelled.skipped) == (["x"], 2, 1)
    assert any("bad lines left out: 1, the first at line " in line for line in said)


EMPTY_TEXTS = [
    ("a.txt", "x\tgood\nx\t \u3000\n", "line 2: the last column must hold a text, got none"),
    ("a.csv", "text,label\ngood,x\n,x\n", "line 3: text must hold a text, got none"),
    ("a.jsonl", '{"text": "good", "label": "x"}\n{"text": "", "label": "x"}\n', "line 2: text must hold a text"),
]


@pytest.mark.parametrize(("name", "content", "reason"), EMPTY_TEXTS)
def test_an_empty_text_is_left_out_and_said_in_any_case(tmp_path: Path, name: str, content: str, reason: str) -> None:
    said: list[str] = []
    labelled = read_labelled([write(tmp_path, name, content)], ReadingSettings(), said.append)
    assert (labelled.texts, labelled.lines, labelled.skipped) == (["good"], 2, 1)
    assert any("bad lines left out: 1, the first at " + reason in line for line in said)


BAD_FILES = [
    ("empty.txt", b"", "must hold a text with its label, but it is empty"),
    ("blank.csv", b"\n \n", "must hold a text with its label, but it is empty"),
    ("header.csv", b"text,label\n", "must hold a text with its label, but it is empty"),
    ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "must be text, but it is a binary file"),
    ("cut.txt.gz", gzip.compress(b"x\tabc\n" * 1000)[:-9], "damaged or cut short"),
    ("no_text.csv", b"id,label\n1,x\n", "line 1: --text-column must be told where no column is one of text, document,"),
    ("no_text.csv", b"id,label\n1,x\n", "got id, label"),
    ("no_label.csv", b"id,text\n1,x\n", "line 1: --label-column must be told where no column is one of label, labels,"),
    ("no_label.jsonl", b'{"id": 1, "text": "a"}\n', "got id, text"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
@pytest.mark.parametrize("settings", [ReadingSettings(), SKIP])
def test_a_bad_file_is_refused_whole_by_name(
    tmp_path: Path, name: str, content: bytes, message: str, settings: ReadingSettings
) -> None:
    source = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read_labelled([source], settings)
    assert str(caught.value).startswith(source)
    assert message in str(caught.value)


def test_a_file_of_bad_lines_only_is_refused_even_when_they_are_to_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.txt must hold a text .* its 2 lines are bad, the first at line 1"):
        read_labelled([write(tmp_path, "a.txt", "a\nb\n")], SKIP)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ReadingSettings(text_column="body"), r"--text-column must be one of its columns \(text, label\), got body"),
        (
            ReadingSettings(label_column="class"),
            r"--label-column must be one of its columns \(text, label\), got class",
        ),
        (ReadingSettings(label_column="text"), "the label and the text must be two columns, got text for both"),
        (ReadingSettings(count_column="label"), "texts with labels have no counts, got --count-column label"),
        (ReadingSettings(format="lines"), "format of texts with labels must be labels, csv, .* got lines"),
        (ReadingSettings(format="counts"), "got counts"),
        (ReadingSettings(format="labels", label_column="label"), "need columns with names, got --format labels"),
    ],
)
def test_what_was_told_and_does_not_fit_is_refused(tmp_path: Path, settings: ReadingSettings, message: str) -> None:
    for name, content in (("a.csv", "text,label\ngood,x\n"), ("a.txt", "text\tlabel\ngood\tx\n")):
        with pytest.raises(InputError, match=message):
            read_labelled([write(tmp_path, name, content)], settings)


def test_a_told_column_is_looked_for_in_the_first_row_whatever_that_is(tmp_path: Path) -> None:
    source = write(tmp_path, "a.txt", "stars\tbody\n5\tgood\n")
    with pytest.raises(InputError, match=r"--label-column must be one of its columns \(stars, body\), got star$"):
        read_labelled([source], ReadingSettings(label_column="star"))


@pytest.mark.parametrize("settings", [ReadingSettings(label_column="label"), ReadingSettings(format="labels")])
def test_phrases_have_no_labels(tmp_path: Path, settings: ReadingSettings) -> None:
    source = write(tmp_path, "a.csv", "text,label\ngood,x\n")
    with pytest.raises(InputError, match="phrases must have no labels"):
        read_phrases([source], settings)


def test_a_text_may_be_as_long_as_a_page_of_many(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "label,text\nx," + "가" * 100_000 + "\n")
    assert [len(text) for text in read_labelled([source], ReadingSettings()).texts] == [100_000]


def test_random_bytes_are_texts_with_labels_or_refused_and_nothing_else(tmp_path: Path) -> None:
    generator = random.Random(7)  # noqa: S311 - no secret
    openings = [
        b"",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
        b"text,label\n",
        b"text\tlabel\n",
        b'{"label": 1, "text": "',
        b"a\tb\n",
    ]
    alphabets = [bytes(range(256)), bytes(range(1, 256)), b'ab,\t\n"\r{}:1.e\\u-']
    outcomes = {True: 0, False: 0}
    for number in range(400):
        noise = bytes(generator.choices(generator.choice(alphabets), k=generator.randrange(80)))
        source = write(tmp_path, "noise", generator.choice(openings) + noise)
        encoding = ("utf-8", "cp949", "utf-16")[number % 3]
        for form in FORMATS:
            settings = ReadingSettings(format=form, encoding=encoding, skip_bad_lines=number % 2 == 0)
            try:
                labelled = read_labelled([source], settings)
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 - most inputs must not raise the same
                outcomes[False] += 1
                continue
            assert all(labelled.texts)
            assert all(labelled.labels)
            assert labelled.lines == len(labelled.texts) + labelled.skipped
            outcomes[True] += 1
        try:
            looks_labelled([source], ReadingSettings(encoding=encoding))
        except InputError:
            continue
    assert min(outcomes.values()) > 50
