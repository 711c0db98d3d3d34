"""One thread in which blocking functions run one after the other, beside the event loop."""

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Worker"]

_Jobs = queue.SimpleQueue[Callable[[], None] | None]


class Worker:
    """Runs functions in a thread of its own, in the order in which they were given.

    Unlike a ThreadPoolExecutor its thread is a daemon: a driver that hangs in its device must not
    keep a process alive that was asked to end.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: _Jobs = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call the function in the thread and return its value, or raise what it raised.

        When the caller is cancelled, the function still runs to its end; its result is dropped.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=_work, args=(self._jobs,), name=self._name, daemon=True
            )
            self._thread.start()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        context = contextvars.copy_context()

        def deliver(value: Any, error: BaseException | None) -> None:
            if not outcome.done():
                outcome.set_result((value, error))

        def job() -> None:
            value, error = None, None
            try:
                value = context.run(function, *args, **kwargs)
            except BaseException as exc:  # noqa: BLE001  it is raised again where it is awaited
                error = exc
            # A loop that was closed meanwhile raises: then nobody waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(deliver, value, error)

        self._jobs.put(job)
        value, error = await outcome
        if error is not None:
            raise error
        return value

    async def stop(self, patience: float) -> bool:
        """Let the thread end after what it does now; functions that wait are still run.

        Args:
            patience: Seconds to wait for that.

        Returns:
            Whether it has ended.
        """
        self._jobs.put(None)
        # The next thread must not take this end for its own, nor wait for what this one hangs in.
        self._jobs = queue.SimpleQueue()
        thread, self._thread = self._thread, None
        if thread is None or thread is threading.current_thread():
            return True
        await asyncio.get_running_loop().run_in_executor(None, thread.join, patience)
        return not thread.is_alive()


def _work(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # or the last call's arguments would live until the next call
