"""The client for programs on an event loop."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Generator
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar

from sipyco._io import asyncio_, sockets
from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire.errors import ConnectionLost, IncompatibleServer
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.remote_exceptions import GenericRemoteException
from sipyco._wire.rpc_client import ClientSession, Event, Failed, Greeted, Returned, Selected
from sipyco.pc_rpc._client import outcome
from sipyco.pc_rpc._proxy import AutoTarget, Proxy, TargetName, choose_target

__all__ = ["AsyncioClient"]

E = TypeVar("E", Greeted, Selected)


class AsyncioClient(Proxy):
    """Like :class:`Client`, on asyncio: all remote methods are coroutines.

    Calls from several tasks take turns. One that is cancelled, or timed out with
    :func:`asyncio.timeout`, leaves the connection usable: its answer, when it comes, is dropped.

    Use :meth:`connect_rpc` after creation. As ``async with AsyncioClient() as client`` it is
    closed at the end of the block.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(self) -> None:
        self._rpc_link: asyncio_.AsyncioLink | None = None
        self._rpc_is_connecting = False
        self._rpc_session = ClientSession("the server")
        self._rpc_greeting = Greeted([], None, frozenset())
        self._rpc_target: str | None = None
        self._rpc_known_methods: frozenset[str] = frozenset()
        self._rpc_turn = asyncio.Lock()
        self._rpc_waiting: asyncio.Future[Event] | None = None
        self._rpc_loss: OSError | None = None

    async def connect_rpc(
        self,
        host: str,
        port: int | str,
        target_name: TargetName = AutoTarget,
        ssl_config: SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
    ) -> None:
        """Connect to a server. Arguments and errors are those of :class:`Client`.

        After an error nothing is left open, and it can be tried again.
        """
        config = choose_config(ssl_config, local_cert, local_key, peer_cert)
        if self._rpc_link is not None or self._rpc_is_connecting:
            raise RuntimeError("already connected; call close_rpc() first")
        peer = sockets.peer_name(host, port)
        session = ClientSession(peer, max_message_size=max_message_size)
        self._rpc_session = session
        self._rpc_target, self._rpc_known_methods = None, frozenset()
        self._rpc_loss = None
        take = functools.partial(self._rpc_take, session)
        lost = functools.partial(self._rpc_lost, session)
        self._rpc_is_connecting = True
        try:
            link = await asyncio_.connect(host, port, config, take, lost)
            if not self._rpc_is_connecting:
                link.close()
                raise ConnectionLost(f"the connection to {peer} was closed by this side")
        finally:
            self._rpc_is_connecting = False
        self._rpc_link = link
        try:
            self._rpc_greeting = await self._rpc_handshake(self._rpc_session.connect(), Greeted)
            await self.select_rpc_target(target_name)
        except BaseException:
            await self.close_rpc()
            raise

    async def select_rpc_target(self, target_name: TargetName) -> None:
        """Select a target by its name, once, if none was selected by :meth:`connect_rpc`.

        Raises:
            IncompatibleServer: There is no such target. Another can still be selected.
        """
        self._rpc_connected()
        target = choose_target(target_name, self._rpc_greeting)
        if target is not None:
            selected = await self._rpc_handshake(self._rpc_session.select(target), Selected)
            self._rpc_known_methods = selected.methods
            self._rpc_target = target

    def get_selected_target(self) -> str | None:
        """Return the name of the selected target, or None."""
        return self._rpc_target

    def get_rpc_id(self) -> tuple[list[str], str | None]:
        """Return the names of the server's targets, and its description."""
        return list(self._rpc_greeting.targets), self._rpc_greeting.description

    def get_local_host(self) -> str:
        """Return the address of this end of the connection."""
        return self._rpc_connected().local_host()

    async def get_rpc_method_list(self) -> dict[str, Any]:
        """Ask for the documentation of the target, as :meth:`Client.get_rpc_method_list` does."""
        result: dict[str, Any] = outcome(await self._rpc_ask(self._rpc_session.ask_method_list))
        return result

    def close_rpc(self) -> Coroutine[Any, Any, None]:
        """Close the connection at once. Calls that wait fail with ConnectionLost.

        Returns:
            A coroutine that ends when the connection has been closed. It need not be awaited.
        """
        self._rpc_is_connecting = False  # as connect_rpc(), if under way, will notice
        link, self._rpc_link = self._rpc_link, None
        if link is not None:
            link.close()
        return _Closing(None if link is None else link.closed)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self.close_rpc()

    def _rpc_methods(self) -> frozenset[str]:
        if self._rpc_link is None and self._rpc_loss is None:
            raise AttributeError("this client is not connected; await connect_rpc() first")
        return self._rpc_known_methods

    def __dir__(self) -> list[str]:
        """List the remote methods as well, once they are known."""
        return super().__dir__() if self._rpc_link is not None else list(object.__dir__(self))

    async def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        answer = await self._rpc_ask(lambda: self._rpc_session.call(name, args, kwargs))
        if isinstance(answer, Failed) and isinstance(answer.error, StopIteration):
            # A coroutine cannot raise it: Python would make a RuntimeError of it.
            raise GenericRemoteException(f"StopIteration: {answer.error}") from answer.error
        return outcome(answer)

    def _rpc_connected(self) -> asyncio_.AsyncioLink:
        if self._rpc_loss is not None:
            raise ConnectionLost(str(self._rpc_loss)) from self._rpc_loss
        if self._rpc_link is None:
            raise ConnectionLost("not connected; call connect_rpc() first")
        return self._rpc_link

    async def _rpc_handshake(self, data: bytes, expected: type[E]) -> E:
        link = self._rpc_connected()
        try:
            link.write(data)
            event = await self._rpc_answer()
        except BaseException:
            # Without its handshake a conversation is of no use to anybody.
            link.close()
            raise
        assert isinstance(event, expected)
        return event

    async def _rpc_ask(self, ask: Callable[[], tuple[int, bytes]]) -> Returned | Failed:
        async with self._rpc_turn:
            link = self._rpc_connected()
            session = self._rpc_session
            while not session.awaits_answers and link.has_unread():
                # What has come although nobody asked must not pass for the answer to this.
                await asyncio.sleep(0)
                link = self._rpc_connected()
            requests_before = session.last_request
            number = None
            try:
                counted, data = ask()
                link.write(data)
                number = counted
                event = await self._rpc_answer()
            except BaseException:
                if number is not None:
                    session.abandon(number)
                elif session.last_request != requests_before:
                    # Ctrl-C struck between the two: the session expects an answer to a request
                    # of which perhaps nothing was sent.
                    link.close()
                raise
            assert isinstance(event, Returned | Failed)
            return event

    async def _rpc_answer(self) -> Event:
        self._rpc_connected()  # or its loss would be waited for in vain
        self._rpc_waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._rpc_waiting
        finally:
            self._rpc_waiting = None

    def _rpc_take(self, session: ClientSession, data: bytes) -> None:
        for event in session.receive(data):
            if self._rpc_waiting is not None and not self._rpc_waiting.done():
                self._rpc_waiting.set_result(event)

    def _rpc_lost(self, session: ClientSession, reason: OSError) -> None:
        session.receive_end()
        if session is not self._rpc_session:
            return  # an attempt to connect that was given up, and its end only noticed now
        self._rpc_loss = reason
        if self._rpc_waiting is not None and not self._rpc_waiting.done():
            cause = reason.__cause__
            # What answered is no pc_rpc server: the caller of connect_rpc wants to know just that.
            self._rpc_waiting.set_exception(
                cause if isinstance(cause, IncompatibleServer) else reason
            )


class _Closing(Coroutine[Any, Any, None]):
    """What close_rpc() returns: a coroutine that may be awaited, run as a task, or forgotten.

    A real one that nobody awaits makes Python warn.
    """

    def __init__(self, closed: "asyncio.Future[None] | None") -> None:
        self._closed = closed
        self._running: Coroutine[Any, Any, None] | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    def send(self, value: Any) -> Any:
        return self._started().send(value)

    def throw(self, *args: Any) -> Any:
        return self._started().throw(*args)

    def close(self) -> None:
        if self._running is not None:
            self._running.close()

    def _started(self) -> Coroutine[Any, Any, None]:
        if self._running is None:
            self._running = self._wait()
        return self._running

    async def _wait(self) -> None:
        if self._closed is not None:
            # Shielded: somebody who gives up waiting must not cancel it for the others.
            await asyncio.shield(self._closed)
