"""Run the experiments of the lectures and put tables, times and pictures into docs/lectures.md and its Korean twin.

Run ``python docs/build_lectures.py`` for all, or with the names of some.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from training.lectures.programme import LECTURES

DOCS = Path(__file__).parent
ENGLISH, KOREAN = "lectures.md", "lectures.ko.md"
FILTER = re.compile(r"filter (\d+): ('.+') in (.+), for (.+)")  # a row of the activation maps
IN_KOREAN = {  # headings, and what stands in the first cell of rows
    "layer": "층",
    "gives": "내놓는 값",
    "reads": "읽는 값",
    "weights": "가중치",
    "input: 16 characters of 24 values": "입력: 값이 24개인 글자 16개",
    "hidden layer 1": "은닉층 1",
    "hidden layer 2": "은닉층 2",
    "hidden layer 3": "은닉층 3",
    "output: 8 countries": "출력: 나라 8개",
    "hidden layers": "은닉층 수",
    "sigmoid": "시그모이드",
    "word": "낱말",
    "logit of more a": "a가 많다는 로짓",
    "logit of more b": "b가 많다는 로짓",
    "P(more b), sigmoid of their difference": "b가 많을 확률, 차의 시그모이드",
    "P(more b), softmax": "b가 많을 확률, 소프트맥스",
    "first weights": "초기값",
    "zeros, relu": "0, ReLU",
    "small, relu": "작은 값, ReLU",
    "xavier, relu": "Xavier, ReLU",
    "he, relu": "He, ReLU",
    "orthogonal, relu": "직교, ReLU",
    "zeros, sigmoid": "0, 시그모이드",
    "small, sigmoid": "작은 값, 시그모이드",
    "xavier, sigmoid": "Xavier, 시그모이드",
    "rbm, sigmoid": "RBM, 시그모이드",
    "accuracy": "정확도",
    "± (seeds)": "± (시드)",
    "error at the first layer": "첫 층의 오차",
    "units apart": "유닛 차이",
    "x against x'": "x와 x'",
    "in the last pass": "마지막 반복에서",
    "dropped": "드롭아웃 비율",
    "learned": "학습한 글",
    "tested": "새 글",
    "gap": "차이",
    "members": "신경망 수",
    "loss, nats": "손실(nat)",
    "layers": "층 수",
    "plain": "그대로",
    "residual": "잔차",
    "highway": "하이웨이",
    "plain, Xavier": "그대로, Xavier",
    "widths of 120 filters": "필터 120개의 너비",
    "'ana' over 'banana bandana'": "'banana bandana' 위의 'ana'",
    "places": "위치 수",
    "largest": "가장 큰 값",
    "places where it is": "있는 위치 수",
    "farthest from machim's": "machim과의 차이",
    "farthest from machim's P": "machim의 P와의 차이",
    "valid, stride 2": "valid, 보폭 2",
    "characters N": "글자 N",
    "F 3, stride 2": "F 3, 보폭 2",
    "F 3, padded": "F 3, 패딩",
    "twice F 3, pool 2, twice": "(F 3 두 번, 풀링 2) 두 번",
    "refused": "거절",
    "padding": "패딩",
    "always another": "항상 아니라고 할 때",
    "blocks": "블록 수",
    "places left of 24": "24개 중 남은 위치",
    "characters a place sees": "한 위치가 보는 글자",
    "pooling": "풀링",
    "max over the text": "글 전체의 최댓값",
    "mean over the text": "글 전체의 평균",
    "last over the text": "글의 마지막 위치",
    "attention over the text": "글 전체의 어텐션",
    "max of each 2, then over the text": "둘마다 최댓값, 그다음 글 전체",
    "max of each 3, then over the text": "셋마다 최댓값, 그다음 글 전체",
    "strongest filters": "가중치가 가장 큰 필터",
    "fires": "활성값",
    "weight": "가중치 값",
    "letter read": "읽은 글자",
    "letters between": "사이의 글자 수",
    "recurrent layers": "순환층 수",
    "shape": "형태",
    "right": "맞은 비율",
    "always the commonest": "가장 흔한 답만 할 때",
    "one-to-one: a letter, its kind": "일대일: 글자의 종류",
    "one-to-many: h, then ello": "일대다: h 다음 ello",
    "many-to-one: a word, which kind it has more of": "다대일: 단어에 모음이 더 많은지",
    "many-to-many: a word, of each letter whether it was there before": "다대다: 글자마다 앞에 나왔는지",
    "many-to-many: a word, its vowels twice": "다대다: 모음만 두 번씩",
}


def in_korean(table: str) -> str:
    """Give a table of Markdown with its headings and the names of its rows in Korean, as far as they are words."""
    rows = (line.removeprefix("| ").removesuffix(" |").split(" | ") for line in table.splitlines())
    return "\n".join(
        line if len(row) == 1 else f"| {' | '.join(map(cell_in_korean, row))} |"
        for line, row in zip(table.splitlines(), rows, strict=True)
    )


def cell_in_korean(cell: str) -> str:
    """Give what stands in a cell in Korean, numbers and signs as they are."""
    return IN_KOREAN.get(cell, FILTER.sub(r"필터 \1: \2, \3에서, \4", cell))


def filled(page: str, name: str, table: str, seconds: float) -> str:
    """Put the table of an experiment between its marks.

    Raises:
        ValueError: the page has no such marks.
    """
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    found, number = marks.subn(lambda marked: f"{marked[1]}\n{table}\n\n({seconds:.0f} s){marked[2]}", page)
    if number != 1:
        raise ValueError(f"the page must have the marks of {name} once, got {number}")
    return found


def main() -> None:
    """Run the commands of what is named, or of all, as the pages show them."""
    (DOCS / "lectures").mkdir(exist_ok=True)
    for name in sys.argv[1:] or LECTURES:
        began = time.monotonic()
        command = [sys.executable, "-m", "machim", "lecture", name, "--picture", str(DOCS / "lectures" / f"{name}.svg")]
        table = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.rstrip("\n")
        seconds = time.monotonic() - began
        for page, shown in ((ENGLISH, table), (KOREAN, in_korean(table))):
            path = DOCS / page
            path.write_text(filled(path.read_text(encoding="utf-8"), name, shown, seconds), encoding="utf-8")
        print(f"{name}: {seconds:.0f} s", flush=True)  # noqa: T201 - it is a script


if __name__ == "__main__":
    main()
