"""What controllers print: logged, remembered a little, and never more than can be borne."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from sipyco.logs import LogParser

__all__ = ["Output"]

TAIL = 20
"""Lines that are shown of a controller that has crashed."""

LONGEST_TAIL_LINE = 500
"""Characters of such a line that are kept."""

BURST = 1 << 20
"""Bytes that are logged however fast they come: a traceback, a table, a dump of all threads."""

RATE = 64 << 10
"""Bytes per second that are logged for long: about 1000 lines."""

READ_SIZE = 64 << 10
"""Bytes that are read at a time."""


class Output:
    """Reads what one process prints, so that it never waits for a reader.

    Args:
        name: Of the controller, which is the source of its log entries.
        clock: Tells the time, in seconds.

    Attributes:
        tail: The last lines.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._name = name
        self._clock = clock
        self._parser = LogParser(lambda: name)
        self._allowance = float(BURST)
        self._since = clock()
        self._dropped = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read a stream of the process to its end. Several may be read at once."""
        passed = asyncio.StreamReader()
        logging_task = asyncio.create_task(self._parser.stream_task(passed))
        lines = _Lines(self.tail)
        is_cut = False  # what came last was left out, up to the end of its line
        try:
            while data := await stream.read(READ_SIZE):
                lines.feed(data)
                if is_cut:
                    _, end, rest = data.partition(b"\n")
                    self._dropped += len(data) - len(rest)
                    is_cut, data = not end, rest
                if not self._may_pass(len(data)):
                    self._dropped += len(data)
                    is_cut = not data.endswith(b"\n")
                    passed.feed_data(b"\n")
                else:
                    self._tell_dropped()
                    passed.feed_data(data)
                # Parsed before more is read, so that memory stays bounded.
                await asyncio.sleep(0)
        finally:
            lines.end()
            passed.feed_eof()
            await logging_task
            self._tell_dropped()

    def _may_pass(self, size: int) -> bool:
        now = self._clock()
        self._allowance = min(BURST, self._allowance + (now - self._since) * RATE)
        self._since = now
        if self._allowance < size:
            return False
        self._allowance -= size
        return True

    def _tell_dropped(self) -> None:
        if self._dropped:
            logging.getLogger("ndsp.manager").warning(
                "%s prints too much: %d bytes are not in the log",
                self._name,
                self._dropped,
                extra={"source": self._name},
            )
            self._dropped = 0


class _Lines:
    """Collects the last lines of a stream that is read in pieces."""

    def __init__(self, tail: deque[str]) -> None:
        self._tail = tail
        self._rest = b""

    def feed(self, data: bytes) -> None:
        first, end, others = data.partition(b"\n")
        self._rest = (self._rest + first)[:LONGEST_TAIL_LINE]
        if not end:
            return
        self.end()
        *whole, self._rest = others[-TAIL * LONGEST_TAIL_LINE :].split(b"\n")
        for line in whole[-TAIL:]:
            self._keep(line)

    def end(self) -> None:
        if self._rest:
            self._keep(self._rest)
            self._rest = b""

    def _keep(self, line: bytes) -> None:
        text = line[:LONGEST_TAIL_LINE].decode("utf-8", "backslashreplace")
        self._tail.append(text.rstrip("\r"))
