"""The same as the floor on the side of the client, and the simplest protocol as the server."""

import asyncio
from typing import cast

from benchmarks.rpc import values
from benchmarks.rpc.loops import run
from benchmarks.rpc.peers.bare import HEADER, Socket, lengths

MEMORY = memoryview(bytearray(HEADER + values.ARRAY_SIZE))
"""Of all connections, of which one is used at a time."""


class Mover(asyncio.BufferedProtocol):
    """Answers each request with as many bytes as it asks for."""

    def __init__(self) -> None:
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are of no class of asyncio.
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return MEMORY[self._received :]

    def buffer_updated(self, nbytes: int) -> None:
        self._received += nbytes
        if self._received < HEADER:
            return
        follows, comes_back = lengths(MEMORY)
        if self._received == HEADER + follows:
            self._received = 0
            self._transport.write(MEMORY[:comes_back])


def serve(port: int, *, loop: str) -> None:
    async def serve_forever() -> None:
        server = await asyncio.get_running_loop().create_server(Mover, "127.0.0.1", port)
        await server.serve_forever()

    run(loop, serve_forever())


def connect(port: int, *, loop: str) -> Socket:
    return Socket(port)
