"""The errors of a conversation that both ends and all transports share."""

from typing import Any


class ConnectionLost(ConnectionResetError, BrokenPipeError, ConnectionAbortedError, EOFError):
    """The connection is gone, or was given up because it could not be trusted any more.

    It is each of the classes as which a lost connection used to show. An error of the same kind
    that the *remote method* raised is never of this class.
    """

    __module__ = "sipyco.pc_rpc"


class IncompatibleServer(Exception):
    """The server lacks the target that was asked for, or does not speak this protocol."""

    __module__ = "sipyco.pc_rpc"


class MessageTooLargeError(ValueError):
    """A message was longer than the receiving side allows.

    Attributes:
        size: Bytes in the message.
        limit: Bytes allowed, the ``max_message_size`` of the side that received it.
    """

    __module__ = "sipyco.pc_rpc"

    def __init__(self, what: str, size: int, limit: int) -> None:
        self._what = what
        self.size = size
        self.limit = limit
        super().__init__(
            f"{what} of {size} bytes was not read; the limit is {limit} bytes (max_message_size)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._what, self.size, self.limit), vars(self)


class ProtocolError(Exception):
    """The peer broke the rules in a way after which nothing that it sends can be trusted."""
