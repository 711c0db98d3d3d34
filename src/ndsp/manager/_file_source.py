"""The database is a file, which is read again when it changes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import watchfiles

from ndsp.device_db import DeviceDB, DeviceDBError, read_device_db

__all__ = ["FileSource"]

logger = logging.getLogger("ndsp.manager")


class FileSource:
    """Reads a database file, now and whenever it changes.

    Args:
        path: The file. Modules that it imports are watched too if they lie beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.name = f"file {self._path}"

    async def read(self) -> DeviceDB:
        """Read the file. Entries that are wrong are left out, and among the problems.

        Raises:
            DeviceDBError: It cannot be read at all.
        """
        return await asyncio.to_thread(read_device_db, self._path, strict=False)

    async def changes(self) -> AsyncIterator[DeviceDB]:
        """Give the database again after each change; one that cannot be read is passed over."""
        # The directory, since editors put a new file in the place of the old one.
        changes = watchfiles.awatch(
            self._path.parent, watch_filter=_is_source_file, recursive=False
        )
        async for _ in changes:
            try:
                database = await self.read()
            except DeviceDBError as error:
                for problem in error.problems:
                    logger.log(logging.ERROR, "%s; going on with the database before", problem)
            else:
                yield database


def _is_source_file(_change: watchfiles.Change, path: str) -> bool:
    """Let through every source file, since the database may import its neighbours."""
    return path.endswith(".py")
