"""The server of the manual's ``tools``: streams, and a coroutine for each connection."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from os import PathLike
from typing import Any

from sipyco._io import sockets, tls
from sipyco._io.addresses import Hosts
from sipyco._io.listener import Listener
from sipyco._wire import limits

__all__ = ["AsyncioServer"]

logger = logging.getLogger(__name__)


class AsyncioServer:
    """A TCP server on asyncio. Subclasses define the coroutine ``_handle_connection_cr``.

    Attributes:
        server: The :class:`asyncio.Server`, for example to find out its port with
            ``server.sockets[0].getsockname()[1]``; None while nothing listens.
    """

    __module__ = "sipyco.tools"

    def __init__(self) -> None:
        self._listener = Listener(self._make_protocol)
        self._client_tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        # Held while it starts and while it stops, which takes longer than to stop listening.
        self._changing = asyncio.Lock()

    @property
    def server(self) -> asyncio.Server | None:
        """The server of asyncio."""
        return self._listener.server

    async def start(
        self,
        host: Hosts,
        port: int | str,
        ssl_config: tls.SimpleSSLConfig | None = None,
        *,
        local_cert: str | PathLike[str] | None = None,
        local_key: str | PathLike[str] | None = None,
        peer_cert: str | PathLike[str] | None = None,
    ) -> None:
        """Start to listen. :meth:`stop` must be called later to free resources.

        Args:
            host: An address to bind or a list of them; None or ``"*"`` means all interfaces.
            port: TCP port; 0 lets the system choose one.
            ssl_config: Certificates; None for no encryption.
            local_cert: With ``local_key`` and ``peer_cert``, another way to pass certificates.
            local_key: See ``local_cert``.
            peer_cert: See ``local_cert``.

        Raises:
            OSError: An address cannot be bound. Nothing is left listening.
            RuntimeError: It listens already, and goes on.
        """
        config = tls.choose_config(ssl_config, local_cert, local_key, peer_cert)
        async with self._changing:
            if self.server is None:
                self._prepare()
            await self._listener.start(host, port, config)

    async def stop(self) -> None:
        """Stop to listen, cancel the coroutines of all connections and wait until they have ended.

        What they have written is sent first, unless a client does not read it in two seconds.
        """
        async with self._changing:
            try:
                await self._listener.stop()
            finally:
                # Also if this is cancelled: nobody must stay connected to what has ended.
                await self._end_connections()

    def _prepare(self) -> None:
        """Do what has to be done before anything listens."""

    async def _end_connections(self) -> None:
        tasks = list(self._client_tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, waiting = await asyncio.wait(tasks, timeout=limits.FLUSH_TIMEOUT)
            for task in waiting:
                self._client_tasks[task].transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _make_protocol(self) -> asyncio.BaseProtocol:
        reader = asyncio.StreamReader(limit=limits.MAX_STREAM_LINE_SIZE)
        return asyncio.StreamReaderProtocol(reader, self._client_connected)

    def _client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.server is None:
            writer.transport.abort()  # accepted just before the server was stopped
            return
        try:
            sockets.prepare_transport(writer.transport)
        except OSError as exc:  # no descriptors left
            peer = writer.get_extra_info("peername")
            logger.error("cannot serve %s: %s", peer, exc)  # noqa: TRY400  where tells nothing
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._run_connection(reader, writer))
        self._client_tasks[task] = writer
        task.add_done_callback(self._client_tasks.pop)

    async def _run_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._handle_connection_cr(reader, writer)
        except ConnectionError:
            pass  # the client left
        except Exception:
            # Otherwise only the loop's exception handler would know, without the peer.
            logger.exception("connection from %s failed", writer.get_extra_info("peername"))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _handle_connection_cr(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[Any, Any, None]:
        raise TypeError(f"{type(self).__name__} must define the coroutine _handle_connection_cr")
