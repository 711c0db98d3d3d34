"""What tests of sync_struct and broadcast share: publishers, copies, and peers that misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from sipyco._io.fanout import FanoutServer
from sipyco.sync_struct import Publisher, Subscriber
from sipyco.tools import SimpleSSLConfig

HOST = "127.0.0.1"


@asynccontextmanager
async def listening(
    server: FanoutServer, ssl_config: SimpleSSLConfig | None = None, *, port: int = 0
) -> AsyncIterator[int]:
    """Let a server listen until the end of the block, and tell its port."""
    await server.start(HOST, port, ssl_config)
    try:
        yield port_of(server)
    finally:
        await server.stop()


def port_of(server: FanoutServer) -> int:
    assert server.server is not None
    return int(server.server.sockets[0].getsockname()[1])


class Watch:
    """Something that changes in callbacks, and can be waited for."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def change(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition; checked again after each change."""
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Copy(Watch):
    """A subscriber that remembers what it was told."""

    def __init__(self, name: str = "data", **options: Any) -> None:
        super().__init__()
        self.target: Any = None
        self.mods: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.disconnections = 0
        self.subscriber = Subscriber(
            name, self._build, self._note, self._disconnected, state_cb=self._state, **options
        )

    async def connect(self, port: int, *args: Any, **options: Any) -> "Copy":
        await self.subscriber.connect(HOST, port, *args, **options)
        return self

    async def close(self) -> None:
        await self.subscriber.close()

    async def until_told(self, count: int) -> None:
        await self.until(lambda: len(self.mods) >= count)

    async def until_disconnected(self, count: int) -> None:
        await self.until(lambda: self.disconnections == count)

    async def until_equal(self, value: Any) -> None:
        await self.until(lambda: self.target == value)

    def count(self, action: str) -> int:
        return sum(mod["action"] == action for mod in self.mods)

    def _build(self, struct: Any) -> Any:
        self.target = struct
        return struct

    def _note(self, mod: dict[str, Any]) -> None:
        self.mods.append(mod)
        self.change()

    def _disconnected(self) -> None:
        self.disconnections += 1
        self.change()

    def _state(self, state: str) -> None:
        self.states.append(state)
        self.change()


@asynccontextmanager
async def copies(publisher: Publisher, count: int = 1, **options: Any) -> AsyncIterator[list[Copy]]:
    """Publish, with copies that have got the structure, until the end of the block."""
    async with listening(publisher) as port:
        made = [await Copy(**options).connect(port) for _ in range(count)]
        try:
            for copy in made:
                await copy.until_told(1)
            yield made
        finally:
            for copy in made:
                await copy.close()


class RawFollower:
    """A subscriber made of bytes, which reads only what it is told to read."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    @classmethod
    async def connect(cls, port: int, says: bytes = b"ARTIQ sync_struct\ndata\n") -> "RawFollower":
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (HOST, port))
        await loop.sock_sendall(sock, says)
        return cls(sock)

    async def line(self) -> bytes:
        """Return the next line without its end; empty when the connection has ended."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            try:
                data = await asyncio.get_running_loop().sock_recv(self.sock, 1 << 20)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def close(self) -> None:
        self.sock.close()


async def followers(server: FanoutServer, count: int, name: str = "data") -> None:
    """Wait until so many follow a name: what is broadcast before goes past them."""
    async with asyncio.timeout(30):
        while len(server.followers.get(name, ())) != count:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0)


class FakeTransport(asyncio.Transport):
    """Notes what is written, and is full when it is told to be."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._socket = socket.socket()
        super().__init__({"socket": self._socket, "peername": (HOST, 1)})
        self.writes: list[bytes] = []
        self.closed = False
        self.full_after: int | None = None
        self._protocol = protocol
        protocol.connection_made(self)

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        if self.full_after is not None and len(self.writes) >= self.full_after:
            self._protocol.pause_writing()

    def empty(self) -> None:
        """Be read to the end, from now on."""
        self.full_after = None
        self._protocol.resume_writing()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._socket.close()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close


def fake_connection(server: FanoutServer, says: bytes) -> FakeTransport:
    """Connect a client that exists only as what the server has written to it."""
    protocol = server._make_protocol()
    assert isinstance(protocol, asyncio.Protocol)
    transport = FakeTransport(protocol)
    protocol.data_received(says)
    return transport


def pieces(data: bytes, cut: int) -> Iterator[bytes]:
    """Cut bytes in two, without empty pieces."""
    yield from filter(None, (data[:cut], data[cut:]))
