"""The command-line options that all controllers have in common."""

import argparse
import logging
from collections.abc import Sequence

__all__ = [
    "bind_address_from_args",
    "init_logger_from_args",
    "simple_network_args",
    "tcp_port",
    "verbosity_args",
]

LOCALHOST = ("127.0.0.1", "::1")

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what users ask for, not a default
"""All interfaces of one protocol, and the local address that is among them."""


def verbosity_args(parser: argparse.ArgumentParser) -> None:
    """Add -v and -q, both repeatable, for `init_logger_from_args`."""
    group = parser.add_argument_group("verbosity")
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="log more: once for INFO, twice for DEBUG (default: WARNING)",
    )
    group.add_argument(
        "-q",
        "--quiet",
        action="count",
        default=0,
        help="log less: once for ERROR, twice for CRITICAL",
    )


def init_logger_from_args(args: argparse.Namespace) -> None:
    """Let the root logger write to standard error, from the level that -v and -q ask for.

    Handlers that are there already stay, and no second one is added.
    """
    level = logging.WARNING + 10 * (args.quiet - args.verbose)
    level = min(max(level, logging.DEBUG), logging.CRITICAL)
    logging.basicConfig(level=level)
    logging.getLogger().setLevel(level)


def simple_network_args(
    parser: argparse.ArgumentParser,
    default_port: int | Sequence[tuple[str, str, int]],
    ssl: bool = False,
) -> None:
    """Add the options of a server: where it listens and, on request, its certificates.

    Args:
        parser: Gets a group of its own for them.
        default_port: The port of ``--port``, which is then ``args.port``; or, for a server with
            several, ``(name, purpose, default)`` for each: ``--port-NAME`` and ``args.port_NAME``.
        ssl: Add ``--ssl CERT KEY PEER``: ``args.ssl`` is a list of three file names, or None.

    Raises:
        TypeError: The port is a string. Nothing was added.
    """
    if isinstance(default_port, str):
        # A sequence, too, whose characters would be taken for ports.
        raise TypeError(f"the default port is the string {default_port!r}; give a number")
    group = parser.add_argument_group("network server")
    group.add_argument(
        "--bind",
        metavar="ADDRESS",
        type=_address,
        action="append",
        default=[],
        help="listen on this host name or IP address too; '*' for all interfaces; repeatable",
    )
    group.add_argument(
        "--no-localhost-bind",
        "--no-bind-localhost",
        action="store_true",
        help=f"do not listen on {' and '.join(LOCALHOST)}, as it otherwise does",
    )
    if isinstance(default_port, int):
        group.add_argument(
            "-p",
            "--port",
            type=tcp_port,
            default=default_port,
            help=f"TCP port to listen on (default: {default_port})",
        )
    else:
        for name, purpose, default in default_port:
            group.add_argument(
                f"--port-{name}",
                metavar="PORT",
                dest=f"port_{name}",
                type=tcp_port,
                default=default,
                help=f"TCP port for {purpose} (default: {default})",
            )
    if ssl:
        group.add_argument(
            "--ssl",
            nargs=3,
            metavar=("CERT", "KEY", "PEER"),
            help="encrypt, and serve only clients that are known: this server's certificate, "
            "its private key, the clients' certificate (PEM files)",
        )


def bind_address_from_args(args: argparse.Namespace) -> list[str]:
    """Give the addresses to listen on; pass them to a server as its host.

    Returns:
        Every address once. ``["*"]`` alone if all interfaces are among them, and no local address
        beside a wildcard that includes it: the second of the two could not be bound. Empty if
        localhost was declined and nothing else was asked for.
    """
    binds: list[str] = args.bind
    if "*" in binds:
        return ["*"]
    included = {WILDCARDS.get(address) for address in binds}
    local = () if args.no_localhost_bind else LOCALHOST
    return list(dict.fromkeys(a for a in (*local, *binds) if a not in included))


def _address(text: str) -> str:
    # An empty one, as of a shell variable that is not set, would mean all interfaces.
    if not text.strip():
        msg = f"{text!r} is no address; give a host name or an IP address, or '*' for all"
        raise argparse.ArgumentTypeError(msg)
    return text


def tcp_port(text: str) -> int:
    """Read a port number from the command line; for use as ``type=`` of an argument."""
    # Not int(): it takes "1_000", " 5 " and digits of other scripts for numbers.
    if text.isascii() and text.isdecimal() and int(text) <= 0xFFFF:
        return int(text)
    msg = f"{text!r} is not a TCP port; give a number from 1 to 65535, or 0 for any free port"
    raise argparse.ArgumentTypeError(msg)
