"""What the documentation says is what the program does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_page_of_commands_is_their_help() -> None:
    built = runpy.run_path(str(ROOT / "docs" / "build_cli.py"))["help_pages"]()
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == built, "run make docs"


@pytest.mark.parametrize(
    "module",
    sorted(
        str(path.relative_to(ROOT))
        for package in ("model", "service", "training")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    ),
)
def test_every_module_is_on_the_map(module: str) -> None:
    assert f"`{module}`" in ARCHITECTURE


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("d*/*.md")])
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("package", ["model", "service", "training", "tests", "docs", "."])
def test_decisions_that_code_speaks_of_are_there(package: str) -> None:
    for path in [*(ROOT / package).glob("*.py"), *(ROOT / package).glob("Makefile"), *(ROOT / package).glob("*.md")]:
        for decision in re.findall(r"decisions/[0-9][-\w]*(?:\.md)?", path.read_text(encoding="utf-8")):
            assert (ROOT / decision).is_file() or list((ROOT / "decisions").glob(f"{decision[10:]}-*.md")), (
                path,
                decision,
            )
