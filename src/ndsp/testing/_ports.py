"""Ports of this machine: one that is free, and whether a controller listens on it already."""

import errno
import os
import socket
import time
from collections.abc import Callable

import psutil

from ndsp.testing._resources import children, connections

__all__ = ["free_port", "is_taken", "listeners", "wait_for_listener"]

PAUSE = 0.005
"""Seconds between two looks. A look takes a tenth of a millisecond."""

_given: set[int] = set()
"""Ports that were given out in this process, so that none is given out twice."""


def free_port() -> int:
    """Give a port on which nobody listens at the moment, on any local address."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = int(found.getsockname()[1])
        if port not in _given and not is_taken(port):
            _given.add(port)
            return port


def is_taken(port: int) -> bool:
    """Tell whether a program listens on the port, by attempting to do so."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            # Otherwise: a machine without IPv6.
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return True
    return False


def wait_for_listener(
    process: psutil.Process, port: int, ends_within: Callable[[float], bool], patience: float
) -> str | None:
    """Wait until a process, or one that it has started, listens on a port.

    Nobody connects to find out: what answers there might be somebody else, and the controller
    would complain about a client that says nothing.

    Args:
        process: It; if it is this one, those that it has started are not looked at.
        port: The port.
        ends_within: Waits so many seconds for the end of the controller, and tells whether it came.
        patience: Seconds to wait.

    Returns:
        The address to connect to; None if the controller ended, or did not listen in time.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        has_ended = ends_within(PAUSE)
        if host := _host(process, port):
            return host
        if has_ended:
            return None
    return None


def _host(process: psutil.Process, port: int) -> str | None:
    found = listeners(process, port)
    if not found and process.pid != os.getpid():
        # A virtual environment of Windows has a program that starts the interpreter.
        found = [host for child in children(process) for host in listeners(child, port)]
    # IPv4 where there is both, since everything can do that.
    return min(found, key=lambda host: ":" in host, default=None)


def listeners(process: psutil.Process, port: int) -> list[str]:
    """Give the addresses on which a process listens on a port."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - all interfaces, and one of them
    return [
        local.get(found.laddr.ip, found.laddr.ip)
        for found in connections(process)
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port
    ]
