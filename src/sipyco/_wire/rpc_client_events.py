"""What can come of a conversation with a pc_rpc server."""

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "Answer",
    "CallOptions",
    "Ended",
    "Event",
    "Failed",
    "Greeted",
    "Item",
    "Progressed",
    "Returned",
    "Selected",
    "StreamBegun",
]


class CallOptions(NamedTuple):
    """What is wanted of one call besides its value. Servers that lack frames are not told.

    Attributes:
        timeout: Seconds after which the server need not go on.
        wants_progress: Whether it is to tell how far it is.
    """

    timeout: float | None = None
    wants_progress: bool = False


@dataclass(frozen=True, slots=True)
class Greeted:
    """The server has introduced itself; a target can be selected.

    Attributes:
        targets: Names, in the server's order.
        description: What the server says about itself, or None.
        features: What it offers beyond the oldest protocol.
    """

    targets: list[str]
    description: str | None
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class Selected:
    """The target is selected; calls can be made.

    Attributes:
        methods: Names that can be called.
        streams: Those of them that are known to give items one by one.
    """

    methods: frozenset[str]
    streams: frozenset[str] = frozenset()


@dataclass(slots=True)
class Returned:
    """A request was answered with a value."""

    request: int
    value: Any


@dataclass(slots=True)
class Failed:
    """A request was answered with an exception, or with something that cannot be read here."""

    request: int
    error: Exception


@dataclass(slots=True)
class Progressed:
    """A call is under way.

    Attributes:
        request: Its number.
        fraction: How much is done, from 0 to 1, or None.
        text: What is being done.
    """

    request: int
    fraction: float | None
    text: str


@dataclass(slots=True)
class StreamBegun:
    """A call gives items one by one, as many as it is given credit for."""

    request: int


@dataclass(slots=True)
class Item:
    """One item of a stream."""

    request: int
    value: Any


@dataclass(slots=True)
class Ended:
    """A stream is at its end."""

    request: int


Answer = Returned | Failed | Progressed | StreamBegun | Item | Ended
Event = Greeted | Selected | Answer
