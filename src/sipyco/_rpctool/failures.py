"""What can go wrong between a command line and an instrument, each in one sentence."""

import ssl
from typing import Any

from sipyco.pc_rpc import GenericRemoteException, IncompatibleServer, MessageTooLargeError

SERVER_FAILED = 1
"""Exit status: the server cannot be reached, or it or its method failed."""

WRONG_USAGE = 2
"""Exit status: another command line would help. Nothing was called. argparse uses the same."""


class Failure(Exception):
    """Ends a command with one line on standard error and an exit status.

    Args:
        kind: What failed, for programs: ``arguments``, ``target``, ``method``, ``connection``,
            ``timeout``, ``tls``, ``protocol``, ``size`` or ``remote``.
        message: The line.
        status: The exit status.
        details: Further facts for ``--json``.
    """

    def __init__(self, kind: str, message: str, status: int, **details: Any) -> None:
        super().__init__(message)
        self.kind = kind
        # One line, whatever a server puts into its texts.
        self.message = " ".join(message.split("\n"))
        self.status = status
        self.details = details

    @property
    def traceback(self) -> str:
        """The traceback on the server's side; empty if the failure was not there."""
        return "\n".join(line.rstrip("\n") for line in self.details.get("traceback") or ())

    def document(self) -> dict[str, Any]:
        """Describe the failure for a program."""
        return {"error": {"kind": self.kind, "message": self.message, **self.details}}


def explained(error: Exception) -> Failure | None:
    """Make a failure of what a client raised; None if it can only be a mistake of the tool."""
    # First: a remote method may raise any of the classes below.
    if hasattr(error, "parent_traceback") or isinstance(error, GenericRemoteException):
        generic = isinstance(error, GenericRemoteException)
        message = str(error) if generic else f"{type(error).__name__}: {error}"
        lines = list(getattr(error, "parent_traceback", ()))
        return Failure("remote", message, SERVER_FAILED, traceback=lines)
    match error:
        case TimeoutError():
            kind = "timeout"
        case ssl.SSLError():
            kind = "tls"
        case OSError():
            kind = "connection"
        case IncompatibleServer():
            kind = "protocol"
        case MessageTooLargeError():
            kind = "size"
        case _:
            return None
    # The library has said what was attempted, found and to be done: nothing to add.
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return Failure(kind, text, SERVER_FAILED)
