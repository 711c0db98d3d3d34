"""Helpers around asyncio tasks: objects that own one, a pool, a wake-up call, work at exit."""

import asyncio
import atexit
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class TaskObject:
    """An object whose work is one task; derive from it and define ``async def _do(self)``.

    Attributes:
        task: The task of the latest `start`; not there before the first.
    """

    __module__ = "sipyco.tools"

    task: asyncio.Task[None]

    def start(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Run `_do` as a task of the event loop, by default the current one.

        Raises:
            RuntimeError: It runs already. The running task goes on.
        """
        if self._is_running():
            msg = f"cannot start {self!r}: it runs already; await stop() first"
            raise RuntimeError(msg)
        self.task = (loop or asyncio.get_event_loop()).create_task(self._do())

    async def stop(self) -> None:
        """Cancel the task and wait until it has ended; without effect if it was never started.

        Raises:
            Exception: What `_do` raised, at any time since it was started: nobody else would know.
                The task has ended then, too.
        """
        if not hasattr(self, "task") or self._was_left():
            return
        self.task.cancel()
        # Unlike `await self.task`, this tells the task's end from a cancellation of the caller.
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.result()

    def _is_running(self) -> bool:
        return hasattr(self, "task") and not self.task.done() and not self._was_left()

    def _was_left(self) -> bool:
        """Tell whether the loop of the task was closed before the task had ended."""
        return not self.task.done() and self.task.get_loop().is_closed()

    async def _do(self) -> None:
        msg = f"{type(self).__qualname__} has no work to start; define `async def _do(self)` in it"
        raise TypeError(msg)


class Condition:
    """Lets tasks wait for the next notification. No lock: all of it happens in one event loop."""

    __module__ = "sipyco.tools"

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        """Wait for the next `notify`; earlier ones do not count."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def notify(self) -> None:
        """Wake everything that waits now. To be called in the thread of the event loop."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class BackgroundTaskPool:
    """Runs tasks that nobody awaits: keeps them alive, and logs what they raise.

    Args:
        loop: Where they run; by default the loop that is current when a task is created.
    """

    __module__ = "sipyco.tools"

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        # The event loop itself holds tasks weakly: without this they may vanish in the middle.
        self._tasks: set[asyncio.Task[Any]] = set()

    def create(self, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine in the background and return its task, which need not be kept."""
        task = (self._loop or asyncio.get_event_loop()).create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            logger.error("background task %r failed", task.get_name(), exc_info=error)


def atexit_register_coroutine(
    coroutine: Callable[[], Coroutine[Any, Any, object]],
    *,
    loop: asyncio.AbstractEventLoop | None = None,
) -> None:
    """Call a coroutine function and run it to its end when the interpreter exits.

    Functions registered later run earlier, as with `atexit`. A loop that has been closed by then
    is left alone: whatever lived in it has ended.

    Args:
        coroutine: A function without arguments that returns a coroutine, usually some `stop`.
        loop: Where it runs. Needed unless this is called from a coroutine.

    Raises:
        RuntimeError: No ``loop`` was given and none is running. Nothing was registered.
    """
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            msg = "no event loop is running to register a coroutine for; pass loop=..."
            raise RuntimeError(msg) from None
    chosen = loop

    def run() -> None:
        if not chosen.is_closed():
            chosen.run_until_complete(coroutine())

    atexit.register(run)
