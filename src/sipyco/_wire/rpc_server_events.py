"""What can come of a conversation with a pc_rpc client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BadRequest",
    "Call",
    "Cancelled",
    "Credit",
    "Event",
    "MethodListAsked",
    "Refused",
    "Request",
    "StatusAsked",
    "TargetChosen",
    "Welcomed",
]


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The client speaks pc_rpc. It is greeted."""


@dataclass(frozen=True, slots=True)
class TargetChosen:
    """The client chose a target: answer with :meth:`ServerSession.selected`."""

    target: str


@dataclass(slots=True)
class Call:
    """A method is to be called, or none any more: see :meth:`ServerSession.answer`.

    Attributes:
        request: Its number.
        name: Of the method.
        args: Its arguments.
        kwargs: Those that have names.
        timeout: Seconds after which nobody waits for the answer any more, or None.
        wants_progress: Whether the client wants to know how far it is.
    """

    request: int
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    timeout: float | None = None
    wants_progress: bool = False


@dataclass(frozen=True, slots=True)
class MethodListAsked:
    """The documentation of the target is wanted."""

    request: int


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """It is wanted what the server does."""

    request: int


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A request that cannot be carried out: answer with the error."""

    request: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nobody waits for the answer to this request any more. It is still to be ended."""

    request: int


@dataclass(frozen=True, slots=True)
class Credit:
    """A stream may go on for so many items more."""

    request: int
    items: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The client broke the rules: close the connection, without a word, as 1.10 does."""

    reason: str


Request = Call | MethodListAsked | StatusAsked | BadRequest
"""What is to be ended with :meth:`ServerSession.answer`."""

Event = Welcomed | TargetChosen | Request | Cancelled | Credit | Refused
