"""Carries out what the supervisor decides, and tells it what comes of it."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psutil

from ndsp._spelling import did_you_mean
from ndsp.device_db import Controller, DeviceDB
from ndsp.manager._commands import CommandError, find_program, words
from ndsp.manager._facts import Ask, Check, Decision, Say, Sick, Signal, Start, Strength
from ndsp.manager._health import Health
from ndsp.manager._hosts import HostFilter
from ndsp.manager._journal import Journal
from ndsp.manager._marks import Mark
from ndsp.manager._occupants import occupant
from ndsp.manager._process import ALWAYS, ManagedProcess
from ndsp.manager._roster import Roster, described
from ndsp.manager._supervisor import Supervisor
from ndsp.manager._threads import in_thread

__all__ = ["Manager"]

logger = logging.getLogger("ndsp.manager")

LAST_WAIT = 5.0
"""Seconds until a process that was killed must be gone."""

LONGEST_LOOK = 5.0
"""Seconds for finding out who has a port; if that fails, the controller itself finds out."""

PUBLISH_INTERVAL = 1.0
"""Seconds between two looks at what controllers have logged last."""


class Manager:
    """Runs the controllers of this machine that a database has.

    All methods are for the thread of the event loop.

    Args:
        mark: Marks the processes, so that the next manager finds them if this one is killed.
        hosts: Tells which controllers are to run here.
        journal: Remembers what they log.
        publish: Called with the states of all controllers when they have changed.
    """

    def __init__(
        self,
        mark: Mark,
        hosts: HostFilter,
        journal: Journal,
        publish: Callable[[dict[str, dict[str, Any]]], None],
    ) -> None:
        self._mark = mark
        self._journal = journal
        self._publish = publish
        self._roster = Roster(hosts)
        self._supervisor = Supervisor()
        self._processes: dict[str, ManagedProcess] = {}
        self._health: dict[str, Health] = {}
        self._changes: dict[str, tuple[float, float]] = {}  # of state: since when, by two clocks
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_news = asyncio.Event()
        self._is_ending = False

    # Wishes

    async def use(self, database: DeviceDB) -> None:
        """Run what this database has, and nothing else; what has not changed is left alone.

        A controller that runs goes on as it is if its entry is in error, and so do all if there is
        no telling what the database says.
        """
        await self._roster.read(database)
        self._configure()

    def start(self, name: str) -> None:
        """Start a controller that was stopped or has failed, without any further delay."""
        self._wish(self._supervisor.start, name)

    def stop(self, name: str) -> None:
        """End a controller, and leave it ended."""
        self._wish(self._supervisor.stop, name)

    def restart(self, name: str) -> None:
        """End a controller when the calls that run have ended, and start it again."""
        self._wish(self._supervisor.restart, name)

    def end(self) -> None:
        """End all controllers; the second time, at once. :meth:`run` then returns."""
        now = time.monotonic()
        if self._is_ending:
            logger.warning("ending all controllers at once")
            self._supervisor.kill(now)
        else:
            logger.info("ending all controllers; once more to end them at once")
            self._supervisor.end(now)
        self._is_ending = True
        self._has_news.set()

    # What is the case

    def status(self) -> dict[str, dict[str, Any]]:
        """Tell where each controller of the database stands."""
        states = {}
        for name, facts in self._supervisor.describe().items():
            spec = self._supervisor.spec(name)
            facts["since"] = self._wall_time(name, facts["since"])
            facts["last_log"] = self._journal.last_message(name)
            if name in self._roster.goes_on:
                facts["reason"] = f"goes on as it was: {self._roster.goes_on[name]}"
            if facts["pid"] is not None or name not in self._roster.left_out:
                states[name] = described(spec, facts)
        left_out = {n: left for n, left in self._roster.left_out.items() if n not in states}
        return states | left_out

    def check_name(self, name: str) -> None:
        """Raise ValueError if the database has no such controller, with the nearest name."""
        known = self.status()
        if name not in known and self._roster.is_known:
            hint = did_you_mean(str(name), known) or f"; there are {', '.join(known) or 'none'}"
            raise ValueError(f"there is no controller {name!r}{hint}")

    async def run(self) -> None:
        """Look after the controllers until all of them have ended after :meth:`end`."""
        try:
            while True:
                for decision in self._supervisor.settle(time.monotonic()):
                    self._carry_out(decision)
                self._publish(self.status())
                if self._is_ending and self._supervisor.is_at_rest:
                    break
                self._look_up_again()
                await self._wait()
        finally:
            # There are none by now, unless this was broken off.
            for process in self._processes.values():
                process.signal(Strength.KILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look_up_again(self) -> None:
        at = self._roster.look_up_at
        if at is not None and time.monotonic() >= at:
            self._roster.look_up_at = None
            self._begin(self._use_again())

    async def _use_again(self) -> None:
        await self._roster.look_up_again()
        self._configure()

    def _configure(self) -> None:
        self._supervisor.configure(time.monotonic(), self._roster.wanted)
        self._has_news.set()

    async def _wait(self) -> None:
        timeout = PUBLISH_INTERVAL
        due = self._supervisor.next_time
        if due is not None:
            timeout = min(timeout, max(0.0, due - time.monotonic()))
        try:
            async with asyncio.timeout(timeout):
                await self._has_news.wait()
        except TimeoutError:
            pass
        self._has_news.clear()

    def _wall_time(self, name: str, since: float) -> float:
        """Give the time of day of a change of state, the same each time."""
        known = self._changes.get(name)
        if known is None or known[0] != since:
            known = since, time.time() - (time.monotonic() - since)
            self._changes[name] = known
        return known[1]

    def _wish(self, method: Callable[[float, str], None], name: str) -> None:
        if self._supervisor.spec(name) is None:
            if name in self._roster.left_out:
                reason = self._roster.left_out[name]["reason"]
                raise ValueError(f"controller {name!r} is not run here: {reason}")
            self.check_name(name)
            raise ValueError("the device database is still being read; try again")
        method(time.monotonic(), name)
        self._has_news.set()

    # Carrying out

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case Start(name):
                self._begin(self._start(name))
            case Check(name, probes):
                self._begin(self._check(name, self._health[name], probes=probes))
            case Ask(name):
                self._begin(self._ask(name, self._health[name]))
            case Signal(name, strength):
                self._processes[name].signal(strength)
            case Say(name, level, text):
                logger.log(level, "%s", text, extra={"source": name})

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, name: str) -> None:
        spec = self._supervisor.spec(name)
        assert spec is not None
        try:
            process = await self._spawn(spec)
        except (CommandError, OSError) as error:
            self._not_spawned(name, str(error))
            return
        except Exception as error:
            # As of an environment that no process can have. The supervisor waits for the outcome.
            logger.exception("cannot start it", extra={"source": name})
            self._not_spawned(name, f"it cannot be started: {error}")
            return
        self._processes[name] = process
        self._health[name] = Health(spec)
        self._supervisor.spawned(time.monotonic(), name, process.pid)
        self._has_news.set()
        how = await process.wait()
        await self._end_what_is_left(name)
        # All at once: what is decided next must find either all of it or nothing.
        del self._processes[name]
        health = self._health.pop(name)
        self._supervisor.exited(time.monotonic(), name, how, tuple(process.output.tail))
        self._has_news.set()
        await health.close()

    async def _end_what_is_left(self, name: str) -> None:
        """End what has left the group of a controller, and would have its device."""
        left = await in_thread(self._mark.find_left, name)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if left:
            logger.warning(
                "has left process %s behind, which was killed; have it stay in the foreground",
                ", ".join(str(process.pid) for process in left),
                extra={"source": name},
            )
            await in_thread(psutil.wait_procs, left, LAST_WAIT)

    def _not_spawned(self, name: str, reason: str) -> None:
        self._supervisor.not_spawned(time.monotonic(), name, reason)
        self._has_news.set()

    async def _spawn(self, spec: Controller) -> ManagedProcess:
        environment = {**os.environ, **ALWAYS, **spec.environment}
        command = words(spec, environment)
        program = find_program(command[0], environment)
        taken_by = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_LOOK):
                taken_by = await in_thread(occupant, spec.host, spec.port)
        if taken_by is not None:
            raise CommandError(f"its port {spec.port} is taken by {taken_by}")
        environment |= self._mark.environment(spec.name)
        return await ManagedProcess.start(spec.name, program, command, environment)

    async def _check(self, name: str, health: Health, *, probes: bool) -> None:
        try:
            verdict = await health.check(probes=probes)
        except Exception as error:
            # The supervisor waits for a verdict, and would not ask again.
            logger.exception("asking it whether it is alive failed", extra={"source": name})
            verdict = Sick(f"asking it whether it is alive failed: {error}")
        if self._health.get(name) is health:
            self._supervisor.checked(time.monotonic(), name, verdict)
            self._has_news.set()

    async def _ask(self, name: str, health: Health) -> None:
        agrees = await health.ask_to_end()
        if not agrees and self._health.get(name) is health:
            self._supervisor.not_asked(time.monotonic(), name)
            self._has_news.set()
