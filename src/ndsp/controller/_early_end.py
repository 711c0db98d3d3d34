"""Requests to end that come before the server is there to hear them, or while the driver closes."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["EarlyEnd", "EndedEarly"]

REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name)
)
"""What asks a process to end, besides Ctrl-C, for which Python raises KeyboardInterrupt."""


class EndedEarly(BaseException):
    """A signal asked the process to end. Like KeyboardInterrupt, it is not caught by mistake."""


class EarlyEnd:
    """Within ``with``, such a signal raises :class:`EndedEarly`, so that what is open is closed.

    A SIGHUP that was ignored before stays ignored: that is what nohup asks for. In another thread
    than the main one, nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._is_heeded = True

    def __enter__(self) -> Self:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in REQUESTS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
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

    def ignore(self) -> None:
        """Ignore the signals from now on, so that a driver that closes is not interrupted."""
        self._is_heeded = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_heeded:
            self._is_heeded = False
            raise EndedEarly
