"""What the connections of all of our servers have in common, but not what data mean."""

import asyncio
import logging
from typing import cast

from sipyco._io import sockets
from sipyco._io.server import AsyncioServer
from sipyco._wire import limits

__all__ = ["ConnectionServer", "ServerConnection"]

logger = logging.getLogger("sipyco.server")


class ServerConnection(asyncio.BaseProtocol):
    """One accepted connection.

    Subclasses are also an :class:`asyncio.Protocol` or an :class:`asyncio.BufferedProtocol`, and
    define what that receives.

    Attributes:
        closed: Done when the connection has ended.
        peer: The client, in words.
        can_write: False while the client does not read what was written.
        is_closing: Nothing more is to be done for the client.
    """

    def __init__(self, server: "ConnectionServer") -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.peer = "unknown"
        self.can_write = True
        self.is_closing = False
        self.transport: asyncio.Transport | None = None
        self._accepting = server
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        if self._accepting.server is None:
            self.abort()  # accepted just before the server was stopped
            return
        self._accepting.connections.add(self)
        address = transport.get_extra_info("peername")
        self.peer = sockets.peer_name(address[0], address[1]) if address else "unknown"
        try:
            sockets.prepare_transport(transport)
        except OSError as exc:  # no descriptors left
            logger.error("cannot serve %s: %s", self.peer, exc)  # noqa: TRY400  where tells nothing
            self.abort()
            return
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(limits.BANNER_TIMEOUT, self._lose_patience)

    def has_spoken(self) -> None:
        """Note that the client has sent its banner. Those that do not are not kept for ever."""
        if self._patience is not None:
            self._patience.cancel()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self.can_write = False

    def resume_writing(self) -> None:
        """Note that it reads again. To be extended by what has waited for that."""
        self.can_write = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.is_closing = True
        self.has_spoken()
        self._accepting.connections.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def write(self, data: bytes | memoryview) -> None:
        """Send, unless the connection is closing."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """Close when what was written has been sent."""
        self.is_closing = True
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close without waiting for the client to read. Without effect after the end."""
        if self.transport is not None and not self.closed.done():
            self.transport.abort()

    def _lose_patience(self) -> None:
        logger.warning("closed the connection from %s: it has not said a word", self.peer)
        self.abort()


class ConnectionServer(AsyncioServer):
    """A server whose connections are protocols. Subclasses define ``_make_protocol``.

    Attributes:
        connections: Those that are open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connections: set[ServerConnection] = set()

    async def stop(self) -> None:
        """Stop to listen, end all connections and wait until they have ended.

        What was written is sent first, unless a client does not read it in two seconds.
        """
        await super().stop()

    async def _end_connections(self) -> None:
        connections = list(self.connections)
        for connection in connections:
            connection.close()
        await self._end_work()
        if connections:
            closed = [connection.closed for connection in connections]
            await asyncio.wait(closed, timeout=limits.FLUSH_TIMEOUT)
            for connection in connections:
                connection.abort()
            await asyncio.wait(closed)

    async def _end_work(self) -> None:
        """End what is being done for clients. To be overridden where there is such work."""
