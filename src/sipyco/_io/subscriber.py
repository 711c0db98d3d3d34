"""Following a stream of values, and making the connection anew when it is lost."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

from sipyco._io import sockets, tls
from sipyco._wire import limits
from sipyco._wire.errors import MessageTooLargeError, ProtocolError
from sipyco._wire.subscription_client import SubscriberSession

__all__ = ["Callback", "StreamSubscriber", "as_list", "call"]

logger = logging.getLogger(__name__)

READ_SIZE = 256 << 10
"""Bytes asked of the connection at a time."""

SHORTEST_WAIT = 0.05
"""Seconds between attempts at least, from the second on."""

LONGEST_WAIT = 60.0
"""Seconds between attempts at most, however long a publisher has been away."""

ATTEMPT_TIMEOUT = 10.0
"""Seconds for an attempt in the background: a machine that is switched off never answers."""

LONG_ENOUGH = 1.0
"""Seconds after which the end of a connection is no refusal any more, though nothing was heard."""

Callback = Callable[..., Any]


@dataclass
class Link:
    """One connection, and what is said on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    session: SubscriberSession
    peer: str
    encrypted: bool
    begun: float
    """When, by the clock of the loop."""
    heard: bool = False
    """Whether anything was received."""


class StreamSubscriber:
    """The part of subscribers that does not know what the values mean.

    Attributes:
        receive_task: Runs from :meth:`connect` until the subscription has ended.
        writer: The connection, for what is known about it (``get_extra_info``).
        disconnect_cb: Called when the connection is lost; may be set at any time.
    """

    receive_task: "asyncio.Task[None]"
    writer: asyncio.StreamWriter

    _hears_at_once = False
    """Whether publishers say something right away, so that silence is a refusal."""

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
        if reconnect is not None and not reconnect >= 0:
            raise ValueError(f"reconnect is {reconnect!r}; give seconds, or None for never")
        self.disconnect_cb = disconnect_cb
        self._banner = banner
        self._name = name
        self._reconnect = reconnect
        self._state_cb = state_cb
        self._max_message_size = max_message_size
        self._is_closing = False
        self._is_connecting = False
        self._is_following = False

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
        if config is not None:
            config.create_client_context()  # a file that is missing is no reason to try again
        if self._is_busy():
            raise RuntimeError("this subscriber is connected already; await close() first")
        self._is_closing = False

        async def open_link() -> Link:
            return await self._open(host, port, config, before_receive)

        self._is_connecting = True
        try:
            link = await self._open_first(open_link)
        finally:
            self._is_connecting = False
        if self._is_closing:
            if link is not None:
                link.writer.close()
            peer = sockets.peer_name(host, port)
            raise ConnectionAbortedError(f"the connection to {peer} was closed by this side")
        self.receive_task = asyncio.get_running_loop().create_task(self._run(link, open_link))

    async def _open_first(self, open_link: Callable[[], Awaitable[Link]]) -> Link | None:
        if self._reconnect is None:
            return await open_link()
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT):
                return await open_link()
        except OSError as exc:
            logger.warning("%s; trying again in the background", str(exc) or "no answer")
            return None

    async def close(self) -> None:
        """End the subscription. No callback is called any more, nor ``disconnect_cb``.

        From a callback, too. Without effect if there is no connection.
        """
        self._is_closing = True
        task = getattr(self, "receive_task", None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        if hasattr(self, "writer"):
            self.writer.close()
            # TLS says goodbye and waits for the answer, which a publisher that hangs never gives.
            with contextlib.suppress(OSError):
                await asyncio.wait_for(self.writer.wait_closed(), limits.FLUSH_TIMEOUT)
            self.writer.transport.abort()

    async def _handle(self, value: Any) -> None:
        """Do what is to be done with a value."""
        raise TypeError(f"{type(self).__name__} does not say what to do with values")

    def _is_busy(self) -> bool:
        if self._is_connecting:
            return True
        if not hasattr(self, "receive_task") or self.receive_task.done():
            return False
        # disconnect_cb may connect again, when the task that called it has nothing more to do.
        return self.receive_task is not asyncio.current_task() or self._is_following

    async def _open(
        self,
        host: str,
        port: int | str,
        config: tls.SimpleSSLConfig | None,
        before_receive: Callback | None,
    ) -> Link:
        peer = sockets.peer_name(host, port)
        session = SubscriberSession(
            self._banner, self._name, peer, max_message_size=self._max_message_size
        )
        context = None if config is None else config.create_client_context()
        try:
            reader, writer = await sockets.async_open_connection(
                host, port, ssl=context, limit=READ_SIZE
            )
        except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as exc:
            raise (exc if config is None else tls.handshake_error(exc, peer)) from exc
        self.writer = writer
        try:
            if before_receive is not None:
                await call(before_receive)
            writer.write(session.connect())
        except BaseException:
            writer.close()
            raise
        begun = asyncio.get_running_loop().time()
        return Link(reader, writer, session, peer, context is not None, begun)

    async def _run(self, link: Link | None, open_link: Callable[[], Awaitable[Link]]) -> None:
        first_wait = self._reconnect
        wait = first_wait or 0.0
        while not self._is_closing:
            if link is not None:
                goes_on = await self._follow_and_tell(link)
                # A publisher that closes at once, time and again, is one that is not there yet.
                useful = link.heard or _age(link) > LONGEST_WAIT
                if not goes_on or self.receive_task is not asyncio.current_task():
                    return
                wait = first_wait or 0.0 if useful else _longer(wait)
            if first_wait is None:
                return
            await asyncio.sleep(wait)
            try:
                async with asyncio.timeout(ATTEMPT_TIMEOUT):
                    link = await open_link()
            except OSError as exc:
                link = None
                wait = _longer(wait)
                logger.info("%s; trying again in %g s", str(exc) or "no answer", wait)
            except (Exception, asyncio.CancelledError):
                if _is_cancelled():
                    raise
                # before_receive_cb is the user's, and nobody awaits this task.
                logger.exception("subscription to %r ends: it cannot connect again", self._name)
                return

    async def _follow_and_tell(self, link: Link) -> bool:
        """Follow until the connection ends, and say so; tell whether another one makes sense."""
        self._is_following = True
        try:
            goes_on = await self._tell_state("connected") and await self._follow(link)
        finally:
            self._is_following = False
            link.writer.close()
        told = await self._tell_state("disconnected")
        return await self._call(self.disconnect_cb) and told and goes_on

    async def _follow(self, link: Link) -> bool:
        while data := await self._read(link):
            link.heard = True
            try:
                for value in link.session.receive(data):
                    if not await self._call(self._handle, value):
                        return False
            except (ProtocolError, MessageTooLargeError) as exc:
                # The peer's fault: a traceback would only show ours.
                logger.error("subscription to %r ends: %s", self._name, exc)  # noqa: TRY400
                return False
        return True

    async def _notify(self, callbacks: Sequence[Callback], value: Any) -> None:
        """Call several callbacks in turn, until one closes this."""
        for callback in list(callbacks):
            if self._is_closing:
                return
            await call(callback, value)

    async def _read(self, link: Link) -> bytes:
        """Return what comes next; nothing at the end, whose reason is logged."""
        error: OSError | None = None
        try:
            if data := await link.reader.read(READ_SIZE):
                return data
        except OSError as exc:
            error = exc
        heard = link.heard or (not self._hears_at_once and _age(link) > LONG_ENOUGH)
        reason = tls.loss_error(error, link.peer, encrypted=link.encrypted, heard=heard)
        level = logging.INFO if heard else logging.WARNING
        hint = f"; does it offer {self._name!r}?" if self._hears_at_once and not heard else ""
        logger.log(level, "subscription to %r was lost: %s%s", self._name, reason, hint)
        return b""

    async def _tell_state(self, state: Literal["connected", "disconnected"]) -> bool:
        return await self._call(self._state_cb, state)

    async def _call(self, callback: Callback | None, *args: Any) -> bool:
        """Call what is the user's, if there is any, and tell whether to go on."""
        if callback is None or self._is_closing:
            return not self._is_closing
        try:
            await call(callback, *args)
        except ProtocolError:
            raise
        except (Exception, asyncio.CancelledError):
            if _is_cancelled():
                raise
            # Nobody awaits this task. What the callback follows is in an unknown state now.
            logger.exception("subscription to %r ends: a callback failed", self._name)
            return False
        return not self._is_closing


async def call(callback: Callback, *args: Any) -> Any:
    """Call a function or a coroutine function, and return what it returns."""
    result = callback(*args)
    # Not anything that could be awaited: a task that a callback has started is its own business.
    return await result if asyncio.iscoroutine(result) else result


def _is_cancelled() -> bool:
    """Tell whether this task is to end, as opposed to something else that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def as_list(callbacks: Callback | Sequence[Callback] | None) -> list[Callback]:
    """Take one callback, several or none."""
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)


def _age(link: Link) -> float:
    return asyncio.get_running_loop().time() - link.begun


def _longer(wait: float) -> float:
    return max(SHORTEST_WAIT, wait, min(2 * wait, LONGEST_WAIT))
