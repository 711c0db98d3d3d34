"""The life of a controller as its process has it, but stopped by another thread."""

import argparse
import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Self

from ndsp.controller import Controller
from sipyco.common_args import bind_address_from_args

__all__ = ["Stoppable"]


class Stoppable(Controller):
    """A controller that opens, serves and closes where it is called.

    Logging, signals and faulthandler are left alone: here they belong to somebody else.

    Attributes:
        opened: The driver, from when it is served.
    """

    opened: Any
    _serving: "_Serving"

    @classmethod
    def of(cls, controller: Controller) -> Self:
        """Make one that does the same."""
        made = cls(**{field.name: getattr(controller, field.name) for field in fields(controller)})
        made._serving = _Serving()
        made.opened = None
        return made

    def open_and_serve(self, args: argparse.Namespace) -> None:
        """Open the device, serve until :meth:`stop` or ``terminate``, and close the device.

        Raises:
            ControllerFailed: It could not; what was opened is closed.
        """
        with contextlib.ExitStack() as stack:
            self._open_and_serve(stack, args, bind_address_from_args(args))

    def stop(self) -> None:
        """Let it end, from any thread, at any time."""
        self._serving.stop()

    def _server_loop(self, driver: Any) -> Callable[..., None]:
        serve = super()._server_loop(driver)
        self.opened = driver

        def until_stopped(*args: Any, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
            self._serving.run(loop, lambda: serve(*args, loop=loop, **options))

        return until_stopped


class _Serving:
    """Cancels what is first to run in an event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False
        self._tasks: set[asyncio.Task[object]] = set()

    def run(self, loop: asyncio.AbstractEventLoop, serve: Callable[[], None]) -> None:
        self._loop = loop
        # Called in the loop, where the task of the server is the only one by then.
        loop.call_soon(self._attach)
        try:
            serve()
        except asyncio.CancelledError:
            if not self._is_stopped:
                raise

    def stop(self) -> None:
        self._is_stopped = True
        # It may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cancel)

    def _attach(self) -> None:
        self._tasks = asyncio.all_tasks(self._loop)
        if self._is_stopped:
            self._cancel()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
