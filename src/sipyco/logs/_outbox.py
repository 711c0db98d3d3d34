"""Lines that are to be sent, and lines that were sent but may not have arrived."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["RESEND_SIZE", "Outbox"]

RESEND_SIZE = 2 << 20
"""Bytes that the other machine has confirmed, and that are still kept to be sent again.

Our server holds at most half of this that it has not logged: what its system has received, what
is being decrypted, and the piece that it is at work on.
"""


class Outbox:
    """Keeps lines in order until they are as good as certain to have arrived.

    `put` may be called from any thread; everything else belongs to the thread that sends.

    Args:
        capacity: Lines that may wait; 0 or less for any number. Those that are sent again do not
            count.
        notice: Makes the line that tells how many were dropped.
        lock: Reentrant, since a signal handler that logs may interrupt the same thread in here.
            Of the caller, if that holds one whenever it puts: with two, taken in either order,
            threads would wait for each other. :mod:`logging` makes that of a handler anew in a
            process that was forked.
    """

    def __init__(
        self,
        capacity: int,
        notice: Callable[[int], bytes],
        lock: "AbstractContextManager[object] | None" = None,
    ) -> None:
        self._capacity = capacity
        self._notice = notice
        self._lock = threading.RLock() if lock is None else lock
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._again: deque[bytes] = deque()  # to be sent once more, before those that wait
        # Of this connection: each line, with how many bytes had been taken up to its end.
        self._under_way: deque[tuple[int, bytes]] = deque()
        self._taken = 0
        self._confirmed = 0  # bytes that had left this machine at the last look

    def __len__(self) -> int:
        """Count the lines that may not have arrived, dropped ones included."""
        return len(self._waiting) + self._dropped + len(self._again) + len(self._under_way)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return not (self._again or self._waiting or self._dropped)

    def put(self, line: bytes) -> None:
        """Add a line, or count it as dropped."""
        with self._lock:
            if 0 < self._capacity <= len(self._waiting):
                self._dropped += 1
            else:
                self._waiting.append(line)

    def take(self, size: int) -> bytes:
        """Take lines to be sent, until they have ``size`` bytes or there are no more."""
        lines = []
        end = self._taken + size
        while self._taken < end and (line := self._next()) is not None:
            lines.append(line)
            self._taken += len(line)
            self._under_way.append((self._taken, line))
        return b"".join(lines)

    def limit(self, unsent: int) -> None:
        """Forget the oldest lines if too much is kept, but none that was not confirmed.

        Args:
            unsent: Bytes that were taken, and that the other machine has not confirmed.
        """
        self._forget(self._taken - unsent - RESEND_SIZE)

    def look(self, unsent: int) -> None:
        """Forget the lines that had been confirmed when this was called the last time."""
        self._forget(self._confirmed)
        self._confirmed = self._taken - unsent

    def lost(self) -> None:
        """The connection is gone: what was under way is to be sent again."""
        self._again.extendleft(line for _, line in reversed(self._under_way))
        self.arrived()

    def arrived(self) -> None:
        """Everything that was taken has arrived, and the connection is gone."""
        self._under_way.clear()
        self._taken = 0
        self._confirmed = 0

    def _next(self) -> bytes | None:
        if self._again:
            return self._again.popleft()
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            dropped, self._dropped = self._dropped, 0
        return self._notice(dropped) if dropped else None

    def _forget(self, end: int) -> None:
        while self._under_way and self._under_way[0][0] <= end:
            self._under_way.popleft()
