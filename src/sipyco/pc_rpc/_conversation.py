"""A conversation of a blocking client: the session, the link, and the threads that use them."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sipyco._io import blocking, sockets
from sipyco._io.shared_link import Mailbox, SharedLink
from sipyco._io.tls import SimpleSSLConfig
from sipyco._wire.errors import ConnectionLost, ProtocolError
from sipyco._wire.rpc_client import (
    CallOptions,
    ClientSession,
    Event,
    Failed,
    Greeted,
    Progressed,
    Returned,
    Selected,
    StreamBegun,
)
from sipyco._wire.rpc_protocol import Spelled
from sipyco.pc_rpc._options import RpcOptions, not_in_time
from sipyco.pc_rpc._stream import RemoteStream

__all__ = ["Conversation"]

E = TypeVar("E", Greeted, Selected)

_DEFAULTS = RpcOptions()


class Conversation:
    """One connection to one server.

    Calls from several threads overlap if the server allows it; otherwise they take turns.

    Attributes:
        peer: The server, for messages.
        greeting: What the server said about itself.
        target: The name of the selected target, or None.
        methods: Names that can be called.
    """

    def __init__(
        self,
        host: str,
        port: int | str,
        timeout: float | None,
        ssl_config: SimpleSSLConfig | None,
        max_message_size: int,
    ) -> None:
        """Connect and take the greeting. Each wait takes at most ``timeout`` seconds."""
        self.target: str | None = None
        self.methods: frozenset[str] = frozenset()
        self.peer = sockets.peer_name(host, port)
        self._session = ClientSession(self.peer, max_message_size=max_message_size)
        self._mailboxes: dict[int, Mailbox[Event]] = {}
        self._handshakes: Mailbox[Event] = Mailbox()
        self._forgotten: deque[int] = deque()
        self._turn = threading.Lock()
        link = blocking.connect(host, port, timeout, ssl_config)
        self._line: SharedLink[Event] = SharedLink(link, self, self.peer, timeout)
        self.greeting = self._shake_hands(self._session.connect, Greeted)

    @property
    def is_connected(self) -> bool:
        """Whether the connection is not known to be gone."""
        return self._line.is_connected

    def local_host(self) -> str:
        """Return the address of this end."""
        return self._line.local_host()

    def set_timeout(self, timeout: float | None) -> None:
        """Change the seconds of each wait."""
        self._line.timeout = timeout

    def select(self, target: str) -> None:
        """Select a target.

        Raises:
            IncompatibleServer: There is no such target. The conversation goes on.
        """
        with self._turn:
            self._line.check()
            selected = self._shake_hands(lambda: self._session.select(target), Selected)
            self.methods = selected.methods
            self.target = target

    def call(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: RpcOptions = _DEFAULTS,
    ) -> Returned | Failed | RemoteStream:
        """Have a method called, and wait for the answer.

        Raises:
            TypeError: An argument cannot be encoded. Nothing was sent.
            TimeoutError: No answer yet. When it comes it is dropped; the conversation goes on.
            OSError: The connection is lost.
        """
        self._line.check()
        wants = CallOptions(options.timeout, options.on_progress is not None)
        return self._request(
            f"{name}()", self._session.spell_call(name, args, kwargs, wants), options
        )

    def ask(
        self, what: str, spell: Callable[[ClientSession], Spelled], options: RpcOptions = _DEFAULTS
    ) -> Returned | Failed:
        """Ask for something else that the session can spell; see :meth:`call`."""
        self._line.check()
        answer = self._request(what, spell(self._session), options)
        assert isinstance(answer, Returned | Failed)
        return answer

    def close(self) -> None:
        """Close the connection; calls that wait in other threads fail with ConnectionLost."""
        self._line.close()

    # Calls

    def _request(
        self, what: str, request: Spelled, options: RpcOptions
    ) -> Returned | Failed | RemoteStream:
        if self._session.overlaps:
            return self._exchange(what, request, options)
        with self._turn:
            with self._line.mutex:
                # What has come although nobody asked must not pass for the answer to this.
                self._line.drain()
            return self._exchange(what, request, options)

    def _exchange(
        self, what: str, request: Spelled, options: RpcOptions
    ) -> Returned | Failed | RemoteStream:
        deadline = None if options.timeout is None else time.monotonic() + options.timeout
        mailbox: Mailbox[Event] = Mailbox()
        requests_before = self._session.last_request
        number = None
        try:
            with self._line.mutex:
                self._forget_streams()
                requests_before = self._session.last_request
                number = self._session.ask(request)
                self._mailboxes[number] = mailbox
                self._line.flush()
            while True:
                match self._wait_for(mailbox, what, options, deadline):
                    case Progressed(_, fraction, text):
                        if options.on_progress is not None:
                            options.on_progress(fraction, text)
                    case StreamBegun():
                        return RemoteStream(self, number, what, options, deadline)
                    case Returned() | Failed() as answer:
                        del self._mailboxes[number]
                        return answer
        except BaseException:
            if number is not None:
                self.give_up(number)
            elif self._session.last_request != requests_before and not self._session.overlaps:
                # Ctrl-C struck after the request was counted and before its bytes were kept:
                # an answer is expected that will never come.
                self._line.close()
            raise

    def _wait_for(
        self, mailbox: Mailbox[Event], what: str, options: RpcOptions, deadline: float | None
    ) -> Event:
        try:
            return self._line.wait_for(mailbox, deadline)
        except TimeoutError as exc:
            if deadline is not None:
                was_told = self._session.overlaps
                raise not_in_time(what, options.timeout, was_told=was_told) from None
            raise TimeoutError(f"{what} has no answer yet: {exc}") from None

    # Streams

    def next_event(self, number: int, credit: int, deadline: float | None) -> Event:
        """Wait for what a stream gives next, after allowing it so many items more."""
        if credit:
            with self._line.mutex:
                self._session.give_credit(number, credit)
                self._line.flush()
        return self._line.wait_for(self._mailboxes[number], deadline)

    def cancel(self, number: int) -> None:
        """Ask the server to end a request; its end is still waited for."""
        with self._line.mutex:
            self._session.cancel(number)
            self._line.flush()

    def end(self, number: int) -> None:
        """Forget a request that has ended."""
        self._mailboxes.pop(number, None)

    def give_up(self, number: int) -> None:
        """Wait for a request no more, and have the server stop. Never waits, nor raises."""
        with self._line.mutex:
            self._drop(number)

    def forget(self, number: int) -> None:
        """Do as :meth:`give_up`, sooner or later, from anywhere, as when garbage is collected."""
        self._forgotten.append(number)
        if self._line.mutex.acquire(blocking=False):
            try:
                self._forget_streams()
            finally:
                self._line.mutex.release()

    def _forget_streams(self) -> None:
        while self._forgotten:
            self._drop(self._forgotten.popleft())

    def _drop(self, number: int) -> None:
        self._mailboxes.pop(number, None)
        self._session.give_up(number)
        # It leaves with the next request otherwise.
        with contextlib.suppress(OSError):
            self._line.flush()

    # The handshake

    def _shake_hands(self, begin: Callable[[], None], expected: type[E]) -> E:
        with self._line.mutex:
            begin()
        try:
            with self._line.mutex:
                self._line.flush()
            event = self._line.wait_for(self._handshakes)
        except BaseException:
            # Without its handshake a conversation is of no use to anybody.
            self._line.close()
            raise
        assert isinstance(event, expected)
        return event

    # What the link moves

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return bytes to send."""
        return self._session.take(size)

    def buffer(self) -> memoryview:
        """Return where bytes belong that come in."""
        return self._session.buffer()

    def received(self, count: int) -> None:
        """Take bytes that have come in."""
        try:
            events = self._session.received(count)
        except ProtocolError as exc:
            raise ConnectionLost(f"the connection to {self.peer} was given up: {exc}") from exc
        for event in events:
            if isinstance(event, Greeted | Selected):
                if self._session.overlaps:
                    self._line.allow_sharing()
                mailbox: Mailbox[Event] | None = self._handshakes
            else:
                # Some answers are for callers that were interrupted.
                mailbox = self._mailboxes.get(event.request)
            if mailbox is not None:
                self._line.deliver(mailbox, event)
