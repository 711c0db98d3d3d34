"""When and where a called method runs: one at a time or not, in the loop or in a thread."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sipyco._io.worker import Worker
from sipyco._wire import limits
from sipyco._wire.remote_exceptions import GenericRemoteException
from sipyco._wire.rpc_protocol import Spelled
from sipyco.pc_rpc._current_call import begin_call, end_call
from sipyco.pc_rpc._running_call import RunningCall

__all__ = ["AnyGenerator", "Runner", "is_generator"]

T = TypeVar("T")

Spell: TypeAlias = Callable[[list[Any]], T]
"""From what a method gave, as the only item of a list, to the message that tells it."""

AnyGenerator: TypeAlias = Generator[Any, Any, Any] | AsyncGenerator[Any, Any]

logger = logging.getLogger("sipyco.pc_rpc")


def is_generator(value: object) -> bool:
    """Tell whether what a method returned gives items one by one."""
    return inspect.isgenerator(value) or inspect.isasyncgen(value)


class Runner:
    """Runs the methods of all connections of one server.

    Args:
        allow_parallel: Coroutines run at the same time.
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
        # Those that run or wait for their turn.
        self._calls: dict[asyncio.Task[None], RunningCall] = {}
        self._worker = Worker("sipyco calls") if threads else None
        self._busy_ping_after = busy_ping_after

    @property
    def has_thread(self) -> bool:
        """Whether plain methods run in a thread beside the event loop."""
        return self._worker is not None

    def can_run_at_once(self) -> bool:
        """Tell whether a method may be called right now, in the event loop."""
        # Not whether the turn is taken: a call whose task has not begun yet came earlier, too.
        return self._worker is None and (self._turn is None or not self._calls)

    def status(self) -> list[dict[str, Any]]:
        """Describe the calls that run or wait."""
        return [call.describe() for call in self._calls.values()]

    def start(self, call: RunningCall, work: Coroutine[Any, Any, None]) -> None:
        """Carry out, as a task, a call that cannot end at once."""
        task = asyncio.get_running_loop().create_task(work)
        call.task = task
        self._calls[task] = call
        task.add_done_callback(self._calls.pop)

    async def run(
        self,
        call: RunningCall,
        method: Callable[..., Any],
        args: Any,
        kwargs: Any,
        spell: Spell[Spelled],
    ) -> Spelled | AnyGenerator:
        """Call a method when it is its turn.

        Returns:
            Its value as ``spell`` spells it. That happens right where the method has returned:
            what it does to the value later, in a thread of its own for example, must not be seen
            by the caller. A generator is returned as it is.
        """
        in_thread = self._worker is not None and not inspect.iscoroutinefunction(method)
        is_ping = call.current.method == "ping" and not args and not kwargs
        patience = self._busy_ping_after if is_ping else None
        try:
            async with self._in_turn(call, in_thread=in_thread, patience=patience):
                result: list[Any] = []
                if in_thread:
                    done = await self._run_in_thread(method, args, kwargs, spell)
                    if isinstance(done, _Spelled):
                        return done.answer
                    result.append(done)
                    del done
                    call.pause()
                else:
                    result.append(method(*args, **kwargs))
                del args, kwargs  # of which the value may be one
                return await self._finish(result, spell)
        except _BusyError:
            # Busy is healthy; a ping that probes the device does so when it is free.
            return spell([True])

    async def finish(
        self, call: RunningCall, result: list[Any], spell: Spell[Spelled]
    ) -> Spelled | AnyGenerator:
        """Wait, as a call of its own, for what a method returned that was called at once."""
        async with self._in_turn(call, in_thread=False, patience=None):
            return await self._finish(result, spell)

    async def make_item(self, call: RunningCall, items: AnyGenerator, spell: Spell[T]) -> T | None:
        """Have a generator make its next item when it is its turn.

        Returns:
            The item, spelled; None if there is no further one.
        """
        in_thread = self._worker is not None and inspect.isgenerator(items)
        async with self._in_turn(call, in_thread=in_thread, patience=None):
            try:
                if isinstance(items, AsyncGenerator):
                    return spell([await anext(items)])
                if in_thread:
                    item: T | None = await self._in_thread(lambda: _next(items, spell))
                    return item
                return _next(items, spell)
            except StopAsyncIteration:
                return None
            finally:
                call.pause()

    async def close_generator(self, call: RunningCall, items: AnyGenerator) -> None:
        """Close a generator when it is its turn."""
        in_thread = self._worker is not None and inspect.isgenerator(items)
        async with self._in_turn(call, in_thread=in_thread, patience=None):
            if isinstance(items, AsyncGenerator):
                await items.aclose()
            elif in_thread:
                await self._in_thread(items.close)
            else:
                items.close()

    async def _finish(self, result: list[Any], spell: Spell[Spelled]) -> Spelled | AnyGenerator:
        if inspect.isawaitable(result[0]):
            awaitable = result.pop()
            result.append(await awaitable)
            del awaitable
        if is_generator(result[0]):
            generator: AnyGenerator = result[0]
            return generator
        return spell(result)

    @contextlib.asynccontextmanager
    async def _in_turn(
        self, call: RunningCall, *, in_thread: bool, patience: float | None
    ) -> AsyncIterator[None]:
        turn = self._thread_turn if in_thread else self._turn
        if turn is not None:
            try:
                async with asyncio.timeout(patience):
                    await turn.acquire()
            except TimeoutError:
                raise _BusyError from None
        try:
            call.begin(can_stop=not in_thread)
            outer = begin_call(call.current)
            try:
                yield
            finally:
                end_call(outer)
        finally:
            if turn is not None:
                turn.release()

    async def _run_in_thread(
        self, method: Callable[..., Any], args: Any, kwargs: Any, spell: Spell[Spelled]
    ) -> Any:
        def call() -> Any:
            nonlocal args, kwargs
            result = [method(*args, **kwargs)]
            del args, kwargs
            if inspect.isawaitable(result[0]) or is_generator(result[0]):
                return result[0]
            return _Spelled(spell(result))

        return await self._in_thread(call)

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        assert self._worker is not None
        try:
            return await self._worker.run(function)
        except KeyboardInterrupt as exc:
            # Ctrl-C never strikes in that thread: the caller is meant, and not this program.
            raise GenericRemoteException(f"KeyboardInterrupt: {exc}") from exc

    async def stop(self) -> None:
        """Cancel the calls that run or wait, and let the worker thread end.

        A coroutine that does not heed its cancellation is left to itself after two seconds.
        """
        # Calls that have just come begin first: a coroutine that never began makes Python warn.
        await asyncio.sleep(0)
        calls = self._calls.keys() - {asyncio.current_task()}  # a method may stop its own server
        for call in calls:
            call.cancel()
        if calls:
            _, running = await asyncio.wait(calls, timeout=limits.FLUSH_TIMEOUT)
            if running:
                logger.warning("%d calls go on although they were cancelled", len(running))
        if self._worker is not None and not await self._worker.stop(limits.LAST_METHOD_TIMEOUT):
            logger.warning("a method still runs in its thread; the driver is in use until it ends")


def _next(items: Any, spell: Spell[T]) -> T | None:
    try:
        return spell([next(items)])
    except StopIteration:
        return None


@dataclass(frozen=True, slots=True)
class _Spelled:
    """An answer, as opposed to a value that is still to be awaited."""

    answer: Spelled


class _BusyError(Exception):
    """The turn did not come in time."""
