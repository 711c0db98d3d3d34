"""The command line ``ndsp`` as a whole."""

import subprocess
import sys

import pytest

from ndsp.cli import SUBCOMMANDS, get_argparser, main
from tests.processes import PATIENCE


@pytest.mark.parametrize("words", [[], *([name] for name in SUBCOMMANDS)])
def test_every_help_has_a_summary_and_fits_the_terminal(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match=r"^0$"):
        get_argparser().parse_args([*words, "--help"])
    text = capsys.readouterr().out
    assert text.startswith(" ".join(["usage: ndsp", *words]))
    assert max(map(len, text.splitlines())) <= 80


def test_without_a_command_it_says_that_one_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main([])
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["psutil", "rich", "watchfiles"])
def test_what_is_not_installed_is_named_with_what_installs_it(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; from ndsp.cli import main; main(['ports'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == (
        f"ndsp needs {missing}, which is not installed; "
        "install it with: pip install 'sipyco[ndsp]'\n"
    )
