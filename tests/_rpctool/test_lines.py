import io
import sys
from pathlib import Path

import pytest

from sipyco._rpctool.lines import history_file, line_reader


@pytest.mark.parametrize(
    ("platform", "variable", "directory"),
    [
        ("linux", "XDG_STATE_HOME", "state"),
        ("linux", "HOME", "home/.local/state"),
        ("darwin", "HOME", "home/Library/Application Support"),
        ("win32", "LOCALAPPDATA", "local"),
    ],
)
def test_the_history_is_kept_where_the_platform_keeps_such_things(
    platform: str,
    variable: str,
    directory: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / directory.partition("/")[0]))
    path = history_file("lines")
    assert path == tmp_path / directory / "sipyco" / "lines"
    assert path.stat().st_mode & 0o077 == 0


def test_where_no_history_can_be_written_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    assert history_file("lines") is None


def test_an_old_history_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first = history_file("lines")
    assert first
    first.write_text("ping()\n")
    assert history_file("lines") == first
    assert first.read_text() == "ping()\n"


def test_lines_of_a_pipe_come_without_a_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("ping()\n\nlast()"))
    read = line_reader("dev> ", {})
    assert [read(), read(), read()] == ["ping()\n", "\n", "last()"]
    with pytest.raises(EOFError):
        read()
    assert capsys.readouterr() == ("", "")
