"""What to do next with the controllers of a machine: facts and a time in, decisions out. Pure."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ndsp.device_db import Controller
from ndsp.manager._facts import Decision, Say, State, Verdict
from ndsp.manager._life import Life

__all__ = ["Supervisor"]


class Supervisor:
    """All controllers of one manager, which may depend on each other.

    A controller is started when those that it depends on run, and no other has its port any more.
    Once it runs, it goes on when one of them is started again. At the end, it ends before them.

    Facts and wishes may come in any order and at any time; those about a controller that is not
    known (any more) are ignored. Call :meth:`settle` after them, and at :attr:`next_time`.
    """

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self._decisions: list[Decision] = []
        self._waits: dict[str, str] = {}  # what was said about that
        self._is_ending = False

    @property
    def names(self) -> list[str]:
        """The controllers that are looked after."""
        return list(self._lives)

    @property
    def next_time(self) -> float | None:
        """When there is something to be done if nothing happens until then."""
        times = (life.next_time for life in self._lives.values())
        return min((time for time in times if time is not None), default=None)

    @property
    def is_at_rest(self) -> bool:
        """Whether no controller has a process."""
        return not any(life.has_process for life in self._lives.values())

    def spec(self, name: str) -> Controller | None:
        """Give the entry of a controller, None if it is not known."""
        life = self._lives.get(name)
        return None if life is None else life.spec

    def describe(self) -> dict[str, dict[str, Any]]:
        """Tell where each of them stands."""
        return {name: life.describe() for name, life in self._lives.items()}

    # Wishes

    def configure(self, now: float, controllers: Mapping[str, Controller]) -> None:
        """Look after these: those that are new are started, those that changed started anew.

        Those that are not among them are ended. All others are left alone.
        """
        for name, life in self._lives.items():
            spec = controllers.get(name)
            if spec is None:
                if life.is_wanted:
                    life.forget(now)
            elif spec != life.spec or not life.is_wanted:
                life.is_wanted = True
                life.replace(spec, now)
        for name, spec in controllers.items():
            if name not in self._lives:
                self._lives[name] = Life(spec, now, self._decisions.append)

    def start(self, now: float, name: str) -> None:
        """Start a controller that was stopped or has failed, without any further delay."""
        self._lives[name].start(now)

    def stop(self, now: float, name: str) -> None:
        """End a controller, and leave it ended."""
        self._lives[name].stop(now)

    def restart(self, now: float, name: str) -> None:
        """End a controller when the calls that run have ended, and start it again."""
        self._lives[name].restart(now)

    def end(self, now: float) -> None:
        """End all of them; none is started any more."""
        self._is_ending = True
        for life in self._lives.values():
            if not life.has_process:
                life.let_end(now)

    def kill(self, now: float) -> None:
        """End all of them at once."""
        self._is_ending = True
        for life in self._lives.values():
            life.kill(now)

    # Facts

    def spawned(self, now: float, name: str, pid: int) -> None:
        """A controller that was to be started has a process."""
        if life := self._lives.get(name):
            life.spawned(now, pid)

    def not_spawned(self, now: float, name: str, reason: str) -> None:
        """A controller that was to be started could not be."""
        if life := self._lives.get(name):
            life.not_spawned(now, reason)

    def not_asked(self, now: float, name: str) -> None:
        """A controller could not be asked to end."""
        if life := self._lives.get(name):
            life.not_asked(now)

    def exited(self, now: float, name: str, how: str, tail: Sequence[str] = ()) -> None:
        """The process of a controller has ended: how, and what it has printed last."""
        if life := self._lives.get(name):
            life.exited(now, how, tail)

    def checked(self, now: float, name: str, verdict: Verdict) -> None:
        """A controller was asked whether it is alive."""
        if life := self._lives.get(name):
            life.checked(now, verdict)

    # What follows

    def settle(self, now: float) -> list[Decision]:
        """Give what is to be done now, in this order."""
        for life in self._lives.values():
            life.tick(now)
        if self._is_ending:
            self._end_those_that_nobody_needs(now)
        for name, life in list(self._lives.items()):
            if not life.is_wanted and not life.has_process:
                del self._lives[name]
                self._waits.pop(name, None)
        for life in self._lives.values():
            if life.state is State.WAITING and not self._is_ending and self._can_begin(life):
                life.begin(now)
        decisions, self._decisions[:] = self._decisions[:], []
        return decisions

    def _can_begin(self, life: Life) -> bool:
        obstacle = self._obstacle(life)
        before = self._waits.get(life.name, "")
        if obstacle and obstacle != before:
            self._decisions.append(Say(life.name, logging.INFO, obstacle))
        self._waits[life.name] = obstacle
        # Why it failed last is told until it runs.
        if obstacle or life.reason == before:
            life.reason = obstacle
        return not obstacle

    def _obstacle(self, life: Life) -> str:
        for name in life.spec.depends_on:
            other = self._lives.get(name)
            # One that this manager does not run is somebody else's care.
            if other is not None and other.state is not State.RUNNING:
                return f"it waits for {name!r}, which it depends on"
        for other in self._lives.values():
            if other is not life and other.has_process and other.place == life.spec.place:
                return f"it waits until {other.name!r} has left port {life.spec.port}"
        return ""

    def _end_those_that_nobody_needs(self, now: float) -> None:
        living = [life for life in self._lives.values() if life.has_process]
        needed = {name for life in living for name in life.spec.depends_on}
        free = [life for life in living if life.name not in needed]
        # In a circle, which comes about when one of them goes on with an old entry, none is.
        for life in free or living:
            if life.state is not State.STOPPING:
                life.let_end(now)
