"""Drivers that behave, and others: ``python -m tests.ndsp.testing.devices NAME ...``."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ndsp.controller import Controller

HANG = (sys.executable, "-c", "import sys; sys.stdin.read()")
"""A program that runs until nobody holds the other end of its standard input."""

release = threading.Event()
"""Lets what hangs in this process go on."""


class Lamp:
    """A lamp with a dimmer.

    Args:
        device: Where the lamp is.
        limit: Greatest brightness, 0 to 1.
    """

    def __init__(self, device: str = "desk", limit: float = 1.0) -> None:
        if device == "dark":
            raise ConnectionRefusedError("nobody answers there")
        self.device = device
        self.limit = limit
        self.is_open = True
        print(f"opened {device}", flush=True)

    def where(self) -> str:
        """Tell where it is."""
        return self.device

    def fail(self) -> None:
        """Fail, as devices do."""
        raise RuntimeError("the bulb is broken")

    def close(self) -> None:
        """Switch it off."""
        self.is_open = False
        print(f"closed {self.device}", flush=True)


class LeavesThread(Lamp):
    """Has a thread that it does not end."""

    def __init__(self) -> None:
        super().__init__()
        threading.Thread(target=self._poll, name="poller", daemon=True).start()

    def _poll(self) -> None:
        release.wait()


class LeavesSocket(Lamp):
    """Has a connection that it does not close, but that somebody else still knows."""

    kept: list[socket.socket] = []  # noqa: RUF012 - that is what is wrong with it

    def __init__(self) -> None:
        super().__init__()
        self.kept.append(socket.create_server(("127.0.0.1", 0)))


class ForgetsSocket(Lamp):
    """Has a connection that it does not close, and that is forgotten with it."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.create_server(("127.0.0.1", 0))


class LeavesProcess(Lamp):
    """Has a program that it does not end."""

    def __init__(self) -> None:
        super().__init__()
        # The other end of its input is passed on to itself, so that it hangs until it is killed.
        reading, writing = os.pipe()
        self._program = subprocess.Popen(HANG, stdin=reading, pass_fds=[writing])
        os.close(reading)
        os.close(writing)
        print(f"helper {self._program.pid}", flush=True)

    def close(self) -> None:
        """Forget the program, which therefore does not warn."""
        self._program.returncode = 0


class HangsInClose(Lamp):
    """Does not come to an end."""

    def close(self) -> None:
        """Wait for what does not come."""
        release.wait()


class HangsInOpen(Lamp):
    """Does not come to a beginning."""

    def __init__(self) -> None:
        release.wait()


class Breaks(Lamp):
    """Fails to close."""

    def close(self) -> None:
        """Fail."""
        raise OSError("the fuse has blown")


class Exits(Lamp):
    """Ends its process as soon as it is asked anything."""

    def where(self) -> str:
        """Crash."""
        print("crashing", flush=True)
        os._exit(3)


@contextlib.contextmanager
def simulated() -> Iterator[str]:
    """Give the place of a simulated lamp."""
    yield "simulation"


def _of(driver: Callable[..., Any]) -> Controller:
    return Controller(driver, name="lamp", port=3249, simulation=simulated)


CONTROLLERS = {
    driver.__name__: _of(driver)
    for driver in (
        *(Lamp, LeavesThread, LeavesSocket, ForgetsSocket, LeavesProcess),
        *(HangsInClose, HangsInOpen, Breaks, Exits),
    )
}

if __name__ == "__main__":
    sys.exit(CONTROLLERS[sys.argv[1]].run(sys.argv[2:]))
