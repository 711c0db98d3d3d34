"""Sending the same values to many subscribers, each as fast as it reads."""

import asyncio
import logging
from collections import deque

from sipyco._io.connection import ConnectionServer, ServerConnection
from sipyco._wire import limits
from sipyco._wire.subscription import Form
from sipyco._wire.subscription_server import (
    FramesChosen,
    PublisherSession,
    Refused,
    Subscribed,
)

__all__ = ["FanoutServer", "Follower"]

logger = logging.getLogger(__name__)

CHUNK_SIZE = 256 << 10
"""Bytes handed to a transport at a time: all that is ever copied for one subscriber."""


class Follower(ServerConnection, asyncio.Protocol):
    """One subscriber. The messages that wait for it are shared with the others.

    Attributes:
        name: What it follows.
        form: How messages are spelled for it.
        backlog: Bytes that wait and count against the limit.
        is_behind: It is new, or has missed something: messages make no sense to it until it has
            been welcomed, again.
        missed: How many times it has missed something.
    """

    def __init__(self, server: "FanoutServer", banner: bytes) -> None:
        super().__init__(server)
        self.name = ""
        self.form = Form.LINE
        self.backlog = 0
        self.is_behind = True
        self.missed = 0
        self._server = server
        self._session = PublisherSession(banner)
        # What waits, and whether it counts. The first may be the rest of a message that was begun.
        self._waiting: deque[tuple[bytes | memoryview, bool]] = deque()
        self._is_subscribed = False
        self._send_is_scheduled = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def waiting_messages(self) -> int:
        """How many messages wait, but for the rest of one that was begun."""
        return len(self._waiting) - self._is_begun()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends, which is only what it wants."""
        for event in self._session.receive(data):
            match event:
                case Subscribed(name):
                    self._subscribe(name)
                case FramesChosen() if self._is_subscribed and self.form is not Form.FRAMES:
                    self._server.change_form(self, Form.FRAMES)
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

    def put(self, message: bytes, *, counts: bool = True) -> None:
        """Send after what waits. The messages of one turn of the loop leave together."""
        self._waiting.append((message, counts))
        if counts:
            self.backlog += len(message)
        self.send_soon()

    def send_soon(self) -> None:
        """Send what waits in the next turn of the loop."""
        if not self._send_is_scheduled:
            self._send_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._send_scheduled)

    def drop_waiting(self) -> None:
        """Forget the messages that wait, but for the rest of one that was begun."""
        while self.waiting_messages:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """Forget the oldest message that was not begun, of which there is one."""
        index = int(self._is_begun())
        message, counts = self._waiting[index]
        del self._waiting[index]
        if counts:
            self.backlog -= len(message)

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

    def _subscribe(self, name: str) -> None:
        if not self._server.offers(name):
            self._refuse(f"it asked for the unknown {name!r}")
            return
        self.has_spoken()
        self.name, self._is_subscribed = name, True
        self.form = self._session.form
        self._server.add(self)
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
        if self._is_subscribed:
            self._server.remove(self)

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
        self._forms: dict[str, frozenset[Form]] = {}
        self._banner = banner

    def followers_of(self, name: str) -> list[Follower]:
        """Return the subscribers of a name, as they are now."""
        return list(self.followers.get(name, ()))

    def forms_of(self, name: str) -> frozenset[Form]:
        """Return how messages of a name are to be spelled for its subscribers. From any thread."""
        return self._forms.get(name, frozenset())

    def add(self, follower: Follower) -> None:
        """Take one more subscriber of its name."""
        self.followers.setdefault(follower.name, set()).add(follower)
        self._note_forms(follower.name)

    def remove(self, follower: Follower) -> None:
        """Send a subscriber nothing more. Without effect the second time."""
        followers = self.followers.get(follower.name, set())
        if follower not in followers:
            return
        followers.discard(follower)
        if not followers:
            # Clients choose the names: those that nobody follows must not add up.
            del self.followers[follower.name]
        self._note_forms(follower.name)

    def change_form(self, follower: Follower, form: Form) -> None:
        """Spell differently, for a subscriber, what is sent from now on.

        To be extended: what was spelled before, and was not put, has to be put before.
        """
        follower.form = form
        self._note_forms(follower.name)

    def offers(self, name: str) -> bool:
        """Tell whether a name can be followed. All can, unless a subclass differs."""
        return True

    def welcome(self, follower: Follower) -> None:
        """Begin to send to a subscriber that is new, or has missed something."""
        follower.is_behind = False

    def _note_forms(self, name: str) -> None:
        forms = frozenset(follower.form for follower in self.followers.get(name, ()))
        if forms:
            self._forms[name] = forms
        else:
            self._forms.pop(name, None)

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return Follower(self, self._banner)
