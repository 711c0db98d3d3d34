"""Finds what is wrong with certificates, before it keeps somebody from working."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ndsp.certificates._connection import of_connection
from ndsp.certificates._examination import key_beside, of_files, pem_files
from ndsp.certificates._findings import SOON_DAYS, Finding, Level, of_directory
from ndsp.certificates._roles import Role
from ndsp.certificates._sides import Side, of_side, of_sides

__all__ = [
    "SOON_DAYS",
    "Finding",
    "Level",
    "Role",
    "Side",
    "examine",
    "examine_connection",
    "examine_sides",
]


def examine(paths: Iterable[Path], *, now: datetime | None = None) -> list[Finding]:
    """Examine files, and all the certificates and keys of directories.

    What lies in the directory of a laboratory (with ``authority.pem``) is also examined together
    with its authority.

    Args:
        paths: Files and directories. With a certificate, the key beside it is examined.
        now: The time to judge by; None is the present.

    Returns:
        What was found, in the order of the files; empty if all is well.

    Raises:
        OSError: A directory cannot be read. Files that cannot be read are findings.
    """
    files: list[Path] = []
    findings: list[Finding] = []
    for path in paths:
        if not path.is_dir():
            files += [path, *key_beside(path)]
            continue
        found = pem_files(path)
        if not found:
            text = "holds no certificates and no keys (*.pem, *.key); name a directory that does"
            findings.append(Finding("error", "unreadable", str(path), text))
        findings += of_directory(path)
        files += found
    return [*findings, *of_files(dict.fromkeys(files), now or datetime.now(UTC))]


def examine_sides(
    server: Side | None, client: Side | None, *, now: datetime | None = None
) -> list[Finding]:
    """Examine the files of one side, or of two that are to accept each other.

    Returns:
        What was found; a note of the kind ``fine`` is among it if two sides accept each other.
    """
    now = now or datetime.now(UTC)
    if server is not None and client is not None:
        return list(of_sides(server, client, now))
    return [finding for side in (server, client) if side for finding in of_side(side, now)]


def examine_connection(
    host: str, port: int, client: Side, *, timeout: float = 5.0, now: datetime | None = None
) -> list[Finding]:
    """Try whether a running server and a client with these files accept each other.

    Args:
        host: Name or address of the server.
        port: Its TCP port.
        client: The files of the client.
        timeout: How long to wait for each answer, in seconds.
        now: The time to judge by; None is the present.

    Returns:
        What was found; a note of the kind ``fine`` is among it if the handshake succeeded.
    """
    return list(of_connection(host, port, client, timeout, now or datetime.now(UTC)))
