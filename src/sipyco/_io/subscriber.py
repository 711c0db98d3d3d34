"""Following a stream of values, and making the connection anew when it is lost."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from sipyco._io import sockets, tls
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.subscription import SubscriberSession

__all__ = ["Callback", "StreamSubscriber", "as_list", "call"]

logger = logging.getLogger(__name__)

READ_SIZE = 256 << 10
"""Bytes asked of the connection at a time."""

LONGEST_WAIT = 60.0
"""Seconds between attempts at most, however long a publisher has been away."""

Callback = Callable[..., Any]


class StreamSubscriber:
    """The part of subscribers that does not know what the values mean.

    Attributes:
        receive_task: Runs from :meth:`connect` until the subscription has ended.
        writer: The connection, for what is known about it (``get_extra_info``).
        disconnect_cb: Called when the connection is lost; may be set at any time.
    """

    receive_task: "asyncio.Task[None]"
    writer: asyncio.StreamWriter

    def __init__(
        self,
        banner: bytes,
        name: str,
        disconnect_cb: Callback | None,
        *,
        reconnect: float | None,
        state_cb: Callback | None,
        max_message_size: int,
    ) -> None:
        self.disconnect_cb = disconnect_cb
        self._banner = banner
        self._name = name
        self._reconnect = reconnect
        self._state_cb = state_cb
        self._max_message_size = max_message_size
        self._is_closing = False

    async def _connect(
        self,
        host: str,
        port: int | str,
        before_receive: Callback | None,
        ssl_config: tls.SimpleSSLConfig | None,
        local_cert: str | PathLike[str] | None,
        local_key: str | PathLike[str] | None,
        peer_cert: str | PathLike[str] | None,
    ) -> None:
        config = tls.choose_config(ssl_config, local_cert, local_key, peer_cert)
        if hasattr(self, "receive_task") and not self.receive_task.done():
            raise RuntimeError("this subscriber is connected already; await close() first")
        self._is_closing = False

        async def open_connection() -> tuple[asyncio.StreamReader, SubscriberSession]:
            return await self._open(host, port, config, before_receive)

        try:
            opened = await open_connection()
        except OSError as exc:
            if self._reconnect is None:
                raise
            logger.warning("%s; trying again in the background", exc)
            opened = None
        self.receive_task = asyncio.get_running_loop().create_task(
            self._follow(opened, open_connection)
        )

    async def close(self) -> None:
        """End the subscription. ``disconnect_cb`` is not called."""
        self._is_closing = True
        task = getattr(self, "receive_task", None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        if hasattr(self, "writer"):
            self.writer.close()
            with contextlib.suppress(OSError):
                await self.writer.wait_closed()

    async def _handle(self, value: Any) -> None:
        """Do what is to be done with a value."""
        raise TypeError(f"{type(self).__name__} does not say what to do with values")

    async def _open(
        self,
        host: str,
        port: int | str,
        config: tls.SimpleSSLConfig | None,
        before_receive: Callback | None,
    ) -> tuple[asyncio.StreamReader, SubscriberSession]:
        peer = sockets.peer_name(host, port)
        session = SubscriberSession(
            self._banner, self._name, peer, max_message_size=self._max_message_size
        )
        context = None if config is None else config.create_client_context()
        try:
            reader, self.writer = await sockets.async_open_connection(
                host, port, ssl=context, limit=READ_SIZE
            )
        except OSError as exc:
            raise (exc if config is None else tls.handshake_error(exc, peer)) from exc
        try:
            if before_receive is not None:
                await call(before_receive)
            self.writer.write(session.connect())
        except BaseException:
            self.writer.close()
            raise
        return reader, session

    async def _follow(self, opened: Any, open_again: Callable[[], Any]) -> None:
        while True:
            if opened is not None:
                await self._tell_state("connected")
                goes_on = await self._receive(*opened)
                if self._is_closing:
                    return
                if self.disconnect_cb is not None:
                    await call(self.disconnect_cb)
                await self._tell_state("disconnected")
                if not goes_on:
                    return
            if self._reconnect is None:
                return
            opened = await self._open_when_possible(self._reconnect, open_again)

    async def _open_when_possible(self, wait: float, open_again: Callable[[], Any]) -> Any:
        while True:
            await asyncio.sleep(wait)
            try:
                return await open_again()
            except OSError as exc:
                wait = min(2 * wait, max(LONGEST_WAIT, wait))
                logger.info("%s; trying again in %g s", exc, wait)

    async def _receive(self, reader: asyncio.StreamReader, session: SubscriberSession) -> bool:
        """Receive until the end of the connection; tell whether another one makes sense."""
        try:
            while data := await reader.read(READ_SIZE):
                for value in session.receive(data):
                    await self._handle(value)
        except OSError as exc:
            logger.info("subscription to %r was lost: %s", self._name, exc)
        except (ProtocolError, MessageTooLargeError) as exc:
            logger.error("subscription to %r ends: %s", self._name, exc)  # noqa: TRY400  the peer's
            return False
        except Exception:
            # A callback of the user's: what it has to follow is in an unknown state from here on.
            logger.exception("subscription to %r ends, because a callback failed", self._name)
            return False
        finally:
            self.writer.close()
        return True

    async def _tell_state(self, state: str) -> None:
        if self._state_cb is not None:
            await call(self._state_cb, state)


async def call(callback: Callback, *args: Any) -> None:
    """Call a function or a coroutine function."""
    result = callback(*args)
    if inspect.isawaitable(result):
        await result


def as_list(callbacks: Callback | Sequence[Callback] | None) -> list[Callback]:
    """Take one callback, several or none."""
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)
