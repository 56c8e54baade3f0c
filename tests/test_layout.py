"""Imports point one way, ``service -> model <- training``, and every source file fits on a few pages."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRAINING_ONLY = frozenset({"matplotlib", "onnx", "rich", "safetensors", "torch"})
FORBIDDEN = {
    "model": frozenset({"benchmarks", "machim", "service", "training"}) | TRAINING_ONLY,
    "service": frozenset({"benchmarks", "machim", "training"}) | TRAINING_ONLY,
    "training": frozenset({"benchmarks", "machim", "service"}),
}
SOURCE_SUFFIXES = frozenset({".c", ".css", ".h", ".html", ".js", ".py"})
MOST_LINES = 300

IMPORT_EVERYTHING_THAT_SERVES = f"""
import importlib, pkgutil, sys
for name in {sorted(TRAINING_ONLY)}:
    sys.modules[name] = None  # importing it raises ImportError
import machim
for package in ("model", "service"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if module.name != "model.native._core":  # a library: nothing that Python could import
            importlib.import_module(module.name)
print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("model", "service", "training")))
"""


def imported_packages(node: ast.AST) -> Iterator[str]:
    """Top-level packages that one node imports, by statement or by a call with a constant name."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            yield module.partition(".")[0]
        case _:
            pass


def forbidden_imports(root: Path) -> list[str]:
    """Every import, at the top of a file or deep in a function, that goes against the arrows."""
    return [
        f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)} imports {imported}"
        for package, forbidden in FORBIDDEN.items()
        for path in sorted((root / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for imported in imported_packages(node)
        if imported in forbidden
    ]


def long_files(root: Path) -> list[str]:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for package in FORBIDDEN
        for path in sorted((root / package).rglob("*"))
        if path.suffix in SOURCE_SUFFIXES
    }
    return [f"{path.relative_to(root)} has {length} lines" for path, length in lengths.items() if length > MOST_LINES]


def plant(root: Path, file_name: str, source: str) -> None:
    path = root / file_name
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_each_package_is_where_the_rules_look_for_it(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file()


def test_imports_point_one_way() -> None:
    assert forbidden_imports(ROOT) == []


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    assert long_files(ROOT) == []


@pytest.mark.parametrize(
    ("package", "imported"),
    [(package, imported) for package, forbidden in FORBIDDEN.items() for imported in sorted(forbidden)],
)
def test_every_forbidden_import_is_found(tmp_path: Path, package: str, imported: str) -> None:
    plant(tmp_path, f"{package}/deep/planted.py", f"import json\nimport {imported}\n")
    assert forbidden_imports(tmp_path) == [f"{package}/deep/planted.py:2 imports {imported}"]


@pytest.mark.parametrize(
    "statement",
    [
        "import torch.nn as nn",
        "from torch import nn",
        "from torch.nn.functional import relu",
        "def late():\n    import torch",
        "class Late:\n    def run(self):\n        from torch import nn",
        "if TYPE_CHECKING:\n    from torch import Tensor",
        "torch = importlib.import_module('torch.nn')",
        "torch = import_module('torch')",
        "torch = __import__('torch')",
    ],
)
def test_a_forbidden_import_is_found_however_it_is_written(tmp_path: Path, statement: str) -> None:
    plant(tmp_path, "service/planted.py", statement)
    assert [line.partition(" ")[2] for line in forbidden_imports(tmp_path)] == ["imports torch"]


@pytest.mark.parametrize(
    ("package", "statement"),
    [
        ("service", "from model.errors import InputError"),
        ("training", "import model, torch, rich"),
        ("model", "from . import errors"),
        ("model", "import onnxruntime, torchless"),
    ],
)
def test_imports_along_the_arrows_pass(tmp_path: Path, package: str, statement: str) -> None:
    plant(tmp_path, f"{package}/planted.py", statement)
    assert forbidden_imports(tmp_path) == []


@pytest.mark.parametrize(("lines", "found"), [(MOST_LINES, 0), (MOST_LINES + 1, 1)])
@pytest.mark.parametrize("file_name", ["model/planted.py", "service/static/planted.js"])
def test_a_file_is_too_long_from_one_line_past_the_limit(
    tmp_path: Path, file_name: str, lines: int, found: int
) -> None:
    plant(tmp_path, file_name, "\n" * lines)
    assert len(long_files(tmp_path)) == found


def import_everything_that_serves(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING_THAT_SERVES],
        cwd=root,  # comes before what is installed
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_model_and_service_are_imported_where_no_training_package_can_be() -> None:
    """Nor does the command import ``training`` before it is told to train: a serving image lacks what that needs."""
    process = import_everything_that_serves(ROOT)
    assert process.returncode == 0, process.stderr
    imported = set(process.stdout.split())
    assert {"model.errors", "service"} <= imported
    assert not {name for name in imported if name.partition(".")[0] == "training"}


@pytest.mark.parametrize(
    ("file_name", "source", "found"),
    [
        ("service/planted.py", "import torch", "import of torch halted"),
        ("model/planted.py", "import importlib; importlib.import_module('o' + 'nnx')", "import of onnx halted"),
        ("machim.py", "import training", "training"),
    ],
)
def test_an_import_of_training_packages_by_what_serves_is_found(
    tmp_path: Path, file_name: str, source: str, found: str
) -> None:
    for package in FORBIDDEN:
        plant(tmp_path, f"{package}/__init__.py", "")
    (tmp_path / "machim.py").touch()
    assert import_everything_that_serves(tmp_path).stdout.split() == ["model", "service"]
    (tmp_path / file_name).write_text(source, encoding="utf-8")
    process = import_everything_that_serves(tmp_path)
    assert found in process.stdout + process.stderr
