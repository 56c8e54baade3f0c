"""Builds machim as setuptools does; where there is no C compiler, with zig, which comes as a package.

The compiled core is plain C that knows nothing of Python, so Python's headers are not needed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from typing import TYPE_CHECKING

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - all that pip asks of a backend

if TYPE_CHECKING:
    from collections.abc import Mapping

    Settings = Mapping[str, str | list[str] | None] | None

ZIG = "ziglang>=0.13"


def has_compiler() -> bool:
    """Tell whether there is the compiler that ``CC`` names or that Python was built with."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return os.name == "nt" or shutil.which(command.split()[0]) is not None


def choose_compiler() -> None:
    """Take zig where there is no other compiler."""
    if not has_compiler():
        os.environ["CC"] = (
            f"{shlex.quote(sys.executable)} -m ziglang cc -mcpu=baseline"  # by itself zig builds for this very machine
        )
        os.environ["LDSHARED"] = f"{os.environ['CC']} -shared"


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Ask for what a build needs; see PEP 517."""
    needed: list[str] = build_meta.get_requires_for_build_wheel(config_settings)
    return needed if has_compiler() else [*needed, ZIG]


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build what is installed; see PEP 517."""
    choose_compiler()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build what makes this folder itself what is installed; see PEP 660."""
    choose_compiler()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


get_requires_for_build_editable = get_requires_for_build_wheel
