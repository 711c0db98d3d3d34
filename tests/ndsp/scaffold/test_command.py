"""``ndsp new`` as it is typed."""

import json
from pathlib import Path

import pytest

from ndsp.cli import main
from ndsp.scaffold._package import default_port
from sipyco import __version__

Captured = pytest.CaptureFixture[str]


def wrong_usage(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new", *arguments])
    assert ended.value.code == 2


def test_it_tells_what_it_wrote_and_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_laser"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    port = default_port("my_laser")
    assert f"its controller has the port {port}, which --port changes" in printed.out
    written = {
        path.relative_to("my_laser").as_posix()
        for path in Path("my_laser").rglob("*")
        if path.is_file()
    }
    lines = [line.strip() for line in printed.out.splitlines()]
    assert written == set(lines[2 : 2 + len(written)])
    assert "cd my_laser" in lines
    from_sources, installed, tested = (
        next(number for number, line in enumerate(lines) if line.startswith(command))
        for command in (
            'python -m pip install "/path/to/sipyco',
            "python -m pip install -e",
            "pytest",
        )
    )
    assert from_sources < installed < tested
    assert f"only if pip finds no sipyco>={__version__}" in lines[from_sources]
    assert any(line.startswith("aqctl_my_laser --simulation") for line in lines)
    assert "aqcli" not in printed.out


def test_hyphens_become_underscores_with_a_word_about_it(tmp_path: Path, capsys: Captured) -> None:
    assert main(["new", "my-laser", "--directory", str(tmp_path)]) == 0
    assert (tmp_path / "my_laser").is_dir()
    assert "'my-laser' becomes 'my_laser'" in capsys.readouterr().err


def test_a_program_can_read_what_was_written(tmp_path: Path, capsys: Captured) -> None:
    options = ["--client", "--port", "3291", "--directory", str(tmp_path), "--json"]
    assert main(["new", "lda_7", *options]) == 0
    written = json.loads(capsys.readouterr().out)
    assert (written["name"], written["port"]) == ("lda_7", 3291)
    directory = Path(written["directory"])
    assert directory == tmp_path / "lda_7"
    assert all((directory / path).is_file() for path in written["files"])
    assert "src/lda_7/client.py" in written["files"]


def test_the_port_is_that_of_everything(tmp_path: Path) -> None:
    options = ["--client", "--mediator", "--port", "51234", "--directory", str(tmp_path)]
    assert main(["new", "lda_7", *options]) == 0
    for path in ("README.md", "device_db.py", "src/lda_7/controller.py", "src/lda_7/client.py"):
        assert "51234" in (tmp_path / "lda_7" / path).read_text("utf-8"), path


def test_a_port_that_a_program_has_is_used_with_a_warning(tmp_path: Path, capsys: Captured) -> None:
    assert main(["new", "lda_7", "--port", "3251", "--directory", str(tmp_path)]) == 0
    assert "3251 is the default port of master" in capsys.readouterr().err


def test_what_is_there_already_is_not_overwritten(tmp_path: Path, capsys: Captured) -> None:
    assert main(["new", "lda_7", "--directory", str(tmp_path)]) == 0
    readme = tmp_path / "lda_7" / "README.md"
    readme.write_text("mine", "utf-8")
    capsys.readouterr()
    assert main(["new", "lda_7", "--client", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "something is there already" in printed.err
    assert readme.read_text("utf-8") == "mine"
    assert not (tmp_path / "lda_7" / "src" / "lda_7" / "client.py").exists()


def test_a_directory_that_is_not_there_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert main(["new", "lda_7", "--directory", str(tmp_path / "missing")]) == 1
    assert "give another --directory" in capsys.readouterr().err


def test_a_name_that_cannot_be_had_is_wrong_usage(capsys: Captured) -> None:
    wrong_usage("numpy")
    assert "a package of this name is installed" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "ttyUSB0"])
def test_a_port_that_is_none_is_wrong_usage(port: str, capsys: Captured) -> None:
    wrong_usage("lda_7", "--port", port)
    said = capsys.readouterr().err
    assert "from 1 to 65535" in said
    assert "or 0" not in said
