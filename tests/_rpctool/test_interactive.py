import asyncio
import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from sipyco._rpctool.commands import Session
from sipyco._rpctool.failures import Failure
from sipyco._rpctool.interactive import Interpreter
from sipyco.sipyco_rpctool import main
from tests._rpctool.answers import ESCAPES, SEEN_ESCAPES, answering, method_list, returned
from tests.serving import served

HOST = "127.0.0.1"

TURNED = "\x1b[31mdev"
"""A target whose name paints the terminal."""


def said(interpreter: Interpreter, line: str) -> str | None:
    """Give what a line is answered with; None if nothing is."""
    return "\n".join(interpreter.answer(line)) or None


@pytest.fixture
def interpreter(device: str) -> Iterator[Interpreter]:
    with Session(HOST, int(device)) as session:
        session.select(None)
        yield Interpreter(session)


def test_a_line_is_a_call_and_its_result_the_answer(interpreter: Interpreter) -> None:
    assert said(interpreter, "echo(1, 2, unit='A')") == "(1, 2, 'A')"
    assert said(interpreter, "nothing()") is None
    assert said(interpreter, "") is None
    assert said(interpreter, "# a remark") is None


def test_the_last_result_is_at_hand(interpreter: Interpreter) -> None:
    said(interpreter, "echo(20)")
    said(interpreter, "nothing()")
    assert said(interpreter, "echo(_ + 1)") == "21"


def test_help_explains_the_target_or_one_method(interpreter: Interpreter) -> None:
    everything = said(interpreter, "help")
    assert everything
    assert everything.startswith("A device for tests.")
    assert said(interpreter, "help nothing") == "nothing() -> None"
    with pytest.raises(Failure, match="no method 'dance'"):
        said(interpreter, "help dance")


def test_a_failure_leaves_the_next_line_possible(interpreter: Interpreter) -> None:
    for line in ("fail()", "dance()", "echo", "echo(1/0)", "echo(print)"):
        with pytest.raises(Failure):
            said(interpreter, line)
    assert said(interpreter, "echo(3)") == "3"


def test_lines_from_a_pipe_are_answered_without_a_prompt(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("echo(1)\n\necho(_ + 1)\n"))
    assert main([HOST, device]) == 0
    assert capsys.readouterr() == ("1\n2\n", "")


def test_lines_from_a_pipe_end_at_the_first_failure(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("echo(1)\nfail()\necho(2)\n"))
    assert main([HOST, device, "interactive"]) == 1
    assert capsys.readouterr() == ("1\n", "sipyco_rpctool: ValueError: no such channel\n")


def micro_server(listener: socket.socket) -> None:
    """Talk like the small servers of other make: a Python repr, and no list of methods."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb", buffering=0) as stream:
        for answer in (
            b"{'targets': ['x'], 'description': ''}\n",
            b"{'status': 'failed', 'exception': 'no such action'}\n",
            b"{'status': 'ok', 'ret': 12.5}\n",
        ):
            stream.readline()
            if b"targets" in answer:
                stream.write(answer)
                stream.readline()
                stream.write(b"{'get'}\n")
            else:
                stream.write(answer)


def test_only_methods_that_can_be_typed_are_offered_and_their_signatures_are_shown_safely() -> None:
    described = method_list(args=["self", ESCAPES])
    described["methods"][ESCAPES] = described["methods"]["move"]
    with answering(returned(described)) as (port, _), Session(HOST, int(port)) as session:
        session.select(None)
        assert Interpreter(session).signatures() == {"move": f"({SEEN_ESCAPES})"}


def test_a_session_goes_on_after_an_answer_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard("move(1)\nmove(2)\n"))
    with answering(returned(method_list()), "garbage", returned(5), target=TURNED) as (port, _):
        assert main([HOST, port]) == 0
    printed = capsys.readouterr()
    assert printed.out == "5\n"
    assert "'move' was called, but its answer cannot be read" in printed.err
    assert r"\x1b[31mdev> " in printed.err
    assert "\x1b" not in printed.err


def test_a_server_that_cannot_describe_itself_can_be_called() -> None:
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=micro_server, args=(listener,))
        thread.start()
        with Session(HOST, listener.getsockname()[1]) as session:
            session.select(None)
            interpreter = Interpreter(session)
            assert interpreter.signatures() == {}
            assert said(interpreter, "get()") == "12.5"
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows processes do not send signals")
@pytest.mark.parametrize("action", [["call", "hold"], ["interactive"]])
def test_ctrl_c_ends_the_wait_for_an_answer(action: list[str]) -> None:
    class Holding:
        def __init__(self) -> None:
            self.held = threading.Event()

        async def hold(self) -> None:
            self.held.set()
            await asyncio.Event().wait()

    holding = Holding()
    with (
        served({"dev": holding}) as port,
        subprocess.Popen(
            [sys.executable, "-m", "sipyco.sipyco_rpctool", HOST, str(port), *action],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as tool,
    ):
        assert tool.stdin
        tool.stdin.write("hold()\n")
        tool.stdin.flush()
        assert holding.held.wait(30)
        tool.send_signal(signal.SIGINT)
        printed, complaint = tool.communicate()
    assert printed == ""
    assert "may still be running" in complaint
    assert complaint.count("\n") == 1
    assert tool.returncode == 130


TERMINAL_PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from sipyco.sipyco_rpctool import main
sys.exit(main())
"""


PATIENCE = 20.0
"""Seconds until a terminal that shows nothing more fails the test."""


class Terminal:
    """The tool at a terminal of its own, and a person who waits for what is shown there."""

    def __init__(self, port: str, state: Path, missing: str) -> None:
        import termios

        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        environment = {
            **os.environ,
            "TERM": "xterm",
            "XDG_STATE_HOME": str(state),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", TERMINAL_PROGRAM, missing, HOST, port],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self._shown = ""
        self._cut = ""

    def wait_for(self, text: str, interrupting: bool = False) -> None:
        while text not in self._shown:
            if select.select([self._master], [], [], 0.2 if interrupting else PATIENCE)[0]:
                self._take(os.read(self._master, 65536).decode())
            elif interrupting:
                # Python's readline misses a signal that comes between two keys: press it again.
                self.type("\x03")
            else:
                pytest.fail(f"waited for {text!r}, but was shown {self._shown!r}")
        self._shown = self._shown.partition(text)[2]

    def _take(self, data: str) -> None:
        whole, escape, last = (self._cut + data).rpartition("\x1b")
        # An escape sequence may arrive in two parts: the first waits for the second.
        self._cut = escape + last if escape and re.fullmatch(r"\[?[0-9;?]*", last) else ""
        shown = whole if self._cut else whole + escape + last
        # The editor asks where the cursor is, and a terminal answers: line 5, column 1.
        if "\x1b[6n" in shown:
            self.type("\x1b[5;1R")
        self._shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self) -> int:
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals like these")
@pytest.mark.parametrize(
    ("missing", "completion", "history"),
    [
        # The menu of completions appears while the name is typed, and Tab takes from it.
        ("", [("ec", "echo"), ("\t", "ho(")], "rpctool.history"),
        ("prompt_toolkit", [("ec\t", "echo(")], "rpctool.readline-history"),
        ("prompt_toolkit,readline", [("echo(", "echo(")], None),
    ],
    ids=["prompt_toolkit", "readline", "plain"],
)
def test_a_session_at_a_terminal(
    device: str,
    tmp_path: Path,
    missing: str,
    completion: list[tuple[str, str]],
    history: str | None,
) -> None:
    with Terminal(device, tmp_path, missing) as terminal:
        terminal.wait_for("help lists the methods")
        terminal.wait_for("dev>")
        for typed, shown in completion:
            terminal.type(typed)
            terminal.wait_for(shown)
        terminal.type("40 + 2)\r")
        terminal.wait_for("42\r\n")
        terminal.wait_for("dev>")
        terminal.type("fail()\r")
        terminal.wait_for("sipyco_rpctool: ValueError: no such channel")
        terminal.wait_for("dev>")
        terminal.type("never_called(")
        terminal.wait_for("never_called(")
        terminal.wait_for("dev>", interrupting=True)
        # That may have been the old prompt, drawn once more: only an answer shows that it is over.
        terminal.type("echo('go' + 'es on')\r")
        terminal.wait_for("'goes on'\r\n")
        terminal.wait_for("dev>")
        terminal.type("\x04")
        assert terminal.wait() == 0
    if history:
        lines = (tmp_path / "sipyco" / history).read_text()
        assert "echo(40 + 2)" in lines
        assert "never_called" not in lines


def test_items_are_given_one_by_one_and_the_last_is_at_hand(device: str) -> None:
    with Session("127.0.0.1", int(device)) as session:
        session.select(None)
        interpreter = Interpreter(session)
        assert list(interpreter.answer("count(3)")) == ["None", "1", "2"]
        assert said(interpreter, "echo(_)") == "2"
        with pytest.raises(Failure, match="no more film"):
            list(interpreter.answer("count(1, fail=True)"))
        assert said(interpreter, "echo(5)") == "5"
