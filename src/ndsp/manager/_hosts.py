"""Which controllers are to run on this machine."""

import ipaddress
import socket
from collections.abc import Iterable

import psutil

from ndsp.device_db import Controller

__all__ = ["HostFilter", "own_addresses", "resolve"]


def own_addresses() -> list[str]:
    """Give the addresses of this machine, those that other machines know first."""
    found = {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in {socket.AF_INET, socket.AF_INET6}
    }
    return sorted(found, key=lambda address: (ipaddress.ip_address(address).is_loopback, address))


def resolve(host: str) -> set[str]:
    """Give the addresses of a host; none if it is not known. Asks the name server for names."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(info[4][0]).partition("%")[0] for info in found}


class HostFilter:
    """Tells whether a controller is to run here.

    Args:
        wanted: The host that entries must have, as written there or another name of it; None for
            this machine.

    Attributes:
        is_local: Whether loopback addresses mean this machine, and not that of the master. Does
            not count if ``wanted`` is given.
    """

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self.is_local = True
        self._addresses: dict[str, frozenset[str]] = {}

    def knows(self, controller: Controller) -> bool:
        """Tell whether it can be told; not if the name server does not know the host, or is away.

        Asks the name server for names.
        """
        return controller.host == self._wanted or bool(self._resolve(controller.host))

    def accepts(self, controller: Controller) -> bool:
        """Tell whether it is to run here; False as well if that cannot be told."""
        if controller.host == self._wanted:
            return True
        addresses = self._resolve(controller.host)
        if self._wanted is not None:
            return bool(addresses & self._resolve(self._wanted))
        if any(ipaddress.ip_address(address).is_loopback for address in addresses):
            return self.is_local
        return bool(addresses.intersection(own_addresses()))

    def explain(self, controller: Controller) -> str:
        """Say why a controller is not run here."""
        host = controller.host
        if self._wanted is not None:
            return f"it is for host {host!r}, and --host-filter lets {self._wanted!r} pass"
        addresses = self._resolve(host)
        if not addresses:
            return (
                f"its host {host!r} cannot be found, which is tried again; correct it, or use "
                f"--host-filter {host}"
            )
        if any(ipaddress.ip_address(address).is_loopback for address in addresses):
            return f"its host {host!r} means the machine of the master, which is another one"
        own = ", ".join(_others(own_addresses()))
        return (
            f"it is for host {host!r}, and this machine is {own}; "
            f"if that is the same, use --host-filter {host}"
        )

    def forget(self) -> None:
        """Ask the name server again for all hosts."""
        self._addresses.clear()

    def forget_unknown(self) -> None:
        """Ask the name server again for hosts that it did not know."""
        self._addresses = {host: found for host, found in self._addresses.items() if found}

    def _resolve(self, host: str) -> frozenset[str]:
        if host not in self._addresses:
            self._addresses[host] = frozenset(resolve(host))
        return self._addresses[host]


def _others(addresses: Iterable[str]) -> list[str]:
    known = [a for a in addresses if not ipaddress.ip_address(a).is_loopback]
    return known or ["known by loopback addresses only"]
