"""From lines to entries of ``logging``."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from sipyco._wire.log_entries import LEVELS, PRINT, LogEntry, LogReader, parse_line

__all__ = ["LogParser", "log_entry", "log_with_name", "parse_log_message"]

MAX_LEVELS = 100
"""Dots in a name at which loggers above it are looked for: with a million it would take minutes."""

READ_SIZE = 64 << 10
"""Bytes asked of a stream at a time: what a pipe holds."""


def log_with_name(name: str, *args: Any, **kwargs: Any) -> None:
    """Log under a name as the logger of that name would.

    A logger that does not exist is not created: names come from other programs, and loggers are
    never forgotten.

    Args:
        name: Of the logger.
        *args: As for :meth:`logging.Logger.log`: the level, the message and its arguments.
        **kwargs: Likewise, such as ``extra`` and ``exc_info``.
    """
    kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
    _find_logger(name).log(*args, **kwargs)


def parse_log_message(msg: str) -> tuple[int, str, str]:
    """Read an entry as a program prints it, ``LEVEL:name:message``.

    Returns:
        Level, logger and message. A text that is no entry is an INFO message of ``print``.
    """
    parsed = parse_line(msg)
    if parsed is None:
        return LEVELS["INFO"], PRINT, msg
    entry, _ = parsed
    return entry.level, entry.name, entry.message


class LogParser:
    """Logs here what another program prints.

    Args:
        source_cb: Called without arguments for each entry; returns its source.
    """

    __module__ = "sipyco.logs"

    def __init__(self, source_cb: Callable[[], str]) -> None:
        self.source_cb = source_cb
        self._reader = LogReader()

    def line_input(self, msg: str) -> None:
        """Take a line, with or without its end. Entries of several lines wait for the last one."""
        line = msg.removesuffix("\n").encode("utf-8", "backslashreplace")
        self._log(self._reader.feed(line + b"\n"))

    def end(self) -> None:
        """Log what there is of an entry whose last lines will not come."""
        self._log(self._reader.end())

    async def stream_task(self, stream: asyncio.StreamReader) -> None:
        r"""Log what comes from a stream until it ends.

        Lines may have any length, and what is not UTF-8 is shown as ``\xff``; what has more than
        1 MiB is logged in parts. Several streams may be read at once.

        Args:
            stream: For example ``process.stdout`` of :mod:`asyncio.subprocess`.
        """
        reader = LogReader()
        try:
            # A pseudo-terminal or a pipe of Windows may end with an error.
            with contextlib.suppress(OSError):
                while data := await stream.read(READ_SIZE):
                    self._log(reader.feed(data))
        finally:
            self._log(reader.end())

    def _log(self, entries: Iterable[LogEntry]) -> None:
        for entry in entries:
            log_entry(entry, self.source_cb())


def log_entry(entry: LogEntry, source: str) -> None:
    """Log an entry here; the record has the attribute ``source``."""
    logger = _find_logger(entry.name)
    if logger.isEnabledFor(entry.level):
        # Where the line is that logged it, only the other program knows.
        nowhere = "(unknown file)", 0
        record = logger.makeRecord(entry.name, entry.level, *nowhere, entry.message, (), None)
        record.source = source  # also where the program's own records get one when they are made
        logger.handle(record)


def _find_logger(name: str) -> logging.Logger:
    root = logging.getLogger()
    if name in {"", root.name}:
        return root
    known = logging.Logger.manager.loggerDict
    found = known.get(name)
    if isinstance(found, logging.Logger):
        return found
    # Forgotten after use, but with the levels and handlers that getLogger() would give it.
    stranger = logging.getLoggerClass()(name)
    stranger.parent = root
    above = name
    for _ in range(min(name.count("."), MAX_LEVELS)):
        above = above.rpartition(".")[0]
        found = known.get(above)
        if isinstance(found, logging.Logger):
            stranger.parent = found
            break
    return stranger
