"""What a test leaves behind in its process, from the first fixture of this plugin to the last."""

import fnmatch
import gc
import time
import warnings
from types import TracebackType
from typing import Self, TextIO

import psutil

from ndsp.testing._resources import (
    children,
    describe_process,
    describe_thread,
    kill,
    sockets,
    threads,
)

__all__ = ["LeakWatch"]

PATIENCE = 1.0
"""Seconds in which threads, processes and sockets may end by themselves after the test."""

PAUSE = 0.01
"""Seconds between two looks at what is still there."""

HEADER = "the test has left behind (what a fixture ends later is allowed by no_leaks.allow()):"


class LeakWatch:
    """Knows, within ``with``, what was not there before: threads, child processes, sockets.

    ResourceWarnings are kept instead of shown, whatever filter there is for them.
    """

    __module__ = "ndsp.testing"

    def __init__(self) -> None:
        self._allowed: list[str] = []
        self._warnings: list[str] = []
        self._catcher = warnings.catch_warnings()

    def __enter__(self) -> Self:
        """Remember what is there."""
        self._catcher.__enter__()
        warnings.filterwarnings("always", category=ResourceWarning)
        self._show_others = warnings.showwarning
        warnings.showwarning = self._show
        # What earlier tests have left to the garbage collector is not blamed on this one.
        gc.collect()
        self._warnings.clear()
        self._threads = threads()
        self._processes = children(psutil.Process())
        self._sockets = set(sockets())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show warnings as before."""
        self._catcher.__exit__(kind, error, trace)

    def allow(self, *patterns: str) -> None:
        """Accept some leaks in this test.

        Args:
            patterns: Beginnings of the lines that would be reported, with the wildcards of
                :mod:`fnmatch`: ``"thread 'vendor-*"``, ``"ResourceWarning: *vendor"``.
        """
        self._allowed += patterns

    def complaints(self) -> list[str]:
        """Wait a moment until everything is gone, and tell what is not.

        Child processes that are left are killed.

        Returns:
            Lines, of which the first is a heading; none if there is nothing to complain about.
        """
        # Closes what nobody can reach any more, with a ResourceWarning.
        gc.collect()
        deadline = time.monotonic() + PATIENCE
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        new = children(psutil.Process()) - self._processes
        kill([process for process in new if not self._is_allowed(describe_process(process))])
        found = [line for line in self._warnings if not self._is_allowed(line)]
        lines = dict.fromkeys([*left, *found])
        return [HEADER, *(f"  {line}" for line in lines)] if lines else []

    def _left(self) -> list[str]:
        lines = [
            *map(describe_thread, threads() - self._threads),
            *map(describe_process, children(psutil.Process()) - self._processes),
            *(line for key, line in sockets().items() if key not in self._sockets),
        ]
        return [line for line in lines if not self._is_allowed(line)]

    def _is_allowed(self, line: str) -> bool:
        return any(fnmatch.fnmatchcase(line, f"{pattern}*") for pattern in self._allowed)

    def _show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, ResourceWarning):
            self._warnings.append(f"ResourceWarning: {message} (noticed at {filename}:{lineno})")
        else:
            self._show_others(message, category, filename, lineno, file, line)
