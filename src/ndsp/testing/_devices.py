"""The fixture ``device_manager``: devices by their names, as an experiment has them."""

import contextlib
from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self

from ndsp.device_db import DeviceDB
from ndsp.devices import DeviceManager
from ndsp.testing._running import RunningController

__all__ = ["DeviceManagerFactory"]

TIMEOUT = 10.0
"""Seconds of each wait of the clients, so that a test ends whatever the controller does."""


class DeviceManagerFactory:
    """What the fixture ``device_manager`` is: call it to make a manager, closed after the test."""

    __module__ = "ndsp.testing"

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Make managers within ``with``."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close their devices, the youngest manager first."""
        self._stack.__exit__(kind, error, trace)

    def __call__(
        self,
        db: DeviceDB | Mapping[str, Any] | str | PathLike[str],
        *,
        timeout: float | None = TIMEOUT,
        virtual_devices: Mapping[str, Any] | None = None,
    ) -> DeviceManager:
        """Make a manager.

        Args:
            db: As for :class:`ndsp.devices.DeviceManager`. In a dict, what the fixture
                ``controller`` has started may stand for its entry.
            timeout: As there, but for its default.
            virtual_devices: As there.
        """
        if isinstance(db, Mapping):
            db = {
                name: entry.entry() if isinstance(entry, RunningController) else entry
                for name, entry in db.items()
            }
        made = DeviceManager(db, timeout=timeout, virtual_devices=virtual_devices)
        return self._stack.enter_context(made)
