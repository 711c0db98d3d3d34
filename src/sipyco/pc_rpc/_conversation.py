"""A blocking conversation with one server. The clients that are built on it add the names."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sipyco._io import blocking, sockets
from sipyco._io.tls import SimpleSSLConfig
from sipyco._wire.errors import ConnectionLost, ProtocolError
from sipyco._wire.rpc_client import ClientSession, Event, Failed, Greeted, Returned, Selected

__all__ = ["Conversation"]

E = TypeVar("E", Greeted, Selected)


class Conversation:
    """Connects on creation. Safe to use from several threads, whose calls take turns.

    Args:
        host: Name or address of the server.
        port: Its TCP port.
        timeout: Seconds of each wait on the socket, see :class:`Client`.
        ssl_config: Certificates, or None.
        max_message_size: Bytes allowed in an answer.

    Attributes:
        greeting: How the server introduced itself.
        target: The target that was selected, or None.
        methods: Its methods; empty without a target.

    Raises:
        IncompatibleServer: What answers is no pc_rpc server. Nothing is left open.
        OSError: The connection could not be made. Nothing is left open.
    """

    def __init__(
        self,
        host: str,
        port: int | str,
        timeout: float | None,
        ssl_config: SimpleSSLConfig | None,
        max_message_size: int,
    ) -> None:
        self.target: str | None = None
        self.methods: frozenset[str] = frozenset()
        self._peer = sockets.peer_name(host, port)
        self._session = ClientSession(self._peer, max_message_size=max_message_size)
        self._events: deque[Event] = deque()
        self._turn = threading.Lock()
        self._link = blocking.connect(host, port, timeout, ssl_config)
        self.greeting = self._handshake(self._session.connect(), Greeted)

    def local_host(self) -> str:
        """Return the address of this end."""
        return self._link.local_host()

    def set_timeout(self, timeout: float | None) -> None:
        """Change the seconds of each wait."""
        self._link.set_timeout(timeout)

    def select(self, target: str) -> None:
        """Select a target.

        Raises:
            IncompatibleServer: There is no such target. The conversation goes on.
        """
        with self._turn:
            self._link.check()
            data = self._session.select(target)
            self.methods = self._handshake(data, Selected).methods
            self.target = target

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Returned | Failed:
        """Have a method called, and wait for the answer.

        Raises:
            TypeError: An argument cannot be encoded. Nothing was sent.
            TimeoutError: No answer yet. When it comes it is dropped; the conversation goes on.
            OSError: The connection is lost.
        """
        return self._request(f"{name}()", lambda: self._session.call(name, args, kwargs))

    def ask_method_list(self) -> Returned | Failed:
        """Ask for the documentation of the target; see :meth:`call`."""
        return self._request("the list of methods", self._session.ask_method_list)

    def close(self) -> None:
        """Close the connection; calls that wait in other threads fail with ConnectionLost."""
        self._link.close()

    def _handshake(self, data: bytes, expected: type[E]) -> E:
        self._link.queue(data)
        try:
            while not self._events:
                self._link.move(self._take)
        except BaseException:
            # Without its handshake a conversation is of no use to anybody.
            self._link.close()
            raise
        event = self._events.popleft()
        assert isinstance(event, expected)
        return event

    def _request(self, what: str, ask: Callable[[], tuple[int, bytes]]) -> Returned | Failed:
        with self._turn:
            requests_before = self._session.last_request
            number, message = None, memoryview(b"")
            try:
                # What has come although nobody asked must not pass for the answer to this.
                self._link.move(self._take, wait=False)
                counted, data = ask()
                message = self._link.queue(data)
                number = counted
                return self._answer_to(number)
            except BaseException as exc:
                if number is not None:
                    # Of requests that cannot even be sent, a server that comes back later must
                    # not find a whole row.
                    if self._link.withdraw(message):
                        self._session.withdraw(number)
                    else:
                        self._session.abandon(number)
                    if isinstance(exc, TimeoutError):
                        raise TimeoutError(f"{what} has no answer yet: {exc}") from None
                elif self._session.last_request != requests_before:
                    # Ctrl-C struck after the request was counted and before its bytes were kept:
                    # an answer is expected that will never come.
                    self._link.close()
                raise

    def _answer_to(self, number: int) -> Returned | Failed:
        while True:
            while self._events:
                event = self._events.popleft()
                assert isinstance(event, Returned | Failed)
                # Other answers are for callers that were interrupted with them in hand.
                if event.request == number:
                    return event
            self._link.move(self._take)

    def _take(self, data: bytes) -> None:
        try:
            events = self._session.receive(data)
        except ProtocolError as exc:
            raise ConnectionLost(f"the connection to {self._peer} was given up: {exc}") from exc
        self._events.extend(events)
