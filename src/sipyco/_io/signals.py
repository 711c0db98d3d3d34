"""Waiting, in a coroutine, for the operating system to ask the process to end."""

import asyncio
import contextlib
import functools
import logging
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

TERMINATING = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
"""Ctrl-C, service managers, the end of a terminal, Ctrl-Break: what the platform has of them."""


class SignalHandler:
    """Turns the signals that end a process into the end of `wait_terminate`."""

    # By `signal.signal` and not by `loop.add_signal_handler`, since it is the same on Windows,
    # leaves handlers of the loop alone, needs no loop before one runs, and can be undone exactly.

    __module__ = "sipyco.tools"

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, Any] = {}
        self._received: signal.Signals | None = None
        self._wakes: list[Callable[[], object]] = []

    def setup(self) -> None:
        """Take the signals over. A signal that arrives before `wait_terminate` is remembered.

        Only the main thread of a process may do this; elsewhere it is logged, and no signal ends
        `wait_terminate`. A SIGHUP that was ignored stays ignored: that is what nohup asks for.
        """
        self._received = None
        for number in TERMINATING:
            previous = signal.getsignal(number)
            if number in self._previous:
                continue
            if number.name == "SIGHUP" and previous is signal.SIG_IGN:
                continue
            try:
                signal.signal(number, self._on_signal)
            except ValueError as error:
                logger.debug("signals will not end this server: %s", error)
                return
            self._previous[number] = previous

    def teardown(self) -> None:
        """Give the signals back to whatever handled them before `setup`."""
        while self._previous:
            number, previous = self._previous.popitem()
            # None: the handler was not installed from Python, which can therefore not restore it.
            if previous is not None:
                signal.signal(number, previous)

    async def wait_terminate(self) -> None:
        """Return when a signal has come since `setup`, at once if it came before this call."""
        received = asyncio.Event()
        wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, received.set)
        # Registered first, looked at second: a signal in between is seen by both, not by neither.
        self._wakes.append(wake)
        try:
            if self._received is None:
                await received.wait()
        finally:
            self._wakes.remove(wake)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._received == signal.SIGINT:
            # Somebody waits for a method that hangs in the main thread: strike it.
            raise KeyboardInterrupt
        self._received = signal.Signals(number)
        for wake in tuple(self._wakes):
            # A loop that was closed under its waiter: nobody is left to be told.
            with contextlib.suppress(RuntimeError):
                wake()
