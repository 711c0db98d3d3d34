"""What ``ndsp new`` writes passes all that checks it, at once."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from ndsp.scaffold import Package, package_files, write_package
from ndsp.scaffold._name import LONGEST

Writes = Callable[..., Path]

COMBINATIONS = [*product((False, True), repeat=2)]

FIND = "import sys; sys.path.insert(0, 'src');"
"""What lets Python find a package that is not installed."""

PYTEST = ("-m", "pytest", "-p", "no:cacheprovider")

PATIENCE = 55.0
"""Seconds that a program may take; the slowest one takes ten."""


@pytest.fixture(scope="session")
def type_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy has found out about libraries, which is the same for all packages."""
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture
def write(tmp_path: Path) -> Writes:
    def write(client: bool, mediator: bool, name: str = "my_laser") -> Path:
        directory = tmp_path / name
        write_package(directory, package_files(Package(name, 3290, client, mediator)))
        return directory

    return write


def passes(directory: Path, *arguments: str) -> str:
    """Run a module or a line of code there, as someone would who has just written the package."""
    # Options of this Python and of this run of pytest are none of theirs.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYT")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("name", ["a", "my_laser", "a" * (LONGEST - 2) + "_0"])
@pytest.mark.parametrize(("client", "mediator"), COMBINATIONS)
def test_ruff_finds_nothing(write: Writes, client: bool, mediator: bool, name: str) -> None:
    directory = write(client, mediator, name)
    passes(directory, "-m", "ruff", "check", "--no-cache", ".")
    passes(directory, "-m", "ruff", "format", "--no-cache", "--check", ".")


def test_ruff_finds_nothing_with_its_own_settings_either(write: Writes) -> None:
    directory = write(client=True, mediator=True)
    passes(directory, "-m", "ruff", "check", "--no-cache", "--isolated", ".")
    passes(directory, "-m", "ruff", "format", "--no-cache", "--isolated", "--check", ".")


@pytest.mark.parametrize(("client", "mediator"), COMBINATIONS)
def test_its_tests_and_its_types_pass(
    write: Writes, type_cache: Path, client: bool, mediator: bool
) -> None:
    directory = write(client, mediator)
    assert "passed" in passes(directory, *PYTEST)
    passes(directory, "-m", "mypy", "--strict", "--cache-dir", str(type_cache), ".")


def test_its_programs_say_how_they_are_used(write: Writes) -> None:
    directory = write(client=True, mediator=False)
    project = tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))["project"]
    helps = {
        program: passes(directory, "-c", call(entry), "--help")
        for program, entry in project["scripts"].items()
    }
    for option in ("--device", "--simulation", "--timeout", "--port", "--bind"):
        assert option in helps["aqctl_my_laser"]
    for option in ("-s", "--server", "--port"):
        assert option in helps["aqcli_my_laser"]
    for entry in project["scripts"].values():
        module = entry.partition(":")[0]
        passes(directory, "-c", f"{FIND} from {module} import get_argparser; get_argparser()")


SLOW = """
import threading

import pytest
from my_laser import client
from my_laser.controller import CONTROLLER
from my_laser.driver import MyLaser
from sipyco.pc_rpc import current_call


def measure_for_long(self: MyLaser) -> float:
    current_call().progress(0.5, "point 1\\x1b[2J")
    threading.Event().wait(0.5)
    return 1.5


def test_only_connecting_has_a_limit(controller, capsys, monkeypatch):
    monkeypatch.setattr(MyLaser, "get_voltage", measure_for_long)
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    running = controller(CONTROLLER)
    assert client.main(["--port", str(running.port), "get"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "1.5\\n"
    assert "\\r 50% point 1[2J " in printed.err
    assert printed.err.endswith("\\r" + " " * 79 + "\\r")
"""


def test_a_call_of_its_client_may_take_long_and_shows_its_progress(write: Writes) -> None:
    directory = write(client=True, mediator=False)
    (directory / "tests" / "test_slow.py").write_text(SLOW, "utf-8")
    assert "1 passed" in passes(directory, *PYTEST, "tests/test_slow.py")


FOREIGN = """
import pytest
from my_laser.driver import MyLaser
from my_laser.simulation import Simulation


class SafeLaser(MyLaser):
    def close(self):
        self._ask("VOLT 0.000")
        super().close()


class Foreign(Simulation):
    def answer(self, command):
        commands.append(command)
        return [b"FOREIGN\\n"]


commands = []


def test_it_is_only_asked_what_it_is():
    with Foreign() as device, pytest.raises(ValueError, match="it calls itself 'FOREIGN'"):
        SafeLaser(device)
    assert commands == ["ID?"]
"""


def test_a_safe_state_is_not_commanded_to_a_foreign_instrument(write: Writes) -> None:
    directory = write(client=False, mediator=False)
    (directory / "tests" / "test_foreign.py").write_text(FOREIGN, "utf-8")
    assert "1 passed" in passes(directory, *PYTEST, "tests/test_foreign.py")


def call(entry: str) -> str:
    """Give what an installed program consists of."""
    module, _, function = entry.partition(":")
    return f"{FIND} from {module} import {function}; sys.exit({function}())"
