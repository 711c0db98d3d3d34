"""What marks the processes of a manager, in their environment, which all that they start inherits.

No file has to be kept for that, which could be wrong.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

__all__ = ["Mark"]

DATABASE, CONTROLLER, MANAGER = "NDSP_DATABASE", "NDSP_CONTROLLER", "NDSP_MANAGER"


@dataclass(frozen=True)
class Mark:
    """The mark of the controllers of one database on this machine.

    Args:
        database: Names the database, the same for every manager of it.
    """

    database: str

    def environment(self, name: str) -> dict[str, str]:
        """Give the environment variables that mark a controller of this manager."""
        return {
            DATABASE: self.database,
            CONTROLLER: name,
            # With its time, since numbers of processes are used again.
            MANAGER: f"{os.getpid()}:{psutil.Process().create_time()}",
        }

    def living_manager(self) -> int | None:
        """Give the number of another manager of this database whose controllers there are."""
        for _, process in self.find():
            with contextlib.suppress(psutil.Error, ValueError, OSError):
                number, _, started = process.environ()[MANAGER].partition(":")
                manager = psutil.Process(int(number))
                is_it = str(manager.create_time()) == started
                if (
                    is_it
                    and manager.status() != psutil.STATUS_ZOMBIE
                    and manager.pid != os.getpid()
                ):
                    return manager.pid
        return None

    def find(self) -> Iterator[tuple[str, psutil.Process]]:
        """Find all that are marked, with the names of their controllers. Looks at all processes."""
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except (psutil.Error, OSError):  # of another user, or gone
                continue
            if environment.get(DATABASE) == self.database and process.pid != os.getpid():
                yield environment.get(CONTROLLER, ""), process

    def find_left(self, name: str) -> list[psutil.Process]:
        """Find what a controller that has ended has left behind, wherever it hides."""
        return [process for found, process in self.find() if found == name]
