"""A connected socket whose waits are bounded, for programs without an event loop."""

import contextlib
import errno
import os
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable

from sipyco._io import sockets, tls
from sipyco._wire.errors import ConnectionLost

__all__ = ["BlockingLink", "connect"]

LONGEST_TIMEOUT = 1e6
"""Seconds that systems can count; longer is as good as for ever."""

READ_SIZE = 256 << 10
"""Bytes asked of the socket at a time."""


def connect(
    host: str, port: int | str, timeout: float | None, ssl_config: tls.SimpleSSLConfig | None
) -> "BlockingLink":
    """Connect, with TLS if wanted. Each wait takes at most ``timeout`` seconds.

    Raises:
        TLSError: One side refuses the other. Nothing is left open.
        OSError: The connection could not be made. Nothing is left open.
    """
    peer = sockets.peer_name(host, port)
    # First, so that files which cannot be used are told before anybody is bothered.
    context = None if ssl_config is None else ssl_config.create_client_context()
    if timeout is not None and timeout > LONGEST_TIMEOUT:
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
    return BlockingLink(sock, peer, timeout)


class BlockingLink:
    """Moves bytes both ways at once, each wait no longer than ``timeout``.

    What was handed to :meth:`queue` is sent to its end even if the wait for it times out: the
    rest leaves with the next :meth:`move`. So the stream is never left in the middle of a message.

    Not safe for concurrent use, but for :meth:`close`, which ends the waits of other threads.

    Args:
        sock: A connected socket, taken over.
        peer: The other end, for messages.
        timeout: Seconds of each wait; None for ever; 0 raises BlockingIOError instead of waiting.
    """

    def __init__(self, sock: socket.socket, peer: str, timeout: float | None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self._peer = peer
        self._timeout = timeout
        self._unsent: deque[memoryview] = deque()
        self._heard = False
        self._receive_needs_room = False  # TLS may have to send before it can receive
        self._lost: ConnectionLost | None = None
        # True while bytes are between the socket and whoever keeps them. If an exception
        # (Ctrl-C, for one) strikes then, some may be lost, and with them the place in the stream.
        self._midway = False
        # Held while the descriptor is waited on: its number must not become another socket's.
        self._in_use = threading.Lock()
        self._process = os.getpid()

    def local_host(self) -> str:
        """Return the address of this end."""
        try:
            return str(self._sock.getsockname()[0])
        except OSError as exc:  # closed
            raise self._peer_lost(exc) from exc

    def set_timeout(self, timeout: float | None) -> None:
        """Change the seconds of each wait."""
        self._timeout = timeout

    def queue(self, data: bytes) -> memoryview:
        """Take bytes to send. Nothing is sent before :meth:`move`.

        Returns:
            What :meth:`withdraw` takes.
        """
        message = memoryview(data)
        self._unsent.append(message)
        return message

    def withdraw(self, message: memoryview) -> bool:
        """Do not send a message after all, unless it was begun; tell whether it was not."""
        for index, waiting in enumerate(self._unsent):
            # What was begun has been replaced by its rest. TLS insists on a first attempt.
            if waiting is message and (index > 0 or self._tls is None):
                del self._unsent[index]
                return True
        return False

    def check(self) -> None:
        """Raise ConnectionLost if the connection is known to be gone."""
        if self._lost is None and os.getpid() != self._process:
            # Both would read from one stream, each the other's answers.
            self._lose(
                f"the connection to {self._peer} belongs to process {self._process}; "
                "connect after forking"
            )
        if self._lost is not None:
            raise ConnectionLost(str(self._lost)) from self._lost

    def move(self, take: Callable[[bytes], None], *, wait: bool = True) -> None:
        """Send what can be sent, wait for bytes, and hand these to ``take``.

        Both directions move at once, so that two sides that send a lot never wait for each other.

        Args:
            take: Called with the bytes. An exception that it raises ends the connection.
            wait: If false, return at once if nothing has come.

        Raises:
            ConnectionLost: The connection has ended, or was given up before.
            TLSError: The other side refuses this one.
            TimeoutError: Nothing moved for ``timeout`` seconds. What is unsent stays queued.
            BlockingIOError: The same, with a timeout of 0.
        """
        self.check()
        try:
            with self._in_use:
                self._move(take, wait=wait)
        except ConnectionLost as exc:
            self._lose(str(exc))
            raise
        except BaseException as exc:
            if self._midway:
                self._lose(
                    f"the connection to {self._peer} was given up: "
                    f"{type(exc).__name__} struck in the middle of a message",
                )
            raise
        finally:
            if self._lost is not None:
                self._close_descriptor()

    def _move(self, take: Callable[[bytes], None], *, wait: bool) -> None:
        while True:
            needs_room = self._send()
            if wait and (self._tls is None or not self._tls.pending()):
                self._wait(writing=needs_room or self._receive_needs_room)
            if self._receive(take) or not wait:
                return

    def close(self) -> None:
        """Close the connection. A thread that waits in :meth:`move` gets ConnectionLost."""
        self._lose(f"the connection to {self._peer} was closed by this side")

    def _send(self) -> bool:
        """Send what there is room for. Returns whether to wait for more room."""
        while self._unsent:
            part = self._unsent[0]
            self._midway = True
            try:
                sent = self._sock.send(part)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._midway = False
                return True
            except ssl.SSLWantReadError:
                self._midway = False
                return False
            except OSError as exc:
                raise self._peer_lost(exc) from exc
            if sent == len(part):
                self._unsent.popleft()
            else:
                self._unsent[0] = part[sent:]
            self._midway = False
        return False

    def _receive(self, take: Callable[[bytes], None]) -> bool:
        """Hand over what has come in. Returns whether there was anything."""
        self._receive_needs_room = False
        self._midway = True
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._midway = False
            return False
        except ssl.SSLWantWriteError:
            self._midway = False
            self._receive_needs_room = True
            return False
        except OSError as exc:
            raise self._peer_lost(exc) from exc
        if not data or self._lost is not None:
            raise self._peer_lost(None)
        self._heard = True
        take(data)
        self._midway = False
        return True

    def _wait(self, *, writing: bool) -> None:
        try:
            readable, writable = sockets.wait_ready(
                self._sock, reading=True, writing=writing, timeout=self._timeout
            )
        except (OSError, ValueError) as exc:  # closed by another thread
            raise self._peer_lost(None) from exc
        if readable or writable:
            return
        if self._timeout == 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        raise TimeoutError(f"{self._peer} did not answer within {self._timeout} s")

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
        self._close_descriptor()

    def _close_descriptor(self) -> None:
        # While another thread waits on it, that thread does it when it leaves.
        if self._in_use.acquire(blocking=False):
            self._sock.close()
            self._in_use.release()
