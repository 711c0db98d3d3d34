"""When and where a called method runs: one at a time or not, in the loop or in a thread."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sipyco._io.worker import Worker
from sipyco._wire import limits
from sipyco._wire.remote_exceptions import GenericRemoteException

__all__ = ["Runner"]

Spell = Callable[[Any], bytes]
"""From the value of a call to the bytes that answer it."""

logger = logging.getLogger("sipyco.pc_rpc")


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
        self._calls: set[asyncio.Task[None]] = set()  # that run or wait for their turn
        self._worker = Worker("sipyco calls") if threads else None
        self._busy_ping_after = busy_ping_after

    def can_run_at_once(self) -> bool:
        """Tell whether a method may be called right now, in the event loop."""
        # Not whether the turn is taken: a call whose task has not begun yet came earlier, too.
        return self._worker is None and (self._turn is None or not self._calls)

    def start(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Carry out, as a task, a call that cannot end at once."""
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def run(
        self, name: str, method: Callable[..., Any], args: Any, kwargs: Any, spell: Spell
    ) -> bytes:
        """Call a method when it is its turn, and return its value as ``spell`` spells it.

        That happens right where the method has returned: what it does to the value later, in a
        thread of its own for example, must not be seen by the caller.
        """
        in_thread = self._worker is not None and not inspect.iscoroutinefunction(method)
        is_ping = name == "ping" and not args and not kwargs
        patience = self._busy_ping_after if is_ping else None
        try:
            async with self._in_turn(self._thread_turn if in_thread else self._turn, patience):
                if in_thread:
                    value = await self._run_in_thread(method, args, kwargs, spell)
                    if isinstance(value, _Spelled):
                        return value.answer
                else:
                    value = method(*args, **kwargs)
                return spell(await value if inspect.isawaitable(value) else value)
        except _BusyError:
            return spell(
                True
            )  # busy is healthy; a ping that probes the device does so when it is free

    async def finish(self, awaitable: Awaitable[Any], spell: Spell) -> bytes:
        """Wait, as a call of its own, for what a method returned that was called at once."""
        try:
            async with self._in_turn(self._turn, None):
                return spell(await awaitable)
        finally:
            # If the turn never came, Python would warn that it was never awaited.
            if inspect.iscoroutine(awaitable):
                awaitable.close()

    @contextlib.asynccontextmanager
    async def _in_turn(
        self, turn: asyncio.Lock | None, patience: float | None
    ) -> AsyncIterator[None]:
        if turn is None:
            yield
            return
        try:
            async with asyncio.timeout(patience):
                await turn.acquire()
        except TimeoutError:
            raise _BusyError from None
        try:
            yield
        finally:
            turn.release()

    async def _run_in_thread(
        self, method: Callable[..., Any], args: Any, kwargs: Any, spell: Spell
    ) -> Any:
        assert self._worker is not None

        def call() -> Any:
            value = method(*args, **kwargs)
            return value if inspect.isawaitable(value) else _Spelled(spell(value))

        try:
            return await self._worker.run(call)
        except KeyboardInterrupt as exc:
            # Ctrl-C never strikes in that thread: the caller is meant, and not this program.
            raise GenericRemoteException(f"KeyboardInterrupt: {exc}") from exc

    async def stop(self) -> None:
        """Cancel the calls that run or wait, and let the worker thread end.

        A coroutine that does not heed its cancellation is left to itself after two seconds.
        """
        # Calls that have just come begin first: a coroutine that never began makes Python warn.
        await asyncio.sleep(0)
        calls = self._calls - {asyncio.current_task()}  # a method may stop its own server
        for call in calls:
            call.cancel()
        if calls:
            _, running = await asyncio.wait(calls, timeout=limits.FLUSH_TIMEOUT)
            if running:
                logger.warning("%d calls go on although they were cancelled", len(running))
        if self._worker is not None and not await self._worker.stop(limits.LAST_METHOD_TIMEOUT):
            logger.warning("a method still runs in its thread; the driver is in use until it ends")


@dataclass(frozen=True, slots=True)
class _Spelled:
    """An answer, as opposed to a value that is still to be awaited."""

    answer: bytes


class _BusyError(Exception):
    """The turn did not come in time."""
