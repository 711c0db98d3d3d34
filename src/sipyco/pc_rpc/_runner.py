"""When and where a called method runs: one at a time or not, in the loop or in a thread."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from sipyco._io.worker import Worker

__all__ = ["Runner"]


class Runner:
    """Runs the methods of all connections of one server.

    Args:
        allow_parallel: Coroutines of different connections run at the same time.
        threads: Plain methods run in one worker thread instead of blocking the event loop.
        busy_ping_after: Seconds that a ``ping()`` waits behind another call until it is answered
            True without being called; None to let it wait.
    """

    def __init__(
        self, *, allow_parallel: bool, threads: bool, busy_ping_after: float | None
    ) -> None:
        self._turn = None if allow_parallel else asyncio.Lock()
        # Plain methods take turns even where coroutines need not: there is one thread.
        self._thread_turn = self._turn or asyncio.Lock()
        self._worker = Worker("sipyco calls") if threads else None
        self._busy_ping_after = busy_ping_after

    def can_run_at_once(self) -> bool:
        """Tell whether a method may be called right now, in the event loop."""
        return self._worker is None and (self._turn is None or not self._turn.locked())

    async def run(self, name: str, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a method when it is its turn, and return its value."""
        in_thread = self._worker is not None and not inspect.iscoroutinefunction(method)
        turn = self._thread_turn if in_thread else self._turn
        if turn is None:
            return await self._call(method, args, kwargs)
        is_ping = name == "ping" and not args and not kwargs
        try:
            async with asyncio.timeout(self._busy_ping_after if is_ping else None):
                await turn.acquire()
        except TimeoutError:
            return True  # busy is healthy; a ping that probes the device does so when it is free
        try:
            if in_thread:
                assert self._worker is not None
                value = await self._worker.run(method, *args, **kwargs)
                return await value if inspect.isawaitable(value) else value
            return await self._call(method, args, kwargs)
        finally:
            turn.release()

    async def finish(self, awaitable: Awaitable[Any]) -> Any:
        """Wait, as a call of its own, for what a method returned that was called at once."""
        try:
            if self._turn is None:
                return await awaitable
            async with self._turn:
                return await awaitable
        finally:
            # If the turn never came, Python would warn that it was never awaited.
            if inspect.iscoroutine(awaitable):
                awaitable.close()

    def stop(self) -> None:
        """Let the worker thread end."""
        if self._worker is not None:
            self._worker.stop()

    @staticmethod
    async def _call(method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        value = method(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value
