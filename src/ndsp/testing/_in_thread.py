"""A controller in a thread of the test's process, where coverage and debuggers see it."""

import argparse
import contextlib
import io
import threading
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import psutil

from ndsp.controller import Controller
from ndsp.controller._failures import ControllerFailed
from ndsp.testing._ports import listeners, wait_for_listener
from ndsp.testing._resources import place, threads
from ndsp.testing._running import ControllerDidNotStart, RunningController
from ndsp.testing._stoppable import Stoppable
from sipyco.tools import SimpleSSLConfig

__all__ = ["ThreadController"]


class ThreadController(RunningController):
    """Serves a driver in a thread of this process.

    Args:
        controller: What to serve.
        arguments: Those of its command line.
        port: On which it will listen, as the arguments tell it.
        patience: Seconds until it must listen, and end when it is asked to.
        ssl_config: For its clients.

    Attributes:
        driver: The driver itself, to look at what it did. Its methods run in another thread.

    Raises:
        ControllerDidNotStart: It does not listen in time. It is closed if it had opened.
    """

    __module__ = "ndsp.testing"

    def __init__(
        self,
        controller: Controller,
        arguments: Sequence[str],
        *,
        port: int,
        patience: float,
        ssl_config: SimpleSSLConfig | None,
    ) -> None:
        super().__init__(patience, ssl_config)
        self.name = controller.name
        self.port = port
        self._error: BaseException | None = None
        self._controller = Stoppable.of(controller)
        args = _parse(self._controller, arguments)
        if listeners(psutil.Process(), port):
            # It could not be told from the controller.
            raise ControllerDidNotStart(
                f"controller {self.name} cannot listen on port {port}, which is in use in this "
                "process; leave the port to the fixture",
                status=1,
            )
        # A daemon, since a driver that hangs cannot be ended, and pytest shall end.
        self._thread = threading.Thread(
            target=self._run, args=(args,), name=f"controller {self.name}", daemon=True
        )
        self._others = threads()
        self._thread.start()
        try:
            host = wait_for_listener(psutil.Process(), port, self._ends_within, patience)
        except BaseException:
            self._controller.stop()
            raise
        if host is None:
            self._raise_did_not_start()
        self.host = host
        self.driver: Any = self._controller.opened

    def output(self) -> str:
        """Give nothing: what it prints and logs is mixed with what the test does."""
        raise RuntimeError(
            f"controller {self.name} is served in the test's process and has no output of its "
            "own; use capsys or caplog, or start its module instead"
        )

    def _run(self, args: argparse.Namespace) -> None:
        try:
            self._controller.open_and_serve(args)
        except BaseException as error:  # noqa: BLE001 - the test is told
            self._error = error

    def _raise_did_not_start(self) -> NoReturn:
        self._controller.stop()
        if self._thread.is_alive():
            raise ControllerDidNotStart(
                f"controller {self.name} did not listen on port {self.port} within "
                f"{self._patience} s: {self._places()}",
                status=None,
            )
        error = self._error or RuntimeError("it ended before it listened")
        raise ControllerDidNotStart(f"controller {self.name}: {error}", status=1) from error

    def _is_running(self) -> bool:
        return self._thread.is_alive()

    def _ask_to_end(self) -> None:
        self._controller.stop()

    def _ends_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _wait(self, status: int | None) -> list[str]:
        self._is_done = True
        if not self._ends_within(self._patience):
            what = f"did not end within {self._patience} s"
            return [f"controller {self.name}: {what}: {self._places()}"]
        ended = _status(self._error)
        if status is None or ended == status:
            return []
        why = f": {self._error}" if isinstance(self._error, ControllerFailed) else ""
        if self._error is not None and not why:
            why = ":\n" + "".join(traceback.format_exception(self._error))
        return [f"controller {self.name}: ended with status {ended}, where {status} is right{why}"]

    def _places(self) -> str:
        """Say where the threads are that it has, as far as this can be known."""
        return ", ".join(sorted(map(place, threads() - self._others)))


def _parse(controller: Controller, arguments: Sequence[str]) -> argparse.Namespace:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return controller.get_argparser().parse_args(arguments)
    except SystemExit as error:
        found = said.getvalue().strip().splitlines()[-1:] or ["it ended"]
        raise ControllerDidNotStart(
            f"controller {controller.name} does not take the arguments {list(arguments)}: "
            f"{found[0]}",
            status=2,
        ) from error


def _status(error: BaseException | None) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return int(error is not None)
