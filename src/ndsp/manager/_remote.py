"""How commands find the manager that they ask."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ndsp.manager._control import CONTROL_PORT, TARGET
from sipyco.common_args import tcp_port
from sipyco.pc_rpc import Client, IncompatibleServer

__all__ = ["Away", "Failed", "add_manager_arguments", "connected", "report"]

AGAIN = 1.0
"""Seconds until a manager is looked for again that has gone, by those who follow it."""

TIMEOUT = 10.0
"""Seconds until a manager must have answered."""


class Failed(Exception):
    """The manager could not be asked, or has refused; the text says why."""


class Away(Failed):
    """It cannot be reached now; it may come back."""


def add_manager_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the manager is."""
    parser.add_argument(
        "-s",
        "--server",
        metavar="HOST",
        default="localhost",
        help="host of the manager (default: %(default)s)",
    )
    parser.add_argument(
        "--port-control",
        metavar="PORT",
        type=tcp_port,
        default=CONTROL_PORT,
        help="its port for requests (default: %(default)s)",
    )


@contextlib.contextmanager
def connected(args: argparse.Namespace, timeout: float | None = TIMEOUT) -> Iterator[Any]:
    """Connect to the manager, which has to answer within ``timeout`` seconds each time.

    Raises:
        Away: It cannot be reached, or has gone.
        Failed: It refuses what it is asked for, or is something else.
    """
    where = f"{args.server} port {args.port_control}"
    try:
        with Client(args.server, args.port_control, TARGET, timeout) as client:
            yield client
    except ConnectionRefusedError as error:
        raise Away(
            f"no manager listens on {where}; start one with `ndsp ctlmgr`, or say where it is "
            "with -s and --port-control"
        ) from error
    except OSError as error:
        raise Away(f"cannot reach the manager on {where}: {error}") from error
    except IncompatibleServer as error:
        raise Failed(f"what listens on {where} is no manager: {error}") from error
    except ValueError as error:
        raise Failed(str(error)) from error


def report(command: str, failure: Failed) -> int:
    """Show a failure, and give the exit status."""
    sys.stderr.write(f"ndsp {command}: {failure}\n")
    return 1
