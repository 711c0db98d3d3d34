"""Sending the same lines to many subscribers, each as fast as it reads."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Container
from typing import Any

from sipyco._io.connection import ConnectionServer, ServerConnection
from sipyco._wire.subscription import PublisherSession, Refused, Subscribed

__all__ = ["FanoutServer", "Follower"]

logger = logging.getLogger(__name__)

CHUNK_SIZE = 256 << 10
"""Bytes handed to a transport at a time: all that is ever copied for one subscriber."""


class Follower(ServerConnection):
    """One subscriber. The lines that wait for it are shared with the others.

    Attributes:
        name: What it follows; empty before it said so.
        backlog: Bytes that wait and count against the limit.
        is_behind: It missed something, and is owed a fresh start when it has caught up.
    """

    def __init__(self, server: "FanoutServer", banner: bytes) -> None:
        super().__init__(server)
        self.name = ""
        self.backlog = 0
        self.is_behind = False
        self._server = server
        self._session = PublisherSession(banner)
        # What waits, and whether it counts. The first may be what is left of a line.
        self._waiting: deque[tuple[bytes | memoryview, bool]] = deque()
        self._send_is_scheduled = False

    def __len__(self) -> int:
        """Count the lines that wait."""
        return len(self._waiting)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, which is only the name."""
        match self._session.receive(data):
            case Subscribed(name):
                if name not in self._server.names():
                    self._refuse(f"it asked for the unknown {name!r}")
                    return
                self.name = name
                self._server.followers.setdefault(name, set()).add(self)
                self._server.welcome(self)
            case Refused(reason):
                self._refuse(reason)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        self.send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._server.followers.get(self.name, set()).discard(self)
        self._waiting.clear()
        super().connection_lost(exc)

    def put(self, line: bytes, *, counts: bool = True) -> None:
        """Send a line after those that wait. Lines of one turn of the loop leave together."""
        self._waiting.append((line, counts))
        if counts:
            self.backlog += len(line)
        self.send_soon()

    def send_soon(self) -> None:
        """Send what waits in the next turn of the loop."""
        if not self._send_is_scheduled:
            self._send_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._send_scheduled)

    def drop_waiting(self) -> None:
        """Forget the lines that wait, but for the rest of one that was begun."""
        begun = [item for item in self._waiting if isinstance(item[0], memoryview)]
        self._waiting = deque(begun)
        self.backlog = sum(len(data) for data, counts in begun if counts)

    def drop_oldest(self) -> None:
        """Forget the oldest line that was not begun."""
        index = int(isinstance(self._waiting[0][0], memoryview))
        data, counts = self._waiting[index]
        del self._waiting[index]
        if counts:
            self.backlog -= len(data)

    def send_waiting(self) -> None:
        """Hand to the transport what it takes."""
        while self._waiting and self.can_write and not self.is_closing:
            self.write(self._next_chunk())
        if not self._waiting and self.is_behind and not self.is_closing:
            self.is_behind = False
            self._server.welcome(self)

    def _send_scheduled(self) -> None:
        self._send_is_scheduled = False
        self.send_waiting()

    def _next_chunk(self) -> bytes | memoryview:
        parts: list[bytes | memoryview] = []
        size = 0
        while self._waiting and size < CHUNK_SIZE:
            data, counts = self._waiting.popleft()
            part = memoryview(data)[: CHUNK_SIZE - size]
            if len(part) < len(data):
                self._waiting.appendleft((memoryview(data)[len(part) :], counts))
            if counts:
                self.backlog -= len(part)
            parts.append(part)
            size += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _refuse(self, reason: str) -> None:
        logger.warning("closed the connection from %s: %s", self.peer, reason)
        self.close()


class FanoutServer(ConnectionServer):
    """Serves subscribers under names.

    Attributes:
        followers: The subscribers of each name.
    """

    def __init__(self, banner: bytes) -> None:
        super().__init__()
        self.followers: dict[str, set[Follower]] = {}
        self._banner = banner

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Start to listen: see :meth:`sipyco.tools.AsyncioServer.start`."""
        self._loop = asyncio.get_running_loop()
        await super().start(*args, **kwargs)

    def run_in_loop(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function now if this is the thread of the event loop, else there and soon."""
        if self.is_in_loop():
            function(*args)
        else:
            self._loop.call_soon_threadsafe(function, *args)

    def is_in_loop(self) -> bool:
        """Tell whether this is the thread of the event loop."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def names(self) -> Container[str]:
        """Return what can be followed."""
        return _EVERYTHING

    def welcome(self, follower: Follower) -> None:
        """Begin to send to a subscriber that is new, or has missed something."""

    def _make_protocol(self) -> asyncio.Protocol:
        return Follower(self, self._banner)


class _Everything:
    """Contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING = _Everything()
