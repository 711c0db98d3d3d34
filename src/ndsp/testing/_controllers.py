"""The fixture ``controller``: starts controllers on free ports, and ends them with the test."""

import argparse
import contextlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

from ndsp.controller import Controller
from ndsp.testing._in_thread import ThreadController
from ndsp.testing._ports import free_port, is_taken
from ndsp.testing._process import ProcessController
from ndsp.testing._running import ControllerDidNotStart, RunningController

if TYPE_CHECKING:
    from ndsp.testing._tls_pair import TlsPair

__all__ = ["ControllerFactory"]

ATTEMPTS = 3
"""How many ports are tried, since one that was free may be taken by the time of its use."""

PATIENCE = 20.0
"""Seconds until a controller must have started, or ended. It takes a fraction of one."""


class ControllerFactory:
    """What the fixture ``controller`` is: call it to start a controller.

    Args:
        make_directory: Gives a directory for the output of processes, when there is one.
    """

    __module__ = "ndsp.testing"

    def __init__(self, make_directory: Callable[[], Path]) -> None:
        self._make_directory = make_directory
        self._directory: Path | None = None
        self._running: list[RunningController] = []

    @overload
    def __call__(
        self,
        what: Controller,
        *arguments: object,
        tls: "TlsPair | None" = ...,
        simulation: bool = ...,
        patience: float = ...,
    ) -> ThreadController: ...

    @overload
    def __call__(
        self,
        what: str | PathLike[str],
        *arguments: object,
        tls: "TlsPair | None" = ...,
        simulation: bool = ...,
        patience: float = ...,
        environment: Mapping[str, str] = ...,
    ) -> ProcessController: ...

    def __call__(
        self,
        what: Controller | str | PathLike[str],
        *arguments: object,
        tls: "TlsPair | None" = None,
        simulation: bool = True,
        patience: float = PATIENCE,
        environment: Mapping[str, str] | None = None,
    ) -> RunningController:
        """Start a controller and wait until it listens.

        Args:
            what: A :class:`ndsp.Controller`, which is served in a thread of this process; the name
                of a module, which runs as ``python -m``; or the path of a file, which runs as
                ``python FILE``. The latter two run in a process of their own, with the working
                directory and the module path of the test.
            arguments: Of its command line. ``-p`` and a free port are added unless ``-p`` or
                ``--port`` is among them.
            tls: Encrypt, and let the clients of the test in.
            simulation: Add ``--simulation`` unless ``-d`` or ``--device`` is among the arguments.
            patience: Seconds until it must listen, and later end when it is asked to.
            environment: What is different in the environment of the process.

        Raises:
            ControllerDidNotStart: It does not listen in time; the text has its last output.
                Nothing of it is left running.
        """
        words = [str(argument) for argument in arguments]
        given = _known(words)
        if given.port is not None and not (given.port.isdecimal() and 0 < int(given.port) <= 65535):
            msg = f"{given.port!r} is no port; give 1 to 65535, or none for one that is free"
            raise ValueError(msg)
        if isinstance(what, str) and not all(part.isidentifier() for part in what.split(".")):
            raise ValueError(f"{what!r} is no name of a module; give a Path for a file")
        if simulation and not (given.simulation or given.device):
            words = [*words, "--simulation"]
        if tls is not None:
            words += tls.server_arguments
        config = None if tls is None else tls.client

        def start(port: int) -> RunningController:
            told = words if given.port else [*words, "-p", str(port)]
            if isinstance(what, Controller):
                return ThreadController(what, told, port=port, patience=patience, ssl_config=config)
            is_module = isinstance(what, str)
            name = str(what) if is_module else Path(what).name
            return ProcessController(
                name,
                ["-m", name] if is_module else [str(what)],
                told,
                port=port,
                log=self._log(name),
                environment=environment or {},
                patience=patience,
                ssl_config=config,
            )

        try:
            running = start(int(given.port)) if given.port else _on_a_free_port(start)
        except ControllerDidNotStart as error:
            if "unrecognized arguments: --simulation" in f"{error} {error.output}":
                error.add_note("it has no simulation: name a device with -d, or simulation=False")
            raise
        self._running.append(running)
        return running

    def outputs(self) -> list[tuple[str, str]]:
        """Give what the controllers with processes of their own have printed, with headings."""
        return [
            (f"output of controller {running.name}", running.output())
            for running in self._running
            if isinstance(running, ProcessController)
        ]

    def close(self) -> list[str]:
        """Stop all, the youngest first, and tell what is not as it should be."""
        complaints: list[str] = []
        with contextlib.ExitStack() as stack:
            for running in self._running:
                stack.callback(lambda one: complaints.extend(one.close()), running)
        return complaints

    def _log(self, name: str) -> Path:
        if self._directory is None:
            self._directory = self._make_directory()
        return self._directory / f"{len(self._running)}-{name}.log"


def _on_a_free_port(start: Callable[[int], RunningController]) -> RunningController:
    for _ in range(ATTEMPTS - 1):
        port = free_port()
        try:
            return start(port)
        except ControllerDidNotStart as error:
            if error.status is None or not is_taken(port):
                raise
    return start(free_port())


def _known(words: list[str]) -> argparse.Namespace:
    """Find the options that every controller has among its arguments."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-p", "--port", nargs="?")
    parser.add_argument("-d", "--device", nargs="?", const="?")
    parser.add_argument("--simulation", action="store_true")
    return parser.parse_known_args(words)[0]
