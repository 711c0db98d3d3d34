"""Files that are written together or not at all."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ndsp.certificates._files import NewFile, write_together

STEPS = ("open", "fsync", "replace")
"""The calls of the system at which somebody may press Ctrl-C."""

OLD, NEW = b"old PRIVATE", b"new PRIVATE"


@contextmanager
def interrupted_at(
    step: int, monkeypatch: pytest.MonkeyPatch, *, late: bool = False
) -> Iterator[list[str]]:
    """Press Ctrl-C once, before or after one of the calls; yield the names of those made."""
    calls: list[str] = []

    def strike(name: str, original: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            calls.append(name)
            is_struck = len(calls) == step
            if is_struck and not late:
                raise KeyboardInterrupt
            result = original(*args, **options)
            if is_struck:
                if name == "open":
                    os.close(result)
                raise KeyboardInterrupt
            return result

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, strike(name, getattr(os, name)))
        yield calls


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_files_are_written_with_what_they_should_hold(tmp_path: Path) -> None:
    write_together([NewFile(tmp_path / "a", b"1"), NewFile(tmp_path / "b", b"2", secret=True)])
    assert contents(tmp_path) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("before", [{}, {"a.key": OLD}, {"a.key": OLD, "a.pem": OLD}])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("step", range(1, 10))
def test_after_ctrl_c_everything_is_as_it_was_or_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    late: bool,
    before: dict[str, bytes],
) -> None:
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    files = [NewFile(tmp_path / name, NEW, secret=True) for name in ("a.key", "a.pem")]
    is_interrupted = False
    with interrupted_at(step, monkeypatch, late=late) as calls:
        try:
            write_together(files)
        except KeyboardInterrupt:
            is_interrupted = True
    assert is_interrupted is (len(calls) >= step)
    after = before if is_interrupted else {"a.key": NEW, "a.pem": NEW}
    assert contents(tmp_path) == after


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
@pytest.mark.parametrize("step", range(1, 12))
def test_a_secret_file_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(OLD)
    path.chmod(0o600)
    seen: list[int] = []

    def look(event: str, original: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            result = original(*args, **options)
            secret = [file for file in tmp_path.iterdir() if "a.key" in file.name]
            seen.extend(stat.S_IMODE(file.stat().st_mode) for file in secret)
            return result

        return call

    before = os.umask(0)
    try:
        with interrupted_at(step, monkeypatch), monkeypatch.context() as patch:
            for name in STEPS:
                patch.setattr(os, name, look(name, getattr(os, name)))
            try:
                write_together([NewFile(path, NEW, secret=True), NewFile(tmp_path / "a.pem", NEW)])
            except KeyboardInterrupt:
                seen.append(stat.S_IMODE(path.stat().st_mode))
    finally:
        os.umask(before)
    assert set(seen) <= {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_error_names_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "a.pem"
    with pytest.raises(FileNotFoundError) as caught:
        write_together([NewFile(tmp_path / "b.pem", NEW), NewFile(target, NEW)])
    assert caught.value.filename == str(target)
    assert contents(tmp_path) == {}


def test_a_directory_in_the_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.pem").mkdir()
    with pytest.raises(OSError, match=r"a\.pem"):
        write_together([NewFile(tmp_path / "b.pem", NEW), NewFile(tmp_path / "a.pem", NEW)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.pem"]
