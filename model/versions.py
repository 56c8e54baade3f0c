"""Find models in a folder, and the versions of a model in its folder, by their names alone."""

import os
import re
from pathlib import Path

from model.errors import InputError
from model.manifest import MANIFEST_NAME

_VERSION = re.compile(r"[0-9]{4,}")


def list_models(models_directory: Path) -> tuple[Path, ...]:
    """List the folders of models in a folder, sorted by name: those that hold a version, whole or damaged.

    Hidden folders are left out, and so are those that we may not look into, such as a disk's ``lost+found``.

    Raises:
        InputError: there is no such folder, or it cannot be read.
    """
    return tuple(
        models_directory / name
        for name in sorted(_list_folders(models_directory))
        if not name.startswith(".") and _holds_versions(models_directory / name)
    )


def list_versions(model_directory: Path) -> list[str]:
    """List the names of a model's versions by their number, the oldest first.

    Raises:
        InputError: there is no such folder, or it cannot be read.
    """
    names = [name for name in _list_folders(model_directory) if _VERSION.fullmatch(name)]
    return sorted(names, key=lambda name: (int(name), name))


def number_of_next_version(model_directory: Path) -> int:
    """Count on from the highest number that is taken, be it by a damaged version or by a file."""
    taken = (int(path.name) for path in model_directory.iterdir() if _VERSION.fullmatch(path.name))
    return max(taken, default=0) + 1


def is_version(path: Path, versions: list[str]) -> bool:
    """Tell a version's folder from that of a model, whose name may be a number as well, such as 2024.

    Args:
        path: a folder whose own name is known.
        versions: what ``list_versions`` found in it.
    """
    return bool(_VERSION.fullmatch(path.name)) and (not versions or os.path.lexists(path / MANIFEST_NAME))


def named(path: Path) -> Path:
    """Look up a path such as ``.`` or ``..``, which does not tell its own name; leave any other as it is."""
    return path.resolve() if path.name in {"", ".."} else path


def hint_of_models(path: Path) -> str:
    """Say which models a folder holds, for one who gave the folder around them."""
    names = [model.name for model in list_models(path)]
    return f"; it holds the models {', '.join(names)}: give one of them" if names else ""


def _list_folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if _is_folder(entry)]
    except FileNotFoundError as error:
        raise InputError(f"{path}: must be a folder, got nothing there; machim train makes models") from error
    except NotADirectoryError as error:
        raise InputError(f"{path}: must be a folder, got a file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link that leads round to itself: one entry never hides the others
        return False


def _holds_versions(path: Path) -> bool:
    try:
        return bool(list_versions(path))
    except InputError:
        return False
