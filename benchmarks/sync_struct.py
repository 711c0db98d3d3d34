"""How many changes of a structure arrive per second, and how long a large structure takes.

Publisher and subscribers are separate processes, pinned to separate cores where the system can;
all subscribers share one. Every figure is of one run on one machine.
"""

import asyncio
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import uvloop

from sipyco.sync_struct import Notifier, Publisher, Subscriber

MODS = 20_000
TURN = 50
"""Changes that are made in one turn of the loop."""

LARGE = 100_000_000
"""Bytes of the array in the large structure."""


def main() -> None:
    """Be the subscribers, and print what they measure."""
    pin(0)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    process = subprocess.Popen(
        [sys.executable, __file__, "publish"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        for count in (1, 10):
            seconds = uvloop.run(follow(process, port, count))
            print(f"{count:3} subscribers {MODS / seconds:12,.0f} changes per second, to each")
        seconds = uvloop.run(receive_large(port))
        print(f"a structure of {LARGE >> 20} MiB {seconds:10.2f} s until it is there")
        seconds = uvloop.run(receive_large(port))
        print(f"the same again {'':10} {seconds:10.2f} s, encoded already")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def follow(process: subprocess.Popen[bytes], port: int, count: int) -> float:
    """Return the seconds that all changes take to arrive at all subscribers."""
    begun = [asyncio.Event() for _ in range(count)]
    ended = [asyncio.Event() for _ in range(count)]

    def watch(number: int) -> Callable[[dict[str, Any]], None]:
        def notify(mod: dict[str, Any]) -> None:
            if mod["action"] == "init":
                begun[number].set()
            elif mod["value"] == MODS:
                ended[number].set()

        return notify

    subscribers = [Subscriber("small", lambda struct: struct, watch(i)) for i in range(count)]
    for subscriber in subscribers:
        await subscriber.connect("127.0.0.1", port)
    await asyncio.gather(*(event.wait() for event in begun))
    start = time.perf_counter()
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    process.stdin.flush()
    await asyncio.gather(*(event.wait() for event in ended))
    seconds = time.perf_counter() - start
    for subscriber in subscribers:
        await subscriber.close()
    return seconds


async def receive_large(port: int) -> float:
    """Return the seconds from connecting to having the structure."""
    arrived = asyncio.Event()
    start = time.perf_counter()
    subscriber = Subscriber("large", lambda struct: struct, lambda mod: arrived.set())
    await subscriber.connect("127.0.0.1", port)
    await arrived.wait()
    seconds = time.perf_counter() - start
    await subscriber.close()
    return seconds


def pin(core: int) -> None:
    """Stay on one core, where the system knows how."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


async def publish() -> None:
    """Be the publisher, until terminated."""
    small = Notifier({"count": 0})
    large = Notifier({"image": np.zeros(LARGE, np.uint8)})
    publisher = Publisher({"small": small, "large": large})
    await publisher.start("127.0.0.1", 0)
    assert publisher.server is not None
    print(publisher.server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        for number in range(1, MODS + 1):
            small["count"] = number
            if number % TURN == 0:
                await asyncio.sleep(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        pin(1)
        uvloop.run(publish())
    else:
        main()
