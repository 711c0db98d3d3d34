"""The database is that of a master, which tells when it changes."""

import contextlib
import ipaddress
from collections.abc import AsyncIterator

from ndsp.device_db import DeviceDB, follow_master
from sipyco.tools import SimpleSSLConfig

__all__ = ["MasterSource"]


class MasterSource:
    """Follows the database of a master, and connects anew when the master is back.

    Args:
        host: Of the master.
        port: Of its publisher.
        retry: Seconds until it is connected to anew, at first.
        ssl_config: Certificates, or None.

    Attributes:
        name: The source, for people.
        is_local: Whether the master runs on this machine, as far as the last connection shows.
    """

    def __init__(
        self, host: str, port: int, retry: float, ssl_config: SimpleSSLConfig | None
    ) -> None:
        self.name = f"master {host} port {port}"
        self.is_local = True
        self._host = host
        self._port = port
        self._retry = retry
        self._ssl_config = ssl_config

    async def changes(self) -> AsyncIterator[DeviceDB]:
        """Give the database when it is known, and again after each change."""
        databases = follow_master(
            self._host,
            self._port,
            self._ssl_config,
            reconnect=self._retry,
            on_connect=self._on_connect,
        )
        async with contextlib.aclosing(databases):
            async for database in databases:
                yield database

    def _on_connect(self, address: str) -> None:
        self.is_local = ipaddress.ip_address(address).is_loopback
