"""A world for the supervisor in which time passes when the test says so."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ndsp.device_db import Controller, parse_device_db
from ndsp.manager._facts import (
    Ask,
    Check,
    Decision,
    Healthy,
    Say,
    Signal,
    Start,
    State,
    Strength,
    Verdict,
)
from ndsp.manager._supervisor import Supervisor


def spec(name: str, port: int = 3253, depends_on: Sequence[str] = (), **more: Any) -> Controller:
    """An entry; what it depends on need not be in the same database."""
    entry = {"type": "controller", "host": "::1", "port": port, "command": "x", **more}
    (made,) = parse_device_db({name: entry}, "test").controllers()
    raw = {**made.raw, "depends_on": depends_on}
    return dataclasses.replace(made, depends_on=tuple(depends_on), raw=raw)


@dataclass
class World:
    """Processes that do as they are told, unless the test says otherwise.

    Attributes:
        now: The time.
        alive: Names and numbers of the processes that exist.
        log: What was decided and said.
        verdicts: What checks find; by default they are healthy.
        deaf_to: Signals and questions that the processes of a name do not heed.
    """

    supervisor: Supervisor = field(default_factory=Supervisor)
    now: float = 1000.0
    alive: dict[str, int] = field(default_factory=dict)
    log: list[Decision] = field(default_factory=list)
    verdicts: dict[str, Verdict | None] = field(default_factory=dict)
    deaf_to: dict[str, set[str]] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)
    started: int = 0

    def settle(self) -> None:
        while decisions := self.supervisor.settle(self.now):
            for decision in decisions:
                self.log.append(decision)
                self._carry_out(decision)

    def configure(self, *controllers: Controller) -> None:
        self.supervisor.configure(self.now, {c.name: c for c in controllers})
        self.settle()

    def wait(self, seconds: float) -> None:
        """Let time pass, with a stop wherever there is something to be done."""
        until = self.now + seconds
        self.settle()
        while (due := self.supervisor.next_time) is not None and due <= until:
            self.now = max(self.now, due)
            self.settle()
        self.now = until

    def dies(self, name: str, how: str = "with status 1") -> None:
        del self.alive[name]
        self.supervisor.exited(self.now, name, how)
        self.settle()

    def state(self, name: str) -> State:
        return State(self.supervisor.describe()[name]["state"])

    def said(self, level: int = 20) -> list[str]:
        return [d.text for d in self.log if isinstance(d, Say) and d.level >= level]

    def orders(self, name: str) -> list[str]:
        """What was done to the processes of a name."""
        kinds = {Start: "start", Ask: "ask"}
        return [
            str(d.strength) if isinstance(d, Signal) else kinds[type(d)]
            for d in self.log
            if isinstance(d, Start | Ask | Signal) and d.name == name
        ]

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case Start(name):
                assert name not in self.alive, "never two on one device"
                if name in self.refuses:
                    self.supervisor.not_spawned(self.now, name, self.refuses[name])
                    return
                self.started += 1
                self.alive[name] = self.started
                self.supervisor.spawned(self.now, name, self.started)
            case Check(name):
                verdict = self.verdicts.get(name, Healthy())
                if verdict is not None:
                    self.supervisor.checked(self.now, name, verdict)
            case Ask(name):
                self._told(name, "ask")
            case Signal(name, strength):
                self._told(name, strength)

    def _told(self, name: str, what: str) -> None:
        heeds = what == Strength.KILL or what not in self.deaf_to.get(name, set())
        if name in self.alive and heeds:
            del self.alive[name]
            self.supervisor.exited(self.now, name, f"by {what}")
