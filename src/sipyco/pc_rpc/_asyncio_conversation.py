"""A conversation of an asyncio client: the session, the link, and the tasks that use them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from sipyco._io import asyncio_
from sipyco._io.tls import SimpleSSLConfig
from sipyco._wire.errors import ConnectionLost, IncompatibleServer
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

__all__ = ["AsyncioConversation", "Mailbox"]

E = TypeVar("E", Greeted, Selected)

_DEFAULTS = RpcOptions()


class Mailbox:
    """What has come for one task that waits."""

    __slots__ = ("events", "waiting")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.waiting: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let the task look."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class AsyncioConversation:
    """One connection to one server. Calls overlap if it allows that; otherwise they take turns.

    Args:
        peer: The server, for messages.
        max_message_size: Bytes in an answer.

    Attributes:
        peer: The server, for messages.
        greeting: What the server said about itself.
        target: The name of the selected target, or None.
        methods: Names that can be called.
        streams: Those of them that are known to give items one by one.
    """

    def __init__(self, peer: str, max_message_size: int) -> None:
        self.greeting = Greeted([], None, frozenset())
        self.target: str | None = None
        self.methods: frozenset[str] = frozenset()
        self.streams: frozenset[str] = frozenset()
        self.peer = peer
        self._session = ClientSession(peer, max_message_size=max_message_size)
        self._link: asyncio_.AsyncioLink | None = None
        self._is_closed = False
        self._loss: OSError | None = None
        self._turn = asyncio.Lock()
        self._handshakes = Mailbox()
        self._mailboxes: dict[int, Mailbox] = {}
        self._loop = asyncio.get_running_loop()

    async def connect(self, host: str, port: int | str, ssl_config: SimpleSSLConfig | None) -> None:
        """Connect, and take the greeting. Raises as :class:`Client` does on creation."""
        link = await asyncio_.connect(host, port, ssl_config, self, self._lost)
        self._link = link
        if self._is_closed:
            link.close()
        self.greeting = await self._shake_hands(self._session.connect, Greeted)

    async def select(self, target: str) -> None:
        """Select a target. Raises IncompatibleServer if there is no such."""
        self._connected()
        selected = await self._shake_hands(lambda: self._session.select(target), Selected)
        self.methods, self.streams = selected.methods, selected.streams
        self.target = target

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that is not known to be gone."""
        return self._link is not None and self._loss is None and not self._is_closed

    def local_host(self) -> str:
        """Return the address of this end."""
        return self._connected().local_host()

    def close(self) -> "asyncio.Future[None] | None":
        """Close the connection at once. Calls that wait fail with ConnectionLost.

        Returns:
            Done when that has been done; None if there was no connection yet.
        """
        self._is_closed = True
        if self._link is None:
            return None
        self._link.close()
        return self._link.closed

    # Calls

    async def call(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: RpcOptions = _DEFAULTS,
    ) -> Returned | Failed | StreamBegun:
        """Have a method called, and wait for the answer.

        Raises:
            TypeError: An argument cannot be encoded. Nothing was sent.
            TimeoutError: The time of the options is up; the conversation goes on.
            OSError: The connection is lost.
        """
        if options is _DEFAULTS and self._session.overlaps:
            self._connected()
            return await self._exchange(self._session.spell_call(name, args, kwargs), options)
        wants = CallOptions(options.timeout, options.on_progress is not None)
        limit = asyncio.timeout(options.timeout)
        try:
            async with limit:
                return await self._request(
                    lambda session: session.spell_call(name, args, kwargs, wants), options
                )
        except TimeoutError as exc:
            if not limit.expired():
                raise
            was_told = self._session.overlaps
            raise not_in_time(f"{name}()", options.timeout, was_told=was_told) from exc

    async def ask(self, spell: Callable[[ClientSession], Spelled]) -> Returned | Failed:
        """Ask for something else that the session can spell; see :meth:`call`."""
        answer = await self._request(spell, _DEFAULTS)
        assert isinstance(answer, Returned | Failed)
        return answer

    async def _request(
        self, spell: Callable[[ClientSession], Spelled], options: RpcOptions
    ) -> Returned | Failed | StreamBegun:
        self._connected()
        if self._session.overlaps:
            return await self._exchange(spell(self._session), options)
        async with self._turn:
            link = self._connected()
            while not self._session.awaits_answers and link.has_unread():
                # What has come although nobody asked must not pass for the answer to this.
                await asyncio.sleep(0)
                link = self._connected()
            return await self._exchange(spell(self._session), options)

    async def _exchange(
        self, request: Spelled, options: RpcOptions
    ) -> Returned | Failed | StreamBegun:
        requests_before = self._session.last_request
        number = None
        try:
            number = self._session.ask(request)
            mailbox = self._mailboxes[number] = Mailbox()
            self._connected().flush()
            while True:
                event = await self.next_event(mailbox)
                if isinstance(event, Progressed):
                    if options.on_progress is not None:
                        options.on_progress(event.fraction, event.text)
                    continue
                assert isinstance(event, Returned | Failed | StreamBegun)
                if not isinstance(event, StreamBegun):
                    self._mailboxes.pop(number, None)
                return event
        except BaseException:
            if number is not None:
                self.give_up(number)
            elif self._session.last_request != requests_before and self._link is not None:
                # Ctrl-C struck between the two: the session expects an answer to a request
                # of which perhaps nothing was sent.
                self._link.close()
            raise

    async def next_event(self, mailbox: Mailbox) -> Event:
        """Wait for what comes next."""
        while not mailbox.events:
            self._connected()  # or its loss would be waited for in vain
            mailbox.waiting = self._loop.create_future()
            try:
                await mailbox.waiting
            finally:
                mailbox.waiting = None
        return mailbox.events.popleft()

    # Streams

    async def next_of_stream(self, number: int, credit: int) -> Event:
        """Wait for what a stream gives next, after allowing it so many items more."""
        if credit:
            self._session.give_credit(number, credit)
            self._connected().flush()
        return await self.next_event(self._mailboxes[number])

    def cancel(self, number: int) -> None:
        """Ask the server to end a request; its end is still waited for."""
        self._session.cancel(number)
        self._connected().flush()

    def end(self, number: int) -> None:
        """Forget a request that has ended."""
        self._mailboxes.pop(number, None)

    def give_up(self, number: int) -> None:
        """Wait for a request no more, and have the server stop."""
        self._mailboxes.pop(number, None)
        self._session.give_up(number)
        if self._link is not None and self._loss is None:
            self._link.flush()

    def forget(self, number: int) -> None:
        """Do as :meth:`give_up`, soon, from any thread, as when garbage is collected."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.give_up, number)

    # The handshake

    async def _shake_hands(self, begin: Callable[[], None], expected: type[E]) -> E:
        begin()
        try:
            self._connected().flush()
            event = await self.next_event(self._handshakes)
        except BaseException as exc:
            # Without its handshake a conversation is of no use to anybody.
            self.close()
            # What answered is no pc_rpc server: the caller wants to know just that.
            if isinstance(exc.__cause__, OSError):
                reason = exc.__cause__.__cause__
                if isinstance(reason, IncompatibleServer):
                    raise reason from None
            raise
        assert isinstance(event, expected)
        return event

    def _connected(self) -> asyncio_.AsyncioLink:
        if self._loss is not None:
            if isinstance(self._loss, ConnectionLost):
                raise ConnectionLost(str(self._loss)) from self._loss
            raise self._loss
        if self._link is None:
            raise ConnectionLost("not connected; call connect_rpc() first")
        return self._link

    # What the link moves

    def take(self, size: int) -> list[bytes | memoryview]:
        """Return bytes to send."""
        return self._session.take(size)

    def buffer(self) -> memoryview:
        """Return where bytes belong that come in."""
        return self._session.buffer()

    def received(self, count: int) -> None:
        """Take bytes that have come in."""
        for event in self._session.received(count):
            if isinstance(event, Greeted | Selected):
                mailbox: Mailbox | None = self._handshakes
            else:
                # Some answers are for callers that were interrupted.
                mailbox = self._mailboxes.get(event.request)
            if mailbox is not None:
                mailbox.events.append(event)
                mailbox.wake()

    def _lost(self, reason: OSError) -> None:
        self._session.receive_end()
        self._loss = reason
        for mailbox in (self._handshakes, *self._mailboxes.values()):
            mailbox.wake()
