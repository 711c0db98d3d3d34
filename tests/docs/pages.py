"""Runs what stands in a page of the documentation, in the order in which it stands there.

* A ``python`` block that begins with a comment like ``# hello.py`` is saved as this file; any other
  is executed. All of a page share one namespace.
* A ``pycon`` block is executed; what it prints or raises must be what the page says.
* A ``console`` block is run by a shell. A program that serves until it is asked to end is left
  running until another one takes its port, or the page ends, and must then end with status 0.
* The lines of a ``text`` block must be found in what these servers have printed, if there are any.
  If they begin with ``C:`` and ``S:``, they are a conversation of a client with the last of them.

``...`` stands for anything. Ports 3200 to 3299 are replaced by free ones.
"""

import contextlib
import doctest
import io
import os
import re
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\w+\.py)\b")
PORT = re.compile(r"\b32\d\d\b")
SERVES = re.compile(
    r"\b(?:simple_server_loop|simple_rexec_server_loop|run_controller|wait_terminate)\("
)
MANAGER = re.compile(r"ndsp ctlmgr .*--port-control (\d+)")
PATIENCE = 20.0
"""Seconds until a server must listen, or have printed what the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    line: int

    @property
    def is_run(self) -> bool:
        return self.language in {"python", "pycon", "console"}


def blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page."""
    text = page.read_text("utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)
        for found in FENCE.finditer(text)
    ]


class Server:
    """A program of a page that serves until it is asked to end."""

    def __init__(self, command: str, port: int, directory: Path, environment: dict[str, str]):
        self.command = command
        self.port = port
        self._log = directory / f"server-{port}-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            # Not by a shell, which would be asked to end instead of the program.
            self._process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def output(self) -> str:
        return self._log.read_text("utf-8")

    def end(self) -> None:
        """Ask the program to end as a service manager would."""
        self._process.terminate()
        self.has_ended()

    def has_ended(self) -> None:
        """Wait for the end of the program, which somebody has asked for."""
        try:
            status = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
        assert status == 0, f"{self.command!r} ended with status {status}:\n{self.output()}"

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, f"{self.command!r} has ended:\n{self.output()}"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                assert time.monotonic() < deadline, f"{self.command!r} does not listen"
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.02)
            else:
                return


class Runner:
    """Runs the blocks of one page."""

    def __init__(self, page: Path, directory: Path) -> None:
        self._page = page
        self._directory = directory
        self._ports: dict[str, int] = {}
        self._servers: list[Server] = []
        self._ended: list[Server] = []
        self._namespace: dict[str, Any] = {"__name__": f"docs.{page.stem}"}
        programs = Path(sys.executable).parent
        self._environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
        }
        self._environment.pop("SIPYCO_SYNTAX", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.ExitStack() as stack:
            for server in self._servers:
                stack.callback(server.end)

    def run(self, block: Block) -> None:
        known = {
            "python": self._python,
            "pycon": self._pycon,
            "console": self._console,
            "text": self._text,
        }
        if block.language in known:
            known[block.language](block)

    def _python(self, block: Block) -> None:
        text = self._with_free_ports(block.text)
        named = FILE_NAME.match(text)
        if named:
            (self._directory / named[1]).write_text(text, "utf-8")
            return
        # The empty lines let a traceback name the line of the page.
        padded = "\n" * (block.line - 1) + text
        exec(compile(padded, str(self._page), "exec"), self._namespace)

    def _pycon(self, block: Block) -> None:
        text = self._with_free_ports(block.text)
        for example in doctest.DocTestParser().get_examples(text):
            printed = io.StringIO()
            code = compile(example.source, f"{self._page}:{block.line + example.lineno}", "single")
            wanted = example.exc_msg or example.want
            with contextlib.redirect_stdout(printed):
                try:
                    exec(code, self._namespace)
                except Exception as error:
                    if not example.exc_msg:
                        raise
                    # Only its last line; the notes of remote exceptions are long.
                    printed.write(traceback.format_exception_only(error)[0])
            self._compare(wanted, printed.getvalue(), example.source)

    def _console(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command = re.match(r"(?:[^\n]*\\\n)*[^\n]*", part)[0]  # type: ignore[index]
            wanted = part.removeprefix(command)
            port = self._served_port(command)
            if port is not None:
                self._serve(self._with_free_ports(command), port)
                continue
            done = subprocess.run(
                self._with_free_ports(command),
                shell=True,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            self._compare(wanted, done.stdout, command)
            if command.endswith("call terminate"):
                server = self._servers.pop()
                self._ended.append(server)
                server.has_ended()

    def _text(self, block: Block) -> None:
        if block.text.startswith("C: "):
            self._conversation(block.text)
            return
        if not self._server_output() and not self._servers:
            return
        deadline = time.monotonic() + PATIENCE
        for line in block.text.splitlines():
            wanted = f"...{line}..."
            while not self._matches(wanted, self._server_output()):
                assert time.monotonic() < deadline, (
                    f"no server has printed {line!r}, but:\n{self._server_output()}"
                )
                time.sleep(0.02)

    def _conversation(self, text: str) -> None:
        server = self._servers[-1]
        with (
            socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection,
            connection.makefile("rwb") as stream,
        ):
            for line in text.splitlines():
                who, _, said = line.partition(":")
                if who == "C":
                    stream.write(said.strip().encode() + b"\n")
                    stream.flush()
                else:
                    self._compare(said, stream.readline().decode(), "the line before")

    def _served_port(self, command: str) -> int | None:
        """Give the port on which a command serves, None if it does not serve at all."""
        managed = MANAGER.match(command)
        if managed:
            return self._free_port(managed[1])
        program = re.search(r"\bpython (\w+\.py)", command)
        if program is None or "--help" in command:
            return None
        text = (self._directory / program[1]).read_text("utf-8")
        if not SERVES.search(text):
            return None
        chosen = PORT.search(command)
        if chosen:
            return self._free_port(chosen[0])
        used = [port for port in self._ports.values() if str(port) in text]
        assert used, f"{program[1]} does not say on which port it serves"
        return used[0]

    def _serve(self, command: str, port: int) -> None:
        for server in [server for server in self._servers if server.port == port]:
            self._servers.remove(server)
            self._ended.append(server)
            server.end()
        self._servers.append(Server(command, port, self._directory, self._environment))

    def _server_output(self) -> str:
        return "".join(server.output() for server in (*self._ended, *self._servers))

    def _with_free_ports(self, text: str) -> str:
        return PORT.sub(lambda found: str(self._free_port(found[0])), text)

    def _free_port(self, shown: str) -> int:
        while shown not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as found:
                port = found.getsockname()[1]
            if port not in self._ports.values():
                self._ports[shown] = port
        return self._ports[shown]

    def _compare(self, wanted: str, got: str, what: str) -> None:
        assert self._matches(wanted, got), (
            f"{self._page.name}: {what!r} gave\n{self._as_shown(got)}\nand the page says\n{wanted}"
        )

    def _matches(self, wanted: str, got: str) -> bool:
        parts = [re.escape(part) for part in self._with_free_ports(wanted).strip().split("...")]
        return re.fullmatch(".*".join(parts), got.strip(), re.DOTALL) is not None

    def _as_shown(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = text.replace(str(real), shown)
        return text
