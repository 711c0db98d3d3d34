"""What is found out about a controller, and what is decided about it. Plain values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

__all__ = [
    "Ask",
    "Check",
    "Decision",
    "Healthy",
    "Say",
    "Sick",
    "Signal",
    "Silent",
    "Start",
    "State",
    "Strength",
    "Unreachable",
    "Verdict",
]


class State(StrEnum):
    """Where a controller stands in its life."""

    WAITING = "waiting"
    """It is to be started, as soon as what it depends on runs."""
    STARTING = "starting"
    """It was started and has not answered yet."""
    RUNNING = "running"
    """It answers, or is busy."""
    DRAINING = "draining"
    """It is to end when the calls that run have ended."""
    STOPPING = "stopping"
    """It was asked to end, and then told more firmly."""
    RETRYING = "retrying"
    """It has failed and is started again after a while."""
    STOPPED = "stopped"
    """Somebody has stopped it."""
    FAILED = "failed"
    """It has failed so often that it is not started any more."""


@dataclass(frozen=True)
class Healthy:
    """It answers. If it is busy, with which method, and for how many seconds.

    Attributes:
        busy_with: The method, or None.
        busy_for: Seconds.
        tells: Whether it answers beside its work, so that it may be asked often.
    """

    busy_with: str | None = None
    busy_for: float = 0.0
    tells: bool = False


@dataclass(frozen=True)
class Silent:
    """It does not answer, which may be because it is busy."""


@dataclass(frozen=True)
class Unreachable:
    """Nobody listens there, or the connection was lost."""

    reason: str


@dataclass(frozen=True)
class Sick:
    """It says so itself, or its event loop stands still although no method can hold it up."""

    reason: str
    hangs: bool = False


Verdict: TypeAlias = Healthy | Silent | Unreachable | Sick
"""What came of asking a controller whether it is alive."""


class Strength(StrEnum):
    """How a process is told to end."""

    TERMINATE = "terminate"
    DUMP = "dump"
    """Ended, and made to print where it was."""
    KILL = "kill"


@dataclass(frozen=True)
class Start:
    """Start its process. To be answered with ``spawned`` or ``not_spawned``."""

    name: str


@dataclass(frozen=True)
class Check:
    """Ask it whether it is alive. To be answered with ``checked``.

    Attributes:
        name: Of the controller.
        probes: Whether its method ``ping`` is to be called, too, if it can tell without that.
    """

    name: str
    probes: bool = True


@dataclass(frozen=True)
class Ask:
    """Ask it, over the network, to end. To be answered with ``not_asked`` if that fails."""

    name: str


@dataclass(frozen=True)
class Signal:
    """Tell its processes to end."""

    name: str
    strength: Strength


@dataclass(frozen=True)
class Say:
    """Log something about it, at a level of ``logging``."""

    name: str
    level: int
    text: str


Decision: TypeAlias = Start | Check | Ask | Signal | Say
