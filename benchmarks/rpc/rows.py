"""What is measured: the rows of the table, with the goals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """How figures are shown: multiplied by ``scale``."""

    symbol: str
    scale: float


MICROSECONDS = Unit("us", 1e6)
MILLISECONDS = Unit("ms", 1e3)
RATE = Unit("calls/s", 1.0)
MEBIBYTES = Unit("MiB", 1 / (1 << 20))
KIBIBYTES = Unit("KiB", 1 / (1 << 10))


@dataclass(frozen=True)
class Goal:
    """What the library is to reach.

    Attributes:
        limit: A ratio or, relative to nothing, a figure in the unit of the row.
        relative_to: ``"floor"``; ``"same loop"``: the bare server on the event loop that ours is
            on; ``"nothing"``; or the name of another row, in the same column.
        wire: Whose goal it is; None: the newest one's.
        at_least: More is better.
    """

    limit: float
    relative_to: str = "floor"
    wire: str | None = None
    at_least: bool = False


@dataclass(frozen=True)
class Row:
    """A workload.

    Attributes:
        name: For the command line.
        title: For the table.
        unit: Of what is shown.
        goals: May be none.
        floor: What ratios refer to, in SI units; None: the first bare column that has the row.
    """

    name: str
    title: str
    unit: Unit
    goals: tuple[Goal, ...] = ()
    floor: float | None = None


def _image(name: str, title: str, limit: float) -> Row:
    return Row(name, title, MILLISECONDS, (Goal(limit), Goal(6, wire="text")))


def _peak(name: str, title: str) -> Row:
    return Row(name, title, MEBIBYTES, (Goal(1.3),), floor=64 << 20)


_BESIDE = (Goal(20, "nothing"),)

CALLS = (
    Row("echo", "echo(1)", MICROSECONDS, (Goal(1.5, "same loop"),)),
    _image("image-returned", "8 MiB image returned", 1.3),
    _image("image-argument", "8 MiB image as an argument", 1.3),
    _image("image-kept", "8 MiB image that the driver keeps", 1.8),
    Row("both-ways", "64 MiB array both ways", MILLISECONDS, (Goal(1.2),)),
    Row("channels", "dict of 1000 channels returned", MILLISECONDS, (Goal(1.5),)),
)
BESIDE = (
    Row(
        "beside-returned", "slowest echo while 1 GB is returned", MILLISECONDS, _BESIDE, floor=0.02
    ),
    Row("beside-argument", "slowest echo while 1 GB is sent", MILLISECONDS, _BESIDE, floor=0.02),
)
TASKS = (
    Row("one-task", "1 task, 1 connection", RATE),
    Row("tasks-32", "32 tasks, 1 connection", RATE, (Goal(3, "one-task", at_least=True),)),
    Row("coroutines-20", "20 x 50 ms at once", MILLISECONDS, (Goal(60, "nothing"),), floor=0.05),
    Row(
        "connections-32",
        "32 tasks, 32 connections",
        RATE,
        (Goal(0.5, "same loop", at_least=True),),
    ),
)
SUBSCRIBERS = (
    Row(
        "subscribers-50",
        "2000 mods to 50 subscribers",
        MILLISECONDS,
        (Goal(4, "same loop"),),
    ),
)
IMPORT = Row("import", "import", MILLISECONDS, (Goal(1.5),))
PEAKS = (
    _peak("memory-server", "peak memory of the server, 64 MiB"),
    _peak("memory-client", "peak memory of the client, 64 MiB"),
)
IDLE = Row("idle-connections", "memory of an idle connection", KIBIBYTES, (Goal(30, "nothing"),))

ROWS = (*CALLS, *BESIDE, *TASKS, *SUBSCRIBERS, IMPORT, *PEAKS, IDLE)
