"""Servers under test on an event loop, and clients that say exactly what they are told to say."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from sipyco import pyon
from sipyco.pc_rpc import AsyncioClient, Server
from sipyco.tools import SimpleSSLConfig
from tests.event_loops import LoopFactory

T = TypeVar("T")

BANNER = b"ARTIQ pc_rpc"


def run(main: Coroutine[Any, Any, T], loop_factory: LoopFactory | None = None) -> T:
    """Run a test on a loop of its own, and fail if anything failed there that nobody awaited."""
    unnoticed: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: unnoticed.append(context))
        result = runner.run(main)
    assert not unnoticed, unnoticed
    return result


async def settle() -> None:
    """Let everything run that can run without waiting for anything outside of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(reached: Callable[[], object]) -> None:
    """Let the loop run until something that nothing announces has come about."""
    while not reached():  # noqa: ASYNC110
        await asyncio.sleep(0)


class RawClient:
    """A client made of lines. ``transport`` can be paused to be a client that does not read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *lines: bytes) -> None:
        self.writer.write(b"".join(line + b"\n" for line in lines))

    async def hear(self) -> bytes:
        """Return the next line; empty when the server has closed the connection."""
        try:
            return await self.reader.readline()
        except ConnectionError:
            return b""

    def ask(self, name: str, *args: Any, **kwargs: Any) -> None:
        request = {"action": "call", "name": name, "args": args, "kwargs": kwargs}
        self.say(pyon.encode(request, syntax="json").encode())

    async def answer(self) -> dict[str, Any]:
        line = await self.hear()
        assert line, "the server closed the connection"
        answer: dict[str, Any] = pyon.decode(line, syntax="json")
        return answer

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method; a failure is returned as ``(class, message)``."""
        self.ask(name, *args, **kwargs)
        answer = await self.answer()
        if answer["status"] == "ok":
            return answer["ret"]
        return answer["exception"]["class"], answer["exception"]["message"]

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Running:
    """A server that listens, and the clients that were connected to it."""

    def __init__(self, server: Server, host: str, ssl_config: SimpleSSLConfig | None) -> None:
        self.server = server
        self.host = host
        self.ssl_config = ssl_config
        assert server.server is not None
        self.port: int = server.server.sockets[0].getsockname()[1]
        self._clients: list[RawClient | AsyncioClient] = []

    async def raw(self, context: ssl.SSLContext | None = None) -> RawClient:
        """Connect a client that has said nothing yet."""
        streams = await asyncio.open_connection(self.host, self.port, limit=1 << 27, ssl=context)
        client = RawClient(*streams)
        self._clients.append(client)
        return client

    async def ready(self, target: str = "dev") -> RawClient:
        """Connect a client that has chosen a target."""
        client = await self.raw()
        client.say(BANNER, f"{target} pyon_v2".encode())
        assert await client.hear()
        assert await client.hear()
        return client

    async def client(self, target: str = "dev", **options: Any) -> AsyncioClient:
        """Connect the client that programs use."""
        client = AsyncioClient()
        await client.connect_rpc(self.host, self.port, target, self.ssl_config, **options)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            if isinstance(client, RawClient):
                await client.close()
            else:
                await client.close_rpc()


@asynccontextmanager
async def running(
    targets: Any,
    *,
    host: str = "127.0.0.1",
    ssl_config: SimpleSSLConfig | None = None,
    client_config: SimpleSSLConfig | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Serve until the end of the block; a target that is no mapping is called ``dev``."""
    server = Server(targets if isinstance(targets, dict) else {"dev": targets}, **options)
    await server.start(host, 0, ssl_config)
    serving = Running(server, host, client_config)
    try:
        yield serving
    finally:
        await serving.close()
        await server.stop()
