"""A connection of a client to a server, on an event loop."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

from sipyco._io import sockets, tls
from sipyco._io.channel import Channel
from sipyco._io.outgoing import write_batches
from sipyco._wire.errors import ConnectionLost

__all__ = ["AsyncioLink", "connect"]


class AsyncioLink(asyncio.BufferedProtocol):
    """Hands over what comes in, and sends what there is, to its end.

    Args:
        peer: The other end, for messages.
        channel: What the connection carries.
        lost: Called once when the connection has ended, with the reason.
        encrypted: Whether it uses TLS.

    Attributes:
        can_write: False while the server does not read.
        closed: Done when the connection has ended.
    """

    def __init__(
        self, peer: str, channel: Channel, lost: Callable[[OSError], None], *, encrypted: bool
    ) -> None:
        self.can_write = True
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._peer = peer
        self._channel = channel
        self._report_loss = lost
        self._encrypted = encrypted
        self._heard = False
        self._reason: OSError | None = None
        self._transport: asyncio.Transport | None = None
        self._flush_is_scheduled = False

    def flush(self) -> None:
        """Send what the channel has, now or as soon as there is room."""
        transport = self._transport
        assert transport is not None
        if not transport.is_closing() and write_batches(self, transport, self._channel.take):
            self._flush_soon()

    def pause_writing(self) -> None:
        """Note that the server does not read."""
        self.can_write = False

    def resume_writing(self) -> None:
        """Go on sending."""
        self.can_write = True
        self.flush()

    def has_unread(self) -> bool:
        """Tell whether bytes have come that the event loop has not handed over yet."""
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        if sock.fileno() < 0:  # closed
            return False
        return sockets.wait_ready(sock, reading=True, writing=False, timeout=0)[0]

    def local_host(self) -> str:
        """Return the address of this end."""
        assert self._transport is not None
        return str(self._transport.get_extra_info("sockname")[0])

    def close(self) -> None:
        """Close the connection at once; ``closed`` tells when that has been done."""
        self._end(ConnectionLost(f"the connection to {self._peer} was closed by this side"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport from asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        sockets.prepare_transport(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Tell asyncio where to receive."""
        return self._channel.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes from asyncio."""
        self._heard = True
        if self._reason is not None:
            return
        try:
            self._channel.received(nbytes)
        except BaseException as exc:
            # Whatever it was, the place in the stream is lost.
            error = ConnectionLost(f"the connection to {self._peer} was given up: {exc}")
            error.__cause__ = exc
            self._end(error)
            if not isinstance(exc, Exception):
                raise

    def eof_received(self) -> None:
        """Take from asyncio that the server will say no more: nothing more is sent to it either.

        asyncio would first send what is unsent, to a server that may never read it.
        """
        self._end(tls.loss_error(None, self._peer, encrypted=self._encrypted, heard=self._heard))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection from asyncio."""
        if self._reason is None:
            self._reason = tls.loss_error(
                exc, self._peer, encrypted=self._encrypted, heard=self._heard
            )
            self._reason.__cause__ = exc
            self._report_loss(self._reason)
        if not self.closed.done():
            self.closed.set_result(None)

    def _flush_soon(self) -> None:
        if not self._flush_is_scheduled:
            self._flush_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._flush_is_scheduled = False
        self.flush()

    def _end(self, reason: OSError) -> None:
        if self._reason is None:
            self._reason = reason
            self._report_loss(reason)
            if self._transport is not None:
                # Nobody waits for answers any more, and a peer that does not read must not be
                # able to keep this side open.
                self._transport.abort()


async def connect(
    host: str,
    port: int | str,
    ssl_config: tls.SimpleSSLConfig | None,
    channel: Channel,
    lost: Callable[[OSError], None],
) -> AsyncioLink:
    """Connect, with TLS if wanted. The arguments are those of :class:`AsyncioLink`.

    Raises:
        TLSError: One side refuses the other. Nothing is left open.
        OSError: The connection could not be made. Nothing is left open.
    """
    peer = sockets.peer_name(host, port)
    number = sockets.parse_port(port)
    context = None if ssl_config is None else ssl_config.create_client_context()
    loop = asyncio.get_running_loop()

    async def connect_to(address: str) -> AsyncioLink:
        _, link = await loop.create_connection(
            lambda: AsyncioLink(peer, channel, lost, encrypted=context is not None),
            address,
            number,
            ssl=context,
            server_hostname=None if context is None else host,
        )
        return link

    try:
        found = await loop.getaddrinfo(host, number, type=socket.SOCK_STREAM)
        *others, last = [address[0] for *_, address in found]
        # One by one, as blocking programs do: of several refusals asyncio itself makes an
        # OSError that is no ConnectionRefusedError.
        for address in others:
            try:
                return await connect_to(str(address))
            except ssl.SSLError:  # the server was reached
                raise
            except OSError:
                continue
        return await connect_to(str(last))
    except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as exc:
        if context is not None:
            raise tls.handshake_error(exc, peer) from exc
        raise tls.loss_error(exc, peer, encrypted=False, heard=False) from exc
    except OSError as exc:
        raise sockets.with_peer(exc, peer) from None
