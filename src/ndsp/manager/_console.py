"""The console of the manager, which may be stopped without stopping anything else."""

import contextlib
import logging
import os
import queue
import threading
from typing import TextIO

__all__ = ["ConsoleHandler"]

WAITING = 10_000
"""Entries that wait for a console that is stopped; then further ones are dropped, and counted."""

LAST_WORDS = 2.0
"""Seconds for showing what waits at the end."""


class ConsoleHandler(logging.Handler):
    """Writes to a console in a thread of its own.

    A terminal stops by Ctrl-S, the console of Windows as soon as somebody selects a word in it, and
    a pipe when nobody reads it. The program would stop, too, and with it every controller that
    prints something.

    Args:
        stream: The console. A copy of it is used, since at its exit Python waits for its own, and
            would find it in use by a thread that is held up.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = os.fdopen(
            os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="backslashreplace"
        )
        self._texts: queue.Queue[str | None] = queue.Queue(WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="console", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written; returns at once."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - of the arguments, whatever they are; the program goes on
            self.handleError(record)
            return
        if self._dropped:
            text = f"{text}\n({self._dropped} entries before this one were not shown)"
        try:
            self._texts.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        else:
            self._dropped = 0

    def close(self) -> None:
        """Show what waits, for 2 seconds at most."""
        try:
            self._texts.put(None, timeout=LAST_WORDS)
        except queue.Full:
            pass  # the thread dies with the program
        else:
            self._thread.join(LAST_WORDS)
        super().close()

    def _write_all(self) -> None:
        while (text := self._texts.get()) is not None:
            # It may have been closed: nobody is there to be told.
            with contextlib.suppress(OSError):
                self._stream.write(f"{text}\n")
                self._stream.flush()
        with contextlib.suppress(OSError):
            self._stream.close()
