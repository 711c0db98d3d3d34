"""Many subscribers of one structure that changes, with sync_struct."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from benchmarks.rpc import subscribers, wires
from benchmarks.rpc.loops import run, runner
from sipyco.sync_struct import Notifier, Publisher, Subscriber


def serve(port: int, *, loop: str, wire: str) -> None:
    """Publish. Which form the changes have is up to the subscribers."""

    async def serve_forever() -> None:
        status = Notifier({"count": 0})

        def publish(number: int) -> None:
            status["count"] = number

        await subscribers.publish_when_asked(port, publish)
        await Publisher({"status": status}).start("127.0.0.1", port)
        await asyncio.Event().wait()

    run(loop, serve_forever())


def figures(port: int, *, loop: str, wire: str) -> dict[str, Callable[[], float]]:
    used = runner(loop)
    wires.ask(wire)
    followers = Followers(port)
    used.run(followers.connect())
    return {"subscribers-50": lambda: used.run(followers.seconds())}


class Followers:
    """All subscribers, which note when they have the last change."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ready = asyncio.Semaphore(0)
        self._subscribers = [
            Subscriber("status", lambda struct: struct, self._notify)
            for _ in range(subscribers.SUBSCRIBERS)
        ]

    async def connect(self) -> None:
        for subscriber in self._subscribers:
            await subscriber.connect("127.0.0.1", self._port)
        await subscribers.all_of(self._ready)

    async def seconds(self) -> float:
        begun = time.perf_counter()
        subscribers.ask(self._port)
        await subscribers.all_of(self._ready)
        return time.perf_counter() - begun

    def _notify(self, mod: dict[str, Any]) -> None:
        if mod["action"] == "init" or mod["value"] == subscribers.MODS:
            self._ready.release()
