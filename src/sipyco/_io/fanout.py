"""Sending the same lines to many subscribers, each as fast as it reads."""

import asyncio
import logging
from collections import deque

from sipyco._io.connection import ConnectionServer, ServerConnection
from sipyco._wire import limits
from sipyco._wire.subscription import PublisherSession, Refused, Subscribed

__all__ = ["FanoutServer", "Follower"]

logger = logging.getLogger(__name__)

CHUNK_SIZE = 256 << 10
"""Bytes handed to a transport at a time: all that is ever copied for one subscriber."""


class Follower(ServerConnection, asyncio.Protocol):
    """One subscriber. The lines that wait for it are shared with the others.

    Attributes:
        name: What it follows.
        backlog: Bytes that wait and count against the limit.
        is_behind: It is new, or has missed something: lines make no sense to it until it has been
            welcomed, again.
        missed: How many times it has missed something.
    """

    def __init__(self, server: "FanoutServer", banner: bytes) -> None:
        super().__init__(server)
        self.name = ""
        self.backlog = 0
        self.is_behind = True
        self.missed = 0
        self._server = server
        self._session = PublisherSession(banner)
        # What waits, and whether it counts. The first may be the rest of a line that was begun.
        self._waiting: deque[tuple[bytes | memoryview, bool]] = deque()
        self._is_subscribed = False
        self._send_is_scheduled = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def waiting_lines(self) -> int:
        """How many lines wait, but for the rest of one that was begun."""
        return len(self._waiting) - self._is_begun()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, which is only the name."""
        match self._session.receive(data):
            case Subscribed(name):
                if not self._server.offers(name):
                    self._refuse(f"it asked for the unknown {name!r}")
                    return
                self.has_spoken()
                self.name, self._is_subscribed = name, True
                self._server.followers.setdefault(name, set()).add(self)
                self._server.welcome(self)
            case Refused(reason):
                self._refuse(reason)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        # Not now: asyncio ends a connection twice that is closed while it resumes writing.
        self.send_soon()

    def eof_received(self) -> bool:
        """Send what waits to a client that will say nothing more, and close."""
        self.close()
        # With TLS nothing can be sent any more.
        return self.transport is not None and not self.transport.get_extra_info("sslcontext")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._leave()
        self._waiting.clear()
        self.backlog = 0
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def close(self) -> None:
        """Close when what waits has been sent, or the client has not read it for two seconds."""
        self._leave()
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(limits.FLUSH_TIMEOUT, self.abort)
        self.send_waiting()

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
        while self.waiting_lines:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """Forget the oldest line that was not begun, of which there is one."""
        index = int(self._is_begun())
        line, counts = self._waiting[index]
        del self._waiting[index]
        if counts:
            self.backlog -= len(line)

    def send_waiting(self) -> None:
        """Hand to the transport what it takes."""
        while self._waiting and self.can_write and not self.is_closing:
            self.write(self._next_chunk())
        if self._waiting or not self.can_write or self.is_closing:
            return
        if self._deadline is not None:
            super().close()
        elif self.is_behind and self._is_subscribed:
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

    def _is_begun(self) -> bool:
        return bool(self._waiting) and isinstance(self._waiting[0][0], memoryview)

    def _leave(self) -> None:
        followers = self._server.followers.get(self.name)
        if followers is not None:
            followers.discard(self)
            if not followers:
                # Clients choose the names: those that nobody follows must not add up.
                del self._server.followers[self.name]

    def _refuse(self, reason: str) -> None:
        logger.warning("closed the connection from %s: %s", self.peer, reason)
        self.close()


class FanoutServer(ConnectionServer):
    """Serves subscribers under names.

    Attributes:
        followers: The subscribers of each name that has any.
    """

    def __init__(self, banner: bytes) -> None:
        super().__init__()
        self.followers: dict[str, set[Follower]] = {}
        self._banner = banner

    def followers_of(self, name: str) -> list[Follower]:
        """Return the subscribers of a name, as they are now."""
        return list(self.followers.get(name, ()))

    def offers(self, name: str) -> bool:
        """Tell whether a name can be followed. All can, unless a subclass differs."""
        return True

    def welcome(self, follower: Follower) -> None:
        """Begin to send to a subscriber that is new, or has missed something."""
        follower.is_behind = False

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return Follower(self, self._banner)
