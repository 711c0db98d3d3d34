"""``ndsp ctlmgr``: run the controllers of this machine."""

import argparse
import asyncio
import contextlib
import logging
import sys
from pathlib import Path

from ndsp.device_db import DeviceDBError
from ndsp.manager._console import ConsoleHandler
from ndsp.manager._control import CONTROL_PORT, PUBLISHER_PORT
from ndsp.manager._file_source import FileSource
from ndsp.manager._journal import OWN
from ndsp.manager._lock import AnotherManager
from ndsp.manager._master_source import MasterSource
from ndsp.manager._service import Settings, serve
from sipyco.common_args import (
    bind_address_from_args,
    simple_network_args,
    tcp_port,
)
from sipyco.tools import SimpleSSLConfig

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "run the controllers of this machine and look after them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options; those that ``artiq_ctlmgr`` has are the same here."""
    source = parser.add_argument_group("device database")
    where = source.add_mutually_exclusive_group()
    where.add_argument(
        "--device-db",
        metavar="FILE",
        type=Path,
        help="run what this file has, and follow its changes; no master is needed",
    )
    where.add_argument(
        "-s",
        "--server",
        metavar="HOST",
        default="::1",
        help="host of the master whose database is followed (default: %(default)s)",
    )
    source.add_argument(
        "--port-notify",
        metavar="PORT",
        type=tcp_port,
        default=3250,
        help="its port for notifications (default: %(default)s)",
    )
    source.add_argument(
        "--port-logging",
        metavar="PORT",
        type=tcp_port,
        default=1066,
        help="its port for logs (default: %(default)s)",
    )
    source.add_argument(
        "--ssl",
        nargs=3,
        metavar=("CERT", "KEY", "PEER"),
        help="encrypt the connections to the master: this manager's certificate, its private key, "
        "the master's certificate (PEM files)",
    )
    source.add_argument(
        "--retry-master",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="time between attempts to reach the master (default: %(default)s)",
    )
    source.add_argument(
        "--host-filter",
        metavar="HOST",
        help="run the controllers of this host (default: those of this machine)",
    )
    simple_network_args(
        parser,
        [
            ("control", "requests to start, stop and restart", CONTROL_PORT),
            ("publish", "following the states of the controllers", PUBLISHER_PORT),
        ],
    )
    # Not verbosity_args(): what controllers print is what one looks at a manager for.
    console = parser.add_argument_group("verbosity")
    console.add_argument(
        "-v", "--verbose", action="count", default=0, help="log more: DEBUG (default: INFO)"
    )
    console.add_argument(
        "-q",
        "--quiet",
        action="count",
        default=0,
        help="log less: once for WARNING, twice for ERROR; `ndsp logs` shows INFO anyway",
    )


def run(args: argparse.Namespace) -> int:
    """Run controllers until asked to end."""
    console = _log_to_console(args)
    try:
        asyncio.run(serve(_settings(args)))
    except (DeviceDBError, OSError, AnotherManager) as error:
        print(f"ndsp ctlmgr: {error}", file=sys.stderr)
        return 1
    finally:
        console.close()
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    config = SimpleSSLConfig(*args.ssl) if args.ssl else None
    source = (
        FileSource(args.device_db)
        if args.device_db
        else MasterSource(args.server, args.port_notify, args.retry_master, config)
    )
    return Settings(
        source,
        bind_address_from_args(args),
        args.port_control,
        args.port_publish,
        args.host_filter,
        log_host=None if args.device_db else args.server,
        log_port=args.port_logging,
        log_ssl_config=config,
    )


def _log_to_console(args: argparse.Namespace) -> logging.Handler:
    level = logging.INFO + 10 * (args.quiet - args.verbose)
    console: logging.Handler = logging.NullHandler()
    # A service may have been started without any.
    with contextlib.suppress(AttributeError, OSError):
        console = ConsoleHandler(sys.stderr)
    console.setLevel(level)
    console.setFormatter(
        logging.Formatter(
            "%(asctime)s %(levelname)s:%(source)s:%(message)s", defaults={"source": OWN}
        )
    )
    root = logging.getLogger()
    root.addHandler(console)
    # Who asks for logs later gets what is not shown here, too.
    root.setLevel(min(level, logging.INFO))
    if not args.verbose:
        # The one tells of requests that were refused, whose callers know, the other of each file.
        for name in ("sipyco.pc_rpc", "watchfiles"):
            logging.getLogger(name).setLevel(logging.WARNING)
    return console


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        msg = f"{text!r} is no time; give seconds, more than 0"
        raise argparse.ArgumentTypeError(msg)
    return seconds
