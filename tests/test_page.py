"""The page in a real Chromium, before a real server: keys, Hangul that is being composed, late answers, escaping."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect, sync_playwright

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 60
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# 서울 on a Korean keyboard: ㅅ ㅓ ㅇ ㅜ ㄹ. The ㅇ first closes 서 to 성, and moves on with the ㅜ.
KEYSTROKES = [("", "ㅅ"), ("", "서"), ("", "성"), ("서", "우"), ("", "울"), ("울", "")]


@pytest.fixture(scope="module")
def base(tiny_models: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "machim", "serve", str(tiny_models), "--port", "0", "--workers", "2"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MACHIM_")}
    environment["MACHIM_DEADLINE_MS"] = "60000"  # what was cut off would differ from one time to the next
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found, line
            yield found[0]
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        reason = f"no Chromium is installed: none of {', '.join(CHROMIUM_NAMES)} is on the PATH"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, base: str) -> Iterator[Page]:
    """Open the page, and hold it to a silent console."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(base)
    expect(page.locator("#query")).to_be_focused()  # before that a busy browser complains
    yield page
    page.close()
    assert complaints == []


def completions_of(base: str, typed: str) -> list[str]:
    with urlopen(f"{base}v1/complete?q={quote(typed)}&limit=8", timeout=PATIENCE_SECONDS) as response:  # noqa: S310
        return [completion["text"] for completion in json.load(response)["completions"]]


def query_of(url: str) -> str:
    """Read the text that a page asks completions of."""
    return parse_qs(urlsplit(url).query).get("q", [""])[0]


def expect_options(page: Page, texts: list[str]) -> None:
    expect(page.get_by_role("option", include_hidden=True)).to_have_text(texts)
    expanded = "true" if texts else "false"
    expect(page.get_by_role("combobox", name="Text to complete")).to_have_attribute("aria-expanded", expanded)


def type_text(page: Page, base: str, text: str) -> list[str]:
    """Type, wait for the completions of all of it, and give them."""
    page.locator("#query").press_sequentially(text)
    texts = completions_of(base, text)
    expect_options(page, texts)
    return texts


def reply_to(typed: str, *texts: str) -> dict[str, Any]:
    completions = [
        {"text": text, "score": -1.0, "source": "seen", "match": "exact", "highlight": [[0, len(typed)]]}
        for text in texts
    ]
    return {
        "prefix": typed,
        "completions": completions,
        "exact": True,
        "elapsed_ms": 1.0,
        "model": "tiny",
        "version": "0001",
    }


def test_a_latin_prefix_shows_the_completions_that_the_service_gives(page: Page, base: str) -> None:
    texts = type_text(page, base, "San ")
    assert texts
    option = page.get_by_role("option").first
    assert option.locator(".typed").text_content() == "San "
    assert option.locator(".completed").text_content() == texts[0].removeprefix("San ")
    expect(page.get_by_role("status")).to_have_text(
        re.compile(rf"{len(texts)} completions? · \d+\.\d ms · tiny 0001.*")
    )


def test_a_half_typed_syllable_is_marked_as_far_as_it_was_typed_and_said_to_be_one(page: Page, base: str) -> None:
    texts = type_text(page, base, "서ㅇ")
    assert texts[0].startswith("서울")
    option = page.get_by_role("option").first
    assert option.locator(".typed").text_content() == "서울"
    assert option.get_attribute("data-match") == "half typed"


def test_marks_count_characters_and_not_halves_of_them(page: Page, base: str) -> None:
    """An emoji is two units of a string in JavaScript and one code point."""
    reply = reply_to("b", "😀bc")
    reply["completions"][0]["highlight"] = [[1, 2]]
    page.route("**/v1/complete?*", lambda route: route.fulfill(json=reply))
    page.locator("#query").press_sequentially("b")
    expect_options(page, ["😀bc"])
    option = page.get_by_role("option").first
    assert option.locator(".typed").text_content() == "b"
    assert option.locator(".completed").all_text_contents() == ["😀", "c"]


def test_hangul_shows_the_right_first_completion_at_every_step_of_composing(page: Page, base: str) -> None:
    """The first completions must come while the syllable is open, not when it is done."""
    keyboard = page.context.new_cdp_session(page)
    query = page.locator("#query")
    query.focus()
    closed = ""
    seen = 0
    for committed, composing in KEYSTROKES:
        if committed:
            keyboard.send("Input.insertText", {"text": committed})
            closed += committed
        if composing:
            length = len(composing)
            keyboard.send(
                "Input.imeSetComposition",
                {"text": composing, "selectionStart": length, "selectionEnd": length},
            )
        expect(query).to_have_value(closed + composing)
        texts = completions_of(base, closed + composing)
        expect_options(page, texts)
        seen += bool(texts)
    assert closed == "서울"
    assert seen > 0


def test_enter_belongs_to_the_input_method_while_a_syllable_is_open(page: Page, base: str) -> None:
    keyboard = page.context.new_cdp_session(page)
    page.locator("#query").focus()
    keyboard.send("Input.imeSetComposition", {"text": "서", "selectionStart": 1, "selectionEnd": 1})
    texts = completions_of(base, "서")
    assert texts
    expect_options(page, texts)
    for key in ("Enter", "Tab", "Escape", "ArrowDown"):
        handled = page.evaluate(
            """key => !document.getElementById("query").dispatchEvent(new KeyboardEvent("keydown",
                { key, isComposing: true, bubbles: true, cancelable: true }))""",
            key,
        )
        assert not handled
    expect(page.locator("#query")).to_have_value("서")
    expect_options(page, texts)
    page.get_by_role("option").first.click()
    expect(page.locator("#query")).to_have_value(texts[0])


@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_a_key_accepts_the_first_completion(page: Page, base: str, key: str) -> None:
    texts = type_text(page, base, "San ")
    page.keyboard.press(key)
    expect(page.locator("#query")).to_have_value(texts[0])
    expect(page.locator("#query")).to_be_focused()
    expect_options(page, [])


def test_the_arrows_choose_around_the_list(page: Page, base: str) -> None:
    texts = type_text(page, base, "S")
    assert len(texts) > 1
    options = page.get_by_role("option")
    for key, chosen in (("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", len(texts) - 1), ("ArrowDown", 0)):
        page.keyboard.press(key)
        expect(page.get_by_role("option", selected=True)).to_have_text([texts[chosen]])
        identifier = options.nth(chosen).get_attribute("id") or ""
        expect(page.locator("#query")).to_have_attribute("aria-activedescendant", identifier)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#query")).to_have_value(texts[1])


def test_escape_closes_and_an_arrow_opens_again(page: Page, base: str) -> None:
    texts = type_text(page, base, "S")
    page.keyboard.press("Escape")
    expect_options(page, [])
    expect(page.locator("#query")).to_have_value("S")
    page.keyboard.press("ArrowDown")
    expect_options(page, texts)


def test_a_click_accepts(page: Page, base: str) -> None:
    texts = type_text(page, base, "S")
    page.get_by_role("option").nth(1).click()
    expect(page.locator("#query")).to_have_value(texts[1])
    expect(page.locator("#query")).to_be_focused()


def test_the_list_stands_under_the_caret(page: Page, base: str) -> None:
    def place() -> tuple[float, float]:
        listed = page.locator("#completions").bounding_box()
        box = page.locator("#query").bounding_box()
        assert listed is not None
        assert box is not None
        assert listed["y"] >= box["y"] + box["height"]
        assert listed["x"] + listed["width"] <= box["x"] + box["width"] + 1
        return listed["x"] - box["x"], listed["width"]

    type_text(page, base, "S")
    narrow, _ = place()
    page.locator("#query").fill("")
    type_text(page, base, "San ")
    wide, _ = place()
    typed = page.evaluate(
        """() => { const context = document.createElement("canvas").getContext("2d");
            context.font = getComputedStyle(document.getElementById("query")).font;
            return context.measureText("San ").width - context.measureText("S").width; }"""
    )
    assert wide - narrow == pytest.approx(typed, abs=1)


@pytest.mark.parametrize("abort", ["abort() { super.abort(); }", "abort() {}"], ids=["cut off", "arriving"])
def test_a_late_answer_never_takes_the_place_of_a_newer_one(browser: Browser, base: str, abort: str) -> None:
    """Once as it is, and once where the older request cannot be cut off and its answer does arrive."""
    page = browser.new_page()
    page.add_init_script(f"globalThis.AbortController = class extends AbortController {{ {abort} }};")
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(lambda url: query_of(url) == "S", hold)
    page.goto(base)
    page.locator("#query").press_sequentially("S")
    page.locator("#query").press_sequentially("a")
    texts = completions_of(base, "Sa")
    expect_options(page, texts)
    late[0].fulfill(json=reply_to("S", "Stale"))
    page.evaluate("() => fetch('livez').then(reply => reply.text())")  # goes out after it and comes back after it
    page.evaluate("() => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))")
    expect_options(page, texts)
    page.close()


def test_markup_is_text(page: Page) -> None:
    markup = "<img src=x onerror='window.hurt = true'>"
    page.route(
        lambda url: query_of(url) == markup,
        lambda route: route.fulfill(json=reply_to(markup, f"{markup}<b>bold</b>")),
    )
    page.locator("#query").fill(markup)
    expect_options(page, [f"{markup}<b>bold</b>"])
    assert page.locator("#completions img, #completions b").count() == 0
    assert page.evaluate("window.hurt") is None


def test_markup_that_is_typed_comes_back_from_the_service_as_text(page: Page, base: str) -> None:
    markup = "<img src=x onerror='window.hurt = true'>"
    page.locator("#query").fill(markup)
    expect_options(page, completions_of(base, markup))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"\d+ completions?"))
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.hurt") is None


def test_a_refusal_is_told_and_closes_the_list(page: Page, base: str) -> None:
    type_text(page, base, "S")
    page.route(
        lambda url: query_of(url) == "Sa",
        lambda route: route.fulfill(status=200, json={**reply_to("Sa"), "exact": False}),
    )
    page.locator("#query").press_sequentially("a")
    expect_options(page, [])
    expect(page.get_by_role("status")).to_have_text(
        "0 completions · 1.0 ms · tiny 0001 · stopped at the bound of the search"
    )


def test_an_emptied_box_asks_nothing(page: Page, base: str) -> None:
    type_text(page, base, "S")
    asked: list[Response] = []

    def note(response: Response) -> None:
        asked.append(response)

    page.on("response", note)
    page.locator("#query").fill("")
    expect_options(page, [])
    expect(page.get_by_role("status")).to_have_text("")
    assert asked == []


@pytest.mark.parametrize(("names", "shown"), [(["tiny"], False), (["other", "tiny"], True)])
def test_models_can_be_picked_where_there_is_a_choice(
    browser: Browser, base: str, names: list[str], shown: bool
) -> None:
    page = browser.new_page()
    listed = [{"name": name, "version": "0001", "task": "autocomplete"} for name in names]
    listed.append({"name": "hello", "version": "0001", "task": "text"})
    page.route("**/v1/models", lambda route: route.fulfill(json={"models": listed, "default": "tiny"}))
    page.goto(base)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("combobox", name="Model")).to_be_visible(visible=shown)
    if shown:
        expect(page.get_by_role("combobox", name="Model")).to_have_value("tiny")
        with page.expect_request(lambda request: "model=tiny" in request.url):
            page.locator("#query").press_sequentially("S")
    page.close()
