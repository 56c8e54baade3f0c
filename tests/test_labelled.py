"""Texts with labels come in from every format, and sources that hold them are told from phrases."""

import csv
import gzip
import io
import json
import random
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from training.labelled import looks_labelled, read_labelled
from training.places import places_path
from training.reading import ReadingSettings

SPAM = "spam\tbuy now\nham\tsee you\nspam\tbuy more\nham\t내일 봐\n"
SPAM_PAIRS = [("spam", "buy now"), ("ham", "see you"), ("spam", "buy more"), ("ham", "내일 봐")]
BY_COLUMNS = "labels from the column 'label' (2 different), texts from 'text'"


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(source: str, settings: ReadingSettings | None = None) -> tuple[list[tuple[str, str]], list[str]]:
    """Give labels with texts, and what was said."""
    said: list[str] = []
    labelled = read_labelled([source], settings or ReadingSettings(), said.append)
    return list(zip(labelled.labels, labelled.texts, strict=True)), said


def swapped(lines: str) -> str:
    return "".join("\t".join(reversed(line.split("\t"))) + "\n" for line in lines.splitlines())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plain.txt", SPAM, "taken for label<TAB>text: 2 labels"),
        ("plain.tsv", SPAM, "taken for label<TAB>text: 2 labels"),
        ("plain", SPAM, "taken for label<TAB>text: 2 labels"),
        ("swapped.txt", swapped(SPAM), "taken for text<TAB>label: 2 labels"),
        ("plain.csv", SPAM.replace("\t", ","), "taken for label,text: 2 labels"),
        ("swapped.csv", swapped(SPAM).replace("\t", ","), "taken for text,label: 2 labels"),
        ("crlf.txt", SPAM.replace("\n", "\r\n"), "taken for label<TAB>text: 2 labels"),
        ("blank.txt", "\n \t \n" + SPAM.replace("\n", "\n\n"), "taken for label<TAB>text: 2 labels"),
        ("spaces.txt", SPAM.replace("\t", " \t "), "taken for label<TAB>text: 2 labels"),
        ("mark.txt", SPAM.encode("utf-8-sig"), "taken for label<TAB>text: 2 labels"),
        ("utf16.txt", SPAM.encode("utf-16"), "taken for label<TAB>text: 2 labels"),
        ("nfd.txt", unicodedata.normalize("NFD", SPAM), "taken for label<TAB>text: 2 labels"),
        ("headed.tsv", "label\ttext\n" + SPAM, BY_COLUMNS),
        ("headed.txt", "label\ttext\n" + SPAM, BY_COLUMNS),
        ("headed", "label,text\n" + SPAM.replace("\t", ","), BY_COLUMNS),
        ("quoted.txt", '"label","text"\n' + SPAM.replace("\t", ","), BY_COLUMNS),
        (
            "review.csv",
            "id,Category,Review\n" + "".join(f"7,{line}\n" for line in SPAM.replace("\t", ",").splitlines()),
            "labels from the column 'Category' (2 different), texts from 'Review'",
        ),
        (
            "objects.jsonl",
            "".join(f'{{"text": "{text}", "label": "{label}"}}\n' for label, text in SPAM_PAIRS),
            BY_COLUMNS,
        ),
        ("objects", "".join(f'{{"text": "{text}", "label": "{label}"}}\n' for label, text in SPAM_PAIRS), BY_COLUMNS),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_is_read_and_said_and_looks_labelled(
    tmp_path: Path, name: str, content: str | bytes, said: str, zipped: bool
) -> None:
    data = content.encode() if isinstance(content, str) else content
    source = write(tmp_path, name + ".gz" * zipped, gzip.compress(data) if zipped else data)
    assert read(source) == (SPAM_PAIRS, [said])
    assert looks_labelled([source], ReadingSettings()) is not None


def test_columns_are_taken_as_told(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", "text,label,stars,body\nx,y,5,good\n\nx,y,1,bad\n")
    told = ReadingSettings(text_column="body", label_column="stars")
    assert read(source, told)[0] == [("5", "good"), ("1", "bad")]
    assert read(source, ReadingSettings(label_column="stars"))[0] == [("5", "x"), ("1", "x")]
    assert read(source, ReadingSettings(text_column="body"))[0] == [("y", "good"), ("y", "bad")]
    plain = write(tmp_path, "a.txt", "stars\tbody\n5\tgood\n")
    assert read(plain, told)[0] == [("5", "good")]
    unnamed = write(tmp_path, "b", "stars,body\n5,good\n")
    assert read(unnamed, told)[0] == [("5", "good")]


def test_a_quoted_text_may_hold_blank_lines(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.csv", 'text,label\n"one\n\ntwo",x\n'))[0] == [("x", "one  two")]


def test_a_title_beside_a_document_is_not_the_text(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.csv", "title,content,class\nA,long,x\n"))[0] == [("x", "long")]


def test_a_told_format_wins_over_the_name_and_tells_whether_there_is_a_header(tmp_path: Path) -> None:
    headed = "label\ttext\n" + SPAM
    assert read(write(tmp_path, "a.csv", headed), ReadingSettings(format="tsv"))[0] == SPAM_PAIRS
    as_labels = read(write(tmp_path, "b.tsv", headed), ReadingSettings(format="labels"))
    assert as_labels == ([("label", "text"), *SPAM_PAIRS], ["taken for label<TAB>text: 3 labels"])
    with pytest.raises(InputError, match=r"line 1: --label-column must be told .* got spam, buy now"):
        read(write(tmp_path, "c.tsv", SPAM), ReadingSettings(format="tsv"))


def test_a_first_row_whose_cells_stand_again_is_no_header(tmp_path: Path) -> None:
    """It holds the name of a column, but as a label or as a text."""
    rows = "comment\tnice\nquestion\twhy\ncomment\twell\nquestion\twho\n"
    assert len(read(write(tmp_path, "a.tsv", rows))[0]) == 4
    assert len(read(write(tmp_path, "b.tsv", "2\tname\n3\tother\n2\tword\n3\tlast\n"))[0]) == 4
    assert len(read(write(tmp_path, "d.tsv", "7\tname\n3\tother\n3\tword\n"))[0]) == 3
    with pytest.raises(
        InputError, match=r"--label-column must be told where no column is one of label, .* got text, y"
    ):
        read(write(tmp_path, "c.tsv", "text\ty\nnice\t0\nwhy\t1\n"))


def test_labels_of_json_may_be_numbers_and_truths(tmp_path: Path) -> None:
    lines = '{"text": "a", "label": 0}\n{"text": "b", "label": true}\n\n{"text": "c\\n d", "label": "e\\u0301"}\n'
    assert read(write(tmp_path, "a.jsonl", lines))[0] == [("0", "a"), ("true", "b"), ("é", "c  d")]


def test_repeats_stay_in_the_order_of_the_files_and_disputed_texts_are_counted(tmp_path: Path) -> None:
    first = write(tmp_path, "a.txt", "x\tone\nx\tone\ny\ttwo\nx\ttwo\nz\ttwo\nx\tthree\n")
    second = write(tmp_path, "b.csv", "text,label\none,y\nfour,y\n")
    said: list[str] = []
    labelled = read_labelled([first, second], ReadingSettings(), said.append)
    assert labelled.texts == ["one", "one", "two", "two", "two", "three", "one", "four"]
    assert labelled.labels == ["x", "x", "y", "x", "z", "x", "y", "y"]
    assert (labelled.lines, labelled.skipped, labelled.disputed) == (8, 0, 2)
    assert said == [
        "taken for label<TAB>text: 3 labels",
        "labels from the column 'label' (1 different), texts from 'text'",
        "texts that stand with two or more different labels: 2, such as two",
    ]


def test_columns_without_names_are_told_apart_over_all_files_together(tmp_path: Path) -> None:
    """The second file alone has fewer texts than labels."""
    first = write(tmp_path, "a.txt", SPAM)
    second = write(tmp_path, "b.txt", "spam\tbuy\nham\tbuy\n")
    assert read_labelled([first, second], ReadingSettings()).labels == ["spam", "ham", "spam", "ham", "spam", "ham"]
    assert read_labelled([second], ReadingSettings()).labels == ["buy", "buy"]
    few = write(tmp_path, "c.txt", "see you tomorrow\tham\nbuy this now\tspam\n")
    assert read_labelled([few], ReadingSettings()).labels == ["ham", "spam"]


def test_other_encodings_are_read(tmp_path: Path) -> None:
    source = write(tmp_path, "a.txt", SPAM.encode("cp949"))
    korean = ReadingSettings(encoding="cp949")
    assert read(source, korean)[0] == SPAM_PAIRS
    assert looks_labelled([source], korean) is not None
    with pytest.raises(InputError, match="line 4: text must be utf-8"):
        read(source)


@pytest.mark.parametrize("content", [SPAM, "label\ttext\n" + SPAM, "text,label\nsee you,ham\n"])
def test_standard_input_is_looked_at_and_then_read_whole(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    buffered = io.BufferedReader(io.BytesIO(content.encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffered))
    assert looks_labelled(["-"], ReadingSettings()) is not None
    assert ("ham", "see you") in read("-")[0]


def test_standard_input_may_be_looked_at_within_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"{label}\t{'long ' * 300}{label}{number}\n" for number in range(9) for label in ("a", "b"))
    buffered = io.BufferedReader(io.BytesIO(lines.encode()), buffer_size=12_005)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffered))
    reason = looks_labelled(["-"], ReadingSettings())
    assert reason == "the first column has 2 different values in the 7 lines looked at"
    assert len(read("-")[0]) == 18


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\t"), max_size=20).map(
    lambda text: unicodedata.normalize("NFC", f"글{text}끝")
)


@given(st.lists(st.tuples(st.sampled_from(["x", "y, z", '"q"', "라벨"]), texts), min_size=1, max_size=20))
def test_any_text_with_its_label_comes_back_exactly_from_every_format(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    tabbed = "".join(f"{label}\t{text}\n" for label, text in pairs)
    assert read(write(folder, "a.tsv", f"label\ttext\n{tabbed}"))[0] == pairs
    both = "".join(f"x{number}\t글{number}\ny{number}\t글{number}\n" for number in range(2))
    assert len(read(write(folder, "b.txt", both + tabbed), ReadingSettings(format="labels"))[0]) == 4 + len(pairs)
    table = io.StringIO()
    csv.writer(table).writerows([("text", "label"), *((text, label) for label, text in pairs)])
    assert read(write(folder, "c.csv", table.getvalue()))[0] == pairs
    objects = "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in pairs)
    assert read(write(folder, "d.jsonl", objects))[0] == pairs


def lines_of(labels: int, texts_of_each: int) -> list[str]:
    return [f"{label}\ttext {label} {number}\n" for label in range(labels) for number in range(texts_of_each)]


def test_a_file_sorted_by_label_looks_labelled(tmp_path: Path) -> None:
    in_order = lines_of(7, 4_000)
    source = write(tmp_path, "a.txt", "".join(in_order))
    assert (
        looks_labelled([source], ReadingSettings())
        == "the first column has 7 different values in the 28,000 lines looked at"
    )
    last = swapped("".join(line.replace("\t", "a\t", 1) for line in in_order))
    reason = looks_labelled([write(tmp_path, "b.txt", last)], ReadingSettings())
    assert reason == "the last column has 7 different values in the 28,000 lines looked at"
    parts = [write(tmp_path, f"part{label}.txt", "".join(in_order[label * 4_000 :][:4_000])) for label in range(7)]
    assert looks_labelled(parts, ReadingSettings()) == looks_labelled([source], ReadingSettings())
    long = write(
        tmp_path, "long.txt", ("".join(f"{label}\t{'가' * 1_000} {n}\n" for label in "ab" for n in range(6_000)))
    )
    assert "has 1 different values in the 5," in str(looks_labelled([long], ReadingSettings()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nothing.txt", ""),
        ("phrases.txt", "one\ntwo\none\n" * 50),
        ("counts.txt", "".join(f"phrase {number}\t{number % 3 + 1}\n" for number in range(300))),
        ("decimal.txt", "".join(f"phrase {number}\t{number % 3 + 1}.5\n" for number in range(300))),
        ("bad_counts.txt", "".join(f"phrase {number}\t{number % 20}\n" for number in range(300))),
        ("hours.txt", "".join(f"{number % 5}\t{number + 1}\n" for number in range(300))),
        ("words.txt", "".join(f"word {number}\t낱말 {number}\n" for number in range(300))),
        ("same.txt", "a\tb\n" * 300),
        ("rare.txt", "".join(f"word {max(number, 50)}\ttext {number}\n" for number in range(300))),
        ("users.txt", "".join(f"user {number // 2}\tquery {number}\n" for number in range(3_000))),
        ("three.txt", "".join(f"{number % 3}\ttext {number}\tmore\n" for number in range(300))),
        ("some.txt", "".join(f"{number % 3}\ttext {number}\n" for number in range(300)) + "no tab\n" * 4),
        ("counted.csv", "text,label,count\n" + "a,x,3\n" * 30),
        ("places.tsv", "name\tpopulation\tcountry\nSeoul\t3\tKR\n"),
        ("label_only.csv", "label,body\nx,good\n"),
        ("text_only.tsv", "text\tcountry\nSeoul\tKR\n"),
        ("objects.jsonl", '{"text": "a", "id": 1}\n'),
        ("broken.jsonl", "no object\n"),
    ],
)
def test_phrases_counts_and_tables_of_other_things_do_not_look_labelled(
    tmp_path: Path, name: str, content: str
) -> None:
    assert looks_labelled([write(tmp_path, name, content)], ReadingSettings()) is None


def test_numbers_that_come_last_are_labels_where_they_cannot_be_counts(tmp_path: Path) -> None:
    zeros = write(tmp_path, "a.txt", "".join(f"text {number}\t{number % 2}\n" for number in range(300)).strip())
    assert (
        looks_labelled([zeros], ReadingSettings())
        == "the last column has 2 different values in the 300 lines looked at"
    )


def test_the_embedded_places_are_phrases_unless_the_label_is_told() -> None:
    source = str(places_path())
    assert looks_labelled([source], ReadingSettings()) is None
    told = ReadingSettings(label_column="country")
    assert looks_labelled([source], told) == "--label-column was told"
    labelled = read_labelled([source], told)
    assert dict(zip(labelled.texts, labelled.labels, strict=True))["서울특별시"] == "South Korea"


def test_what_was_told_decides_whether_sources_look_labelled(tmp_path: Path) -> None:
    labelled = write(tmp_path, "a.txt", SPAM)
    assert looks_labelled([labelled], ReadingSettings(format="labels")) == "--format labels was told"
    assert looks_labelled([labelled], ReadingSettings(format="lines")) is None
    assert looks_labelled([labelled], ReadingSettings(format="counts")) is None
    body = write(tmp_path, "b.csv", "label,body,n\nx,good,3\n")
    assert looks_labelled([body], ReadingSettings(text_column="body")) == "it has the columns 'label' and 'body'"
    assert looks_labelled([body], ReadingSettings(text_column="body", count_column="n")) is None
    phrases = write(tmp_path, "c.csv", "text\nSeoul\n")
    assert looks_labelled([body, phrases], ReadingSettings(text_column="body")) is None
    with pytest.raises(InputError):
        looks_labelled([str(tmp_path / "missing")], ReadingSettings())


def test_labels_in_any_order_of_lines_look_labelled_however_many_there_are(tmp_path: Path) -> None:
    generator = random.Random(5)  # noqa: S311 - no secret
    for labels, each in ((2, 250), (77, 20), (200, 5), (200, 500)):
        shuffled = lines_of(labels, each)
        generator.shuffle(shuffled)
        reason = looks_labelled([write(tmp_path, "a.txt", "".join(shuffled))], ReadingSettings())
        assert reason == f"the first column has {labels} different values in the {labels * each:,} lines looked at"


@pytest.mark.parametrize("content", ["no\tit crashes\nyes\tit works\n", "it crashes\tno\nit works\tyes\n"])
def test_few_lines_look_labelled_where_their_labels_are_expected(tmp_path: Path, content: str) -> None:
    """A teacher knows its labels; nothing is repeated in two lines."""
    path = tmp_path / "few.tsv"
    path.write_text(content, encoding="utf-8")
    known = frozenset({"yes", "no", "perhaps"})
    assert looks_labelled([str(path)], ReadingSettings()) is None
    reason = looks_labelled([str(path)], ReadingSettings(), known)
    assert reason is not None
    assert "holds labels that are known" in reason
    assert looks_labelled([str(path)], ReadingSettings(), known - {"no"}) is None
