"""The client for programs on an event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Self

from sipyco._io import sockets
from sipyco._io.tls import SimpleSSLConfig, choose_config
from sipyco._wire.errors import ConnectionLost
from sipyco._wire.limits import MAX_MESSAGE_SIZE
from sipyco._wire.remote_exceptions import GenericRemoteException
from sipyco._wire.rpc_client import ClientSession, Failed, Returned, StreamBegun
from sipyco.pc_rpc._asyncio_conversation import AsyncioConversation
from sipyco.pc_rpc._asyncio_stream import AsyncRemoteStream
from sipyco.pc_rpc._client import outcome
from sipyco.pc_rpc._options import RpcOptions
from sipyco.pc_rpc._proxy import AutoTarget, Proxy, TargetName, choose_target, describe_client

__all__ = ["AsyncioClient"]

_DEFAULTS = RpcOptions()


class AsyncioClient(Proxy):
    """Like :class:`Client`, on asyncio: all remote methods are coroutines.

    Calls from several tasks overlap if the server is one of this version, and otherwise take
    turns. One that is cancelled, or timed out with :func:`asyncio.timeout`, is cancelled on the
    server too, and leaves the connection usable: its answer, when it comes, is dropped. A remote
    generator is iterated over with ``async for``.

    Use :meth:`connect_rpc` after creation. As ``async with AsyncioClient() as client`` it is
    closed at the end of the block.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(self) -> None:
        # Also after it was lost; None after it was closed.
        self._rpc_conversation: AsyncioConversation | None = None
        self._rpc_last: AsyncioConversation | None = None

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
        if self._rpc_conversation is not None:
            raise RuntimeError("already connected; call close_rpc() first")
        conversation = AsyncioConversation(sockets.peer_name(host, port), max_message_size)
        self._rpc_conversation = self._rpc_last = conversation
        try:
            await conversation.connect(host, port, config)
            await self._rpc_select(conversation, target_name)
        except BaseException:
            closed = conversation.close()
            if self._rpc_conversation is conversation:
                self._rpc_conversation = None
            await _Closing(closed)
            raise

    async def select_rpc_target(self, target_name: TargetName) -> None:
        """Select a target by its name, once, if none was selected by :meth:`connect_rpc`.

        Raises:
            IncompatibleServer: There is no such target. Another can still be selected.
        """
        await self._rpc_select(self._rpc_connected(), target_name)

    def get_selected_target(self) -> str | None:
        """Return the name of the selected target, or None."""
        return None if self._rpc_last is None else self._rpc_last.target

    def get_rpc_id(self) -> tuple[list[str], str | None]:
        """Return the names of the server's targets, and its description."""
        if self._rpc_last is None:
            return [], None
        greeting = self._rpc_last.greeting
        return list(greeting.targets), greeting.description

    def get_local_host(self) -> str:
        """Return the address of this end of the connection."""
        return self._rpc_connected().local_host()

    async def get_rpc_method_list(self) -> dict[str, Any]:
        """Ask for the documentation of the target, as :meth:`Client.get_rpc_method_list` does."""
        result: dict[str, Any] = await self._rpc_ask(ClientSession.spell_method_list)
        return result

    async def ping_rpc(self) -> bool:
        """Ask the server whether it is alive, as :meth:`Client.ping_rpc` does."""
        await self._rpc_ask(ClientSession.spell_ping)
        return True

    async def get_rpc_status(self) -> dict[str, Any]:
        """Ask the server what it does, as :meth:`Client.get_rpc_status` does."""
        result: dict[str, Any] = await self._rpc_ask(ClientSession.spell_status)
        return result

    def close_rpc(self) -> Coroutine[Any, Any, None]:
        """Close the connection at once. Calls that wait fail with ConnectionLost.

        Returns:
            A coroutine that ends when the connection has been closed. It need not be awaited.
        """
        conversation, self._rpc_conversation = self._rpc_conversation, None
        return _Closing(None if conversation is None else conversation.close())

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

    def __repr__(self) -> str:
        """Name the target and the server; nothing is asked of it."""
        last: AsyncioConversation | None = vars(self).get("_rpc_last")
        if last is None:
            return describe_client(self, None, None, is_connected=False)
        is_connected = last is self._rpc_conversation and last.is_connected
        return describe_client(self, last.target, last.peer, is_connected=is_connected)

    def _rpc_methods(self) -> frozenset[str]:
        if self._rpc_last is None:
            raise AttributeError("this client is not connected; await connect_rpc() first")
        return self._rpc_last.methods

    def __dir__(self) -> list[str]:
        """List the remote methods as well, once they are known."""
        if self._rpc_conversation is None:
            return list(object.__dir__(self))
        return super().__dir__()

    def _rpc_method(self, name: str) -> Callable[..., Any]:
        conversation = self._rpc_last
        if conversation is not None and name in conversation.streams:
            return partial(self._rpc_stream, _DEFAULTS, name)
        return partial(self._rpc_invoke, name)

    async def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        conversation = self._rpc_connected()
        answer = await conversation.call(name, args, kwargs)
        if type(answer) is Returned:
            return answer.value
        return self._rpc_outcome(conversation, name, answer, _DEFAULTS)

    def _rpc_invoke_with(
        self, options: RpcOptions, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        conversation = self._rpc_last
        if conversation is not None and name in conversation.streams:
            return self._rpc_stream(options, name, *args, **kwargs)
        return self._rpc_call(options, name, args, kwargs)

    def _rpc_stream(
        self, options: RpcOptions, name: str, /, *args: Any, **kwargs: Any
    ) -> AsyncRemoteStream:
        conversation = self._rpc_connected()
        call = partial(conversation.call, name, args, kwargs, options)
        return AsyncRemoteStream(conversation, name, options, call)

    async def _rpc_call(
        self, options: RpcOptions, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        conversation = self._rpc_connected()
        answer = await conversation.call(name, args, kwargs, options)
        return self._rpc_outcome(conversation, name, answer, options)

    def _rpc_outcome(
        self,
        conversation: AsyncioConversation,
        name: str,
        answer: Returned | Failed | StreamBegun,
        options: RpcOptions,
    ) -> Any:
        if isinstance(answer, StreamBegun):
            return AsyncRemoteStream(conversation, name, options, None, answer.request)
        if isinstance(answer, Failed) and isinstance(answer.error, StopIteration):
            # A coroutine cannot raise it: Python would make a RuntimeError of it.
            raise GenericRemoteException(f"StopIteration: {answer.error}") from answer.error
        return outcome(answer)

    async def _rpc_ask(self, spell: Any) -> Any:
        return outcome(await self._rpc_connected().ask(spell))

    async def _rpc_select(self, conversation: AsyncioConversation, target_name: TargetName) -> None:
        target = choose_target(target_name, conversation.greeting)
        if target is not None:
            await conversation.select(target)

    def _rpc_connected(self) -> AsyncioConversation:
        if self._rpc_conversation is None:
            raise ConnectionLost(
                "not connected; call connect_rpc() first"
                if self._rpc_last is None
                else "the connection was closed by this side"
            )
        return self._rpc_conversation


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
