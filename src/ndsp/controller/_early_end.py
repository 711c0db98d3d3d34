"""Requests to end that come before the server is there to hear them, or while the driver closes."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

__all__ = ["EarlyEnd", "EndedEarly"]

T = TypeVar("T")

REQUESTS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
    if hasattr(signal, name)
)
"""What asks a process to end."""


class EndedEarly(SystemExit):
    """A signal asked the process to end. Not an exception that is caught by mistake.

    Of others than SystemExit and KeyboardInterrupt, uvloop would only log that they happened.
    """


class EarlyEnd:
    """Within ``with``, requests to end strike only where that leaves nothing open.

    While something is opened (:meth:`opened`) they raise KeyboardInterrupt or
    :class:`EndedEarly`. Otherwise they are noted, and passed on to the server once it listens to
    signals. From :meth:`closing` on they are ignored, but for Ctrl-C, which a person may use
    against a driver that hangs. A SIGHUP that was ignored before stays ignored: that is what nohup
    asks for. In another thread than the main one, nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._noted: signal.Signals | None = None
        self._is_opening = False
        self._is_closing = False

    def __enter__(self) -> Self:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in REQUESTS:
                before = signal.getsignal(number)
                if number.name != "SIGHUP" or before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, before in self._before.items():
            # None: the handler was not installed from Python, which can therefore not restore it.
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def opened(self, make: Callable[[], T]) -> T:
        """Call a function that opens something; requests strike there, as do those before it."""
        if self._noted is not None:
            _raise(self._noted)
        self._is_opening = True
        try:
            made = make()
        finally:
            # At once: what was made would be lost, and stay open.
            self._is_opening = False
        return made

    def pass_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pass what was noted on to the server that will run in this loop, when it runs there."""
        # In its second turn: in the first one the server begins to listen to signals.
        loop.call_soon(loop.call_soon, self._pass_on)

    def closing(self) -> None:
        """Ignore requests from now on, so that a driver that closes is not interrupted."""
        self._is_closing = True

    def _pass_on(self) -> None:
        if self._noted is not None:
            signal.raise_signal(self._noted)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._is_opening or (self._is_closing and number == signal.SIGINT):
            _raise(signal.Signals(number))
        self._noted = signal.Signals(number)


def _raise(number: signal.Signals) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else EndedEarly
