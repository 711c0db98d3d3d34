"""Who has a port already."""

import psutil

from ndsp.manager._hosts import resolve

__all__ = ["occupant"]


LONGEST_COMMAND = 200
"""Characters of a command line that are shown."""

EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - found, not bound


def occupant(host: str, port: int) -> str | None:
    """Name the process that has a TCP port of this machine.

    Args:
        host: Of the controller that needs the port; another one may listen on the same port of
            another address.
        port: The port.

    Returns:
        What it is, or None if nobody listens there, or if this user may not know.
    """
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None  # on macOS, which tells it to the administrator only
    addresses = EVERYWHERE.union(resolve(host))
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        if connection.laddr.port == port and connection.laddr.ip in addresses:
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        command = " ".join(" ".join(process.cmdline()).split()) or process.name()
        shown = command.encode("utf-8", "backslashreplace").decode()[:LONGEST_COMMAND]
        return f"process {pid} ({shown})"
    except psutil.Error:
        return f"process {pid}"
