"""Which addresses a server listens on: what was asked for, and what this machine has."""

import errno
import logging
import os
import socket
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sipyco._io.sockets import peer_name

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["Hosts", "as_list", "bind_error", "free_port", "is_loopback", "need_one_port", "usable"]

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
    address = _parsed(host)
    return host == "localhost" if address is None else address.is_loopback


def usable(hosts: Iterable[str | None]) -> list[str | None]:
    """Leave out loopback addresses of a family that this machine does not have.

    Raises:
        OSError: It does not have another address, on whose being served somebody relies.
    """
    found: list[str | None] = []
    missing: list[str | None] = []
    for host in hosts:
        addresses = _addresses_of_localhost() if host == "localhost" else [host]
        if _is_address(host) and not is_loopback(host):
            # From Python 3.13 on, asyncio silently leaves out addresses that are not there.
            _bound(host, 0).close()
        present = [address for address in addresses if not is_loopback(address) or _exists(address)]
        found += present
        if not present:
            missing.append(host)
    if missing and found:
        logger.warning("this machine does not have the address %s", ", ".join(map(str, missing)))
    return list(dict.fromkeys(found or missing))


def need_one_port(hosts: Sequence[str | None]) -> bool:
    """Tell whether port 0 would become a different port for each of several addresses."""
    return len(hosts) > 1 or not _is_address(hosts[0])


def free_port(hosts: Sequence[str | None]) -> int:
    """Find a port for several addresses, each of which would otherwise get its own."""
    with _bound(hosts[0], 0) as sock:
        return int(sock.getsockname()[1])


def bind_error(error: OSError, hosts: Sequence[str | None], port: int) -> OSError:
    """Return the error, of the same class, with a text that says what could not be bound."""
    where = ", ".join(peer_name(host or "*", port) for host in hosts)
    reason, hint = error.strerror or str(error), ""
    if not isinstance(error, socket.gaierror) and error.errno:
        reason = os.strerror(error.errno)  # the event loops put longer texts there
    if error.errno == errno.EADDRINUSE:
        hint = "; is another copy of this program running?"
    elif error.errno == errno.EADDRNOTAVAIL:
        hint = "; give an address that this machine has"
    elif isinstance(error, PermissionError):
        hint = "; ports below 1024 need privileges"
    elif isinstance(error, socket.gaierror):
        hint = "; is the host's name spelled right?"
    message = f"cannot listen on {where}: {reason[:1].lower()}{reason[1:]}{hint}"
    return type(error)(message) if error.errno is None else type(error)(error.errno, message)


def _is_address(host: str | None) -> bool:
    return _parsed(host) is not None


def _parsed(host: str | None) -> "IPv4Address | IPv6Address | None":
    import ipaddress  # noqa: PLC0415 - only servers need it

    try:
        return ipaddress.ip_address(host or "")
    except ValueError:
        return None


def _addresses_of_localhost() -> list[str]:
    # Often two, also on machines without IPv6.
    found = socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _exists(host: str | None) -> bool:
    try:
        _bound(host, 0).close()
    except OSError as exc:
        if exc.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            raise
        return False
    return True


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
