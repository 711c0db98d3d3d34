"""What a controller prints: logged, remembered a little, and never more than can be borne."""

import logging
import time
from collections import deque
from collections.abc import Callable

from sipyco.logs import LogParser

__all__ = ["Output"]

logger = logging.getLogger("ndsp.manager")

TAIL = 20
"""Lines that are shown of a controller that has crashed."""

LONGEST_TAIL_LINE = 500
"""Characters of such a line that are kept."""

LONGEST_LINE = 64 << 10
"""Bytes after which a line is logged although it goes on."""

BURST = 1 << 20
"""Bytes that are logged however fast they come: a traceback, a table, a dump of all threads."""

RATE = 64 << 10
"""Bytes per second that are logged for long: about 1000 lines."""


class Output:
    """Takes what one process prints.

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
        self._streams: dict[int, _Stream] = {}
        self._allowance = float(BURST)
        self._since = clock()
        self._dropped = 0

    def feed(self, number: int, data: bytes) -> None:
        """Take a piece of a stream, by the number of its descriptor in the process."""
        stream = self._streams.get(number)
        if stream is None:
            stream = self._streams[number] = _Stream(LogParser(lambda: self._name))
        for line in stream.lines(data):
            self._take(stream, line)

    def end(self) -> None:
        """Take what is left: nothing more will come."""
        for stream in self._streams.values():
            if rest := stream.rest():
                self._take(stream, rest)
        self._tell_dropped()

    def _take(self, stream: "_Stream", line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace").rstrip("\r")
        self.tail.append(text[:LONGEST_TAIL_LINE])
        now = self._clock()
        self._allowance = min(BURST, self._allowance + (now - self._since) * RATE)
        self._since = now
        # A small reserve, so that it is not dropping and logging in turns.
        if self._allowance < len(line) + (RATE if self._dropped else 0):
            if not self._dropped:
                self._say("it prints too much; until that ends, it is left out of the log")
            self._dropped += len(line) + 1
            return
        self._allowance -= len(line)
        self._tell_dropped()
        stream.parser.line_input(text)

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._say("it has printed %d bytes that are not in the log", self._dropped)
            self._dropped = 0

    def _say(self, text: str, *arguments: object) -> None:
        logger.warning(text, *arguments, extra={"source": self._name})


class _Stream:
    """Makes lines of one stream."""

    def __init__(self, parser: LogParser) -> None:
        self.parser = parser
        self._rest = b""

    def lines(self, data: bytes) -> list[bytes]:
        first, *others = data.split(b"\n")
        self._rest += first
        if others:
            *others, rest = self._rest, *others
            self._rest = rest
        if len(self._rest) > LONGEST_LINE:
            others.append(self.rest())
        return others

    def rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest
