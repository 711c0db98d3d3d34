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
"""Bytes per second that are logged for long."""

COST = 200
"""Bytes that a line counts more than it has: an empty one is an entry, too."""


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
        now = self._clock()
        self._allowance = min(BURST, self._allowance + (now - self._since) * RATE)
        self._since = now
        # A reserve once it has begun, so that it is not dropping and logging in turns.
        if self._allowance < (RATE if self._dropped else 0):
            self._drop(data)
            stream.skip(data)
            return
        lines = stream.lines(data)
        for taken, line in enumerate(lines):
            if self._allowance < 0:
                self._drop(b"\n".join([*lines[taken:], b""]))
                return
            self._log(stream, line)

    def end(self) -> None:
        """Take what is left: nothing more will come."""
        for stream in self._streams.values():
            if rest := stream.rest():
                self._log(stream, rest)
            stream.parser.end()
        self._tell_dropped()

    def _log(self, stream: "_Stream", line: bytes) -> None:
        text = _text(line)
        self.tail.append(text[:LONGEST_TAIL_LINE])
        self._allowance -= len(line) + COST
        self._tell_dropped()
        stream.parser.line_input(text)

    def _drop(self, data: bytes) -> None:
        if not self._dropped:
            self._say("it prints too much; until that ends, it is left out of the log")
        self._dropped += len(data)
        # No more is looked at than is kept: this must not take time.
        for line in data[-TAIL * LONGEST_TAIL_LINE :].split(b"\n")[-TAIL - 1 :]:
            if line:
                self.tail.append(_text(line)[:LONGEST_TAIL_LINE])

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
        self._is_cut = False  # the beginning of the line that comes was skipped

    def lines(self, data: bytes) -> list[bytes]:
        if self._is_cut:
            _, end, data = data.partition(b"\n")
            self._is_cut = not end
        first, *others = data.split(b"\n")
        self._rest += first
        if others:
            *others, rest = self._rest, *others
            self._rest = rest
        if len(self._rest) > LONGEST_LINE:
            others.append(self.rest())
        return others

    def skip(self, data: bytes) -> None:
        self._rest = b""
        self._is_cut = not data.endswith(b"\n")

    def rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r")
