"""The console, simulated: kept in memory, for programs that want to look at it afterwards."""

import contextlib
import io
from types import TracebackType
from typing import Self

__all__ = ["Simulation"]


class Simulation:
    """A console in memory; in a ``with`` block it takes the place of the real one.

    The controller does not use it: there is a console wherever a program runs, so that with and
    without ``--simulation`` messages appear where the controller was started. Tests use it.
    """

    def __init__(self) -> None:
        self._written = io.StringIO()
        self._redirection = contextlib.redirect_stdout(self._written)

    def lines(self) -> list[str]:
        """Return what was written to it, line by line, from its beginning."""
        return self._written.getvalue().splitlines()

    def __enter__(self) -> Self:
        """Take the place of the console, in the whole process."""
        self._redirection.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the place back. What was written remains readable."""
        self._redirection.__exit__(kind, error, traceback)
