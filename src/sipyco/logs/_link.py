"""A connection to a log server: sends what an outbox holds, and watches what became of it."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import cast

from sipyco._io import sockets
from sipyco._wire.log_entries import BANNER
from sipyco.logs._outbox import Outbox

__all__ = ["LogLink"]

CHUNK_SIZE = 64 << 10
"""Bytes handed to the transport at a time: it asks to wait from there on."""

SETTLE_TIME = 10.0
"""Seconds after which what has left this machine counts as read by the server.

A server reads at once. What was sent less than this (or twice this) before a connection ends is
sent again on the next one, so that more would mean more repetitions.
"""


REFUSAL_TIME = 0.2
"""Seconds that a connection stays open at least.

A server that wants something else closes when it has read the first line, or judged the certificate
(with TLS 1.3 after the client has begun to send). One that had been told the end by then would pass
for one that has read it all.
"""

LONG_ENOUGH = 1.0
"""Seconds after which the end of a connection is no refusal any more."""

LOOK_INTERVAL = 0.01
"""Seconds between looks at what has left this machine, before an encrypted connection is closed."""


class LogLink(asyncio.Protocol):
    """One connection.

    Args:
        outbox: What is to be sent.
        settled: Called when the connection has lived for a while, and now and then from then on.

    Attributes:
        ended: Done when the connection has ended, with the error, or None if there was none.
        lasted: When it has ended: whether it had lived longer than a server takes to refuse it.
    """

    def __init__(self, outbox: Outbox, settled: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exception | None] = self._loop.create_future()
        self.lasted = False
        self._outbox = outbox
        self._settled = settled
        self._began = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._is_encrypted = False
        self._can_write = True
        self._largest_write = 0
        self._is_finishing = False  # nothing is to come
        self._end_is_sent = False
        self._server_read_all = False
        self._is_answered = False
        self._look_handle: asyncio.TimerHandle | None = None
        self._end_handle: asyncio.TimerHandle | None = None

    def send(self) -> None:
        """Hand to the transport what it takes of what there is."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._end_is_sent:
            return
        while self._can_write and (data := self._outbox.take(CHUNK_SIZE)):
            transport.write(data)
            self._largest_write = max(self._largest_write, len(data))
            # Below TLS there is another buffer, which cannot be seen and holds the last write.
            hidden = self._largest_write if self._is_encrypted else 0
            self._outbox.limit(self._unsent() + hidden)
        if self._is_finishing and self._outbox.is_empty:
            self._send_end()

    def finish(self) -> None:
        """Close when everything has been sent and, as far as that can be known, read."""
        self._is_finishing = True
        self.send()

    def abort(self) -> None:
        """Close at once. What was under way remains in the outbox."""
        self._is_finishing = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_encrypted = transport.get_extra_info("sslcontext") is not None
        sockets.prepare_transport(transport)
        self._transport.write(BANNER + b"\n")
        self._look_handle = self._loop.call_later(SETTLE_TIME, self._look)
        self.send()

    def pause_writing(self) -> None:
        """Wait for the server to read."""
        self._can_write = False

    def resume_writing(self) -> None:
        """Go on."""
        self._can_write = True
        self.send()

    def data_received(self, data: bytes) -> None:
        """Note that this is no log server: those say nothing. It may be one that wants TLS."""
        self._is_answered = True

    def eof_received(self) -> None:
        """Note that the server ends the connection. It has never anything else to say."""
        if self._end_is_sent and not self._unsent():
            self._server_read_all = True
        elif self._transport is not None:
            self._transport.abort()  # nobody reads what is still to be written

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for handle in (self._look_handle, self._end_handle):
            if handle is not None:
                handle.cancel()
        self.lasted = self._loop.time() > self._began + LONG_ENOUGH
        read_all = self._server_read_all or (self._end_is_sent and self._is_encrypted)
        if self._is_finishing and exc is None and read_all and not self._is_answered:
            self._outbox.arrived()
        else:
            self._outbox.lost()
        if not self.ended.done():
            self.ended.set_result(exc)

    def _send_end(self) -> None:
        assert self._transport is not None
        may_be_refused = self._loop.time() < self._began + REFUSAL_TIME
        if may_be_refused or (self._is_encrypted and self._unsent()):
            self._end_handle = self._loop.call_later(LOOK_INTERVAL, self.send)
        elif not self._is_encrypted:
            # The server then closes its side as soon as it has read up to here: the only answer
            # that the protocol has.
            self._end_is_sent = True
            with contextlib.suppress(OSError):  # it is gone, as connection_lost() will tell
                self._transport.write_eof()
        else:
            self._end_is_sent = True
            self._transport.close()

    def _look(self) -> None:
        self._settled()
        unsent = self._unsent()
        # The buffer below TLS cannot be seen: it is empty only if the system's is.
        if not (unsent and self._is_encrypted):
            self._outbox.look(unsent)
        self._look_handle = self._loop.call_later(SETTLE_TIME, self._look)

    def _unsent(self) -> int:
        """Count the bytes that the other machine has not confirmed, as far as can be known."""
        assert self._transport is not None
        in_kernel = _unconfirmed(self._transport.get_extra_info("socket"))
        return self._transport.get_write_buffer_size() + in_kernel


def _unconfirmed(sock: object) -> int:
    """Count the bytes in the system's send buffer; 0 where it does not tell."""
    if sys.platform != "win32" and hasattr(sock, "fileno"):
        import fcntl  # noqa: PLC0415  not on Windows
        import termios  # noqa: PLC0415

        with contextlib.suppress(OSError, ValueError):
            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
            return int.from_bytes(answer, sys.byteorder)
    return 0
