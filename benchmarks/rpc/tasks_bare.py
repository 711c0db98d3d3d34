"""Many calls at once, bare: a server on asyncio that sends back what comes, and its client."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from benchmarks.rpc import tasks
from benchmarks.rpc.loops import run, runner
from benchmarks.rpc.peers.bare import SMALL

MESSAGE = bytes(SMALL)


class Echo(asyncio.Protocol):
    """The server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Link(asyncio.Protocol):
    """The client: every so many bytes are the answer to the oldest message."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        while self._received >= SMALL:
            self._received -= SMALL
            self._waiting.popleft().set_result(None)

    async def echo(self, value: int) -> None:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(MESSAGE)
        await answer


def serve(port: int, *, loop: str) -> None:
    async def serve_forever() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
        await server.serve_forever()

    run(loop, serve_forever())


def figures(port: int, *, loop: str) -> dict[str, Callable[[], float]]:
    async def connect() -> Callable[[int], tasks.Answer]:
        _, link = await asyncio.get_running_loop().create_connection(Link, "127.0.0.1", port)
        return link.echo

    return tasks.figures(runner(loop), connect)
