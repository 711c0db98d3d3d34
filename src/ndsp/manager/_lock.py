"""That there is one manager of a database on a machine: a lock that ends with its process."""

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["AnotherManager", "only_manager"]


class AnotherManager(Exception):
    """Another manager runs the controllers of this database.

    Args:
        database: Names it.
        process: The number of the other one, as far as it is known.
    """

    def __init__(self, database: str, process: object) -> None:
        who = f", process {process}," if process else ""
        super().__init__(
            f"another manager{who} runs the controllers of the {database}; end it first"
        )


@contextlib.contextmanager
def only_manager(database: str) -> Iterator[None]:
    """Hold the lock of a database.

    Args:
        database: Names it, the same for every manager of it.

    Raises:
        AnotherManager: Another process holds it.
        OSError: The file of the lock cannot be made.
    """
    name = hashlib.sha256(database.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    user = getattr(os, "getuid", lambda: 0)()
    path = Path(tempfile.gettempdir()) / f"ndsp-{user}-{name}.lock"
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            holder = file.read(20).decode("ascii", "replace").strip()
            raise AnotherManager(database, holder) from error
        # For people. What counts is the lock, which ends with the process, however it ends.
        file.truncate()
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - it exists there only

        # Far behind the text, which others could not read otherwise.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl  # noqa: PLC0415 - it exists there only

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
