"""Telling a client how far a call is: the latest, not too often, from any thread."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["ProgressReports"]

INTERVAL = 0.05
"""Seconds between reports: as often as people can see."""


class ProgressReports:
    """Passes on what a method says of its progress.

    Args:
        send: Sends a report, in the thread of the event loop; tells whether there was room.
    """

    def __init__(self, send: Callable[[float | None, str], bool]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        # What was said last, unless it was sent. Put and taken in one step, by two threads.
        self._latest: deque[tuple[float | None, str]] = deque(maxlen=1)
        self._is_called = False
        self._next_time = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, fraction: float | None, text: str) -> None:
        """Take a report."""
        self._latest.append((fraction, text))
        if threading.get_ident() == self._thread:
            self._send_in_time()
        elif not self._is_called:
            self._is_called = True
            self._loop.call_soon_threadsafe(self._called)

    def finish(self) -> None:
        """Send what was said last, unless it was sent: the answer comes next."""
        if self._timer is not None:
            self._timer.cancel()
        if self._latest:
            self._send(*self._latest.popleft())

    def _called(self) -> None:
        self._is_called = False
        self._send_in_time()

    def _send_in_time(self) -> None:
        if not self._latest or self._timer is not None:
            return
        now = self._loop.time()
        if now >= self._next_time:
            report = self._latest.popleft()
            self._next_time = now + INTERVAL
            if self._send(*report):
                return
            if not self._latest:
                self._latest.append(report)
        self._timer = self._loop.call_at(self._next_time, self._retry)

    def _retry(self) -> None:
        self._timer = None
        self._send_in_time()
