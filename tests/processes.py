"""Programs that tests start, and that never outlive them."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.serving import free_port

__all__ = ["PATIENCE", "TOP", "free_port", "listens", "program"]

TOP = Path(__file__).parents[1]

PATIENCE = 20.0
"""Seconds until a program must have done what it should. It takes a fraction of one."""


@contextlib.contextmanager
def program(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments; its output is text in ``stdout`` and ``stderr``."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    given: dict[str, Any] = {"cwd": TOP, "text": True, **pipes, **options}
    with subprocess.Popen([sys.executable, *arguments], **given) as made:
        try:
            yield made
        finally:
            made.kill()
            made.communicate()


def listens(process: subprocess.Popen[str], port: int) -> None:
    """Wait until the program listens on a port."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            assert time.monotonic() < deadline, "it does not listen"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                raise AssertionError(f"it has ended: {process.communicate()}") from None
        else:
            return
