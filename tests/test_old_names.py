"""Names that older programs import, and the test case that they derive theirs from."""

import asyncio
import atexit
import importlib
import shlex
import socket
import subprocess
import sys
import unittest
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sipyco import pyon, pyon_v1
from sipyco.pc_rpc import IncompatibleServer
from sipyco.test.generic_rpc import GenericRPCCase
from tests.serving import free_port

TOP = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("old", "new"), [("asyncio_tools", "tools"), ("logging_tools", "logs")], ids=lambda name: name
)
def test_an_old_module_warns_and_gives_everything_of_the_new(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, f"sipyco.{old}", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    user = tmp_path / f"user_of_{old}.py"
    user.write_text(f"\n\nfrom sipyco import {old}\n")
    with pytest.warns(DeprecationWarning, match=rf"sipyco\.{old} is now .* sipyco\.{new};") as got:
        module = importlib.import_module(user.stem)
    (warning,) = got
    assert (warning.filename, warning.lineno) == (str(user), 3)
    ours = getattr(module, old)
    theirs = importlib.import_module(f"sipyco.{new}")
    for name in theirs.__all__:
        assert getattr(ours, name) is getattr(theirs, name)
    assert set(ours.__all__) == {*theirs.__all__, "asyncio", "atexit"}
    assert ours.asyncio is asyncio
    assert ours.atexit is atexit


# pyon_v1

VALUE = {1: (None, True), "x": {Fraction(1, 2)}, b"k": [1j, slice(1, None)]}


def test_pyon_v1_always_writes_python_syntax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipyco.pyon._codec._default_syntax", "json")
    assert pyon_v1.encode(VALUE) == pyon.encode(VALUE, syntax="python")
    assert pyon_v1.encode(VALUE, True) == pyon.encode(VALUE, True, syntax="python")
    assert pyon_v1.encode((1,)) == "(1, )"


def test_pyon_v1_reads_what_it_writes() -> None:
    assert pyon_v1.decode(pyon_v1.encode(VALUE)) == VALUE
    assert pyon_v1.decode(pyon_v1.encode(VALUE, pretty=True).encode()) == VALUE


def test_pyon_v1_does_not_read_json() -> None:
    tagged = '{"__jsonclass__":["tuple",[[1]]]}'
    assert pyon.decode(tagged) == (1,)
    assert pyon_v1.decode(tagged) == {"__jsonclass__": ["tuple", [[1]]]}
    with pytest.raises(pyon.DecodeError):
        pyon_v1.decode("NaN")


def test_pyon_v1_stores_and_loads_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipyco.pyon._codec._default_syntax", "json")
    path = tmp_path / "value.pyon"
    pyon_v1.store_file(path, VALUE)
    assert "Fraction(1, 2)" in path.read_text()
    assert pyon_v1.load_file(str(path)) == VALUE
    path.write_text("[NaN]")
    with pytest.raises(pyon.DecodeError):
        pyon_v1.load_file(path)


# test.generic_rpc


def demo(name: str, port: int) -> list[str]:
    return [sys.executable, "-m", f"ndsp.controllers.{name}", "--simulation", "-p", str(port)]


class TestOfControllers(GenericRPCCase):
    def test_controllers_are_started_and_called(self) -> None:
        port, other = free_port(), free_port()
        camera = self.start_server("camera", demo("camera", port), port, 20, "camera", 20)
        hello = self.start_server("hello", shlex.join(demo("hello", other)), other, 20, "hello")
        assert camera.take_frame().shape == (2048, 2048)
        assert camera.get_selected_target() == "camera"
        assert hello.message("Hello World!") is None
        self.stop_server("camera")
        assert hello.message("and again") is None
        with pytest.raises(KeyError):
            self.stop_server("camera")

    def test_a_name_is_used_once(self) -> None:
        port = free_port()
        self.start_server("hello", demo("hello", port), port, 20)
        with pytest.raises(AssertionError, match="'hello' was started already"):
            self.start_server("hello", demo("hello", port), port)

    def test_a_stopped_controller_can_be_started_again(self) -> None:
        port = free_port()
        for _ in range(2):
            self.start_server("hello", demo("hello", port), port, 20)
            self.stop_server("hello")


def outcome(
    test: Callable[[GenericRPCCase], object],
    monkeypatch: pytest.MonkeyPatch,
    *,
    in_setup: bool = False,
) -> tuple[str, list[subprocess.Popen[bytes]]]:
    """Run one test; return what went wrong, and the processes that were started."""
    processes: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            processes.append(self)

    class Case(GenericRPCCase):
        def setUp(self) -> None:
            if in_setup:
                test(self)

        def runTest(self) -> None:
            if not in_setup:
                test(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    result = unittest.TestResult()
    Case().run(result)
    return "".join(text for _, text in result.failures + result.errors), processes


@pytest.mark.parametrize("in_setup", [False, True])
def test_what_a_failed_test_has_started_is_stopped(
    monkeypatch: pytest.MonkeyPatch, *, in_setup: bool
) -> None:
    def test(case: GenericRPCCase) -> None:
        port = free_port()
        case.start_server("hello", demo("hello", port), port, 20)
        raise ValueError("the test itself failed")

    error, (process,) = outcome(test, monkeypatch, in_setup=in_setup)
    assert "the test itself failed" in error
    assert process.returncode == 0


def test_a_controller_that_ends_at_its_start_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    error, _ = outcome(
        lambda case: case.start_server("hello", command, free_port(), 50), monkeypatch
    )
    assert "'hello' ended with status 3 instead of listening" in error


def test_a_controller_that_never_listens_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    error, (process,) = outcome(
        lambda case: case.start_server("hello", command, free_port(), 0), monkeypatch
    )
    assert "'hello' could not be reached in time" in error
    assert process.returncode


def test_another_program_on_the_port_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        error, processes = outcome(
            lambda case: case.start_server("hello", demo("hello", port), port), monkeypatch
        )
    assert f"another program listens on port {port} already" in error
    assert processes == []


def test_a_controller_without_the_target_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(case: GenericRPCCase) -> None:
        port = free_port()
        with pytest.raises(IncompatibleServer, match="no target 'nope'"):
            case.start_server("hello", demo("hello", port), port, 20, "nope")

    error, (process,) = outcome(test, monkeypatch)
    assert not error
    assert process.returncode is not None


DEAF = """
import signal, sys
from sipyco.pc_rpc import Server
import asyncio

class Device:
    pass

async def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await Server({"dev": Device()}).start("127.0.0.1", sys.argv[1])
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_controller_that_does_not_want_to_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def test(case: GenericRPCCase) -> None:
        port = free_port()
        case.start_server("dev", [sys.executable, "-c", DEAF, str(port)], port, 20)
        case.stop_server("dev", timeout=0)

    error, (process,) = outcome(test, monkeypatch)
    assert not error
    assert process.returncode
