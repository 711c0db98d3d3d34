"""Which addresses a server listens on: what was asked for, and what this machine has."""

import errno
import ipaddress
import logging
import socket
from collections.abc import Iterable, Sequence

__all__ = ["Hosts", "as_list", "free_port", "is_loopback", "usable"]

logger = logging.getLogger(__name__)

Hosts = str | Sequence[str | None] | None
"""One address or several; None, ``""`` and ``"*"`` mean all interfaces."""


def as_list(host: Hosts) -> list[str | None]:
    """Return the addresses without repetition; all interfaces are one None."""
    hosts = [host] if host is None or isinstance(host, str) else list(host)
    wildcards = {None, "", "*"}
    return [None] if any(address in wildcards for address in hosts) else list(dict.fromkeys(hosts))


def is_loopback(host: str | None) -> bool:
    """Tell whether only programs of this machine reach the address."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def usable(hosts: Iterable[str | None]) -> list[str | None]:
    """Leave out loopback addresses of a family that this machine does not have."""
    found: list[str | None] = []
    missing: list[str | None] = []
    for host in hosts:
        if host is not None and is_loopback(host) and host != "localhost":
            try:
                _bound(host, 0).close()
            except OSError as exc:
                if exc.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                    raise
                missing.append(host)
                continue
        found.append(host)
    if missing and found:
        logger.warning("this machine does not have the address %s", ", ".join(map(str, missing)))
    return found or missing


def free_port(hosts: Sequence[str | None]) -> int:
    """Find a port for several addresses, each of which would otherwise get its own."""
    with _bound(hosts[0], 0) as sock:
        return int(sock.getsockname()[1])


def _bound(host: str | None, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
