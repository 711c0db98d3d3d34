import subprocess
import sys
from pathlib import Path

import pytest

from sipyco.pyon import load_file
from sipyco.pyon.__main__ import main

HAND = "# mine\n{'a': (1,), 'b': 2}\n"


def test_a_file_goes_to_the_other_spelling_and_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, backup = tmp_path / "x.pyon", tmp_path / "x.pyon.bak"
    file.write_text(HAND)
    assert main([str(file)]) == 0
    assert "__jsonclass__" in file.read_text()
    assert load_file(file) == {"a": (1,), "b": 2}
    assert backup.read_text() == HAND
    backup.unlink()
    assert main([str(file), "--to", "python"]) == 0
    assert file.read_text() == '{\n    "a": (1, ),\n    "b": 2\n}\n'
    assert capsys.readouterr().out == ""


def test_nothing_to_do_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.pyon"
    file.write_text("(1, )")
    assert main([str(file), "--to", "python"]) == 0
    assert "already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.pyon"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("(1, ", "expected a value"),
        ("object()", "unknown type name"),
        ('{"__jsonclass__":["Frame",[]]}', "unknown type name 'Frame'"),
        ("b'\xff'", "ASCII"),
    ],
)
def test_a_file_that_is_not_pyon_is_left_alone(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.pyon"
    file.write_text(content)
    assert main([str(file)]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith(f"{file}: ")
    assert message in errors
    assert file.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["x.pyon"]


def test_a_backup_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, backup = tmp_path / "x.pyon", tmp_path / "x.pyon.bak"
    file.write_text(HAND)
    backup.write_text("older")
    assert main([str(file)]) == 1
    assert "move it away" in capsys.readouterr().err
    assert (file.read_text(), backup.read_text()) == (HAND, "older")


def test_as_a_program(tmp_path: Path) -> None:
    def status(*arguments: str) -> int:
        command = [sys.executable, "-m", "sipyco.pyon", *arguments]
        return subprocess.run(command, check=False, capture_output=True).returncode

    assert status("--help") == 0
    assert status(str(tmp_path / "none")) == 1
    assert status() == 2
