"""What can come of a conversation with a pc_rpc client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class Welcomed(NamedTuple):
    """The client speaks pc_rpc. It is greeted."""


class TargetChosen(NamedTuple):
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


class MethodListAsked(NamedTuple):
    """The documentation of the target is wanted."""

    request: int


class StatusAsked(NamedTuple):
    """It is wanted what the server does."""

    request: int


class BadRequest(NamedTuple):
    """A request that cannot be carried out: answer with the error."""

    request: int
    error: Exception


class Cancelled(NamedTuple):
    """Nobody waits for the answer to this request any more. It is still to be ended."""

    request: int


class Credit(NamedTuple):
    """A stream may go on for so many items more."""

    request: int
    items: int


class Refused(NamedTuple):
    """The client broke the rules: close the connection, without a word, as 1.10 does."""

    reason: str


Request = Call | MethodListAsked | StatusAsked | BadRequest
"""What is to be ended with :meth:`ServerSession.answer`."""

Event = Welcomed | TargetChosen | Request | Cancelled | Credit | Refused
