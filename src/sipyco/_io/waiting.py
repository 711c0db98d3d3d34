"""Waiting for a socket again and again, in a way that another thread can end."""

import contextlib
import select
import socket
from typing import Any

__all__ = ["Waiter"]

LONGEST_WAIT = 1e6
"""Seconds that systems can count; longer is as good as for ever."""


class Waiter:
    """Waits for one socket, and for being woken.

    Args:
        sock: A connected socket that does not block. Its owner closes it, after :meth:`close`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._bell: _Bell | None = None
        self._poll = select.poll() if hasattr(select, "poll") else None
        self._waits_for_room = False
        if self._poll is not None:
            self._poll.register(sock, select.POLLIN)

    def allow_waking(self) -> None:
        """Prepare for :meth:`wake`. To be called before any thread waits."""
        if self._bell is None:
            self._bell = _Bell()
            if self._poll is not None:
                self._poll.register(self._bell.fileno(), select.POLLIN)

    def wait(self, *, writing: bool, timeout: float | None) -> tuple[bool, bool]:
        """Wait until the socket can be read, or written if that is wanted, or until woken.

        Args:
            writing: Wait for room, too.
            timeout: Seconds; None waits for ever, 0 only looks.

        Returns:
            Whether the socket, or its end or an error, can be read, and whether it can be written.
        """
        if timeout is not None and timeout > LONGEST_WAIT:
            timeout = None
        if self._poll is None:
            return self._select(writing=writing, timeout=timeout)
        if writing != self._waits_for_room:
            self._poll.modify(self._sock, select.POLLIN | (select.POLLOUT if writing else 0))
            self._waits_for_room = writing
        readable = writable = False
        # Rounded up: a wait that ends a little early would be begun again and again.
        milliseconds = None if timeout is None else -(-timeout * 1000 // 1)
        for descriptor, happened in self._poll.poll(milliseconds):
            if self._bell is not None and descriptor == self._bell.fileno():
                self._bell.silence()
                continue
            trouble = bool(happened & ~(select.POLLIN | select.POLLOUT))
            readable = trouble or bool(happened & select.POLLIN)
            writable = trouble or bool(happened & select.POLLOUT)
        return readable, writable and writing

    def wake(self) -> None:
        """End the wait of another thread, or the next one, if waking is allowed."""
        if self._bell is not None:
            self._bell.ring()

    def close(self) -> None:
        """Free what waking needs."""
        if self._bell is not None:
            self._bell.close()

    def _select(self, *, writing: bool, timeout: float | None) -> tuple[bool, bool]:
        # Windows, where select() has no limit on the values of descriptors.
        listened: list[Any] = [self._sock]
        if self._bell is not None:
            listened.append(self._bell)
        readers, writers, broken = select.select(
            listened, [self._sock] if writing else [], [self._sock], timeout
        )
        if self._bell is not None and self._bell in readers:
            self._bell.silence()
        return self._sock in readers or bool(broken), bool(writers or broken) and writing


class _Bell:
    """A descriptor that can be read after it was rung."""

    def __init__(self) -> None:
        self._listens, self._rings = socket.socketpair()
        self._listens.setblocking(False)
        self._rings.setblocking(False)

    def fileno(self) -> int:
        return self._listens.fileno()

    def ring(self) -> None:
        # Full is as good as rung; closed, nobody waits any more.
        with contextlib.suppress(OSError):
            self._rings.send(b"\0")

    def silence(self) -> None:
        with contextlib.suppress(OSError):
            self._listens.recv(4096)

    def close(self) -> None:
        self._listens.close()
        self._rings.close()
