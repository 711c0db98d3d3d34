"""The way of messages from any thread to the event loop that sends them, in their order."""

import asyncio
from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Protocol

from sipyco._wire.subscription import Published

__all__ = ["Inbox"]


class Serving(Protocol):
    """What is known about the server."""

    @property
    def server(self) -> asyncio.Server | None:
        """The server of asyncio; None while nothing listens."""


class Inbox:
    """Messages of one name. What a loop that is busy cannot take is limited; the oldest give way.

    Args:
        serving: Who delivers. While it does not listen, messages go nowhere.
        lock: Reentrant; held while a message is put, and during what follows.
        deliver: Called in the thread of the event loop with each message.
        missed: Called there, before, with the number of messages that had to give way.
        max_messages: Messages that may wait.
        max_size: Bytes that may wait. One message may be larger.
    """

    def __init__(
        self,
        serving: Serving,
        lock: RLock,
        deliver: Callable[[Published], object],
        missed: Callable[[int], object],
        *,
        max_messages: float = float("inf"),
        max_size: float = float("inf"),
    ) -> None:
        self._serving = serving
        self._lock = lock
        self._deliver = deliver
        self._report_missed = missed
        self._max_messages = max_messages
        self._max_size = max_size
        self._waiting: deque[Published] = deque()
        self._size = 0
        self._missed = 0
        # The loop that has been asked to drain. One that ended before it did must not be relied on.
        self._asked: asyncio.AbstractEventLoop | None = None

    def put(self, message: Published) -> None:
        """Take a message. In the thread of the event loop it is delivered at once."""
        with self._lock:
            server = self._serving.server
            if server is None:
                return
            loop = server.get_loop()
            if loop is _running_loop():
                self.drain()
                self._deliver(message)
                return
            self._waiting.append(message)
            self._size += message.size
            while len(self._waiting) > 1 and self._is_full():
                self._size -= self._waiting.popleft().size
                self._missed += 1
            if self._asked is not loop:
                self._ask(loop)

    def drain(self) -> None:
        """Deliver what waits. In the thread of the event loop."""
        with self._lock:
            self._asked = None
            if self._missed:
                missed, self._missed = self._missed, 0
                self._report_missed(missed)
            while self._waiting:
                message = self._waiting.popleft()
                self._size -= message.size
                self._deliver(message)

    def _is_full(self) -> bool:
        return len(self._waiting) > self._max_messages or self._size > self._max_size

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self.drain)
        except RuntimeError:  # the loop is closed: the program ends, and nobody listens any more
            self._waiting.clear()
            self._size = self._missed = 0
        else:
            self._asked = loop


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
