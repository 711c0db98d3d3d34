"""A connected socket for programs without an event loop."""

import contextlib
import itertools
import os
import socket
import ssl
import time
from collections import deque

from sipyco._io import sockets, tls
from sipyco._io.channel import Channel
from sipyco._io.waiting import LONGEST_WAIT, Waiter
from sipyco._wire.errors import ConnectionLost

__all__ = ["BlockingLink", "connect"]

BATCH_SIZE = 1 << 20
"""Bytes that are taken to be sent at a time. What was taken is sent to its end."""

MAX_PARTS = 512
"""Pieces of memory that are handed to the system at a time; all systems take as many."""

MAX_SENDS = 2
"""How often in a row the system is given bytes while it takes them, before others send."""

MAX_RECEIVES = 4
"""How often in a row the system is asked for bytes while there are more, before others send."""


def connect(
    host: str, port: int | str, timeout: float | None, ssl_config: tls.SimpleSSLConfig | None
) -> "BlockingLink":
    """Connect, with TLS if wanted. Each wait for that takes at most ``timeout`` seconds.

    Raises:
        TLSError: One side refuses the other. Nothing is left open.
        OSError: The connection could not be made. Nothing is left open.
    """
    peer = sockets.peer_name(host, port)
    # First, so that files which cannot be used are told before anybody is bothered.
    context = None if ssl_config is None else ssl_config.create_client_context()
    if timeout is not None and timeout > LONGEST_WAIT:
        timeout = None
    sock = sockets.create_connection(host, port, timeout=timeout)
    try:
        sockets.prepare(sock)
        if context is not None:
            try:
                sock = context.wrap_socket(sock, server_hostname=host)
            except OSError as exc:
                raise tls.handshake_error(exc, peer) from exc
    except BaseException:
        sock.close()
        raise
    return BlockingLink(sock, peer)


class BlockingLink:
    """Moves bytes both ways.

    What was taken from the channel is sent to its end: the rest leaves with the next :meth:`send`.
    So the stream is never left in the middle of a message.

    One thread sends or receives at a time; another may wait meanwhile, and any may close.

    Args:
        sock: A connected socket, taken over.
        peer: The other end, for messages.

    Attributes:
        needs_room: There was no room to send everything: wait for it.
        moved_at: When bytes moved last, in the time of :func:`time.monotonic`.
    """

    def __init__(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        self.needs_room = False
        self.moved_at = time.monotonic()
        self._sock = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self._sends_parts = self._tls is None and hasattr(sock, "sendmsg")
        self._peer = peer
        self._unsent: deque[bytes | memoryview] = deque()
        self._heard = False
        self._receive_needs_room = False  # TLS may have to send before it can receive
        self._lost: ConnectionLost | None = None
        # True while bytes are between the socket and whoever keeps them. If an exception
        # (Ctrl-C, for one) strikes then, some may be lost, and with them the place in the stream.
        self._midway = False
        self._waiter = Waiter(sock)
        # True while a thread uses the descriptor: its number must not become another socket's.
        self._is_moving = False
        self._is_waiting = False
        self._process = os.getpid()

    def local_host(self) -> str:
        """Return the address of this end."""
        try:
            return str(self._sock.getsockname()[0])
        except OSError as exc:  # closed
            raise self._peer_lost(exc) from exc

    @property
    def is_connected(self) -> bool:
        """Whether the connection is not known to be gone."""
        return self._lost is None

    def check(self) -> None:
        """Raise ConnectionLost if the connection is known to be gone."""
        if self._lost is None and os.getpid() != self._process:
            # Both would read from one stream, each the other's answers.
            self._lose(
                f"the connection to {self._peer} belongs to process {self._process}; "
                "connect after forking"
            )
        self._check_open()

    def _check_open(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(str(self._lost)) from self._lost

    def allow_waking(self) -> None:
        """Prepare for :meth:`wake`. To be called before any thread waits."""
        self._waiter.allow_waking()

    @property
    def has_unsent(self) -> bool:
        """Whether something was taken, or is to be, that has not been sent."""
        return self.needs_room or bool(self._unsent)

    def wake(self) -> None:
        """End the wait of another thread."""
        self._waiter.wake()

    def send(self, channel: Channel) -> None:
        """Send what the channel has and there is room for, up to two batches. Never waits.

        Others have their turn then, and :meth:`wait` ends at once.

        Raises:
            ConnectionLost: The connection has ended, or was given up before.
            TLSError: The other side refuses this one.
        """
        self._is_moving = True
        try:
            self._check_open()
            self.needs_room = False
            for _ in range(MAX_SENDS):
                self._midway = True
                if not self._unsent:
                    self._unsent.extend(channel.take(BATCH_SIZE))
                if not self._unsent or not self._send_some():
                    break
            else:
                self.needs_room = True
            self._midway = False
        except BaseException as exc:
            self._fail(exc)
            raise
        finally:
            self._is_moving = False
            if self._lost is not None:
                self._free_descriptor()

    def receive(self, channel: Channel) -> None:
        """Hand over some of what has come in. Never waits.

        Raises:
            ConnectionLost: As for :meth:`send`.
            TLSError: Likewise.
        """
        self._is_moving = True
        try:
            self._check_open()
            for _ in range(MAX_RECEIVES):
                if not self._receive_some(channel.buffer(), channel):
                    break
        except BaseException as exc:
            self._fail(exc)
            raise
        finally:
            self._is_moving = False
            if self._lost is not None:
                self._free_descriptor()

    def wait(self, timeout: float | None) -> bool:
        """Wait until bytes have come, there is room if that is needed, or another thread wakes.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            Whether there is something to do.

        Raises:
            ConnectionLost: The connection was closed by this side.
        """
        self._is_waiting = True
        try:
            self._check_open()
            if self._tls is not None and self._tls.pending():
                return True
            writing = self.needs_room or self._receive_needs_room
            readable, writable = self._waiter.wait(writing=writing, timeout=timeout)
        except ConnectionLost:
            raise
        except (OSError, ValueError) as exc:  # closed by another thread
            raise self._peer_lost(None) from exc
        finally:
            self._is_waiting = False
            if self._lost is not None:
                self._free_descriptor()
        return readable or writable

    def close(self) -> None:
        """Close the connection. A thread that waits gets ConnectionLost."""
        self._lose(f"the connection to {self._peer} was closed by this side")

    def _fail(self, exc: BaseException) -> None:
        if isinstance(exc, ConnectionLost):
            self._lose(str(exc))
        elif self._midway:
            self._lose(
                f"the connection to {self._peer} was given up: "
                f"{type(exc).__name__} struck in the middle of a message",
            )

    def _send_some(self) -> bool:
        """Send some of what is unsent; tell whether more can be sent."""
        try:
            if self._sends_parts and len(self._unsent) > 1:
                sent = self._sock.sendmsg(list(itertools.islice(self._unsent, MAX_PARTS)))
            else:
                sent = self._sock.send(self._unsent[0])
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.needs_room = True
            return False
        except ssl.SSLWantReadError:
            return False
        except OSError as exc:
            raise self._peer_lost(exc) from exc
        self.moved_at = time.monotonic()
        while self._unsent and sent >= len(self._unsent[0]):
            sent -= len(self._unsent.popleft())
        if sent:
            self._unsent[0] = memoryview(self._unsent[0])[sent:]
        return True

    def _receive_some(self, buffer: memoryview, channel: Channel) -> bool:
        """Hand over what has come in; tell whether there may be more of it."""
        self._receive_needs_room = False
        self._midway = True
        try:
            count = self._sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._midway = False
            return False
        except ssl.SSLWantWriteError:
            self._midway = False
            self._receive_needs_room = True
            return False
        except OSError as exc:
            raise self._peer_lost(exc) from exc
        if not count or self._lost is not None:
            raise self._peer_lost(None)
        self._heard = True
        self.moved_at = time.monotonic()
        channel.received(count)
        self._midway = False
        return count == len(buffer)

    def _peer_lost(self, cause: OSError | None) -> OSError:
        """Close after a loss, and return the error that says so."""
        self._midway = False
        if self._lost is not None:
            return ConnectionLost(str(self._lost))
        error = tls.loss_error(
            cause, self._peer, encrypted=self._tls is not None, heard=self._heard
        )
        self._lose(str(error))
        return error

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost = ConnectionLost(why)
        # The connection is still that of the process which forked this one.
        if os.getpid() == self._process:
            with contextlib.suppress(OSError):
                # Wakes another thread's wait, which closing alone would not. Not the method of
                # SSLSocket: that turns encryption off first, and the other thread may be sending.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        self._free_descriptor()

    def _free_descriptor(self) -> None:
        # While another thread uses it, that thread does it when it leaves.
        if not self._is_moving and not self._is_waiting:
            self._waiter.close()
            self._sock.close()
