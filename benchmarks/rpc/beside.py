"""How long a small call takes at worst while a gigabyte travels over the same connection."""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks.rpc.loops import new_loop
from benchmarks.rpc.wires import offer
from sipyco.pc_rpc import Client, simple_server_loop

GIGABYTE = 10**9


@cache
def gigabyte() -> Any:
    """Return an array that nobody can change."""
    array = np.ones(GIGABYTE, np.uint8)
    array.setflags(write=False)
    return array


class Device:
    def echo(self, value: int) -> int:
        return value

    def give(self) -> Any:
        return gigabyte()

    def take(self, array: Any) -> None:
        pass


def serve(port: int, *, loop: str, wire: str) -> None:
    offer(wire)
    gigabyte()
    simple_server_loop({"device": Device()}, "127.0.0.1", port, loop=new_loop(loop))


def figures(port: int, *, loop: str, wire: str) -> dict[str, Callable[[], float]]:
    if wire == "text":
        return {}  # one call after the other
    client = Client("127.0.0.1", port)
    return {
        "beside-returned": lambda: _slowest(client.echo, client.give),
        "beside-argument": lambda: _slowest(client.echo, client.take, gigabyte()),
    }


def _slowest(small: Callable[[int], object], large: Callable[..., object], *args: object) -> float:
    """Return the seconds of the slowest small call during a large one."""
    slowest = 0.0
    thread = threading.Thread(target=large, args=args)
    thread.start()
    while thread.is_alive():
        begun = time.perf_counter()
        small(1)
        slowest = max(slowest, time.perf_counter() - begun)
    thread.join()
    return slowest
