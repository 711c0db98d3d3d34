"""Entries of logs as lines, ``source:LEVEL<total_lines>:name:message``, and back."""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

__all__ = [
    "BANNER",
    "LEVELS",
    "MAX_ENTRY_LINES",
    "MAX_ENTRY_SIZE",
    "PRINT",
    "LogEntry",
    "LogReader",
    "LogServerSession",
    "LogServerState",
    "Refused",
    "encode_entry",
    "level_name",
    "parse_line",
    "spell",
]

BANNER = b"ARTIQ logging"
"""The first line of a program that sends its log."""

LEVELS = {
    "CRITICAL": 50,
    "ERROR": 40,
    "WARN": 30,
    "WARNING": 30,
    "INFO": 20,
    "DEBUG": 10,
    "TRACE": 5,
}
"""The levels that are understood, and their numbers in :mod:`logging`."""

MAX_ENTRY_SIZE = 1 << 20
"""Bytes of an entry that are held until it is complete. A larger one is given out in parts.

A traceback has a few KiB; a program that prints without ever ending the line must not fill memory.
"""

MAX_ENTRY_LINES = 100_000
"""Lines that an entry may announce. A larger number is not believed: the entry is one line.

Everything that follows would otherwise be taken for a part of that entry.
"""

PRINT = "print"
"""The logger, at the level INFO, of lines that are no entries, since programs also print."""

_NAMES = {30: "WARNING"} | {number: name for name, number in LEVELS.items() if name != "WARN"}
_ENTRY = re.compile(
    rf"({'|'.join(sorted(LEVELS, key=len, reverse=True))})(?:<([0-9]+)>)?:([^:]*):(.*)",
    re.DOTALL,
)
# A backslash that stands for itself is escaped only where it could be taken for an escape, so
# that DOMAIN\host stays readable.
_SPECIAL = re.compile(r"[:\r\n]|\\(?=x(?:3a|0a|0d|5c))")


@dataclass(frozen=True, slots=True)
class LogEntry:
    r"""One entry of a log.

    Attributes:
        level: As in :mod:`logging`.
        name: Of the logger.
        message: One or several lines, without the end of the last.
        source: Who logged it; None if that was not said.
    """

    level: int
    name: str
    message: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The client is none that sends a log: close the connection."""

    reason: str


def level_name(level: int) -> str:
    """Name a level; one without a name of its own has that of the next one below."""
    known = [number for number in _NAMES if number <= level]
    return _NAMES[max(known, default=5)]


def spell(level: int, name: str, message: str) -> str:
    r"""Spell an entry as ``LEVEL<total_lines>:name:message``, without the end of the last line.

    A colon or a line break in the name, which would end it, becomes ``\x3a``, ``\x0a``, ``\x0d``;
    where a backslash in it would look like one of these, it becomes ``\x5c``.
    """
    lines = message.count("\n") + 1
    total = f"<{lines}>" if lines > 1 else ""
    return f"{level_name(level)}{total}:{_escape(name)}:{message}"


def encode_entry(entry: LogEntry) -> bytes:
    r"""Spell an entry for a server, its source (or nothing) in front, the line's end behind.

    Half characters (lone surrogates), which have no UTF-8, become ``\udc80`` and the like.
    """
    text = f"{_escape(entry.source or '')}:{spell(entry.level, entry.name, entry.message)}\n"
    return text.encode("utf-8", "backslashreplace")


def parse_line(line: str) -> tuple[LogEntry, int] | None:
    """Read ``LEVEL<total_lines>:name:message``.

    Returns:
        The entry, whose source is not known, and how many lines it announces; None if the line is
        no entry.
    """
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    level, total, name, message = match.groups()
    is_credible = len(total or "") < 10 and int(total or 1) <= MAX_ENTRY_LINES
    announced = int(total or 1) if is_credible else 1
    return LogEntry(LEVELS[level], name, message), max(announced, 1)


class LogReader:
    r"""Collects entries from a stream of bytes, cut anywhere. Nothing that comes in gets lost.

    What is not UTF-8 is shown as ``\xff``. An entry over the limit is given out in parts, each
    with the level, the name and the source of the whole.

    Args:
        with_source: Lines begin with ``source:``, as on the network.
        strip: Lines end with ``\r\n``, as those that programs print on Windows.
        limit: Bytes of an entry that are held.
    """

    def __init__(
        self, *, with_source: bool = False, strip: bool = True, limit: int = MAX_ENTRY_SIZE
    ) -> None:
        self._with_source = with_source
        self._strip = strip
        self._limit = limit
        self._buffer = bytearray()  # of the present line
        self._searched = 0  # bytes of it in which there is no line end
        self._head: LogEntry | None = None  # of the present entry
        self._missing = 0  # lines of it that have not begun
        self._collected: list[str] = []  # its lines, until it is complete
        self._size = 0
        self._is_within_line = False

    def feed(self, data: bytes) -> list[LogEntry]:
        """Take the next bytes and return the entries that are complete."""
        entries: list[LogEntry] = []
        self._buffer += data
        start = 0
        end = self._buffer.find(b"\n", self._searched)
        while end >= 0:
            start = self._take_parts(start, end, entries)
            self._take(self._buffer[start:end], entries, ends_line=True)
            start = end + 1
            end = self._buffer.find(b"\n", start)
        start = self._take_parts(start, len(self._buffer), entries)
        del self._buffer[:start]
        self._searched = len(self._buffer)
        return entries

    def end(self) -> list[LogEntry]:
        """There is nothing more: return what was begun."""
        entries: list[LogEntry] = []
        if self._buffer or self._is_within_line:
            self._take(self._buffer, entries, ends_line=True)
            self._buffer = bytearray()
            self._searched = 0
        self._give_out(entries)
        self._head = None
        return entries

    def _take_parts(self, start: int, end: int, entries: list[LogEntry]) -> int:
        """Take what a line has over the limit; return where the rest of it begins."""
        while end - start > self._limit:
            cut = start + self._limit
            # Not within a character, all of whose bytes but the first are 0b10xxxxxx.
            while cut > start + max(1, self._limit - 3) and self._buffer[cut] & 0xC0 == 0x80:
                cut -= 1
            self._take(self._buffer[start:cut], entries, ends_line=False)
            start = cut
        return start

    def _take(self, part: bytearray, entries: list[LogEntry], *, ends_line: bool) -> None:
        text = part.decode("utf-8", "backslashreplace")
        if ends_line and self._strip:
            text = text.removesuffix("\r")
        if self._head is None:
            text = self._begin(text)
        elif not self._is_within_line:
            self._missing -= 1
        self._collected.append(text)
        self._size += len(part) + 1
        self._is_within_line = not ends_line
        is_complete = ends_line and not self._missing
        if is_complete or self._is_within_line or self._size > self._limit:
            self._give_out(entries)
        if is_complete:
            self._head = None

    def _begin(self, line: str) -> str:
        source, _, rest = line.partition(":") if self._with_source else (None, "", line)
        parsed = parse_line(rest)
        if parsed is None:
            self._head, self._missing = LogEntry(LEVELS["INFO"], PRINT, ""), 0
            return line
        entry, total = parsed
        self._head, self._missing = replace(entry, message="", source=source), total - 1
        return entry.message

    def _give_out(self, entries: list[LogEntry]) -> None:
        if self._head is not None and self._collected:
            entries.append(replace(self._head, message="\n".join(self._collected)))
        self._collected = []
        self._size = 0


class LogServerState(Enum):
    """What the server waits for."""

    AWAIT_BANNER = auto()
    READY = auto()
    CLOSED = auto()


class LogServerSession:
    """The server's side of a connection that brings a log. It never answers.

    Attributes:
        state: What is awaited.
    """

    def __init__(self, *, limit: int = MAX_ENTRY_SIZE) -> None:
        self.state = LogServerState.AWAIT_BANNER
        self._limit = limit
        self._start = b""
        self._reader = LogReader(with_source=True)

    def receive(self, data: bytes) -> list[LogEntry] | Refused:
        """Take bytes from the client, cut anywhere."""
        match self.state:
            case LogServerState.READY:
                return self._reader.feed(data)
            case LogServerState.CLOSED:
                return []
        self._start += data
        line, end, rest = self._start.partition(b"\n")
        if not end and len(line) <= len(BANNER) + 1:
            return []
        self._start = b""
        if line not in {BANNER, BANNER + b"\r"}:
            self.state = LogServerState.CLOSED
            return Refused(f"its first line was {line[:60]!r} instead of {BANNER!r}")
        self.state = LogServerState.READY
        # A carriage return may be the end of a message, unless all lines of the client end so.
        strip = line.endswith(b"\r")
        self._reader = LogReader(with_source=True, strip=strip, limit=self._limit)
        return self._reader.feed(rest)

    def receive_end(self) -> list[LogEntry]:
        """The client will send nothing more: return what it had begun."""
        is_ready = self.state is LogServerState.READY
        self.state = LogServerState.CLOSED
        return self._reader.end() if is_ready else []


def _escape(name: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\x{ord(match[0]):02x}", name)
