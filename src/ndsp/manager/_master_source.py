"""The database is that of a master, which tells when it changes."""

import asyncio
import functools
import ipaddress
import logging
from collections.abc import AsyncIterator
from typing import Any

from ndsp.device_db import DeviceDB, parse_device_db
from sipyco.sync_struct import Subscriber
from sipyco.tools import SimpleSSLConfig

__all__ = ["MasterSource"]

logger = logging.getLogger("ndsp.manager")


class MasterSource:
    """Follows the notifier ``devices`` of a master, and connects anew when the master is back.

    Args:
        host: Of the master.
        port: Of its publisher.
        retry: Seconds between attempts to connect.
        ssl_config: Certificates, or None.

    Attributes:
        is_local: Whether the master runs on this machine, as far as the connection shows; None
            until there was one.
    """

    def __init__(
        self, host: str, port: int, retry: float, ssl_config: SimpleSSLConfig | None
    ) -> None:
        self.name = f"master {host}:{port}"
        self.is_local: bool | None = None
        self._host = host
        self._port = port
        self._retry = retry
        self._ssl_config = ssl_config
        self._structure: dict[str, Any] = {}
        self._has_changed = asyncio.Event()
        self._is_known_to_be_away = False

    async def changes(self) -> AsyncIterator[DeviceDB]:
        """Give the database when it is known, and again after each change."""
        following = asyncio.create_task(self._follow())
        try:
            while True:
                await self._has_changed.wait()
                self._has_changed.clear()
                yield parse_device_db(self._structure, self.name)
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def _follow(self) -> None:
        while True:
            ended = asyncio.Event()
            subscriber = Subscriber("devices", self._build, self._on_mod, ended.set)
            try:
                on_connect = functools.partial(self._on_connect, subscriber)
                await subscriber.connect(self._host, self._port, on_connect, self._ssl_config)
            except OSError as error:
                self._tell_away(f"cannot reach the {self.name}: {error}")
            else:
                try:
                    await ended.wait()
                finally:
                    await subscriber.close()
                self._tell_away(f"the {self.name} has gone away")
            await asyncio.sleep(self._retry)

    def _on_connect(self, subscriber: Subscriber) -> None:
        address = subscriber.writer.get_extra_info("socket").getsockname()[0]
        self.is_local = ipaddress.ip_address(str(address).partition("%")[0]).is_loopback

    def _build(self, structure: dict[str, Any]) -> dict[str, Any]:
        logger.info("following the database of the %s", self.name)
        self._is_known_to_be_away = False
        self._structure = structure
        return structure

    def _on_mod(self, _mod: dict[str, Any]) -> None:
        self._has_changed.set()

    def _tell_away(self, text: str) -> None:
        if not self._is_known_to_be_away:
            logger.warning("%s; the controllers go on, trying every %g s", text, self._retry)
        self._is_known_to_be_away = True
