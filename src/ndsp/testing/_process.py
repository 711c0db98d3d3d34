"""A controller in a process of its own, as it runs in a laboratory."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import psutil

from ndsp.testing._ports import wait_for_listener
from ndsp.testing._resources import alive_after, children, describe_process, kill
from ndsp.testing._running import ControllerDidNotStart, RunningController
from sipyco.tools import SimpleSSLConfig

__all__ = ["ProcessController"]

LINES = 50
"""How many of the last lines of its output are shown with a failure."""

DUMP = 2.0
"""Seconds in which a process that does not end may tell where it hangs."""

CHILDREN = 1.0
"""Seconds in which processes that it has started may end after it."""

RESOURCE_WARNING = re.compile(r"^(?:.*: )?ResourceWarning: (?!Enable tracemalloc).*$", re.MULTILINE)


class ProcessController(RunningController):
    """Runs ``python -m MODULE`` or ``python FILE`` with ResourceWarnings shown.

    Args:
        name: What to call it.
        program: Arguments of Python that name the program.
        arguments: Those of the program.
        port: On which it will listen, as the arguments tell it.
        log: File for what it prints.
        environment: What is different in its environment.
        patience: Seconds until it must listen, and end when it is asked to.
        ssl_config: For its clients.

    Raises:
        ControllerDidNotStart: It does not listen in time. It has ended.
    """

    __module__ = "ndsp.testing"

    def __init__(
        self,
        name: str,
        program: Sequence[str],
        arguments: Sequence[str],
        *,
        port: int,
        log: Path,
        environment: Mapping[str, str],
        patience: float,
        ssl_config: SimpleSSLConfig | None,
    ) -> None:
        super().__init__(patience, ssl_config)
        self.name = name
        self.port = port
        self._log = log
        self._was_asked = False
        self._children: set[psutil.Process] = set()
        command = [sys.executable, "-W", "always::ResourceWarning", *program, *arguments]
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - the program that the test names
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=_environment() | dict(environment),
                # Windows sends Ctrl-Break, which asks a program to end, to groups only.
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        try:
            self._seen = psutil.Process(self._process.pid)
            host = wait_for_listener(self._seen, port, self._ends_within, patience)
            if host is None:
                self._raise_did_not_start(command)
            self.host = host
            self._children = children(self._seen)
        except BaseException:
            self._kill()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def output(self) -> str:
        """Give what it has printed so far."""
        return self._log.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")

    def _raise_did_not_start(self, command: Sequence[str]) -> NoReturn:
        status = self._process.poll()
        if status is None:
            found = f"did not listen on port {self.port} within {self._patience} s"
            self._children = children(self._seen)
            self._dump()
        else:
            found = f"ended with {_describe(status)} before it listened on port {self.port}"
        self._kill()
        raise ControllerDidNotStart(
            f"{subprocess.list2cmdline(command)} {found}; its output:\n{self._last_output()}",
            status=status,
            output=self.output(),
        )

    def _is_running(self) -> bool:
        return self._process.poll() is None

    def _ask_to_end(self) -> None:
        self._was_asked = True
        self._children |= children(self._seen)
        if sys.platform == "win32":
            # Fails in a service, which has no console to send it through.
            with contextlib.suppress(OSError):
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
                return
        self._process.terminate()

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _wait(self, status: int | None) -> list[str]:
        self._is_done = True
        try:
            found = self._ending(status)
            found += self._left_behind()
            found += [
                f"it printed {warning.strip()!r}; close it where the driver closes"
                for warning in dict.fromkeys(RESOURCE_WARNING.findall(self.output()))
            ]
        finally:
            self._kill()
        who = f"controller {self.name} (process {self.pid})"
        output = ["its last output:", self._last_output()]
        return [f"{who}: {found[0]}", *found[1:], *output] if found else []

    def _ending(self, status: int | None) -> list[str]:
        if not self._ends_within(self._patience):
            self._dump()
            what = "when it was asked to, and was killed" if self._was_asked else "by itself"
            return [
                f"did not end within {self._patience} s {what}; the output may tell where it is"
            ]
        ended = self._process.returncode
        if status is None or ended == status:
            return []
        when = "ended" if self._was_asked else "ended by itself"
        return [f"{when} with {_describe(ended)}, where {status} is right"]

    def _left_behind(self) -> list[str]:
        left = alive_after(CHILDREN, self._children)
        return [f"left behind {describe_process(child)}" for child in left]

    def _dump(self) -> None:
        """Have it print where its threads are, which ends it."""
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGABRT)
            self._ends_within(DUMP)

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._children |= children(self._seen)
            self._process.kill()
            self._process.wait()
        kill(self._children)

    def _last_output(self) -> str:
        lines = self.output().splitlines()[-LINES:] or ["(nothing)"]
        return "\n".join(f"  | {line}" for line in lines)


def _environment() -> dict[str, str]:
    return os.environ | {
        # So that it finds the modules that the tests find.
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        # Tells where it hangs if it has to be killed.
        "PYTHONFAULTHANDLER": "1",
    }


def _describe(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-status).name}, without closing its device"
    return f"signal {-status}"
