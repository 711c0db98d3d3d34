"""Writes a directory of files, all or none."""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_package"]


def write_package(directory: Path, files: Mapping[str, str]) -> None:
    """Write files into a new directory, which is there with all of them or not at all.

    Args:
        directory: Where they go. It is made; its parent must be there. An empty directory may be
            there already.
        files: Texts by relative paths with slashes.

    Raises:
        FileExistsError: The directory is not empty, or something else has this name. Nothing was
            changed.
        OSError: It could not be written. Nothing is left behind.
    """
    is_there = directory.is_symlink() or directory.exists()
    if is_there and not _is_empty_directory(directory):
        raise FileExistsError(
            f"cannot write into {str(directory)!r}: something is there already; "
            "choose another name or directory, or move it away"
        )
    # Beside it, so that it is on the same file system, where renaming is one step.
    building = directory.with_name(f".{directory.name}-{secrets.token_hex(4)}")
    building.mkdir()
    try:
        for path, text in files.items():
            file = building / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8", newline="\n")
        if is_there:
            # Windows does not replace a directory. One that is not empty any more stays.
            directory.rmdir()
        building.rename(directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _is_empty_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
