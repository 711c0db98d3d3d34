"""A target whose calls wait, report and stream, and the ways to call it with either client."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sipyco.pc_rpc import current_call, rpc_method
from tests.rpc_clients import Kind
from tests.serving import served


class Gate:
    """What coroutines wait for, opened from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        with self._lock:
            self._is_open = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._is_open:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


class Device:
    """What happens to it is recorded, also that a coroutine was cancelled."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.began = threading.Event()
        self.ended = threading.Event()
        self.inside = 0
        self.most_inside = 0
        self.release = Gate()

    def echo(self, value: Any) -> Any:
        return value

    async def wait(self, name: str = "wait") -> str:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        self.steps.append(f"{name} begins")
        self.began.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.steps.append(f"{name} cancelled {current_call().cancelled}")
            self.ended.set()
            raise
        finally:
            self.inside -= 1
        return name

    @rpc_method(abandon="finish")
    async def finish(self) -> None:
        self.began.set()
        await self.release.wait()
        self.steps.append(f"finished {current_call().cancelled}")
        self.ended.set()

    def deadline(self) -> float | None:
        deadline = current_call().deadline
        return None if deadline is None else deadline - time.monotonic()

    async def report(self) -> str:
        for step in range(5):
            current_call().progress(step / 4, f"step {step}")
            await asyncio.sleep(0)
        return "reported"

    def who(self) -> tuple[str, str | None, str]:
        call = current_call()
        assert call.peer is not None
        return call.peer.address, call.peer.certificate, call.method

    def count(self, end: int) -> Iterator[int]:
        self.steps.append("count begins")
        try:
            for number in range(end):
                self.steps.append(f"made {number}")
                yield number
        finally:
            self.steps.append("count closed")
            self.ended.set()

    async def acount(self, end: int) -> AsyncIterator[int]:
        try:
            for number in range(end):
                await asyncio.sleep(0)
                yield number
        finally:
            self.steps.append("acount closed")
            self.ended.set()

    def breaks(self) -> Iterator[int]:
        yield 1
        raise LookupError("no more film")

    def odd_item(self) -> Iterator[Any]:
        yield 1
        yield object()

    def hidden_generator(self) -> Any:
        return (number * number for number in range(3))


def device_of(kind: Kind, **options: Any) -> Any:
    device = Device()
    return device, served({"device": device}, loop_factory=kind.loop_factory, **options)


def collect(client: Any, name: str, *args: Any) -> list[Any]:
    """Take all the items of a stream, with either kind of client."""
    if client.__class__.__name__ == "BlockingClient":
        return list(getattr(client.client, name)(*args))

    async def items() -> list[Any]:
        return [item async for item in getattr(client.client, name)(*args)]

    found: list[Any] = client._run(None, items)
    return found


def with_options(client: Any, options: dict[str, Any], name: str, *args: Any) -> Any:
    """Make a call with options, with either kind of client."""
    if client.__class__.__name__ == "BlockingClient":
        return getattr(client.client.rpc_options(**options), name)(*args)
    return client._run(None, lambda: getattr(client.client.rpc_options(**options), name)(*args))


def of_client(client: Any, name: str) -> Any:
    """Call what the client itself has, with either kind."""
    if client.__class__.__name__ == "BlockingClient":
        return getattr(client.client, name)()
    return client._run(None, getattr(client.client, name))
