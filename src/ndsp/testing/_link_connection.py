"""One connection over a link: what one side sends goes to the other, as the state allows."""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

from ndsp.testing._link_state import Direction, LinkState

__all__ = ["LinkConnection"]

SIZE = 1 << 16
"""Bytes that are received at a time."""

PIECES = 64
"""How many such pieces are on their way at most, in each direction."""

LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: yes, for no time. Windows has shorter numbers there."""

CONNECTING = 5.0
"""Seconds to reach the server, which is on this machine or near."""


class LinkConnection:
    """Passes on what two sockets receive.

    Args:
        client: Socket to the client, which is closed at the end.
        addresses: Of the server, as :func:`socket.getaddrinfo` gives them.
        state: What is wrong.

    Attributes:
        reset: Whether it ends with a reset instead of in order.
    """

    def __init__(self, client: socket.socket, addresses: Sequence[Any], state: LinkState) -> None:
        self._client = client
        self._addresses = addresses
        self._state = state
        self._orphaned = asyncio.Event()
        self.reset = False

    @property
    def is_orphan(self) -> bool:
        """Whether the server's side is gone, of which the client does not know."""
        return self._orphaned.is_set()

    def orphan(self) -> None:
        """Drop the server's side without a word to the client."""
        self._orphaned.set()

    async def run(self) -> None:
        """Pass on until both sides have ended, one is lost, or this is cancelled."""
        try:
            if self._state.is_half_open:
                self.orphan()
            else:
                await self._connect_and_forward()
            if self.is_orphan:
                await self._swallow()
        except OSError:
            self.reset = True

    def close(self) -> None:
        """Close the client's side, when :meth:`run` has ended or was never begun."""
        self._close(self._client)

    async def _connect_and_forward(self) -> None:
        server = await self._connect()
        try:
            await self._forward(server)
        except OSError:
            self.reset = True
            raise
        finally:
            self._close(server)

    async def _connect(self) -> socket.socket:
        for family, kind, protocol, _, address in self._addresses:
            server = socket.socket(family, kind, protocol)
            try:
                server.setblocking(False)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # Not wait_for(), which in Python 3.11 may lose a cancellation.
                async with asyncio.timeout(CONNECTING):
                    await asyncio.get_running_loop().sock_connect(server, address)
            except OSError:
                server.close()
            except BaseException:
                # It may be connected already, and is to see how this ends.
                self._close(server)
                raise
            else:
                return server
        raise ConnectionRefusedError("the server of the link cannot be reached")

    async def _forward(self, server: socket.socket) -> None:
        tasks = [
            asyncio.ensure_future(self._pass_on(self._client, server, "to_server")),
            asyncio.ensure_future(self._pass_on(server, self._client, "to_client")),
        ]
        orphaned = asyncio.ensure_future(self._orphaned.wait())
        both = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
        try:
            await asyncio.wait([both, orphaned], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await _cancel(orphaned, both, *tasks)

    async def _pass_on(
        self, source: socket.socket, sink: socket.socket, direction: Direction
    ) -> None:
        on_the_way: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(PIECES)
        receiving = asyncio.ensure_future(self._receive(source, on_the_way, direction))
        try:
            await self._send(on_the_way, sink, direction)
        finally:
            await _cancel(receiving)

    async def _receive(
        self,
        source: socket.socket,
        on_the_way: asyncio.Queue[tuple[float, bytes | None]],
        direction: Direction,
    ) -> None:
        loop = asyncio.get_running_loop()
        data: bytes | None = b" "
        while data:
            await self._state.may_receive(direction)
            try:
                data = await loop.sock_recv(source, SIZE)
            except OSError:
                data = None
            await on_the_way.put((loop.time() + self._state.latency, data))

    async def _send(
        self,
        on_the_way: asyncio.Queue[tuple[float, bytes | None]],
        sink: socket.socket,
        direction: Direction,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await on_the_way.get()
            await self._state.arrives(due)
            rest = memoryview(data or b"")
            while rest:
                size = await self._state.may_send(len(rest), direction)
                await loop.sock_sendall(sink, rest[:size])
                await self._state.sent(size, direction)
                rest = rest[size:]
            if not data:
                await self._state.may_receive(direction)
                if data is None:
                    raise ConnectionResetError("one side has reset the connection")
                sink.shutdown(socket.SHUT_WR)
                return

    async def _swallow(self) -> None:
        while await asyncio.get_running_loop().sock_recv(self._client, SIZE):
            pass

    def _close(self, side: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.reset:
                # Without lingering, the system sends a reset.
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            else:
                # What has arrived and was not read would turn the end into a reset.
                for _ in range(PIECES):
                    side.recv(SIZE)
        side.close()


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
