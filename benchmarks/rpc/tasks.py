"""Calls per second from many tasks, over one connection and over many."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias

BATCH = 0.2
"""Seconds of calls that make one figure."""

MANY = 32

Answer: TypeAlias = Awaitable[Any]
Echo: TypeAlias = Callable[[int], Answer]


def figures(
    runner: asyncio.Runner, connect: Callable[[], Coroutine[Any, Any, Echo]]
) -> dict[str, Callable[[], float]]:
    """Give what measures each row, with an ``echo`` for each connection."""
    one = runner.run(connect())
    many = [runner.run(connect()) for _ in range(MANY)]
    return {
        "one-task": lambda: runner.run(_calls_per_second([one])),
        "tasks-32": lambda: runner.run(_calls_per_second([one] * MANY)),
        "connections-32": lambda: runner.run(_calls_per_second(many)),
    }


async def _calls_per_second(echoes: Sequence[Echo]) -> float:
    """Measure with one task for each given function."""
    begun = time.perf_counter()
    counts = await asyncio.gather(*(_call(echo, begun + BATCH) for echo in echoes))
    return sum(counts) / (time.perf_counter() - begun)


async def _call(echo: Echo, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        await echo(1)
        count += 1
    return count
