"""Which controllers of a database are to run here, and why the others are not."""

import asyncio
import logging
import time
from typing import Any

from ndsp.device_db import Controller, DeviceDB
from ndsp.manager._hosts import HostFilter
from ndsp.manager._threads import in_thread

__all__ = ["Roster", "described"]

logger = logging.getLogger("ndsp.manager")

LONGEST_LOOK_UP = 3.0
"""Seconds for looking up a host, before it counts as unknown for now."""

LOOK_UP_AGAIN = 30.0
"""Seconds until hosts are looked up again that the name server did not know."""

UNKNOWN = "unknown host"
"""The state of a controller of which it is not known whether it is to run here."""


class Roster:
    """What the last database has said, and before it those that say nothing now.

    Args:
        hosts: Tells which controllers are to run here.

    Attributes:
        wanted: The controllers that are to run here.
        goes_on: Why some of them are to go on although the database does not say so now, by name.
        left_out: The others, as people are told of them, by name.
        look_up_at: When hosts are to be looked up again, in the time of :func:`time.monotonic`, or
            None.
    """

    def __init__(self, hosts: HostFilter) -> None:
        self.wanted: dict[str, Controller] = {}
        self.goes_on: dict[str, str] = {}
        self.left_out: dict[str, dict[str, Any]] = {}
        self.look_up_at: float | None = None
        self._hosts = hosts
        self._database: DeviceDB | None = None
        self._complaints: set[tuple[str, str | None]] = set()
        self._turn = asyncio.Lock()  # one database after the other

    @property
    def is_known(self) -> bool:
        """Whether there was a database yet."""
        return self._database is not None

    async def read(self, database: DeviceDB) -> None:
        """Take what a database says. One that is no database at all changes nothing."""
        async with self._turn:
            errors = self._tell_problems(database)
            if None not in errors:
                self._database = database
                self._hosts.forget()
                await self._look_up(database, errors)

    async def look_up_again(self) -> None:
        """Look up the hosts of the database, of which some were unknown."""
        async with self._turn:
            assert self._database is not None
            self._hosts.forget_unknown()
            await self._look_up(self._database, self._tell_problems(self._database))

    async def _look_up(self, database: DeviceDB, errors: dict[str | None, str]) -> None:
        specs = database.controllers()
        reasons = await asyncio.gather(*(self._reason(spec) for spec in specs))
        left_out = {
            str(name): described(None, {"state": "in error", "reason": text})
            for name, text in errors.items()
        }
        wanted = {}
        for spec, (state, reason) in zip(specs, reasons, strict=True):
            if state:
                hints = [p.text for p in database.problems if p.entry == spec.name]
                why = "; ".join([reason, *hints])
                left_out[spec.name] = described(spec, {"state": state, "reason": why})
            else:
                wanted[spec.name] = spec
        # What cannot be told now was told before, perhaps: that goes on.
        kept = {
            name: spec
            for name, spec in self.wanted.items()
            if name in left_out and left_out[name]["state"] in {"in error", UNKNOWN}
        }
        self.goes_on = {name: left_out.pop(name)["reason"] for name in kept}
        self.left_out = left_out
        self.wanted = kept | wanted
        is_unknown = any(state == UNKNOWN for state, _ in reasons)
        self.look_up_at = time.monotonic() + LOOK_UP_AGAIN if is_unknown else None
        for name, left in left_out.items():
            if name not in errors:
                self._complain(f"it is not run here: {left['reason']}", logging.INFO, name)

    async def _reason(self, spec: Controller) -> tuple[str, str]:
        try:
            async with asyncio.timeout(LONGEST_LOOK_UP):
                return await in_thread(self._why_left_out, spec)
        except TimeoutError:
            # The others need not wait. When the answer comes it is there for the next attempt.
            return UNKNOWN, f"the name server takes its time for its host {spec.host!r}"

    def _why_left_out(self, spec: Controller) -> tuple[str, str]:
        if spec.command is None:
            return "unmanaged", "its entry has no command"
        if not self._hosts.knows(spec):
            return UNKNOWN, self._hosts.explain(spec)
        if not self._hosts.accepts(spec):
            return "elsewhere", self._hosts.explain(spec)
        return "", ""

    def _tell_problems(self, database: DeviceDB) -> dict[str | None, str]:
        """Say what is wrong with it, as far as that is new; give the errors by their entries."""
        texts = set(map(str, database.problems))
        self._complaints = {(t, n) for t, n in self._complaints if t in texts or n is not None}
        errors = {}
        for problem in database.problems:
            level = logging.ERROR if problem.is_error else logging.WARNING
            self._complain(str(problem), level)
            if problem.is_error:
                errors[problem.entry] = str(problem)
        return errors

    def _complain(self, text: str, level: int, name: str | None = None) -> None:
        if (text, name) not in self._complaints:
            self._complaints.add((text, name))
            logger.log(level, "%s", text, extra={"source": name} if name else None)


def described(spec: Controller | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Give what is told of a controller: what its entry says of its place, and the facts."""
    nothing = {"since": None, "pid": None, "restarts": 0, "busy_with": None, "last_log": ""}
    place = {"host": spec and spec.host, "port": spec and spec.port}
    return {**nothing, **place, **facts}
