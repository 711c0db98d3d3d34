"""What an array costs at its peak, and what a connection costs that does nothing.

Only the client is asked here. The server is measured from outside, before and after.
"""

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.rpc import processes, values
from benchmarks.rpc.calls import serve

__all__ = ["figures", "serve"]

CONNECTIONS = 1000


def figures(port: int, *, peer: str, **options: str) -> dict[str, Callable[[], float]]:
    """Give the steps; each is to be done once.

    ``both-ways`` sends and receives an array, and returns the bytes by which the peak has grown.
    ``few`` opens so many connections that the server has imported and allocated what it does
    only once; ``many`` opens more and returns their number.
    """
    connect = importlib.import_module(peer).connect
    connections: list[Any] = []

    def open_connections(count: int) -> float:
        for _ in range(count):
            connections.append(connect(port, **options))
            connections[-1].echo(1)
        return count

    def both_ways() -> float:
        open_connections(1)
        array = values.array()
        before = processes.memory().peak
        connections[-1].both_ways(array)
        return processes.memory().peak - before

    return {
        "both-ways": both_ways,
        "few": lambda: open_connections(20),
        "many": lambda: open_connections(CONNECTIONS),
    }
