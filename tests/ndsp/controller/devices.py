"""Controllers that the tests start: ``python -m tests.ndsp.controller.devices NAME ...``."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from ndsp.controller import Controller


def say(text: str) -> None:
    """Tell the test something, which reads standard output."""
    print(text, flush=True)


class Lamp:
    """A lamp with a dimmer.

    Args:
        device: Where the lamp is.
        limit: Greatest brightness, 0 to 1.
    """

    def __init__(self, device: str, limit: float = 1.0) -> None:
        if device == "dark":
            raise ConnectionRefusedError("nobody answers there")
        self.device = device
        self.limit = limit
        say(f"open {device} {limit}")

    def where(self) -> str:
        """Tell where it is."""
        return self.device

    def block(self) -> None:
        """Hold on for a minute."""
        say("blocks")
        time.sleep(60)

    def close(self) -> None:
        """Switch it off."""
        say(f"closed {self.device}")


@contextlib.contextmanager
def simulated_lamp() -> Iterator[str]:
    """Give the place of a simulated lamp."""
    say("simulation on")
    yield "simulated"
    say("simulation off")


class Slow:
    """Takes its time to open."""

    def __init__(self) -> None:
        say("opening")
        time.sleep(60)


class Stubborn(Lamp):
    """Takes its time to close."""

    def close(self) -> None:
        """Switch it off slowly: the test reads the first line and answers with a signal."""
        say("closing")
        sys.stdin.readline()
        super().close()


class Broken(Lamp):
    """Fails to close."""

    def close(self) -> None:
        """Fail."""
        raise OSError("the fuse has blown")


class Coroutines:
    """Everything is a coroutine."""

    async def where(self) -> str:
        """Tell where it is."""
        return "in the loop"

    async def close(self) -> None:
        """Say so."""
        say("closed in the loop")


class Prickly:
    """Whose properties raise."""

    @property
    def ping(self) -> None:
        """Raise."""
        raise OSError("ping")

    @property
    def close(self) -> None:
        """Raise."""
        raise OSError("close")

    def where(self) -> str:
        """Tell where it is."""
        return "here"


class Threads:
    """Starts a thread that does not end."""

    def __init__(self) -> None:
        threading.Thread(target=time.sleep, args=(60,), name="acquisition").start()


async def make_coroutines() -> Coroutines:
    """Open in the loop."""
    return Coroutines()


async def open_slowly() -> Coroutines:
    """Take its time to open, in the loop."""
    say("opening")
    await asyncio.sleep(60)
    return Coroutines()


CONTROLLERS = {
    "lamp": Controller(Lamp, name="lamp", port=3249, simulation=simulated_lamp),
    "slow": Controller(Slow, name="slow", port=3249),
    "slowly": Controller(open_slowly, name="slowly", port=3249),
    "stubborn": Controller(Stubborn, name="lamp", port=3249),
    "broken": Controller(Broken, name="lamp", port=3249),
    "coroutines": Controller(make_coroutines, name="coroutines", port=3249),
    "prickly": Controller(Prickly, name="prickly", port=3249),
    "threads": Controller(Threads, name="threads", port=3249),
    "nothing": Controller(lambda: None, name="nothing", port=3249),
    "class": Controller(lambda: Slow, name="class", port=3249),
    "rexec": Controller(Lamp, name="lamp", port=3249, simulation=simulated_lamp, remote_exec=True),
}

if __name__ == "__main__":
    sys.exit(CONTROLLERS[sys.argv[1]].run(sys.argv[2:]))
