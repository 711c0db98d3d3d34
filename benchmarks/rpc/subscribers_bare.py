"""The same bytes as to many subscribers, from a bare server to readers that only count them."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.rpc import subscribers
from benchmarks.rpc.loops import run, runner
from sipyco._wire.subscription import Form, spell

HELLO = b"\n"


def mod(number: int) -> bytes:
    """Spell a change as a publisher does for subscribers of this version."""
    change = {"action": "setitem", "path": [], "key": "count", "value": number}
    return spell(change, {Form.FRAMES}, None).in_form(Form.FRAMES)


class Writer(asyncio.Protocol):
    """One connection of the server."""

    def __init__(self, transports: list[asyncio.Transport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transports.append(self._transport)
        self._transport.write(HELLO)  # from now on it gets what is published

    def connection_lost(self, exc: Exception | None) -> None:
        self._transports.remove(self._transport)


class Reader(asyncio.Protocol):
    """One connection of the client."""

    def __init__(self, round_size: int, ready: asyncio.Semaphore) -> None:
        self._expected = len(HELLO)
        self._round_size = round_size
        self._ready = ready
        self._received = 0

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received == self._expected:
            self._received = 0
            self._expected = self._round_size
            self._ready.release()


def serve(port: int, *, loop: str) -> None:
    async def serve_forever() -> None:
        transports: list[asyncio.Transport] = []

        def publish(number: int) -> None:
            line = mod(number)
            for transport in transports:
                transport.write(line)

        await subscribers.publish_when_asked(port, publish)
        server = await asyncio.get_running_loop().create_server(
            lambda: Writer(transports), "127.0.0.1", port
        )
        await server.serve_forever()

    run(loop, serve_forever())


def figures(port: int, *, loop: str) -> dict[str, Callable[[], float]]:
    used = runner(loop)
    ready = asyncio.Semaphore(0)
    round_size = sum(len(mod(number)) for number in range(1, subscribers.MODS + 1))

    async def connect() -> None:
        for _ in range(subscribers.SUBSCRIBERS):
            await asyncio.get_running_loop().create_connection(
                lambda: Reader(round_size, ready), "127.0.0.1", port
            )
        await subscribers.all_of(ready)

    async def seconds() -> float:
        begun = time.perf_counter()
        subscribers.ask(port)
        await subscribers.all_of(ready)
        return time.perf_counter() - begun

    used.run(connect())
    return {"subscribers-50": lambda: used.run(seconds())}
