"""Accepting TLS connections, and saying in the log whom this server refused.

The servers of asyncio and uvloop do the first, but tell nobody when they refuse a client.
"""

import asyncio
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from sipyco._io import sockets, tls
from sipyco._wire import limits

__all__ = ["TLSAcceptor"]

logger = logging.getLogger(__name__)

BACKLOG = 100
"""Connections that the system holds until they are accepted, as asyncio has it."""

PAUSE_AFTER_ERROR = 1.0
"""Seconds before accepting is tried again, when the system has no descriptors left, for one."""


class TLSAcceptor:
    """Accepts on the bound sockets of a server that does not listen itself.

    Args:
        server: Made with ``start_serving=False``. It keeps the addresses; closing it is up to
            whoever made it.
        factory: Gives the protocol of a connection, which sees it only after the handshake.
        context: Of a server.
    """

    def __init__(
        self,
        server: asyncio.Server,
        factory: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext,
    ) -> None:
        self._factory = factory
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: list[socket.socket] = []
        try:
            for bound in server.sockets:
                self._listening.append(_duplicate(bound))
                self._listening[-1].setblocking(False)
                self._listening[-1].listen(BACKLOG)
        except BaseException:
            self._close_sockets()
            raise
        for listening in self._listening:
            self._start(self._accept(listening))

    async def stop(self) -> None:
        """Stop accepting, and give up handshakes. Finished ones are the factory's."""
        # Handshakes that have just come begin first, or nobody would close their connections.
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close_sockets()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as exc:
                logger.error("cannot accept connections at the moment: %s", exc)  # noqa: TRY400  where it happened tells nothing
                await asyncio.sleep(PAUSE_AFTER_ERROR)
            else:
                self._start(self._shake_hands(accepted, sockets.peer_name(*address[:2])))

    async def _shake_hands(self, accepted: socket.socket, client: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=limits.TLS_HANDSHAKE_TIMEOUT,
            )
        except ssl.SSLError as exc:
            logger.warning("%s", tls.explain(exc, local="this server", peer=f"client {client}"))
        except OSError as exc:
            reason = str(exc) or type(exc).__name__
            logger.warning("client %s did not finish the TLS handshake: %s", client, reason)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_sockets(self) -> None:
        for listening in self._listening:
            listening.close()


def _duplicate(bound: Any) -> socket.socket:
    # What asyncio and uvloop show of their sockets cannot accept; only asyncio's can duplicate.
    if sys.platform == "win32":
        duplicate: socket.socket = bound.dup()
        return duplicate
    return socket.socket(fileno=os.dup(bound.fileno()))
