"""Listening, with or without TLS, for every kind of server."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import cast

from sipyco._io import addresses, sockets, tls
from sipyco._wire import limits

__all__ = ["Listener"]

logger = logging.getLogger(__name__)


class Listener:
    """Listens on addresses; a protocol from the factory gets each accepted connection.

    With TLS, the protocol sees a connection only once the client has been accepted.

    Attributes:
        server: The asyncio server; None while nothing listens.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol]) -> None:
        self.server: asyncio.Server | None = None
        self._factory = factory
        self._handshakes: set[asyncio.Task[None]] = set()

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
        """
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
        usable = addresses.usable(hosts)
        if number == 0 and (len(usable) > 1 or usable[0] is None):
            number = addresses.free_port(usable)

        def accept() -> asyncio.Protocol:
            protocol = self._factory()
            return protocol if context is None else _Handshake(protocol, context, self._handshakes)

        # asyncio takes None among several hosts for a mistake, so it stands alone.
        address = None if None in usable else cast("list[str]", usable)
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(accept, address, number)

    async def stop(self) -> None:
        """Stop listening and give up handshakes. Accepted connections are the factory's."""
        if self.server is None:
            return
        self.server.close()
        self.server = None
        # Handshakes that have just come begin first, or nobody would close their connections.
        await asyncio.sleep(0)
        handshakes = list(self._handshakes)
        for task in handshakes:
            task.cancel()
        await asyncio.gather(*handshakes, return_exceptions=True)


class _Handshake(asyncio.Protocol):
    """Makes an accepted connection a TLS one, and says in the log whom it refused.

    asyncio's own server does the same, but tells nobody when a client is refused.
    """

    def __init__(
        self, protocol: asyncio.Protocol, context: ssl.SSLContext, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._tasks = tasks
        self._early: list[bytes] = []
        self._is_lost = False
        self._is_handed_over = False

    def data_received(self, data: bytes) -> None:
        # Decrypted, before the task below has been told that the handshake succeeded: clients
        # may send the end of it and their first words in one packet.
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        if self._is_handed_over:
            self._protocol.connection_lost(exc)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What the client sends from now on is for TLS to read.
        stream = cast("asyncio.Transport", transport)
        stream.pause_reading()
        task = asyncio.get_running_loop().create_task(self._upgrade(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _upgrade(self, transport: asyncio.Transport) -> None:
        client = transport.get_extra_info("peername")
        name = sockets.peer_name(client[0], client[1]) if client else "unknown"
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=limits.TLS_HANDSHAKE_TIMEOUT,
            )
        except ssl.SSLError as exc:
            reason = tls.explain(exc, local="this server", peer=f"client {name}")
            logger.warning("%s", reason)
        except OSError as exc:
            logger.warning("client %s left during the TLS handshake: %s", name, exc)
        else:
            if encrypted is not None and not self._is_lost:
                self._hand_over(encrypted)
        finally:
            if not self._is_handed_over:
                transport.abort()

    def _hand_over(self, encrypted: asyncio.Transport) -> None:
        self._is_handed_over = True
        encrypted.set_protocol(self._protocol)
        self._protocol.connection_made(encrypted)
        for data in self._early:
            self._protocol.data_received(data)
