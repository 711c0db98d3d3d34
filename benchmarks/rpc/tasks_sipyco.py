"""Many calls at once, with AsyncioClient; the server has ``allow_parallel=True``."""

import asyncio
import time
from collections.abc import Callable

from benchmarks.rpc import tasks
from benchmarks.rpc.loops import runner
from benchmarks.rpc.peers import sipyco_
from sipyco.pc_rpc import AsyncioClient

COROUTINES = 20


def serve(port: int, *, loop: str, wire: str) -> None:
    sipyco_.serve(port, loop=loop, wire=wire, allow_parallel=True)


def figures(port: int, *, loop: str, wire: str) -> dict[str, Callable[[], float]]:
    clients: list[AsyncioClient] = []

    async def connect() -> tasks.Echo:
        client = AsyncioClient()
        await client.connect_rpc("127.0.0.1", port)
        clients.append(client)
        echo: tasks.Echo = client.echo
        return echo

    used = runner(loop)
    measured = tasks.figures(used, connect)
    measured["coroutines-20"] = lambda: used.run(_wait_at_once(clients[0]))
    return measured


async def _wait_at_once(client: AsyncioClient) -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(client.wait() for _ in range(COROUTINES)))
    return time.perf_counter() - begun
