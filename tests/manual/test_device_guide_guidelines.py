"""What the guide recommends for controllers, in one that keeps to it, and in what it prints."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manual.device_guide import printed
from tests.manual.device_guide.frontend import aqcli_hello, aqctl_hello
from tests.manual.listings import Listing
from tests.manual.reader import Reader
from tests.manual.terminal import CTRL_C
from tests.processes import TOP

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the guide is for a POSIX shell")

CONTROLLER = "python -m tests.manual.device_guide.frontend.aqctl_hello --port 3249"

METHODS = """\
A console that shows messages.

Args:
    device: The file that messages are written to; None shows them on standard output.

close() -> None
    Say goodbye to the console, and let go of it.

message(msg: str) -> int
    Write a line to the console.

    Returns:
        The number of characters, without the line's end.

ping() -> bool
    Tell whether the console can be written to.

terminate()
    Terminate the server.
"""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize("option", ["-d", "--device"])
def test_the_device_is_an_option_and_is_closed_when_the_controller_is_asked_to_end(
    option: str, reader: Reader
) -> None:
    with reader.starts(f"{CONTROLLER} -v {option} console.txt") as terminal:
        terminal.listens("127.0.0.1", reader.port)
        called = reader.runs("sipyco_rpctool 127.0.0.1 3249 call message '\"to a file\"'")
        assert (called.returncode, called.stdout) == (0, "9\n")
        terminal.shows("INFO:__main__:opened console.txt\n")
        terminal.types(CTRL_C)
        assert terminal.status() == 0
    shown = (reader.directory / "console.txt").read_text("utf-8")
    assert shown == "message: to a file\nclosed\n"


def test_the_simulation_behaves_as_the_device_does_and_needs_none(reader: Reader) -> None:
    with reader.starts(f"{CONTROLLER} --simulation") as terminal:
        terminal.listens("127.0.0.1", reader.port)
        called = reader.runs("sipyco_rpctool 127.0.0.1 3249 call message '\"simulated\"'")
        assert (called.returncode, called.stdout) == (0, "9\n")
        terminal.types(CTRL_C)
        assert terminal.status() == 0
        assert terminal.screen.replace("^C", "") == "message: simulated\nclosed\n"
    assert list(reader.directory.iterdir()) == []


def test_a_device_has_to_be_named_unless_it_is_simulated(reader: Reader) -> None:
    done = reader.runs(CONTROLLER)
    assert done.returncode == 2
    assert "-d/--device --simulation is required" in done.stderr


def test_the_device_is_closed_when_the_server_cannot_start(reader: Reader) -> None:
    with socket.create_server(("127.0.0.1", reader.port)):
        done = reader.runs(f"{CONTROLLER} --simulation --bind 127.0.0.1")
    assert done.returncode != 0
    assert done.stdout == "closed\n"


def test_the_tool_shows_the_docstrings_of_the_driver(reader: Reader) -> None:
    with reader.starts(f"{CONTROLLER} --simulation") as terminal:
        terminal.listens("127.0.0.1", reader.port)
        assert reader.runs("sipyco_rpctool 127.0.0.1 3249 list-methods").stdout == METHODS


def test_client_and_controller_name_their_common_options_alike() -> None:
    controller = aqctl_hello.get_argparser().parse_args(["--simulation", "--port", "3250"])
    client = aqcli_hello.get_argparser().parse_args(["--port", "3250", "a message"])
    assert controller.port == client.port == 3250


@pytest.mark.parametrize("program", printed.PROGRAMS, ids=lambda program: program.name)
def test_a_repaired_program_has_the_form_that_the_guide_recommends(
    program: Listing, tmp_path: Path
) -> None:
    path = tmp_path / "program.py"
    path.write_text(program.repaired(), "utf-8")
    # pycodestyle, pyflakes, names as in PEP 8, double quotes; as flake8 with its plugins.
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet"]
    command = [*ruff, "--select=E,W,F,N,Q", str(path)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
