"""What can come of a conversation with a pc_rpc server."""

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


class Greeted(NamedTuple):
    """The server has introduced itself; a target can be selected.

    Attributes:
        targets: Names, in the server's order.
        description: What the server says about itself, or None.
        features: What it offers beyond the oldest protocol.
    """

    targets: list[str]
    description: str | None
    features: frozenset[str]


class Selected(NamedTuple):
    """The target is selected; calls can be made.

    Attributes:
        methods: Names that can be called.
        streams: Those of them that are known to give items one by one.
    """

    methods: frozenset[str]
    streams: frozenset[str] = frozenset()


class Returned(NamedTuple):
    """A request was answered with a value."""

    request: int
    value: Any


class Failed(NamedTuple):
    """A request was answered with an exception, or with something that cannot be read here."""

    request: int
    error: Exception


class Progressed(NamedTuple):
    """A call is under way.

    Attributes:
        request: Its number.
        fraction: How much is done, from 0 to 1, or None.
        text: What is being done.
    """

    request: int
    fraction: float | None
    text: str


class StreamBegun(NamedTuple):
    """A call gives items one by one, as many as it is given credit for."""

    request: int


class Item(NamedTuple):
    """One item of a stream."""

    request: int
    value: Any


class Ended(NamedTuple):
    """A stream is at its end."""

    request: int


Answer = Returned | Failed | Progressed | StreamBegun | Item | Ended
Event = Greeted | Selected | Answer
