"""What a controller is, and its life: open the device, serve, close, whatever happens."""

import argparse
import asyncio
import contextlib
import faulthandler
import functools
import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass
from typing import Any

from ndsp.controller._driver_options import DriverOptions
from ndsp.controller._early_end import EarlyEnd, EndedEarly
from ndsp.controller._failures import ControllerFailed, explained
from ndsp.controller._program import loop_factory, program_name, tell_threads
from sipyco.common_args import (
    bind_address_from_args,
    init_logger_from_args,
    simple_network_args,
    verbosity_args,
)
from sipyco.pc_rpc import simple_server_loop
from sipyco.remote_exec import simple_rexec_server_loop
from sipyco.tools import SimpleSSLConfig

__all__ = ["Controller", "run_controller"]

logger = logging.getLogger("ndsp.controller")

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell gives it to a program that ends by this signal."""


@dataclass(frozen=True)
class Controller:
    """A driver as a program that serves it.

    Plain methods of the driver run in one worker thread, never two at a time, so that the
    controller answers pings and can be stopped while one of them is busy; coroutine methods run in
    the event loop. The driver is made and closed in the main thread. If it has no method ``ping``,
    it gets one, which asks nothing of the device.

    Args:
        driver: A class, or a function that makes the driver. Its parameter ``device`` gets what
            ``--device`` says, ``simulation`` whether ``--simulation`` was given; all others that
            are annotated become options. It raises an exception if it cannot open its device.
        name: Name of the target.
        port: Default TCP port.
        simulation: Makes a context manager, within which there is a simulated instrument; what
            ``with`` gives is passed to the driver as ``device``.
        description: What ``--help`` and the server say the controller is for; by default the first
            line of the driver's docstring.
        remote_exec: Serve a second target ``NAME_rexec``, which executes the code of clients
            beside the driver.
        allow_parallel: As for :class:`sipyco.pc_rpc.Server`.
        threads: As for :class:`sipyco.pc_rpc.Server`.
    """

    driver: Callable[..., Any]
    _: KW_ONLY
    name: str
    port: int
    simulation: Callable[[], AbstractContextManager[Any]] | None = None
    description: str | None = None
    remote_exec: bool = False
    allow_parallel: bool = False
    threads: bool = True

    def get_argparser(self) -> argparse.ArgumentParser:
        """Make the parser of the command line, which documentation can be made from, too.

        Raises:
            TypeError: A parameter of the driver cannot become an option.
        """
        parser = argparse.ArgumentParser(
            prog=program_name(), description=self._describe() or f"serve {self.name}"
        )
        options = DriverOptions(self.driver)
        has_device = "device" in options.takes
        device = parser.add_mutually_exclusive_group(
            # A driver that knows how to do without a device says so by a default.
            required=has_device and self._default_device() is inspect.Parameter.empty
        )
        if has_device:
            device.add_argument(
                "-d", "--device", help="the instrument, in the form that the driver expects"
            )
        if self.simulation or "simulation" in options.takes or not has_device:
            device.add_argument(
                "--simulation",
                action="store_true",
                help="use a simulated instrument, so that no hardware is needed",
            )
        options.add_to(parser)
        simple_network_args(parser, self.port, ssl=True)
        verbosity_args(parser)
        return parser

    def run(self, argv: Sequence[str] | None = None) -> int:
        """Read the command line, open the device and serve until asked to end; then close it.

        What ends it: Ctrl-C, SIGTERM, SIGHUP, or a client's ``terminate``. Messages go to standard
        error, those of failures always.

        Args:
            argv: The arguments; by default those of this process.

        Returns:
            The exit status. 0: it was asked to end. 1: the device could not be opened, the port
            could not be listened on, or the driver failed to close; the driver was closed in each
            case, if it was open. 130: Ctrl-C came before it served. Wrong usage ends the process
            with 2, as argparse does.
        """
        parser = self.get_argparser()
        args = parser.parse_args(argv)
        init_logger_from_args(args)
        hosts = bind_address_from_args(args)
        if not hosts:
            parser.error("with --no-localhost-bind it would not listen at all; add --bind ADDRESS")
        if sys.stderr is not None:
            # A vendor's library that crashes takes the process along: this says where it was.
            with contextlib.suppress(OSError, ValueError):
                faulthandler.enable()
        try:
            with contextlib.ExitStack() as stack:
                self._open_and_serve(stack, args, hosts)
        except EndedEarly:
            logger.info("asked to end before it served")
        except KeyboardInterrupt:
            logger.info("interrupted before it served, or again while it closed")
            return INTERRUPTED
        except ControllerFailed as failure:
            print(f"{parser.prog}: {failure}", file=sys.stderr)  # noqa: T201 - also with -qq
            return 1
        finally:
            tell_threads()
        return 0

    def _open_and_serve(
        self, stack: contextlib.ExitStack, args: argparse.Namespace, hosts: list[str]
    ) -> None:
        early_end = stack.enter_context(EarlyEnd())
        config = SimpleSSLConfig(*args.ssl) if args.ssl else None
        if config is not None:
            with explained("cannot use the certificates of --ssl"):
                config.create_server_context()
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory()))
        options = DriverOptions(self.driver)
        arguments = options.arguments(args)
        device = self._device(stack, args, early_end)
        arguments |= {key: value for key, value in device.items() if key in options.takes}
        driver = self._open(runner, arguments, early_end)
        # Nothing may come in between, or the device would stay open.
        stack.callback(self._close, driver, runner)
        stack.callback(early_end.closing)
        logger.info("opened %s", _device_name(arguments))
        with explained(f"the driver of {self.name} cannot be served", Exception):
            _add_ping(driver, self.name)
        early_end.pass_on(runner.get_loop())
        logger.info("serving %s on %s, port %d", self.name, ", ".join(hosts), args.port)
        with explained(f"cannot serve {self.name}"):
            self._server_loop(driver)(
                hosts,
                args.port,
                self._describe(),
                allow_parallel=self.allow_parallel,
                ssl_config=config,
                loop=runner.get_loop(),
                threads=self.threads,
                withheld=["close"],
            )
        logger.info("asked to end")

    def _server_loop(self, driver: Any) -> Callable[..., None]:
        if self.remote_exec:
            return functools.partial(simple_rexec_server_loop, self.name, driver)
        return functools.partial(simple_server_loop, {self.name: driver})

    def _device(
        self, stack: contextlib.ExitStack, args: argparse.Namespace, early_end: EarlyEnd
    ) -> dict[str, Any]:
        simulates = getattr(args, "simulation", False)
        given: dict[str, Any] = {"simulation": simulates}
        if simulates and self.simulation:
            with explained("cannot start the simulation"):
                simulation = self.simulation()
                given["device"] = early_end.opened(lambda: stack.enter_context(simulation))
        elif getattr(args, "device", None) is not None:
            given["device"] = args.device
        return given

    def _open(self, runner: asyncio.Runner, arguments: dict[str, Any], early_end: EarlyEnd) -> Any:
        with explained(f"{self.name} cannot open {_device_name(arguments)}", Exception):
            driver = early_end.opened(lambda: self.driver(**arguments))
            if inspect.isawaitable(driver):
                coroutine = _wait_for(driver)
                driver = early_end.opened(lambda: runner.run(coroutine))
            if driver is None or isinstance(driver, type):
                found = getattr(driver, "__name__", driver)
                raise TypeError(f"the factory gave {found}; have it return the driver")
        return driver

    def _close(self, driver: Any, runner: asyncio.Runner) -> None:
        with explained(f"the driver of {self.name} failed to close", Exception):
            close = getattr(driver, "close", None)
            closing = close() if callable(close) else None
            if inspect.isawaitable(closing):
                runner.run(_wait_for(closing))

    def _describe(self) -> str | None:
        documented = inspect.getdoc(self.driver) or ""
        return self.description or documented.partition("\n")[0] or None

    def _default_device(self) -> Any:
        return inspect.signature(self.driver).parameters["device"].default


def run_controller(
    driver: Callable[..., Any],
    *,
    name: str,
    port: int,
    simulation: Callable[[], AbstractContextManager[Any]] | None = None,
    description: str | None = None,
    remote_exec: bool = False,
    allow_parallel: bool = False,
    threads: bool = True,
    argv: Sequence[str] | None = None,
) -> int:
    """Serve a driver, as the command line of this process says, until asked to end.

    Args:
        driver: As for :class:`Controller`, like all further arguments but the last one.
        name: Name of the target.
        port: Default TCP port.
        simulation: As there.
        description: As there.
        remote_exec: As there.
        allow_parallel: As there.
        threads: As there.
        argv: Arguments of the command line; by default those of this process.

    Returns:
        The exit status, as :meth:`Controller.run` gives it; pass it to :func:`sys.exit`.
    """
    controller = Controller(
        driver,
        name=name,
        port=port,
        simulation=simulation,
        description=description,
        remote_exec=remote_exec,
        allow_parallel=allow_parallel,
        threads=threads,
    )
    return controller.run(argv)


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


def _device_name(arguments: dict[str, Any]) -> str:
    return f"device {arguments['device']!r}" if "device" in arguments else "its device"


def _add_ping(driver: Any, name: str) -> None:
    def ping() -> bool:
        """Tell that the controller is alive. The driver has no ping that asks its device."""
        return True

    # Not evaluated: a property that raises is the affair of the driver.
    if inspect.getattr_static(driver, "ping", None) is not None or hasattr(driver, "ping"):
        return
    try:
        driver.ping = ping
    except (AttributeError, TypeError):
        logger.warning("driver %s has no method ping and does not let one be added", name)
