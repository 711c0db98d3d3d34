"""Listening, with or without TLS, for every kind of server."""

import asyncio
import errno
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import cast

from sipyco._io import addresses, sockets, tls
from sipyco._io.tls_accept import TLSAcceptor

__all__ = ["Listener"]

logger = logging.getLogger(__name__)

PORT_ATTEMPTS = 20
"""Ports that are tried where one is needed that is free at several addresses."""


class Listener:
    """Listens on addresses; a protocol from the factory gets each accepted connection.

    With TLS, the protocol sees a connection only once the client has been accepted. It is started
    and stopped by one task at a time, which is up to the server that has it.

    Attributes:
        server: The asyncio server; None while nothing listens.
    """

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.server: asyncio.Server | None = None
        self._factory = factory
        self._acceptor: TLSAcceptor | None = None

    async def start(
        self, host: addresses.Hosts, port: int | str, ssl_config: tls.SimpleSSLConfig | None
    ) -> None:
        """Listen.

        Args:
            host: An address or a list of them; None, ``""`` or ``"*"`` means all interfaces. An
                empty list means that nothing listens.
            port: TCP port; 0 lets the system choose one, the same for all addresses.
            ssl_config: Certificates, or None for no encryption.

        Raises:
            OSError: An address cannot be bound. Nothing is left listening.
            RuntimeError: It listens already, and goes on.
            TypeError: ``ssl_config`` is none.
        """
        # The acceptor outlives the server where stop() was cancelled.
        if self.server is not None or self._acceptor is not None:
            raise RuntimeError("this server listens already; await stop() first")
        if ssl_config is not None and not hasattr(ssl_config, "create_server_context"):
            raise TypeError(
                f"ssl_config is of type {type(ssl_config).__name__!r}; "
                "give a SimpleSSLConfig or None"
            )
        number = sockets.parse_port(port)
        context = None if ssl_config is None else ssl_config.create_server_context()
        hosts = addresses.as_list(host)
        if not hosts:
            logger.warning(
                "the list of addresses to bind is empty: nothing listens on port %s", port
            )
            return
        if context is None and not all(addresses.is_loopback(address) for address in hosts):
            logger.warning(
                "port %s on %s accepts anyone who can reach it, unencrypted: "
                "pass ssl_config, or bind to localhost only",
                port,
                ", ".join(address or "all interfaces" for address in hosts),
            )
        try:
            await self._listen(addresses.usable(hosts), number, context)
        except OSError as exc:
            raise addresses.bind_error(exc, hosts, number) from None

    async def _listen(
        self, hosts: Sequence[str | None], number: int, context: ssl.SSLContext | None
    ) -> None:
        # asyncio takes None among several hosts for a mistake, so it stands alone.
        address = None if None in hosts else cast("list[str]", hosts)
        if number or not addresses.need_one_port(hosts):
            await self._serve(address, number, context)
            return
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            try:
                await self._serve(address, addresses.free_port(hosts), context)
            except OSError as exc:
                # Free at the first address is not free at all of them, nor for long.
                if exc.errno != errno.EADDRINUSE or not attempts_left:
                    raise
            else:
                return

    async def _serve(
        self, address: list[str] | None, port: int, context: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._factory, address, port, start_serving=False)
        try:
            if context is None:
                await server.start_serving()
            else:
                self._acceptor = TLSAcceptor(server, self._factory, context)
        except BaseException:
            # One of the addresses includes another: asyncio itself would leave one listening.
            server.close()
            raise
        self.server = server

    async def stop(self) -> None:
        """Stop listening and give up handshakes. Accepted connections are the factory's."""
        if self.server is not None:
            self.server.close()
            self.server = None
        if self._acceptor is not None:
            await self._acceptor.stop()
            self._acceptor = None
