"""Programs in terminals, as whoever follows a guide sees them and types into them."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import PATIENCE

__all__ = ["CTRL_C", "Terminal"]

CTRL_C = "\x03"
"""What the key combination sends."""

TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes its standard input the terminal whose Ctrl-C reaches the program; then becomes it."""


class Terminal:
    """A program that runs in the foreground of a terminal until it ends; use it with ``with``.

    Args:
        *command: The program and its arguments.
        directory: Where it runs.
        environment: Its environment variables.
    """

    def __init__(self, *command: str, directory: Path, environment: Mapping[str, str]) -> None:
        self._name = command[0]
        self._screen = bytearray()
        self._ours, theirs = os.openpty()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", TAKE_TERMINAL, *command],
                cwd=directory,
                env=environment,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    @property
    def screen(self) -> str:
        """What has been seen so far."""
        return self._screen.decode().replace("\r\n", "\n")

    def types(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def shows(self, text: str) -> None:
        """Wait until a text is on the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            assert self._reads(deadline), f"{self._name} has ended without {text!r}: {self.screen}"

    def listens(self, host: str, port: int) -> None:
        """Wait until the program listens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection((host, port), 1.0).close()
            except OSError:
                assert time.monotonic() < deadline, f"{self._name} does not listen: {self.screen}"
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = self._process.wait(0.02)
                    raise AssertionError(f"it ended with {status}: {self._seen()}") from None
            else:
                return

    def status(self) -> int:
        """Wait for the end of the program and give its exit status."""
        self._seen()
        return self._process.wait(PATIENCE)

    def _seen(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while self._reads(deadline):
            pass
        return self.screen

    def _reads(self, deadline: float) -> bool:
        """Wait for more; False if the program has closed its end."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{self._name} shows no more than {self.screen!r}"
        try:
            more = os.read(self._ours, 4096)
        except OSError:  # Linux's way to say that nobody has the other end any more
            more = b""
        self._screen += more
        return bool(more)
