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
