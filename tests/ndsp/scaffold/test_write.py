"""Writing a directory of files, all or none."""

import sys
from pathlib import Path

import pytest

from ndsp.scaffold import write_package

FILES = {"README.md": "read me\n", "src/x/driver.py": "µ = 1\n", "src/x/py.typed": ""}


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def test_all_files_are_written(tmp_path: Path) -> None:
    write_package(tmp_path / "x", FILES)
    assert contents(tmp_path / "x") == {path: text.encode() for path, text in FILES.items()}
    assert names(tmp_path) == ["x"]


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write_package(tmp_path / "x", FILES)
    assert len(contents(tmp_path / "x")) == 3


def test_a_directory_with_something_in_it_stays_as_it_was(tmp_path: Path) -> None:
    write_package(tmp_path / "x", {"mine.py": "mine"})
    with pytest.raises(FileExistsError, match="something is there already"):
        write_package(tmp_path / "x", FILES)
    assert contents(tmp_path) == {"x/mine.py": b"mine"}


def test_a_file_of_this_name_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError, match="something is there already"):
        write_package(tmp_path / "x", FILES)
    assert contents(tmp_path) == {"x": b"mine"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "x").symlink_to("elsewhere")
    with pytest.raises(FileExistsError, match="something is there already"):
        write_package(tmp_path / "x", FILES)
    assert contents(tmp_path) == {}


def test_a_failure_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    # The second one needs a directory where the first one is a file.
    with pytest.raises(OSError, match=r"a"):
        write_package(tmp_path / "x", {"a": "", "a/b": ""})
    assert names(tmp_path) == []


def test_an_empty_directory_is_still_there_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match=r"a"):
        write_package(tmp_path / "x", {"a": "", "a/b": ""})
    assert names(tmp_path) == ["x"]


def test_a_parent_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_package(tmp_path / "missing" / "x", FILES)
    assert names(tmp_path) == []
