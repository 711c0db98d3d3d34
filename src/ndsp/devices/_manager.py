"""Opens devices when they are asked for, each once, and closes them in reverse order."""

import copy
import logging
import threading
from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self

from ndsp.device_db import (
    Alias,
    AuxiliaryTarget,
    Controller,
    DeviceDB,
    DeviceDBError,
    Entry,
    Local,
    parse_device_db,
    read_device_db,
)
from ndsp.devices._dummy import DummyDevice
from ndsp.devices._opening import DeviceError, close_device, connect, make_local

__all__ = ["DeviceManager"]

logger = logging.getLogger(__name__)


class DeviceManager:
    """Gives devices by the names that they have in a device database.

    A device is opened the first time that it is asked for; everybody gets the same object. The end
    of a ``with`` block, or :meth:`close_devices`, closes all that were opened. What is wrong in
    the database is logged as warnings, and matters only to those who ask for such an entry.

    It may be used from several threads: a device is still opened once. They wait while another
    one is being opened, so that the ``__init__`` of a mediator must not wait for another thread
    that asks for devices.

    Args:
        db: The database: of ``ndsp.device_db``, as a dict, or the path of a file.
        timeout: Seconds of each wait of the clients that are made, as for ``Client``; None waits
            for ever. Best-effort clients do not use it.
        virtual_devices: Objects that are given for names, rather than what the database says;
            they are never closed. For what is no device but is asked for like one, and for tests.

    Raises:
        DeviceDBError: The file cannot be read or executed, or has no database.
    """

    __module__ = "ndsp.devices"

    def __init__(
        self,
        db: DeviceDB | Mapping[str, Any] | str | PathLike[str],
        *,
        timeout: float | None = None,
        virtual_devices: Mapping[str, Any] | None = None,
    ) -> None:
        self._db = _database(db)
        self._timeout = timeout
        self._virtual_devices = dict(virtual_devices or {})
        self._devices: dict[str, Any] = {}
        self._opening: list[str] = []
        self._lock = threading.RLock()
        for problem in self._db.problems:
            logger.warning("%s", problem)

    def get_device(self, name: str) -> Any:
        """Give a device, and open it if nobody has asked for it yet.

        Args:
            name: A name in the database, which may be an alias.

        Returns:
            For a controller a ``Client``, or a ``BestEffortClient`` if the entry says
            ``best_effort``; for ``local`` an object of its class; for ``dummy`` one that takes
            every call and does nothing.

        Raises:
            DeviceError: There is no such device, or it cannot be opened. It is tried again when it
                is asked for again. Devices that a mediator has opened by then stay open.
        """
        if name in self._virtual_devices:
            return self._virtual_devices[name]
        entry = self._entry(name)
        if entry.name in self._virtual_devices:
            return self._virtual_devices[entry.name]
        with self._lock:
            if entry.name not in self._devices:
                # After it was opened, so that what it has opened itself is closed later.
                self._devices[entry.name] = self._open(entry)
            return self._devices[entry.name]

    def get(self, name: str) -> Any:
        """Do what :meth:`get_device` does; the name by which mediators for ARTIQ ask."""
        return self.get_device(name)

    def get_device_db(self) -> dict[str, Any]:
        """Give the database as it stands in its source, without entries in error; a copy."""
        return self._db.as_dict()

    def get_desc(self, name: str) -> dict[str, Any]:
        """Give an entry as it stands in the database, after aliases; a copy.

        Raises:
            DeviceError: There is no such entry.
        """
        return copy.deepcopy(dict(self._entry(name).raw))

    def close_devices(self) -> None:
        """Close all devices that were opened, the last one first.

        A client is disconnected; an object of a class is closed if it has a method ``close``.
        What that raises is logged, and the others are closed all the same. A device that is asked
        for afterwards is opened anew.
        """
        with self._lock:  # one that is being opened is closed, too
            try:
                while self._devices:
                    self._close(*self._devices.popitem())
            except BaseException:
                # Ctrl-C while one is closed must not leave the others open.
                self.close_devices()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_devices()

    def _entry(self, name: str) -> Entry:
        try:
            return self._db.resolve(name)
        except DeviceDBError as exc:
            raise DeviceError(name, str(exc)) from exc

    def _open(self, entry: Entry) -> Any:
        if entry.name in self._opening:
            circle = " -> ".join([*self._opening[self._opening.index(entry.name) :], entry.name])
            raise DeviceError(
                entry.name, f"it asks for itself while it is opened: {circle}; ask for it later"
            )
        self._opening.append(entry.name)
        try:
            return self._opened(entry)
        finally:
            self._opening.pop()

    def _opened(self, entry: Entry) -> Any:
        match entry:
            case Controller():
                return connect(entry, entry, self._timeout)
            case AuxiliaryTarget():
                controller = self._db.resolve(entry.controller)
                assert isinstance(controller, Controller)  # otherwise it would be left out
                return connect(controller, entry, self._timeout)
            case Local():
                return make_local(entry, self)
            case _:
                assert not isinstance(entry, Alias)
                return DummyDevice(entry.name)

    def _close(self, name: str, device: object) -> None:
        try:
            close_device(device)
        except Exception:
            # Whatever it is, the other devices have to be closed, too.
            logger.exception("closing device %r failed", name)


def _database(db: DeviceDB | Mapping[str, Any] | str | PathLike[str]) -> DeviceDB:
    if isinstance(db, DeviceDB):
        return db
    if isinstance(db, str | PathLike):
        return read_device_db(db, strict=False)
    return parse_device_db(db, "device database")
