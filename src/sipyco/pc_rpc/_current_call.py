"""What a method can ask about the call that it carries out, and tell whoever called."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["CurrentCall", "Peer", "begin_call", "current_call", "end_call"]


class Peer(NamedTuple):
    """Who called.

    Attributes:
        address: Of the other machine, and its port, as ``"10.0.0.7:50412"``.
        certificate: The subject of the certificate that it showed, as
            ``"commonName=experiment,organizationName=lab"``; None without TLS.
    """

    address: str
    certificate: str | None = None


class CurrentCall:
    """The call of a remote method, as the method sees it. Outside of a call, nothing happens.

    Attributes:
        method: The name of the method; empty outside of a call.
        peer: Who called; None outside of a call.
        deadline: When the caller will have given up, in the time of :func:`time.monotonic`; None if
            it waits for any time, or cannot tell.
        cancelled: Whether nobody waits for the answer any more. That changes while a method runs
            only where the event loop is free: in coroutines, and with ``threads=True``.
    """

    __module__ = "sipyco.pc_rpc"
    __slots__ = ("_tell", "cancelled", "deadline", "method", "peer")

    def __init__(
        self,
        method: str = "",
        peer: Peer | None = None,
        deadline: float | None = None,
    ) -> None:
        self.method = method
        self.peer = peer
        self.deadline = deadline
        self.cancelled = False
        self._tell: Callable[[float | None, str], None] | None = None

    def tell_with(self, tell: Callable[[float | None, str], None]) -> None:
        """Pass on, from now on, what is told of the progress."""
        self._tell = tell

    def progress(self, fraction: float | None, text: str = "") -> None:
        """Tell the caller how far the call is, if it wants to know.

        It is told the latest of what is said here, at most 20 times a second, and the last.

        Args:
            fraction: How much is done, from 0 to 1; None if that cannot be said.
            text: What is being done, for people.

        Raises:
            TypeError: The fraction is no number.
        """
        if fraction is not None:
            fraction = float(fraction)
        if self._tell is not None:
            self._tell(fraction, str(text))


_NO_CALL = CurrentCall()

_current: ContextVar[CurrentCall] = ContextVar("sipyco current call", default=_NO_CALL)


def current_call() -> CurrentCall:
    """Return the call of a remote method that is being carried out here.

    Also in functions that the method calls, and in tasks that it starts. Outside of a call there
    is one that does nothing.
    """
    return _current.get()


begin_call = _current.set
"""Make a call the current one; what is returned is to be given to `end_call`."""

end_call = _current.reset
"""Go back to the one before."""
