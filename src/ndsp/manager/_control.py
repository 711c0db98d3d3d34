"""What the manager offers to others: a target to call, and a structure to follow."""

from collections.abc import AsyncGenerator
from typing import Any

from ndsp.manager._journal import OWN, Journal
from ndsp.manager._manager import Manager

__all__ = ["CONTROL_PORT", "NOTIFIER", "PUBLISHER_PORT", "TARGET", "Control"]

CONTROL_PORT = 3249
"""Where the target is, as in ARTIQ."""

TARGET = "ctlmgr"
"""Its name there."""

PUBLISHER_PORT = 3247
"""Where the states of the controllers are published."""

NOTIFIER = "controllers"
"""The name of that structure."""


class Control:
    """Looks after the controllers of this machine.

    A controller is named as in the device database. A name that is not run here is a ValueError,
    which says why or names those that are.
    """

    def __init__(self, manager: Manager, journal: Journal) -> None:
        self._manager = manager
        self._journal = journal

    async def ping(self) -> bool:
        """Tell that the manager is alive."""
        return True

    async def status(self) -> dict[str, dict[str, Any]]:
        """Tell how the controllers are.

        Returns:
            By name, dicts of ``state``, ``since`` (Unix time in seconds), ``host`` and ``port``,
            ``pid``, ``restarts`` (after failures), ``busy_with`` (a method, or None), ``reason``
            (why it is in this state) and ``last_log``. The states ``elsewhere`` and ``unmanaged``
            are those of controllers that are not run here.
        """
        return self._manager.status()

    async def start(self, name: str) -> None:
        """Start a controller that was stopped or has failed, now."""
        self._manager.start(name)

    async def retry_now(self, name: str) -> None:
        """Start a controller that waits for its next attempt, now; the same as start."""
        self._manager.start(name)

    async def stop(self, name: str) -> None:
        """End a controller and leave it ended, until it is started again. Does not wait for it."""
        self._manager.stop(name)

    async def restart(self, name: str) -> None:
        """End a controller when the calls that run have ended, and start it. Does not wait."""
        self._manager.restart(name)

    async def logs(self, name: str | None = None, count: int = 100) -> list[dict[str, Any]]:
        """Give the last entries that were logged by a controller, or by all and the manager.

        Returns:
            Dicts of ``time`` (Unix time in seconds), ``level``, ``source`` (the controller),
            ``name`` (of its logger) and ``message``; the oldest first. Up to 1000 are kept of each.
        """
        self._check_source(name)
        return self._journal.entries(name, count)

    async def follow_logs(
        self, name: str | None = None, count: int = 10
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Give the last entries, and then all others as they are logged."""
        self._check_source(name)
        async for entry in self._journal.follow(name, count):
            yield entry

    def _check_source(self, name: str | None) -> None:
        if name not in {None, OWN}:
            self._manager.check_name(str(name))
