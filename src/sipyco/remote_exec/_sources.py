"""The code that clients sent, where tracebacks look for its lines."""

import io
import itertools
import linecache

__all__ = ["Sources"]

MAX_SOURCES = 64
"""Pieces of code of one connection whose lines are kept; the newest stay."""

MAX_SOURCE_SIZE = 1 << 20
"""Characters of the longest piece of code whose lines are kept; people write shorter ones."""


class Sources:
    """The code of one connection."""

    _numbers = itertools.count(1)  # of all connections: a traceback may pass through several

    def __init__(self) -> None:
        self._filenames: dict[str, str] = {}  # by code, the newest last

    def keep(self, code: str) -> str:
        """Return the file name to compile the code with."""
        # Whoever sends the same again is given the same name, and no other source is lost.
        filename = self._filenames.pop(code, None) or f"<remote code {next(self._numbers)}>"
        if len(code) <= MAX_SOURCE_SIZE:
            self._filenames[code] = filename
            # The lines as Python counts them: str.splitlines() knows further ends of lines.
            lines = io.StringIO(code, newline=None).readlines()
            # Without a time of modification, linecache does not look for a file of that name.
            linecache.cache[filename] = (len(code), None, lines, filename)
            if len(self._filenames) > MAX_SOURCES:
                oldest = next(iter(self._filenames))
                linecache.cache.pop(self._filenames.pop(oldest), None)
        return filename

    def forget(self) -> None:
        """Let all of them go."""
        for filename in self._filenames.values():
            linecache.cache.pop(filename, None)
        self._filenames.clear()
