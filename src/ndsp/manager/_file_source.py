"""The database is a file, which is read again when it changes."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import watchfiles

from ndsp.device_db import DeviceDB, DeviceDBError, Problem, read_device_db
from ndsp.manager._threads import in_thread

__all__ = ["FileSource"]

logger = logging.getLogger("ndsp.manager")

PATIENCE = 30.0
"""Seconds for executing a database. It may ask a name server, or a file server that is away."""

LOOK_EVERY = 1000
"""Milliseconds between two looks at the file itself."""


class FileSource:
    """Reads a database file, now and whenever it changes.

    Args:
        path: The file. Modules that it imports are watched too if they lie beside it.

    Attributes:
        name: The source, for people.
        patience: Seconds for executing it.
    """

    def __init__(self, path: Path) -> None:
        # Not where links lead now, which may change.
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 - absolute() leaves ".." there
        self.patience = PATIENCE
        self.name = f"file {self._path}"
        self._seen: tuple[int, ...] | None = None

    async def read(self) -> DeviceDB:
        """Read the file. Entries that are wrong are left out, and among the problems.

        Raises:
            DeviceDBError: It cannot be read at all.
        """
        self._seen = self._signature()
        try:
            async with asyncio.timeout(self.patience):
                return await in_thread(read_device_db, self._path, strict=False)
        except TimeoutError:
            text = f"cannot execute this file: it takes more than {self.patience:g} s"
            raise DeviceDBError([Problem(str(self._path), None, None, text)]) from None
        except RuntimeError as error:
            problem = Problem(str(self._path), None, None, f"cannot execute this file: {error}")
            raise DeviceDBError([problem]) from error

    async def changes(self) -> AsyncGenerator[DeviceDB, None]:
        """Give the database again after each change; one that cannot be read is passed over."""
        wakes = watchfiles.awatch(
            self._path.parent,  # since editors put a new file in the place of the old one
            watch_filter=_is_source_file,
            recursive=False,
            # Looked at, too: network shares do not tell of what other machines change.
            yield_on_timeout=True,
            rust_timeout=LOOK_EVERY,
        )
        async for changed in wakes:
            if not changed and self._signature() == self._seen:
                continue
            try:
                database = await self.read()
            except DeviceDBError as error:
                for problem in error.problems:
                    logger.log(logging.ERROR, "%s; going on with the database before", problem)
            else:
                yield database

    def _signature(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _is_source_file(_change: watchfiles.Change, path: str) -> bool:
    """Let through every source file, since the database may import its neighbours."""
    return path.endswith(".py")
